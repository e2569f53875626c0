#include "client/puller.h"

#include <doctest/doctest.h>

#include <atomic>

#include "client/errors.h"
#include "fake_servers.h"

using namespace mqd;
using namespace mqd::client;
using mqd::testing::FakeServers;
using News = Block::News;
namespace code = mqd::wire::response_code;

namespace {

/// Takes the next block; fails the test after 10 s.
Block next_block(Puller& puller) {
    Block block;
    for (int i = 0; i < 1000; ++i) {
        const auto has_come = puller.take(block);
        REQUIRE(has_come);
        if (*has_come) return block;
        wait_for_either(puller.fd(), -1, 10);
    }
    FAIL("no block");
    return block;
}

Queue queue_of(const FakeServers& servers, std::int32_t id) {
    return {"T", "b", id, servers.address};
}

void answer(remoting::Session& session, const wire::Command& request, std::int32_t with,
            std::int64_t next, std::string_view body = {}) {
    wire::PullMessageResponse response;
    response.next_begin_offset = next;
    session.reply(request, with, response, as_bytes(body));
}

Puller::Options reading_to_the_end() {
    Puller::Options options;
    options.group = "G";
    options.suspends = false;
    return options;
}

}  // namespace

TEST_CASE("a queue is read from its start to its stop, over gaps, and is done then") {
    FakeServers servers;
    servers.on_pull = [](auto& session, const auto& request, const wire::PullMessage& header) {
        CHECK(header.has(wire::pull_flag::subscription));
        CHECK_FALSE(header.has(wire::pull_flag::suspend));
        switch (header.queue_offset) {
            case 3:
                return answer(session, request, code::pull_offset_moved, 10);
            case 10:
                return answer(session, request, code::pull_retry_immediately, 20);
            case 20:
                return answer(session, request, code::success, 25, "records");
            default:
                FAIL("an offset that nobody asked for");
        }
    };
    const auto client = servers.client();
    Puller puller(*client, reading_to_the_end());
    auto& queue = puller.add(queue_of(servers, 0), 3, 25);
    CHECK(next_block(puller).next == 10);
    CHECK_FALSE(puller.all_done());
    CHECK(next_block(puller).next == 20);
    const auto last = next_block(puller);
    CHECK(last.records == "records");
    CHECK(last.queue == &queue);
    CHECK(puller.all_done());
}

TEST_CASE("an empty queue is done at once, and so is one that does not move at its end") {
    FakeServers servers;
    servers.on_pull = [](auto& session, const auto& request, const wire::PullMessage& header) {
        answer(session, request, code::pull_not_found, header.queue_offset);
    };
    const auto client = servers.client();
    Puller puller(*client, reading_to_the_end());
    puller.add(queue_of(servers, 0), 5, 5);
    CHECK(puller.all_done());
    puller.add(queue_of(servers, 1), 5, 9);
    CHECK_FALSE(puller.all_done());
    CHECK(next_block(puller).records.empty());
    CHECK(puller.all_done());
}

TEST_CASE("a failing pull is repeated, and what cannot get better is an error") {
    FakeServers servers;
    int pulls = 0;
    servers.on_pull = [&](auto& session, const auto& request, const wire::PullMessage&) {
        if (++pulls == 1) return answer(session, request, code::system_busy, 0);
        if (pulls == 2) return answer(session, request, code::success, 1, "x");
        answer(session, request, code::no_permission, 0);
    };
    const auto client = servers.client();
    Puller puller(*client, reading_to_the_end());
    puller.add(queue_of(servers, 0), 0, 10);
    CHECK(next_block(puller).records == "x");
    CHECK(puller.retries() == 1);
    Block block;
    Result<bool> has_come = false;
    while (has_come && !*has_come) {
        wait_for_either(puller.fd(), -1, 1000);
        has_come = puller.take(block);
    }
    REQUIRE_FALSE(has_come);
    CHECK(has_come.error().code == Errc::refused);
}

TEST_CASE("what lay between is told to be gone where the broker says so") {
    FakeServers servers;
    servers.on_pull = [](auto& session, const auto& request, const wire::PullMessage& header) {
        if (header.queue_offset == 3) return answer(session, request, code::pull_offset_moved, 10);
        wire::PullMessageResponse response;
        response.next_begin_offset = header.queue_offset + 5;
        const auto* const remark =
            header.queue_offset == 10 ? "NO_MATCHED_MESSAGE" : "MESSAGE_WAS_REMOVING";
        session.reply(request, code::pull_retry_immediately, response, {}, remark);
    };
    const auto client = servers.client();
    Puller puller(*client, reading_to_the_end());
    puller.add(queue_of(servers, 0), 3, 20);
    const auto first = next_block(puller);
    CHECK(first.news == News::passed_over);
    CHECK(first.from == 3);
    CHECK(first.next == 10);
    CHECK_FALSE(first.begins_again());
    CHECK(next_block(puller).news == News::none);
    CHECK(next_block(puller).news == News::passed_over);
    CHECK(puller.all_done());
}

