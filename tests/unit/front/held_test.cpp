// What mqd's own clients ask for beyond RocketMQ's: locks that end with a connection (41), and
// commits that count only under one, only at first, or only when they are on disk (15).

#include <fstream>

#include "support.h"
#include "wire/bodies/queues.h"
#include "wire/headers/clients.h"
#include "wire/headers/offsets.h"

using namespace mqd;
using namespace mqd::test;

namespace {

struct Held : Fixture {
    std::unique_ptr<Client> one, other;

    void go() {
        start();
        one = client();
        other = client();
        for (const auto* const topic : {"T", "%RETRY%G"}) {
            auto header = send_header();
            header.topic = topic;
            REQUIRE(one->call(code::send_message_v2, header, "m").code == rc::success);
        }
        wait_readable(1);  // no offset counts beyond it
        broker->find_or_create_group("G");
    }
    ~Held() {
        one.reset();
        other.reset();
    }
    static bool lock(Client& by, const std::string& id, std::string_view hold) {
        wire::LockBatchBody body;
        body.client_id = id;
        body.consumer_group = "G";
        body.queues = {{"b", 0, "T"}};
        wire::LockHeader header;
        header.hold = hold;
        const auto answer = by.call(code::lock_batch_mq, header, wire::to_body(body));
        CHECK(answer.code == rc::success);
        CHECK(answer.find("mqdHold") == (hold == "none of it" ? "" : hold));
        const auto granted = wire::LockBatchAnswer::read(answer.body);
        REQUIRE(granted);
        return !granted->queues.empty();
    }
    static wire::UpdateConsumerOffset to(std::int64_t offset) {
        return wire::UpdateConsumerOffset{"G", "T", 0, offset};
    }
    static std::int32_t commit_held(Client& by, std::int64_t offset) {
        auto header = to(offset);
        header.held = true;
        return by.call(code::update_consumer_offset, header).code;
    }
    std::int64_t committed() const { return broker->offsets().find("G", "T", 0).value_or(-1); }
    std::string saved() const {
        std::ifstream file(settings.store.config_dir() / "consumerOffset.json");
        return {std::istreambuf_iterator<char>(file), {}};
    }
};

}  // namespace

TEST_CASE_FIXTURE(Held, "an older offset of who lost the queue does not get over a newer one") {
    go();
    CHECK(commit_held(*one, 1) == rc::no_permission);
    REQUIRE(lock(*one, "a", "share"));
    CHECK(commit_held(*one, 1) == rc::success);
    CHECK(commit_held(*other, 0) == rc::no_permission);
    CHECK_FALSE(lock(*other, "b", "share"));
    // Over another connection it is the same client, but what it said over the first may be late.
    auto third = client();
    REQUIRE(lock(*third, "a", "share"));
    CHECK(commit_held(*one, 0) == rc::no_permission);
    CHECK(committed() == 1);
    // RocketMQ's clients name no lock, and are served.
    CHECK(other->call(code::update_consumer_offset, to(0)).code == rc::success);
    CHECK(committed() == 0);
    third.reset();
    const auto give_up = monotonic_ms() + 10'000;
    while (!lock(*other, "b", "share")) REQUIRE(monotonic_ms() < give_up);
    CHECK(commit_held(*other, 1) == rc::success);
}

TEST_CASE_FIXTURE(Held, "who leaves its group gives its queues to the others") {
    go();
    REQUIRE(lock(*one, "a", "order"));
    CHECK_FALSE(lock(*other, "b", "share"));
    wire::UnregisterClient leave;
    leave.client_id = "a";
    leave.consumer_group = "G";
    CHECK(one->call(code::unregister_client, leave).code == rc::success);
    CHECK(lock(*other, "b", "share"));
    CHECK(lock(*other, "b", "none of it"));
}

TEST_CASE_FIXTURE(Held, "a first commit changes nothing where there is one") {
    go();
    auto header = to(0);
    header.first = true;
    CHECK(one->call(code::update_consumer_offset, header).code == rc::success);
    CHECK(committed() == 0);
    header.commit_offset = 1;
    CHECK(one->call(code::update_consumer_offset, header).code == rc::success);
    CHECK(committed() == 0);
}

TEST_CASE_FIXTURE(Held, "a durable commit is on disk when it is answered") {
    settings.groups.offsets_interval_ms = 3'600'000;
    go();
    CHECK(one->call(code::update_consumer_offset, to(1)).code == rc::success);
    auto header = to(1);
    header.durable = true;
    CHECK(one->call(code::update_consumer_offset, header).code == rc::success);
    CHECK(saved().find("\"T@G\"") != std::string::npos);
}
