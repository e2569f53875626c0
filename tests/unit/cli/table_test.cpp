#include "cli/table.h"

#include <doctest/doctest.h>

#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "cli/commands.h"
#include "cli/row_stream.h"

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

/// What a stream of that many rows has written.
std::string streamed(cli::RowsOut out, int rows) {
    char path[] = "/tmp/mqd-rows-XXXXXX";
    const int fd = ::mkstemp(path);
    REQUIRE(fd >= 0);
    ::unlink(path);
    cli::RowStream stream(out, {"NUMBER", "TEXT"}, fd, "a file");
    for (int i = 0; i < rows; ++i)
        REQUIRE(stream.add({std::to_string(i), ""}, json::Value::object({{"n", i}})));
    REQUIRE(stream.finish());
    std::string text(static_cast<std::size_t>(::lseek(fd, 0, SEEK_END)), '\0');
    REQUIRE(::pread(fd, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
    ::close(fd);
    return text;
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

TEST_CASE("rows that are written as they come have the same forms, with rows and without") {
    CHECK(streamed(cli::RowsOut::table, 0) == "NUMBER  TEXT\n");
    CHECK(streamed(cli::RowsOut::table, 2) == "NUMBER  TEXT\n0\n1\n");
    CHECK(streamed(cli::RowsOut::json, 0) == "[]\n");
    CHECK(streamed(cli::RowsOut::json, 2) == "[{\"n\":0},{\"n\":1}]\n");
    CHECK(streamed(cli::RowsOut::jsonl, 2) == "{\"n\":0}\n{\"n\":1}\n");
    CHECK(streamed(cli::RowsOut::msgpack, 2) == std::string("\x81\xa1n\x00\x81\xa1n\x01", 8));
    for (const int rows : {999, 1000, 1001, 30'000}) {
        const auto text = streamed(cli::RowsOut::table, rows);
        CHECK(std::ranges::count(text, '\n') == rows + 1);
        CHECK(text.ends_with(std::to_string(rows - 1) + "\n"));
    }
    cli::RowStream full(cli::RowsOut::jsonl, {}, -1, "nowhere");
    CHECK(full.add({}, json::Value::object()));
    CHECK(full.finish().error().what.starts_with("nowhere: "));
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
