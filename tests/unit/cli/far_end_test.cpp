#include "cli/far_end.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <string_view>
#include <utility>

#include "cli/signals.h"

using namespace mqd;
using cli::FarEnd;

namespace {

struct Pair {
    int read = -1, write = -1;
    ~Pair() {
        ::close(read);
        ::close(write);
    }
};

void make_pipe(Pair& pair) {
    int fds[2];
    REQUIRE(::pipe(fds) == 0);
    pair.read = fds[0];
    pair.write = fds[1];
}

std::size_t fill(FarEnd& end) {
    const std::string block(100'000, 'x');
    std::size_t total = 0;
    for (;;) {
        const auto n = end.write_some(as_bytes(block));
        REQUIRE(n);
        total += *n;
        if (*n < block.size()) return total;
    }
}

}  // namespace

TEST_CASE("a pipe, a FIFO and a socket have a far end, a file has none") {
    ::signal(SIGPIPE, SIG_IGN);
    Pair pipe;
    make_pipe(pipe);
    CHECK(FarEnd(pipe.write).exists());
    Pair socket;
    int fds[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
    socket.read = fds[0];
    socket.write = fds[1];
    CHECK(FarEnd(socket.write).exists());
    std::FILE* const file = std::tmpfile();
    REQUIRE(file != nullptr);
    CHECK_FALSE(FarEnd(::fileno(file)).exists());
    std::fclose(file);
    CHECK_FALSE(FarEnd(-1).exists());
}

TEST_CASE("what nobody has taken is known, and no write waits") {
    ::signal(SIGPIPE, SIG_IGN);
    Pair pipe;
    make_pipe(pipe);
    FarEnd end(pipe.write);
    CHECK(end.unread() == 0);
    const std::size_t total = fill(end);
    CHECK(total >= 4096);
    CHECK(end.unread() == total);
    CHECK((::fcntl(pipe.write, F_GETFL) & O_NONBLOCK) == 0);
    std::string taken(1000, '\0');
    REQUIRE(::read(pipe.read, taken.data(), taken.size()) == 1000);
    CHECK(end.unread() == total - 1000);
    CHECK_FALSE(end.is_gone());
    ::close(std::exchange(pipe.read, -1));
    CHECK(end.is_gone());
    pollfd watched = end.watch();
    REQUIRE(::poll(&watched, 1, 0) == 1);
    CHECK(end.says_gone(watched.revents));
    CHECK_FALSE(end.write_some(as_bytes(taken)));
}

TEST_CASE("a reader sees the end though the pipe was opened once more") {
    ::signal(SIGPIPE, SIG_IGN);
    Pair pipe;
    make_pipe(pipe);
    FarEnd end(pipe.write);
    REQUIRE(end.write_some(as_bytes(std::string_view("x"))));
    end.close();
    ::close(std::exchange(pipe.write, -1));
    char byte = 0;
    CHECK(::read(pipe.read, &byte, 1) == 1);
    CHECK(::read(pipe.read, &byte, 1) == 0);
}

TEST_CASE("a socket whose other end is closed has no reader, one that only ended its sending has") {
    ::signal(SIGPIPE, SIG_IGN);
    int fds[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
    FarEnd end(fds[1]);
    REQUIRE(::shutdown(fds[0], SHUT_WR) == 0);
    CHECK_FALSE(end.is_gone());
    REQUIRE(end.write_some(as_bytes(std::string_view("still read"))));
    CHECK(end.unread() >= 10);
    char text[16];
    CHECK(::read(fds[0], text, sizeof text) == 10);
    CHECK(end.unread() == 0);
    const std::size_t total = fill(end);
    CHECK(total > 0);
    CHECK(end.unread() >= total);
    ::close(fds[0]);
    CHECK(end.is_gone());
    ::close(fds[1]);
}

TEST_CASE("a wait ends by SIGPIPE when nobody reads standard output any more") {
    Pair pipe;
    make_pipe(pipe);
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        ::dup2(pipe.write, STDOUT_FILENO);
        ::close(pipe.read);
        ::close(pipe.write);
        ::signal(SIGPIPE, SIG_IGN);
        ::alarm(60);
        cli::install_signals();
        cli::watch_standard_output();
        cli::wait_readable(-1, -1);
        ::_exit(1);
    }
    ::close(std::exchange(pipe.write, -1));
    // It may have come to its wait or not.
    ::close(std::exchange(pipe.read, -1));
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFSIGNALED(status));
    CHECK(WTERMSIG(status) == SIGPIPE);
}