TEST_CASE("a queue that is another one, or ends before, is to be begun again") {
    struct Case {
        std::int32_t code;
        std::int64_t next;
        std::string_view remark;
        std::optional<std::int64_t> since;
        News news;
        std::int64_t begins;
    };
    const Case cases[] = {
        {code::pull_offset_moved, 60, "OFFSET_OVERFLOW_BADLY", {}, News::shortened, 60},
        {code::pull_not_found, 60, "", {}, News::shortened, 60},
        {code::pull_offset_moved, 60, "OFFSET_RESET", {}, News::moved, 60},
        {code::pull_offset_moved, 160, "OFFSET_RESET", {}, News::moved, 160},
        {code::success, 101, "FOUND", 8, News::made_anew, 2},
        {code::pull_offset_moved, 50, "OFFSET_OVERFLOW_BADLY", 8, News::made_anew, 2},
        {code::success, 101, "FOUND", 7, News::none, 101},
        {code::success, 101, "FOUND", {}, News::none, 101},
    };
    for (const auto& one : cases) {
        CAPTURE(one.remark);
        FakeServers servers;
        servers.on_pull = [&](auto& session, const auto& request, const wire::PullMessage&) {
            wire::PullMessageResponse response;
            response.next_begin_offset = one.next;
            response.min_offset = 2;
            response.queue_since = one.since;
            session.reply(request, one.code, response, as_bytes("records"), one.remark);
        };
        const auto client = servers.client();
        auto options = reading_to_the_end();
        options.asks_ahead = false;
        Puller puller(*client, options);
        auto& queue = puller.add(queue_of(servers, 0), 100, 1000);
        queue.since = 7;
        const auto block = next_block(puller);
        CHECK(block.news == one.news);
        CHECK(block.next == one.begins);
        CHECK(block.begins_again() == (one.news != News::none));
        CHECK(queue.is_done == (one.news != News::none));
        CHECK(block.records.empty() == (one.news != News::none));
    }
}

TEST_CASE("a deleted topic is waited for, or its queues are done") {
    FakeServers servers;
    std::atomic<int> pulls = 0;
    servers.on_pull = [&](auto& session, const auto& request, const wire::PullMessage&) {
        if (++pulls < 3) return answer(session, request, code::topic_not_exist, 0);
        answer(session, request, code::pull_offset_moved, 1);
    };
    const auto client = servers.client();
    auto options = reading_to_the_end();
    Puller ending(*client, options);
    ending.add(queue_of(servers, 0), 5, 9);
    CHECK(next_block(ending).news == News::missing);
    CHECK(ending.all_done());
    options.waits_for_topics = true;
    Puller waiting(*client, options);
    auto& queue = waiting.add(queue_of(servers, 0), 5, 9);
    CHECK(next_block(waiting).news == News::missing);
    CHECK(queue.is_missing);
    CHECK(waiting.due_ms() > 0);
    // A broker that does not number its topics has said that there was none.
    const auto anew = next_block(waiting);
    CHECK(anew.news == News::made_anew);
    CHECK(anew.next == 0);
    CHECK(pulls == 3);
}

TEST_CASE("a queue that its topic has no more is done") {
    for (const auto with : {code::invalid_parameter, code::system_error}) {
        FakeServers servers;
        servers.on_pull = [&](auto& session, const auto& request, const wire::PullMessage&) {
            session.reply(request, with, wire::NoHeader{}, {}, "queueId[3] is illegal, topic:[T]");
        };
        const auto client = servers.client();
        auto options = reading_to_the_end();
        options.waits_for_topics = true;
        Puller puller(*client, options);
        puller.add(queue_of(servers, 3), 5, 9);
        CHECK(next_block(puller).news == News::removed);
        CHECK(puller.all_done());
    }
}

TEST_CASE("the answers of a dropped queue are thrown away") {
    FakeServers servers;
    servers.on_pull = [](auto& session, const auto& request, const wire::PullMessage& header) {
        answer(session, request, code::success, header.queue_offset + 1, "x");
    };
    const auto client = servers.client();
    Puller puller(*client, reading_to_the_end());
    auto& dropped = puller.add(queue_of(servers, 0), 0, 100);
    auto& kept = puller.add(queue_of(servers, 1), 0, 5);
    puller.drop(dropped);
    CHECK(puller.queues() == std::vector<PulledQueue*>{&kept});
    while (!puller.all_done()) CHECK(next_block(puller).queue == &kept);
}

TEST_CASE("without asking ahead a queue's next request waits for ask()") {
    FakeServers servers;
    std::atomic<int> pulls = 0;
    servers.on_pull = [&](auto& session, const auto& request, const wire::PullMessage& header) {
        ++pulls;
        answer(session, request, code::success, header.queue_offset + 1, "x");
    };
    const auto client = servers.client();
    auto options = reading_to_the_end();
    options.asks_ahead = false;
    Puller puller(*client, options);
    auto& queue = puller.add(queue_of(servers, 0), 0, 3);
    for (int i = 1; i <= 3; ++i) {
        CHECK(next_block(puller).next == i);
        Block none;
        // Long enough for a request that nobody has asked for.
        wait_for_either(puller.fd(), -1, 50);
        CHECK_FALSE(*puller.take(none));
        CHECK(pulls == i);
        puller.ask(queue);
    }
    CHECK(puller.all_done());
}
