#include <doctest/doctest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/parse.h"
#include "cli/exit.h"
#include "cli/parser.h"

using namespace mqd;

namespace {

// Runs parse() with stdout and stderr going to files, so that what a user sees can be compared.
struct Run {
    std::optional<int> status;
    std::string out, err;
};

std::string drained(std::FILE* file, int fd, int saved) {
    std::fflush(fd == 1 ? stdout : stderr);
    ::dup2(saved, fd);
    ::close(saved);
    std::string text(65536, '\0');
    std::rewind(file);
    text.resize(std::fread(text.data(), 1, text.size(), file));
    std::fclose(file);
    return text;
}

Run run(cli::Parser& parser, std::vector<std::string> arguments) {
    Run result;
    std::fflush(stdout);
    const int saved_out = ::dup(1), saved_err = ::dup(2);
    std::FILE* out = std::tmpfile();
    std::FILE* err = std::tmpfile();
    ::dup2(::fileno(out), 1);
    ::dup2(::fileno(err), 2);
    result.status = parser.parse(std::move(arguments));
    result.out = drained(out, 1, saved_out);
    result.err = drained(err, 2, saved_err);
    return result;
}

struct Tool {
    cli::Parser cli{"mqtool sub", "does a thing"};
    std::string topic = "none";
    std::vector<std::string> keys;
    std::optional<std::int64_t> count;
    std::int64_t idle_ms = 0;
    int level = 0;
    bool all = false;
    std::optional<bool> progress;
    std::string store;
    std::vector<std::string> files;

    Tool() {
        cli.option("-t,--topic", topic, "TOPIC", "which");
        cli.option("-k,--key", keys, "K", "a key");
        cli.option("-c,--count", count, "N", "how many");
        cli.option("--idle", idle_ms, parse_duration_ms, "D", "how long");
        cli.choice("--level", level, {{"low", 1}, {"high", 2}}, "how much");
        cli.option("-qn,--queueNum", level, "N", "as the reference writes it");
        cli.flag("-a,--all", all, "everything");
        cli.toggle("--progress", progress, "progress line");
        cli.positional("STORE", store, "where");
        cli.positional("FILE", files, "what");
        cli.example("mqtool sub x", "an example");
    }
};

}  // namespace

TEST_CASE("long, short, bundled and attached values are read as GNU tools read them") {
    Tool tool;
    const auto result = run(tool.cli, {"-avtT1", "--key=a=b", "-k", "", "--count", "7", "--idle",
                                       "2s", "st", "--level", "high", "f1", "f2", "-vv"});
    CHECK(result.err == "");
    CHECK(!result.status);
    CHECK(tool.topic == "T1");
    CHECK(tool.keys == std::vector<std::string>{"a=b", ""});
    CHECK(tool.count == 7);
    CHECK(tool.idle_ms == 2000);
    CHECK(tool.level == 2);
    CHECK(tool.all);
    CHECK(tool.store == "st");
    CHECK(tool.files == std::vector<std::string>{"f1", "f2"});
    CHECK(tool.cli.verbose() == 3);
    CHECK(tool.cli.given("-t"));
    CHECK(!tool.cli.given("--progress"));
}

TEST_CASE("a value may begin with a dash and what follows -- is no option") {
    Tool tool;
    const auto result = run(tool.cli, {"--topic", "-15m", "-k", "--key", "--", "-x", "--all"});
    CHECK(!result.status);
    CHECK(tool.topic == "-15m");
    CHECK(tool.keys == std::vector<std::string>{"--key"});
    CHECK(tool.store == "-x");
    CHECK(tool.files == std::vector<std::string>{"--all"});
    CHECK(!tool.all);
}

TEST_CASE("a beginning of a name is enough, and the same value may come again") {
    Tool tool;
    CHECK(
        !run(tool.cli, {"--top", "B", "-tB", "s", "-qn", "5", "--no-progress", "-a", "-a"}).status);
    CHECK(tool.topic == "B");
    CHECK(tool.level == 5);
    CHECK(tool.progress == false);
}

