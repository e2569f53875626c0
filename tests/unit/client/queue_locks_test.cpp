#include "client/queue_locks.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>

#include "fake_servers.h"
#include "wire/bodies/queues.h"

using namespace mqd;
using namespace mqd::client;
using mqd::testing::FakeServers;
namespace code = mqd::wire::response_code;

namespace {

std::vector<Queue> queues_of(const FakeServers& servers, int count) {
    std::vector<Queue> queues;
    for (int id = 0; id < count; ++id) queues.push_back({"T", "b", id, servers.address});
    return queues;
}

}  // namespace

TEST_CASE("ours are the queues that the broker grants, and they are given back") {
    FakeServers servers;
    std::atomic<int> unlocked = 0;
    servers.on_other = [&](auto& session, const wire::Command& request) {
        const auto asked = wire::LockBatchBody::read(as_text(request.body));
        REQUIRE(asked);
        CHECK(asked->client_id == "me");
        CHECK(asked->consumer_group == "G");
        if (request.code == wire::request_code::unlock_batch_mq) {
            unlocked += static_cast<int>(asked->queues.size());
            return;
        }
        REQUIRE(request.code == wire::request_code::lock_batch_mq);
        wire::LockBatchAnswer granted;
        for (const auto& queue : asked->queues)
            if (queue.queue_id != 1) granted.queues.push_back(queue);
        const auto body = wire::to_body(granted);
        session.reply(request, code::success, wire::NoHeader{}, as_bytes(body));
    };
    const auto client = servers.client();
    QueueLocks locks(*client, "G", "me");
    const auto ours = locks.keep(queues_of(servers, 4));
    REQUIRE(ours.size() == 3);
    CHECK(std::none_of(ours.begin(), ours.end(), [](const Queue& q) { return q.id == 1; }));
    locks.release(ours[0]);
    locks.release(ours[0]);
    locks.release_all();
    for (int i = 0; i < 1000 && unlocked < 3; ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    CHECK(unlocked == 3);
}

TEST_CASE("a broker that does not answer for a moment takes nothing away") {
    FakeServers servers;
    bool is_well = true;
    servers.on_other = [&](auto& session, const wire::Command& request) {
        if (!is_well) return session.reply(request, code::system_error, "busy");
        const auto asked = wire::LockBatchBody::read(as_text(request.body));
        REQUIRE(asked);
        const auto body = wire::to_body(wire::LockBatchAnswer{asked->queues});
        session.reply(request, code::success, wire::NoHeader{}, as_bytes(body));
    };
    const auto client = servers.client();
    QueueLocks locks(*client, "G", "me");
    CHECK(locks.keep(queues_of(servers, 2)).size() == 2);
    is_well = false;
    // The third was never ours.
    CHECK(locks.keep(queues_of(servers, 3)).size() == 2);
    is_well = true;
    CHECK(locks.keep(queues_of(servers, 3)).size() == 3);
}
