// Topics that are deleted, made anew or made smaller under those who read them, and offsets of
// groups that point to what is not there.

#include "support.h"
#include "wire/bodies/heartbeat.h"
#include "wire/headers/offsets.h"
#include "wire/headers/topics.h"

using namespace mqd;
using namespace mqd::test;

namespace {

/// A pull that is held, and its answer.
struct Held {
    Mutex mutex;
    Condition changed;
    std::optional<remoting::Answer> answer GUARDED_BY(mutex);

    void begin(Client& by, wire::PullMessage header) {
        header.sys_flag |= wire::pull_flag::suspend;
        header.suspend_timeout_ms = 60'000;
        by.channel->call(code::pull_message, header, {}, 60'000,
                         [this](Result<remoting::Answer> result) {
                             REQUIRE(result);
                             const Lock lock(mutex);
                             answer = std::move(*result);
                             changed.notify_all();
                         });
    }
    remoting::Answer wait() {
        const Lock lock(mutex);
        while (!answer) REQUIRE(changed.wait_for(mutex, std::chrono::seconds(10)));
        return *answer;
    }
};

struct Anew : Fixture {
    std::unique_ptr<Client> admin, reader;

    void go(int messages) {
        start();
        admin = client();
        reader = client();
        make(4);
        send(messages);
    }
    ~Anew() {
        admin.reset();
        reader.reset();
    }
    void make(std::int32_t queues, std::int32_t perm = 6) const {
        wire::CreateTopic header;
        header.topic = "T";
        header.default_topic = "TBW102";
        header.read_queue_nums = header.write_queue_nums = queues;
        header.perm = perm;
        REQUIRE(admin->call(code::update_and_create_topic, header).code == rc::success);
    }
    void remove() const {
        REQUIRE(admin->call(code::delete_topic_in_broker, wire::TopicHeader{"T"}).code ==
                rc::success);
    }
    void send(int messages) const {
        for (int i = 0; i < messages; ++i)
            REQUIRE(admin->call(code::send_message_v2, send_header(), "m").code == rc::success);
        wait_readable(messages);
    }
    void wait_held(std::size_t count) const {
        const auto give_up = monotonic_ms() + 10'000;
        while (broker->arrivals().waiting() != count) {
            REQUIRE(monotonic_ms() < give_up);
            std::this_thread::yield();
        }
    }
    void join(const std::string& group,
              wire::MessageModel model = wire::MessageModel::clustering) const {
        wire::ConsumerData consumer;
        consumer.group_name = group;
        consumer.message_model = model;
        consumer.subscriptions.push_back({"T", "*", "TAG", 1, {}, false});
        wire::HeartbeatData data;
        data.client_id = "me";
        data.consumers.push_back(consumer);
        REQUIRE(reader->call(code::heart_beat, wire::to_body(data)).code == rc::success);
    }
    remoting::Answer commit(std::int64_t offset, std::int32_t queue = 0) const {
        return reader->call(code::update_consumer_offset,
                            wire::UpdateConsumerOffset{"G", "T", queue, offset});
    }
    remoting::Answer pull(std::int64_t offset) const {
        return reader->call(code::pull_message, pull_header(offset));
    }
};

}  // namespace

TEST_CASE_FIXTURE(Anew, "a held pull hears at once that its topic is deleted, also at offset 0") {
    go(3);
    Held at_end, at_begin;
    at_end.begin(*reader, pull_header(3));
    auto header = pull_header(0);
    header.queue_id = 1;
    at_begin.begin(*reader, header);
    wait_held(2);
    remove();
    CHECK(at_end.wait().code == rc::topic_not_exist);
    CHECK(at_begin.wait().code == rc::topic_not_exist);
    CHECK(broker->arrivals().waiting() == 0);
}

TEST_CASE_FIXTURE(Anew, "a new topic of an old name can be told from it") {
    go(3);
    CHECK(pull(3).find("mqdQueueSince") == "");
    CHECK(reader->call(code::get_min_offset, wire::QueueHeader{"T", 0}).find("mqdQueueSince") ==
          "");
    remove();
    make(4);
    send(5);
    const auto first = pull(0);
    CHECK(first.code == rc::success);
    CHECK(records(first.body).size() == 5);
    const auto since = std::string(first.find("mqdQueueSince"));
    CHECK_FALSE(since.empty());
    CHECK(reader->call(code::get_min_offset, wire::QueueHeader{"T", 0}).find("mqdQueueSince") ==
          since);
    // With as many messages as before, and more: that is all that tells it.
    CHECK(pull(3).find("mqdQueueSince") == since);
    CHECK(pull(5).find("mqdQueueSince") == since);
    remove();
    make(4);
    send(1);
    CHECK(std::stoll(std::string(pull(0).find("mqdQueueSince"))) > std::stoll(since));
}