TEST_CASE("wrong usage is one line on stderr and status 2") {
    struct Case {
        std::vector<std::string> arguments;
        std::string line;
    };
    const std::string see = " (see mqtool sub --help)\n";
    const Case cases[] = {
        {{"s", "--tpic", "x"}, "mqtool: there is no option --tpic; did you mean --topic?" + see},
        {{"s", "-z"}, "mqtool: there is no option -z" + see},
        {{"s", "--count"}, "mqtool: --count needs a value, N" + see},
        {{"s", "--count", "x"}, "mqtool: --count: 'x' is not a number" + see},
        {{"s", "--level", "mid"}, "mqtool: --level: 'mid' is not one of low|high" + see},
        {{"s", "--all=1"}, "mqtool: --all takes no value" + see},
        {{"s", "--idle", "5x"},
         "mqtool: --idle: '5x' is not a duration (like 500ms, 10s, 2h; 10 is 10s)" + see},
        {{}, "mqtool: STORE is required" + see},
        {{"s", "-tA", "--topic", "B"}, "mqtool: --topic is given twice: 'A' and 'B'" + see},
        {{"s", "-tA", "-tA", "--topic="}, "mqtool: --topic is given twice: 'A' and ''" + see},
        {{"s", "--count=1", "-c", "01"}, "mqtool: --count is given twice: '1' and '01'" + see},
        {{"s", "--progress", "--no-progress"},
         "mqtool: only one of --progress or --no-progress can be given" + see},
    };
    for (const auto& c : cases) {
        Tool tool;
        const auto result = run(tool.cli, c.arguments);
        CHECK(result.status == 2);
        CHECK(result.err == c.line);
        CHECK(result.out == "");
    }
}

TEST_CASE("more positional arguments than there are places are refused") {
    cli::Parser parser("mqtool", "x");
    std::string one;
    parser.positional("ONE", one, "the only one");
    const auto result = run(parser, {"a", "b"});
    CHECK(result.status == 2);
    CHECK(result.err == "mqtool: too many arguments: 'b' (see mqtool --help)\n");
}

TEST_CASE("of exclusive options one may be given, of needed ones one must") {
    for (const bool needed : {false, true}) {
        cli::Parser parser("mqtool", "x");
        std::string a, b;
        parser.option("-a", a, "A", "a");
        parser.option("-b,--bee", b, "B", "b");
        parser.exclusive({"-a", "--bee"}, needed);
        const auto none = run(parser, {});
        if (needed) {
            CHECK(none.status == 2);
            CHECK(none.err == "mqtool: one of -a or --bee is required (see mqtool --help)\n");
        } else {
            CHECK(!none.status);
        }
        const auto both = run(parser, {"-a", "1", "-b", "2"});
        CHECK(both.status == 2);
        CHECK(both.err == "mqtool: only one of -a or --bee can be given (see mqtool --help)\n");
    }
}

TEST_CASE("help wins over other mistakes, goes to stdout and ends with the examples") {
    Tool tool;
    const auto result = run(tool.cli, {"--count", "x", "-h"});
    CHECK(result.status == 0);
    CHECK(result.err == "");
    CHECK(result.out.starts_with("usage: mqtool sub [options] STORE [FILE...]\n\ndoes a thing\n"));
    CHECK(result.out.ends_with("examples:\n  mqtool sub x\n      an example\n"));
    CHECK(result.out.find("  -t, --topic TOPIC           which\n") != std::string::npos);
}

TEST_CASE("a tool's own -q and -v leave --quiet and --verbose their long names") {
    cli::Parser parser("mqtool", "x");
    std::string queue, value;
    parser.option("-q,--queue", queue, "N", "which");
    parser.option("-v,--value", value, "V", "what");
    CHECK(!run(parser, {"-q", "3", "-v", "x", "--quiet"}).status);
    CHECK(queue == "3");
    CHECK(value == "x");
    CHECK(parser.quiet());
    CHECK(parser.verbose() == 0);
}

TEST_CASE("the version is the program's, not the subcommand's") {
    Tool tool;
    const auto result = run(tool.cli, {"--version"});
    CHECK(result.status == 0);
    CHECK(result.out == "mqtool " MQD_VERSION "\n");
}

TEST_CASE("name servers come from the option, else the environment, else the default") {
    const auto settled = [](std::vector<std::string> arguments) {
        cli::Parser parser("mqtool", "x");
        cli::Server server;
        parser.common(server);
        const auto result = run(parser, std::move(arguments));
        CHECK(!result.status);
        return server.namesrv;
    };
    ::setenv("HOME", "/nonexistent", 1);  // the tester's own configuration does not count
    ::unsetenv("NAMESRV_ADDR");
    CHECK(settled({}) == std::vector<std::string>{"127.0.0.1:9876"});
    ::setenv("NAMESRV_ADDR", "a:1;b:2", 1);
    CHECK(settled({}) == std::vector<std::string>{"a:1", "b:2"});
    CHECK(settled({"-n", "c"}) == std::vector<std::string>{"c:9876"});
    CHECK(settled({"--namesrvAddr", "[::1]:7;::2"}) ==
          std::vector<std::string>{"[::1]:7", "[::2]:9876"});
    ::setenv("NAMESRV_ADDR", "a:99999", 1);
    cli::Parser parser("mqtool", "x");
    cli::Server server;
    parser.common(server);
    const auto result = run(parser, {});
    CHECK(result.status == 2);
    CHECK(result.err == "mqtool: $NAMESRV_ADDR: 'a:99999' is not HOST:PORT\n");
    ::unsetenv("NAMESRV_ADDR");
}

