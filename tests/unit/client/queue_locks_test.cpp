#include "client/queue_locks.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>

#include "fake_servers.h"
#include "wire/bodies/queues.h"
#include "wire/headers/clients.h"

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

namespace {

/// Grants what it is asked for but queue 1; as mqd's broker, if `knows_hold`.
struct Granting {
    FakeServers servers;
    std::atomic<bool> knows_hold = true, is_well = true;
    std::atomic<int> asked_for = 0;  ///< queues, in all questions

    Granting() {
        servers.on_other = [this](auto& session, const wire::Command& request) {
            if (!is_well) return session.reply(request, code::system_error, "busy");
            const auto asked = wire::LockBatchBody::read(as_text(request.body));
            REQUIRE(asked);
            const auto header = wire::read_header<wire::LockHeader>(request);
            REQUIRE(header);
            asked_for += static_cast<int>(asked->queues.size());
            wire::LockBatchAnswer granted;
            for (const auto& queue : asked->queues)
                if (queue.queue_id != 1) granted.queues.push_back(queue);
            const auto body = wire::to_body(granted);
            session.reply(request, code::success, knows_hold ? *header : wire::LockHeader(),
                          as_bytes(body));
        };
    }
};

}  // namespace

TEST_CASE("queues are shared under locks where the broker ends them with the connection") {
    Granting granting;
    const auto client = granting.servers.client();
    const auto queues = queues_of(granting.servers, 3);
    QueueLocks locks(*client, "G", "me", QueueLocks::Hold::share);
    CHECK_FALSE(locks.is_bound(queues[0]));
    CHECK(locks.keep(queues).size() == 2);
    CHECK(locks.is_bound(queues[0]));
    // While it does not answer, nobody else gets them there, and they stay ours.
    granting.is_well = false;
    CHECK(locks.keep(queues).size() == 2);
    granting.is_well = true;
    CHECK(locks.keep(queues).size() == 2);
}

TEST_CASE("at a broker of RocketMQ's, queues are shared without locks") {
    Granting granting;
    granting.knows_hold = false;
    const auto client = granting.servers.client();
    const auto queues = queues_of(granting.servers, 3);
    QueueLocks locks(*client, "G", "me", QueueLocks::Hold::share);
    CHECK(locks.keep(queues).size() == 3);
    CHECK(locks.keep(queues).size() == 3);
    CHECK(granting.asked_for.load() == 0);
    CHECK_FALSE(locks.is_bound(queues[0]));
    // Those who consume in order have them anyway.
    QueueLocks ordered(*client, "G", "me");
    CHECK(ordered.keep(queues).size() == 2);
    CHECK_FALSE(ordered.is_bound(queues[0]));
}
