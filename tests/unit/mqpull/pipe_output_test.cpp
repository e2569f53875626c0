#include "pipe_output.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/clock.h"
#include "message/record.h"
#include "record/format.h"

using namespace mqd;
using namespace mqd::mqpull;

namespace {

struct Ends {
    int read = -1, write = -1;
    explicit Ends(bool is_socket) {
        ::signal(SIGPIPE, SIG_IGN);
        int fds[2];
        REQUIRE((is_socket ? ::socketpair(AF_UNIX, SOCK_STREAM, 0, fds) : ::pipe(fds)) == 0);
        read = fds[0];
        write = fds[1];
    }
    ~Ends() {
        close_reader();
        ::close(write);
    }
    Ends(const Ends&) = delete;
    Ends& operator=(const Ends&) = delete;
    void close_reader() {
        if (read >= 0) ::close(read);
        read = -1;
    }
    std::string take(std::size_t bytes) const {
        std::string text(bytes, '\0');
        const auto n = ::read(read, text.data(), bytes);
        REQUIRE(n > 0);
        text.resize(static_cast<std::size_t>(n));
        return text;
    }
};

struct Piped {
    Ends ends;
    std::shared_ptr<client::PulledQueue> queue = std::make_shared<client::PulledQueue>();
    PipeOutput output;
    std::int64_t next = 0;

    explicit Piped(bool is_socket = false)
        : ends(is_socket), output(ends.write, *record::parse_format("lines")) {}

    void put(const std::string& body, client::PulledQueue* of = nullptr) {
        message::Draft draft;
        draft.topic = "T";
        draft.body = body;
        draft.born_host = *message::Host::parse("10.0.0.1:5");
        draft.store_host = *message::Host::parse("127.0.0.1:10911");
        Buffer bytes;
        message::encode(draft, bytes);
        message::place(bytes.bytes(), QueueOffset{next++}, PhysicalOffset{0}, 2000);
        const auto view = message::RecordView::parse(bytes.bytes());
        REQUIRE(view);
        REQUIRE(output.put({of != nullptr ? *of : *queue, *view, view->body}));
    }
    /// As Pulling does, until `is_there`, or for `ms` without it.
    template <class Done>
    void go_on(Done is_there, std::int64_t ms = 10'000) {
        const auto give_up_ms = monotonic_ms() + ms;
        while (!is_there() && monotonic_ms() < give_up_ms) {
            const auto due_ms = output.due_ms();
            std::vector<pollfd> fds;
            output.add_fds(fds);
            const auto wait_ms = std::clamp<std::int64_t>(
                due_ms < 0 ? 1000 : due_ms - monotonic_ms(), 0, give_up_ms - monotonic_ms());
            ::poll(fds.data(), fds.size(), static_cast<int>(wait_ms));
            if (!output.advance()) return;
        }
    }
    std::int64_t done() const { return queue->ledger.committable(); }
};

}  // namespace

TEST_CASE("a message is done when its reader has taken it and lived on, byte by byte" *
          doctest::test_suite("slow")) {
    for (const bool is_socket : {false, true}) {
        CAPTURE(is_socket);
        Piped is(is_socket);
        for (const auto* const body : {"one", "two", "three"}) is.put(body);
        REQUIRE(is.output.flush());
        CHECK(is.ends.take(7) == "one\ntwo");
        REQUIRE(is.output.settle());
        if (is_socket) {
            // What a socket holds is not known to the byte while it holds anything.
            is.go_on([] { return false; }, 3 * Taken::outlive_ms);
            CHECK(is.done() <= 1);
        } else {
            is.go_on([&] { return is.done() > 0; });
            CHECK(is.done() == 1);
        }
        CHECK(is.output.is_busy(*is.queue));
        CHECK(is.ends.take(100) == "\nthree\n");
        is.go_on([&] { return is.done() == 3; });
        CHECK(is.done() == 3);
        CHECK_FALSE(is.output.is_busy(*is.queue));
        CHECK(is.output.wants_commit());
        CHECK_FALSE(is.output.wants_commit());
        CHECK(is.output.due_ms() == -1);
    }
}

TEST_CASE("what came with the last read of a reader that dies is not done") {
    for (const bool is_socket : {false, true}) {
        CAPTURE(is_socket);
        Piped is(is_socket);
        is.put("one");
        REQUIRE(is.output.end());
        CHECK(is.ends.take(100) == "one\n");
        REQUIRE(is.output.advance());
        is.ends.close_reader();
        is.go_on([] { return false; }, 3000);
        CHECK(is.output.is_reader_gone());
        CHECK(is.output.is_idle());
        CHECK(is.done() == 0);
        CHECK_FALSE(is.output.has_failed());
    }
}

TEST_CASE("a reader that takes nothing holds up no write, and an end for three seconds" *
          doctest::test_suite("slow")) {
    Piped is;
    const std::string body(9999, 'x');
    while (is.output.accepts(*is.queue)) {
        is.put(body);
        REQUIRE(is.output.advance());
    }
    const auto begin_ms = monotonic_ms();
    REQUIRE(is.output.end());
    is.go_on([&] { return is.output.is_idle(); });
    CHECK(is.output.is_idle());
    CHECK(monotonic_ms() - begin_ms >= 3000);
    CHECK(is.output.has_failed());
    CHECK(is.output.report());
    CHECK(is.done() == 0);
    // What is in the pipe went there whole, up to where it was full.
    CHECK(is.ends.take(10'000) == body + "\n");
    // The descriptor itself still blocks, for others who have it.
    CHECK((::fcntl(is.ends.write, F_GETFL) & O_NONBLOCK) == 0);
}

TEST_CASE("a queue that others wait for is not held up for longer, and the rest goes on" *
          doctest::test_suite("slow")) {
    Piped is;
    const auto other = std::make_shared<client::PulledQueue>();
    is.put("kept");
    is.put("given away", other.get());
    other->is_dropped = true;
    REQUIRE(is.output.settle());
    CHECK(is.output.is_busy(*other));
    is.go_on([&] { return !is.output.is_busy(*other); });
    CHECK_FALSE(is.output.is_busy(*other));
    CHECK(is.output.is_busy(*is.queue));
    CHECK(is.output.due_ms() == -1);  // nobody waits, so nobody looks
    CHECK(is.ends.take(100) == "kept\ngiven away\n");
    REQUIRE(is.output.settle());
    is.go_on([&] { return is.done() == 1; });
    CHECK(is.done() == 1);
    CHECK(other->ledger.committable() == 0);
}

TEST_CASE("what is passed over is done with what came before it") {
    Piped is;
    is.output.pass(*is.queue, 5);
    CHECK(is.done() == 5);
    is.next = 5;
    is.put("one");
    is.output.pass(*is.queue, 9);
    REQUIRE(is.output.flush());
    CHECK(is.done() == 5);
    CHECK(is.ends.take(100) == "one\n");
    REQUIRE(is.output.settle());
    is.go_on([&] { return is.done() == 9; });
    CHECK(is.done() == 9);
}
