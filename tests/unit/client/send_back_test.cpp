#include "client/send_back.h"

#include <doctest/doctest.h>

#include <vector>

#include "fake_servers.h"
#include "wire/headers/messages.h"

using namespace mqd;
using namespace mqd::client;
using mqd::testing::FakeServers;
namespace code = mqd::wire::response_code;

namespace {

/// Until one has been taken; fails the test after 10 s.
std::vector<std::uint64_t> next_taken(SendBack& back) {
    for (int i = 0; i < 1000; ++i) {
        auto taken = back.take();
        if (!taken.empty()) return taken;
        wait_for_either(back.fd(), -1, 10);
    }
    FAIL("none was taken");
    return {};
}

}  // namespace

TEST_CASE("a message goes back to the broker that holds it, with its place and its group") {
    FakeServers servers;
    servers.on_other = [](auto& session, const wire::Command& request) {
        REQUIRE(request.code == wire::request_code::consumer_send_msg_back);
        const auto header = wire::read_header<wire::SendMessageBack>(request);
        REQUIRE(header);
        CHECK(header->offset == 4711);
        CHECK(header->group == "G");
        CHECK(header->delay_level == 0);
        CHECK(header->origin_topic == "T");
        CHECK_FALSE(header->max_reconsume_times);
        session.reply(request, code::success, wire::NoHeader{});
    };
    const auto client = servers.client();
    SendBack back(*client, "G");
    const auto id = back.send({"T", "b", 0, servers.address}, PhysicalOffset{4711});
    CHECK(back.waiting() == 1);
    CHECK(next_taken(back) == std::vector{id});
    CHECK(back.waiting() == 0);
    CHECK(back.due_ms() == -1);
}

TEST_CASE("what the broker refuses is sent again until it takes it") {
    FakeServers servers;
    int requests = 0;
    servers.on_other = [&](auto& session, const wire::Command& request) {
        const auto answer = ++requests < 3 ? code::system_error : code::success;
        session.reply(request, answer, wire::NoHeader{}, {}, "told so");
    };
    const auto client = servers.client();
    SendBack back(*client, "G");
    const auto id = back.send({"T", "b", 0, servers.address}, PhysicalOffset{1});
    for (int i = 0; i < 1000 && !back.trouble(); ++i) {
        CHECK(back.take().empty());
        wait_for_either(back.fd(), -1, 10);
    }
    REQUIRE(back.trouble());
    CHECK(back.trouble()->what.find("told so") != std::string::npos);
    CHECK(back.due_ms() > 0);
    CHECK(next_taken(back) == std::vector{id});
    CHECK(requests == 3);
    CHECK_FALSE(back.trouble());
}
