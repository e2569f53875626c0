#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>

#include "config/file.h"

using namespace mqd;
using config::Format;

namespace {

std::string pairs(const Result<std::vector<config::Entry>>& entries) {
    if (!entries) return entries.error().what;
    std::string out;
    for (const auto& e : *entries)
        out += std::to_string(e.line) + ":" + e.key + "=[" + e.value + "] ";
    return out;
}

std::string changed(Format format, std::string_view text, std::vector<config::Change> changes) {
    const auto out = config::changed_text(format, text, "f", changes);
    return out ? *out : out.error().what;
}

}  // namespace

TEST_CASE("properties have comments, three separators and blanks around") {
    const auto text =
        "# Licensed\n"
        "  ! also a comment\n"
        "\n"
        "brokerName=broker-a\r\n"
        "  brokerId : 0  \n"
        "deleteWhen 04\n"
        "namesrvAddr = a:9876;b:9876\n"
        "empty=\n";
    CHECK(pairs(config::parse_properties(text, "f")) ==
          "4:brokerName=[broker-a] 5:brokerId=[0] 6:deleteWhen=[04] "
          "7:namesrvAddr=[a:9876;b:9876] 8:empty=[] ");
}

TEST_CASE("a backslash continues a property on the next line and escapes what follows") {
    const auto text =
        "messageDelayLevel=1s \\\n"
        "    5s \\\r\n"
        "    10s\n"
        "a\\=b=c\\:d\\n\\u00e9\n"
        "last=x\\";
    CHECK(pairs(config::parse_properties(text, "f")) ==
          "1:messageDelayLevel=[1s 5s 10s] 4:a=b=[c:d\n\xc3\xa9] 5:last=[x] ");
}

TEST_CASE("a line that is no pair names its file and line") {
    CHECK(pairs(config::parse_properties("a=1\nbrokerName\n", "broker.conf")) ==
          "broker.conf:2: the line is not key=value");
    CHECK(pairs(config::parse_properties("=1\n", "broker.conf")) ==
          "broker.conf:1: the line is not key=value");
}

TEST_CASE("TOML gives keys of tables with dots, arrays joined, and lines") {
    const auto text =
        "# a comment\n"
        "brokerName = \"broker-a\"  # why\n"
        "listenPort = 10911\n"
        "namesrvAddr = [\"a:9876\",\n  \"b:9876\"]\n"
        "aclEnable = true\n"
        "[tls.server]\n"
        "mode = 'permissive'\n";
    CHECK(pairs(config::parse_toml(text, "f")) ==
          "2:brokerName=[broker-a] 3:listenPort=[10911] 4:namesrvAddr=[a:9876;b:9876] "
          "6:aclEnable=[true] 8:tls.server.mode=[permissive] ");
}

TEST_CASE("broken TOML is one line that names file and line") {
    for (const std::string_view text :
         {"a = 1\nb = \n", "a = 1\nb = x\n", "a = 1\na = 2\n", "a = 1\nb = \"x\n"}) {
        const auto entries = config::parse_toml(text, "m.toml");
        REQUIRE(!entries);
        INFO(entries.error().what);
        CHECK(entries.error().what.starts_with("m.toml:2: "));
        CHECK(entries.error().what.find('\n') == std::string::npos);
    }
}

TEST_CASE("the format is known by the extension, or else by quotes and brackets") {
    CHECK(config::format_of("a.toml", "x=1") == Format::toml);
    CHECK(config::format_of("broker.conf", "x = \"1\"") == Format::properties);
    CHECK(config::format_of("a.properties", "") == Format::properties);
    CHECK(config::format_of("config", "listenPort=9876\nname=broker-a\n") == Format::properties);
    CHECK(config::format_of("config", "# c\nname = \"broker-a\"\n") == Format::toml);
    CHECK(config::format_of("config", "[tls]\n") == Format::toml);
    CHECK(config::format_of("config", "port = 1  # default\n") == Format::toml);
}

TEST_CASE("a changed value is replaced where it stands and the rest stays") {
    CHECK(changed(Format::properties, "# port\nlistenPort = 9876\nname=a\\\n  b\nx=1",
                  {{"listenPort", "9877", true}, {"name", "c\\d", false}, {"new", " y", false}}) ==
          "# port\nlistenPort = 9877\nname=c\\\\d\nx=1\nnew=\\ y\n");
    CHECK(changed(Format::toml, "port = 1 # the port\nname = \"a\"\n[tls]\nmode = 'x' # m\n",
                  {{"port", "22", true},
                   {"name", "a\"b", false},
                   {"tls.mode", "off", false},
                   {"new", "true", true}}) ==
          "new = true\nport = 22 # the port\nname = \"a\\\"b\"\n[tls]\nmode = \"off\" # m\n");
}

TEST_CASE("a file is replaced as a whole, its folder made") {
    char folder[] = "/tmp/mqd-config-XXXXXX";
    REQUIRE(mkdtemp(folder) != nullptr);
    const auto path = std::filesystem::path(folder) / "a" / "b.conf";
    const auto missing = config::read_file(path);
    REQUIRE(!missing);
    CHECK(missing.error().code == Errc::not_found);
    REQUIRE(config::replace_file(path, "one"));
    REQUIRE(config::replace_file(path, "two"));
    const auto text = config::read_file(path);
    REQUIRE(text);
    CHECK(*text == "two");
    CHECK(std::distance(std::filesystem::directory_iterator(path.parent_path()), {}) == 1);
    std::filesystem::remove_all(folder);
}
