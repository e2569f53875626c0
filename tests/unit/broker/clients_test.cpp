// Clients and queue locks.

#include "broker/clients.h"

#include "broker/queue_locks.h"
#include "support.h"

using namespace mqd;
using namespace mqd::test;
using namespace mqd::broker;

namespace {

struct FakePeer final : Peer {
    std::string is;
    explicit FakePeer(std::string address) : is(std::move(address)) {}
    const std::string& address() const override { return is; }
    void close() override {}
};

Membership wants(std::string group, std::vector<std::pair<std::string, std::string>> topics,
                 std::int64_t version = 1) {
    Membership out;
    out.group = std::move(group);
    for (auto& [topic, text] : topics)
        out.subscriptions.push_back(*Subscription::make(topic, text, "TAG", version));
    return out;
}

struct Fixture {
    ManualClock clock;
    Clients clients{clock};
    PeerRef a = std::make_shared<FakePeer>("1.1.1.1:1");
    PeerRef b = std::make_shared<FakePeer>("2.2.2.2:2");
    ClientInfo ca{"a", 0, 479}, cb{"b", 9, 317};
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a new member is news, a repeated heartbeat is not") {
    CHECK(clients.join(a, ca, wants("G", {{"T", "*"}})));
    CHECK_FALSE(clients.join(a, ca, wants("G", {{"T", "*"}})));
    CHECK(clients.join(b, cb, wants("G", {{"T", "*"}})));
    CHECK(clients.member_ids("G") == std::vector<std::string>{"a", "b"});
    CHECK(clients.leave(*a, "G"));
    CHECK_FALSE(clients.leave(*a, "G"));
    CHECK(clients.member_ids("G") == std::vector<std::string>{"b"});
}

TEST_CASE_FIXTURE(Fixture, "topics that a heartbeat does not name go, and that is news") {
    clients.join(a, ca, wants("G", {{"T", "*"}, {"U", "*"}}));
    CHECK(clients.groups_subscribed("U") == std::vector<std::string>{"G"});
    CHECK(clients.join(a, ca, wants("G", {{"T", "*"}})));
    CHECK(clients.standing("G", "U").online);
    CHECK(clients.standing("G", "U").subscription == nullptr);
}

TEST_CASE_FIXTURE(Fixture, "a client's newer text replaces its older one") {
    clients.join(a, ca, wants("G", {{"T", "A"}}, 5));
    CHECK(clients.join(a, ca, wants("G", {{"T", "B"}}, 6)));
    CHECK(clients.standing("G", "T").subscription->expression == "B");
    CHECK_FALSE(clients.join(a, ca, wants("G", {{"T", "B"}}, 7)));
    CHECK(clients.standing("G", "T").subscription->version == 7);
}

TEST_CASE_FIXTURE(Fixture, "a client's text changes also while its clock is put back") {
    clients.join(a, ca, wants("G", {{"T", "A"}}, 5));
    CHECK(clients.join(a, ca, wants("G", {{"T", "B"}}, 4)));
    CHECK(clients.standing("G", "T").subscription->expression == "B");
    CHECK(clients.standing("G", "T").subscription->version == 4);
    // The same over a connection of its next life, once the old one is gone.
    clients.join(b, ca, wants("G", {{"T", "C"}}, 3));
    CHECK(clients.standing("G", "T").subscription->expression == "B");
    clients.leave_all(*a);
    CHECK(clients.join(b, ca, wants("G", {{"T", "C"}}, 3)));
    CHECK(clients.standing("G", "T").subscription->expression == "C");
}

TEST_CASE_FIXTURE(Fixture, "of two connections that give one client id the larger version counts") {
    clients.join(a, ca, wants("G", {{"T", "A"}}, 5));
    clients.join(b, ca, wants("G", {{"T", "B"}}, 4));
    CHECK_FALSE(clients.join(b, ca, wants("G", {{"T", "B"}}, 4)));
    CHECK(clients.standing("G", "T").subscription->expression == "A");
    CHECK(clients.join(b, ca, wants("G", {{"T", "B"}}, 6)));
    CHECK(clients.standing("G", "T").subscription->expression == "B");
    CHECK_FALSE(clients.join(a, ca, wants("G", {{"T", "A"}}, 5)));
    CHECK(clients.standing("G", "T").subscription->expression == "B");
}

TEST_CASE_FIXTURE(Fixture, "nanosecond versions of one client do not shut out another's text") {
    clients.join(a, ca, wants("G", {{"T", "A"}}, 1'795'220'817'748'000'000));
    clients.join(b, cb, wants("G", {{"T", "B"}}, 1'795'220'817'749));
    CHECK(clients.standing("G", "T").subscription->expression == "B");
    // Two that disagree are no reason to rebalance with each heartbeat.
    CHECK_FALSE(clients.join(a, ca, wants("G", {{"T", "A"}}, 1'795'220'817'748'000'000)));
}

TEST_CASE_FIXTURE(Fixture, "a closed connection leaves all of its groups") {
    clients.join(a, ca, wants("G", {{"T", "*"}}));
    clients.join(a, ca, wants("H", {{"T", "*"}}));
    clients.join(b, cb, wants("G", {{"T", "*"}}));
    clients.join_producers(a, ca, "P");
    CHECK(clients.producers("P").size() == 1);
    auto left = clients.leave_all(*a);
    std::sort(left.begin(), left.end());
    CHECK(left == std::vector<std::string>{"G", "H"});
    CHECK(clients.producers("P").empty());
    CHECK_FALSE(clients.consumers("H"));
    CHECK(clients.members("G").size() == 1);
    CHECK(clients.leave_all(*a).empty());
}

TEST_CASE_FIXTURE(Fixture, "a connection without heartbeats is found after its time") {
    clients.join(a, ca, wants("G", {{"T", "*"}}));
    clients.join_producers(b, cb, "P");
    clock.now_ms += 120'000;
    CHECK(clients.expired(120'000).empty());
    clients.join_producers(b, cb, "P");
    clock.now_ms += 1;
    const auto expired = clients.expired(120'000);
    REQUIRE(expired.size() == 1);
    CHECK(expired[0] == a);
}

TEST_CASE("a queue is one client's until it gives it up or stops renewing") {
    ManualClock clock;
    QueueLocks locks(clock);
    const std::vector<QueueName> both{{"T", 0}, {"T", 1}};
    CHECK(locks.lock("G", {"a"}, {{"T", 0}}) == std::vector<bool>{true});
    CHECK(locks.lock("G", {"b"}, both) == std::vector<bool>{false, true});
    CHECK(locks.lock("H", {"b"}, both) == std::vector<bool>{true, true});  // another group
    locks.unlock("G", "b", {{"T", 0}});                                    // not its own
    CHECK(locks.lock("G", {"b"}, {{"T", 0}}) == std::vector<bool>{false});
    clock.now_ms += 50'000;
    CHECK(locks.lock("G", {"a"}, {{"T", 0}}) == std::vector<bool>{true});
    clock.now_ms += QueueLocks::expiry_ms;
    CHECK(locks.lock("G", {"b"}, {{"T", 0}}) == std::vector<bool>{false});
    clock.now_ms += 1;
    CHECK(locks.lock("G", {"b"}, {{"T", 0}}) == std::vector<bool>{true});
    locks.unlock("G", "b", {{"T", 0}});
    CHECK(locks.lock("G", {"a"}, {{"T", 0}}) == std::vector<bool>{true});
}

namespace {

struct Locking : Fixture {
    QueueLocks locks{clock};
    const std::vector<QueueName> first{{"T", 0}};
    bool gets(const std::string& client, const PeerRef& over = nullptr, Hold hold = Hold::time) {
        return locks.lock("G", {client, over.get(), hold}, first) == std::vector<bool>{true};
    }
};

}  // namespace

TEST_CASE_FIXTURE(Locking, "a shared queue is free when its holder's connection ends") {
    CHECK(gets("a", a, Hold::share));
    CHECK_FALSE(gets("b", b, Hold::share));
    CHECK_FALSE(gets("b"));
    locks.disconnected(*b);
    CHECK_FALSE(gets("b", b, Hold::share));
    locks.disconnected(*a);
    CHECK(gets("b", b, Hold::share));
    CHECK_FALSE(gets("a", a, Hold::share));
}

TEST_CASE_FIXTURE(Locking,
                  "one that was renewed over another connection does not end with the first") {
    CHECK(gets("a", a, Hold::share));
    CHECK(gets("a", b, Hold::share));
    CHECK(locks.is_held_over(*b, "G", {"T", 0}));
    CHECK_FALSE(locks.is_held_over(*a, "G", {"T", 0}));
    locks.disconnected(*a);
    CHECK(locks.is_held_over(*b, "G", {"T", 0}));
    CHECK_FALSE(gets("c"));
    locks.disconnected(*b);
    CHECK_FALSE(locks.is_held_over(*b, "G", {"T", 0}));
    CHECK(gets("c"));
}

TEST_CASE_FIXTURE(Locking,
                  "an ordered queue waits for its holder to come back, RocketMQ's for longer") {
    CHECK(gets("a", a, Hold::order));
    locks.disconnected(*a);
    clock.now_ms += QueueLocks::grace_ms;
    locks.expire();
    CHECK_FALSE(gets("b"));
    CHECK(gets("a", b, Hold::order));  // in time
    locks.disconnected(*b);
    clock.now_ms += QueueLocks::grace_ms + 1;
    CHECK_FALSE(locks.holds_any("G"));
    CHECK(gets("b", a));  // for Hold::time connections do not count
    locks.disconnected(*a);
    clock.now_ms += QueueLocks::expiry_ms;
    CHECK_FALSE(gets("c"));
    clock.now_ms += 1;
    CHECK(gets("c"));
}

TEST_CASE_FIXTURE(Locking, "who leaves a group keeps nothing of it, and what he has of others") {
    CHECK(gets("a", a, Hold::share));
    CHECK(locks.lock("H", {"a", a.get(), Hold::order}, first) == std::vector<bool>{true});
    locks.left(*a, "G");
    CHECK(gets("b", b, Hold::share));
    CHECK(locks.is_held_over(*a, "H", {"T", 0}));
}

TEST_CASE_FIXTURE(Locking, "only locks for order's sake make a group's consumption ordered") {
    CHECK(gets("a", a, Hold::share));
    CHECK_FALSE(locks.holds_any("G"));
    CHECK(locks.lock("G", {"a", a.get(), Hold::order}, {{"T", 1}}) == std::vector<bool>{true});
    CHECK(locks.holds_any("G"));
}

TEST_CASE_FIXTURE(Locking, "a lock whose time is over is no longer held over its connection") {
    CHECK(gets("a", a, Hold::share));
    clock.now_ms += QueueLocks::expiry_ms + 1;
    CHECK_FALSE(locks.is_held_over(*a, "G", {"T", 0}));
    CHECK(gets("b", b, Hold::share));
    locks.disconnected(*a);
    CHECK(locks.is_held_over(*b, "G", {"T", 0}));
    locks.unlock("G", "b", first);
    locks.disconnected(*b);
    clock.now_ms += QueueLocks::expiry_ms + 1;
    locks.expire();
    CHECK(gets("c"));
}