TEST_CASE_FIXTURE(Anew, "who asks behind the end of a new topic begins at its beginning") {
    go(10);
    remove();
    make(4);
    send(2);
    const auto moved = pull(10);
    CHECK(moved.code == rc::pull_offset_moved);
    CHECK(moved.find("nextBeginOffset") == "0");
    // At its end there is nothing to be told.
    CHECK(pull(2).code == rc::pull_not_found);
}

TEST_CASE_FIXTURE(Anew, "a group that reads a topic begins the new one at its beginning") {
    go(3);
    join("G");
    CHECK(pull(0).code == rc::success);
    CHECK(commit(3).code == rc::success);
    remove();
    CHECK(commit(3).code == rc::topic_not_exist);
    CHECK_FALSE(broker->offsets().find("G", "T", 0));
    make(4);
    send(5);
    // What it committed until it is told lay in the old one.
    CHECK(commit(3).remark == "Offset has been previously reset");
    CHECK_FALSE(broker->offsets().find("G", "T", 0));
    const auto told = pull(3);
    CHECK(told.code == rc::pull_offset_moved);
    CHECK(told.find("nextBeginOffset") == "0");
    CHECK(records(pull(0).body).size() == 5);
    CHECK(commit(5).code == rc::success);
    CHECK(broker->offsets().find("G", "T", 0) == 5);
}

TEST_CASE_FIXTURE(Anew, "who reads by himself, or has left, is not led by what a group had read") {
    go(3);
    join("B", wire::MessageModel::broadcasting);
    CHECK(pull(0).code == rc::success);
    CHECK(commit(2).code == rc::success);  // G has no member
    remove();
    make(4);
    send(5);
    CHECK(pull(2).code == rc::success);
    CHECK(commit(2).remark == "");
    // A group that was there, and is not any more.
    join("G");
    remove();
    reader.reset();
    const auto give_up = monotonic_ms() + 10'000;
    while (!broker->offsets().places("G", "T").empty()) REQUIRE(monotonic_ms() < give_up);
    reader = client();
    make(4);
    send(5);
    CHECK(pull(2).code == rc::success);
}

TEST_CASE_FIXTURE(Anew, "an offset behind a queue's end is not committed") {
    go(3);
    join("G");
    CHECK(commit(3).code == rc::success);
    CHECK(commit(4).code == rc::invalid_parameter);
    auto header = pull_header(0, 1 + 4);
    header.commit_offset = 4;
    CHECK(reader->call(code::pull_message, header).code == rc::success);
    CHECK(broker->offsets().find("G", "T", 0) == 3);
    // Nobody has used this one, and there is none of that number.
    CHECK(commit(0, 1).code == rc::success);
    CHECK(commit(1, 1).code == rc::invalid_parameter);
    CHECK(commit(1, 9).code == rc::invalid_parameter);
}

TEST_CASE_FIXTURE(Anew, "pulls that are held at a queue that goes are told why") {
    go(3);
    const auto held_at = [](std::int32_t queue) {
        auto header = pull_header(0);
        header.queue_id = queue;
        return header;
    };
    Held kept, dropped;
    kept.begin(*reader, held_at(1));
    dropped.begin(*reader, held_at(3));
    wait_held(2);
    make(2);
    const auto told = dropped.wait();
    CHECK(told.code == rc::invalid_parameter);
    CHECK(told.remark.starts_with("queueId[3]"));
    CHECK(broker->arrivals().waiting() == 1);
    make(2, 2);
    CHECK(kept.wait().code == rc::no_permission);
}

TEST_CASE_FIXTURE(Anew, "a deleted topic takes its locks along") {
    go(3);
    CHECK(broker->locks().lock("G", {"one"}, {{"T", 0}}) == std::vector{true});
    CHECK(broker->locks().lock("G", {"two"}, {{"T", 0}}) == std::vector{false});
    remove();
    CHECK(broker->locks().lock("G", {"two"}, {{"T", 0}}) == std::vector{true});
}
