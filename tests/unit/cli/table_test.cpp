#include "cli/table.h"

#include <doctest/doctest.h>

#include <array>

#include "cli/commands.h"

using namespace mqd;

namespace {

cli::Rows some_rows(cli::RowsOut out, bool totals) {
    cli::Rows rows(out, {"#Topic", "#QID"});
    rows.add({"a-very-long-name-of-more-than-sixty-four-characters-is-not-cut-at-all-x", "0"},
             json::Value::object({{"topic", "a"}, {"queueId", 0}}));
    rows.add({"h\xc3\xa9", "12"}, json::Value::object({{"topic", "b"}, {"queueId", 12}}));
    if (totals) rows.totals({"Total: 2"}, json::Value::object({{"n", 2}}));
    return rows;
}

std::string called;
int first_command(const std::vector<std::string>& arguments) {
    called = "first";
    for (const auto& argument : arguments) called += " " + argument;
    return 7;
}

}  // namespace

TEST_CASE("a table pads to the widest cell and cuts nothing") {
    CHECK(some_rows(cli::RowsOut::table, true).text() ==
          "#Topic" + std::string(67, ' ') + "#QID\n" +
              "a-very-long-name-of-more-than-sixty-four-characters-is-not-cut-at-all-x  0\n" +
              "h\xc3\xa9" + std::string(71, ' ') + "12\n\nTotal: 2\n");
}

TEST_CASE("rows are one array in json, a line each in jsonl, a map each in msgpack") {
    CHECK(some_rows(cli::RowsOut::json, false).text() ==
          "[{\"topic\":\"a\",\"queueId\":0},{\"topic\":\"b\",\"queueId\":12}]\n");
    CHECK(some_rows(cli::RowsOut::json, true).text() ==
          "{\"rows\":[{\"topic\":\"a\",\"queueId\":0},{\"topic\":\"b\",\"queueId\":12}],"
          "\"totals\":{\"n\":2}}\n");
    CHECK(some_rows(cli::RowsOut::jsonl, true).text() ==
          "{\"topic\":\"a\",\"queueId\":0}\n{\"topic\":\"b\",\"queueId\":12}\n{\"totals\":{\"n\":2}"
          "}\n");
    CHECK(some_rows(cli::RowsOut::msgpack, false).text() ==
          std::string("\x82\xa5topic\xa1"
                      "a\xa7queueId\x00\x82\xa5topic\xa1"
                      "b\xa7queueId\x0c",
                      36));
}

TEST_CASE("a command is found whatever its case and gets what stands behind it") {
    const std::array commands = {cli::Command{"firstOne", "the first", first_command}};
    const cli::Program program{"mqtool", "does things", commands, {}};
    const char* const argv[] = {"mqtool", "FIRSTONE", "-a", "b"};
    CHECK(cli::run_program(program, 4, argv) == 7);
    CHECK(called == "first -a b");
    const char* const help[] = {"mqtool", "help", "firstone"};
    CHECK(cli::run_program(program, 3, help) == 7);
    CHECK(called == "first --help");
    const char* const unknown[] = {"mqtool", "fristOne"};
    CHECK(cli::run_program(program, 2, unknown) == 2);
    CHECK(cli::run_program(program, 1, unknown) == 2);
}