TEST_CASE("a configuration file has profiles, and its mistakes are named with file and line") {
    std::string folder = "/tmp/mqd-cli-XXXXXX";
    REQUIRE(::mkdtemp(folder.data()) != nullptr);
    const auto path = folder + "/config.toml";
    const auto with = [&](const std::string& text, cli::ServerOptions options) {
        std::ofstream(path) << text;
        return cli::settle_server(options);
    };
    const std::string two =
        "namesrv = \"top:1\"\n[profile.a]\nnamesrv = \"a:1;a:2\"\n"
        "[profile.b]\nnamesrv = [\"b:1\", \"b:2\"]\n";
    using Names = std::vector<std::string>;
    ::unsetenv("NAMESRV_ADDR");
    CHECK(with(two, {"", "", path})->namesrv == Names{"top:1"});
    CHECK(with(two, {"", "a", path})->namesrv == Names{"a:1", "a:2"});
    CHECK(with(two, {"o:1", "a", path})->namesrv == Names{"o:1"});
    CHECK(with("default_profile = \"b\"\n" + two, {"", "", path})->namesrv == Names{"b:1", "b:2"});
    ::setenv("MQD_PROFILE", "b", 1);
    CHECK(with(two, {"", "", path})->namesrv == Names{"b:1", "b:2"});
    ::unsetenv("MQD_PROFILE");
    ::setenv("NAMESRV_ADDR", "env:1", 1);
    CHECK(with(two, {"", "", path})->namesrv == Names{"env:1"});
    CHECK(with(two, {"", "a", path})->namesrv == Names{"a:1", "a:2"});
    ::unsetenv("NAMESRV_ADDR");
    ::setenv("XDG_CONFIG_HOME", folder.c_str(), 1);
    REQUIRE(::mkdir((folder + "/mqd").c_str(), 0700) == 0);
    std::ofstream(folder + "/mqd/config.toml") << "namesrv = \"xdg:1\"\n";
    CHECK(cli::settle_server({})->namesrv == Names{"xdg:1"});
    ::unsetenv("XDG_CONFIG_HOME");

    const auto unknown =
        with("[profile.a]\nnamesrv = \"a:1\"\nnameserver = \"x\"\n", {"", "", path});
    REQUIRE(!unknown);
    CHECK(unknown.error().code == Errc::invalid);
    CHECK(unknown.error().what == path + ":3: there is no key 'profile.a.nameserver'");
    const auto missing = with(two, {"", "c", path});
    REQUIRE(!missing);
    CHECK(missing.error().what == path + ": there is no [profile.c] with a namesrv");
    CHECK(!with("namesrv = \n", {"", "", path}));
    CHECK(!cli::settle_server({"", "", folder + "/nothing.toml"}));
    std::filesystem::remove_all(folder);
}

TEST_CASE("errors end with the status a script expects") {
    CHECK(cli::exit_status_of({Errc::unavailable, ""}) == 3);
    CHECK(cli::exit_status_of({Errc::not_found, ""}) == 4);
    CHECK(cli::exit_status_of({Errc::refused, ""}) == 5);
    CHECK(cli::exit_status_of({Errc::invalid, ""}) == 2);
    CHECK(cli::exit_status_of({Errc::corrupt, ""}) == 1);
    CHECK(cli::exit_status_of({Errc::io, ""}) == 1);
    CHECK(cli::exit_status_of({Errc::invalid, "", 1}) == 1);
    CHECK(cli::exit_status_of({Errc::refused, "", 16}) == 5);
    CHECK(cli::exit_status_of({Errc::invalid, "", 17}) == 4);
}

TEST_CASE("the first error of several results gives the status") {
    const cli::Parser parser("mqtool", "x");
    CHECK(parser.finish(Result<>(), Result<int>(1)) == 0);
}
