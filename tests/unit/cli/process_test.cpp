#include "cli/process.h"

#include <doctest/doctest.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

using namespace mqd;
using cli::Process;

namespace {

struct Folder {
    Folder() { REQUIRE(::mkdtemp(path) != nullptr); }
    ~Folder() { std::filesystem::remove_all(path); }
    std::string file(const std::string& name) const { return std::string(path) + "/" + name; }
    char path[24] = "/tmp/mqd-process-XXXXXX";
};

int status_of(Process& process) {
    pollfd ended = {process.fd(), POLLIN, 0};
    REQUIRE(::poll(&ended, 1, 10'000) == 1);
    const auto status = process.status();
    REQUIRE(status);
    return *status;
}

int run(const std::string& command, std::string_view input = {},
        const std::vector<std::string>& environment = {}) {
    auto process = Process::start(command, as_bytes(input), environment);
    REQUIRE(process);
    return status_of(*process);
}

std::string text_of(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
}

}  // namespace

TEST_CASE("a command's status is its own, or 128 and the signal that ended it") {
    CHECK(run("true") == 0);
    CHECK(run("exit 7") == 7);
    CHECK(run("kill -9 $$") == 137);
    CHECK(run("no-such-command 2> /dev/null") == 127);
}

TEST_CASE("it has the input, whatever its length, from the start and to the end") {
    const Folder folder;
    std::string input(3 << 20, 'x');
    input[0] = 'a';
    input.back() = '\0';
    CHECK(run("cat > " + folder.file("out"), input) == 0);
    CHECK(text_of(folder.file("out")) == input);
    CHECK(run("cat > " + folder.file("out")) == 0);
    CHECK(text_of(folder.file("out")).empty());
    CHECK(run("true", input) == 0);
}

TEST_CASE("its environment is ours, with what is given in place of what was there") {
    ::setenv("MQD_TEST_OLD", "old", 1);
    ::setenv("MQD_TEST_KEPT", "kept", 1);
    const Folder folder;
    run("echo $MQD_TEST_OLD $MQD_TEST_KEPT $MQD_TEST > " + folder.file("out"), {},
        {"MQD_TEST_OLD=new", "MQD_TEST=1"});
    CHECK(text_of(folder.file("out")) == "new kept 1\n");
}

TEST_CASE("one that runs has no status yet, and may be moved") {
    const Folder folder;
    REQUIRE(std::system(("mkfifo " + folder.file("gate")).c_str()) == 0);
    auto started = Process::start("read x < " + folder.file("gate"), {}, {});
    REQUIRE(started);
    Process process = std::move(*started);
    CHECK_FALSE(process.status());
    std::ofstream(folder.file("gate")) << "go\n";
    CHECK(status_of(process) == 0);
    CHECK(process.status() == 0);
}

TEST_CASE("as many as allowed run at once, and each place is free again") {
    for (int round = 0; round < 2; ++round) {
        std::vector<Process> all;
        for (int i = 0; i < 20; ++i) {
            auto process = Process::start("exit " + std::to_string(i), {}, {});
            REQUIRE(process);
            all.push_back(std::move(*process));
        }
        for (int i = 0; i < 20; ++i) CHECK(status_of(all[static_cast<std::size_t>(i)]) == i);
    }
}

TEST_CASE("a command is looked for as the shell does, as far as that can be told") {
    CHECK(cli::check_command("cat -n"));
    CHECK(cli::check_command("  /bin/cat"));
    CHECK(cli::check_command("exit 3"));
    CHECK(cli::check_command("A=1 no-such-command"));
    CHECK(cli::check_command("\"$HOME\"/no-such-command"));
    const auto missing = cli::check_command("no-such-command -x");
    REQUIRE_FALSE(missing);
    CHECK(missing.error().what == "there is no command 'no-such-command'");
    CHECK(cli::check_command("").error().code == Errc::invalid);
    CHECK(cli::check_command(" ").error().code == Errc::invalid);
}
