#include <functional>

#include "broker/later_properties.h"
#include "broker/names.h"
#include "support.h"
#include "wire/headers/messages.h"
#include "wire/headers/topics.h"

using namespace mqd;
using namespace mqd::test;
namespace property = mqd::message::property;

namespace {

/// A broker whose levels are short, and a group G.
struct Delaying : Fixture {
    std::unique_ptr<Client> user;

    void go() {
        settings.delays.levels = "1ms 2ms 3ms 4ms 1h";
        start();
        user = client();
        REQUIRE(broker->find_or_create_group("G") != nullptr);
    }
    ~Delaying() { user.reset(); }

    remoting::Answer send(std::string_view of, std::string_view body = "x",
                          std::string_view topic = "T", std::int32_t retries = 0,
                          std::optional<std::int32_t> retry_max = std::nullopt) {
        auto header = send_header(of);
        header.topic = topic;
        header.reconsume_times = retries;
        header.max_reconsume_times = retry_max;
        return user->call(code::send_message_v2, header, body);
    }
    remoting::Answer send_back(std::int64_t at, std::int32_t level = 0,
                               std::optional<std::int32_t> retry_max = std::nullopt,
                               std::string_view group = "G") {
        wire::SendMessageBack header;
        header.offset = at;
        header.group = group;
        header.delay_level = level;
        header.max_reconsume_times = retry_max;
        return user->call(code::consumer_send_msg_back, header);
    }
    /// Waits for message `offset` of the queue; its bytes stay as long as the log.
    message::RecordView stored(std::string_view topic, std::int64_t offset = 0,
                               std::int32_t id = 0) const {
        auto& queue = *store->queue(topic, id);
        const auto give_up = monotonic_ms() + 10'000;
        while (queue.max().value <= offset) {
            REQUIRE(monotonic_ms() < give_up);
            std::this_thread::yield();
        }
        store::ReadLimits one;
        one.messages = 1;
        const auto read = store->read(queue, {offset}, one, nullptr);
        REQUIRE(read.messages == 1);
        const auto record = message::RecordView::parse(read.slices[0].bytes);
        REQUIRE(record);
        return *record;
    }
    std::int64_t count(std::string_view topic, std::int32_t id = 0) const {
        const auto* queue = store->find_queue(topic, id);
        return queue == nullptr ? 0 : queue->max().value;
    }
    void settle() const {
        const auto give_up = monotonic_ms() + 10'000;
        while (store->dispatched() < store->end()) {
            REQUIRE(monotonic_ms() < give_up);
            std::this_thread::yield();
        }
    }
    void put_group(const std::function<void(json::Value&)>& change) const {
        auto value = broker::Group::of_name("G").json();
        change(value);
        auto group = broker::Group::from_json(value);
        REQUIRE(group);
        broker->groups().put(std::move(*group));
    }
};

std::string value(const message::RecordView& record, std::string_view name) {
    return std::string(message::find_property(record.properties, name).value_or(""));
}

constexpr int long_level = 5;  // nothing comes out of it here

}  // namespace

TEST_CASE_FIXTURE(Delaying, "a delayed message waits in the schedule topic and then arrives") {
    go();
    const auto sent =
        send(properties({{"UNIQ_KEY", "ID"}, {"TAGS", "t"}, {"DELAY", "1"}}), "later");
    CHECK(sent.code == rc::success);
    CHECK(sent.find("queueId") == "0");
    CHECK(sent.find("transactionId") == "ID");
    CHECK(sent.find("msgId") == message::offset_id(broker->store_host(), PhysicalOffset{0}));
    const auto waiting = stored(broker::schedule_topic);
    CHECK(waiting.body == "later");
    CHECK(value(waiting, property::real_topic) == "T");
    CHECK(value(waiting, property::real_qid) == "0");
    const auto arrived = stored("T");
    CHECK(arrived.body == "later");
    CHECK(value(arrived, property::uniq_key) == "ID");
    CHECK(value(arrived, property::delay) == "1");
    CHECK(value(arrived, property::cluster) == "DefaultCluster");
    CHECK(arrived.born_ts_ms == 1'795'220'817'748);
    CHECK(arrived.prepared_offset == waiting.at.value);
    CHECK(arrived.store_ts_ms - waiting.store_ts_ms >= 1);
}

TEST_CASE_FIXTURE(Delaying, "the answer to a delayed message names the queue it is meant for") {
    go();
    const auto of = properties({{"DELAY", "5"}});
    const auto header = send_header(of, 3);
    CHECK(user->call(code::send_message_v2, header, "x").find("queueId") == "3");
    CHECK(value(stored(broker::schedule_topic, 0, long_level - 1), property::real_qid) == "3");
}

TEST_CASE_FIXTURE(Delaying, "a level above the highest is the highest, one below 1 no delay") {
    go();
    CHECK(send(properties({{"DELAY", "77"}, {"TIMER_DELAY_SEC", "1"}})).code == rc::success);
    const auto waiting = stored(broker::schedule_topic, 0, long_level - 1);
    CHECK(value(waiting, property::delay) == "5");
    CHECK(value(waiting, property::timer_delay_sec).empty());
    CHECK(send(properties({{"DELAY", "-1"}}), "at once").code == rc::success);
    CHECK(send(properties({{"DELAY", "0"}})).code == rc::success);
    CHECK(stored("T", 1).topic == "T");
    CHECK(stored("T", 0).body == "at once");
}

TEST_CASE_FIXTURE(Delaying, "what cannot be delayed is refused") {
    go();
    CHECK(send(properties({{"DELAY", "soon"}})).code == rc::system_error);
    for (const auto* beyond : {"259201", "soon", "99999999999999999999"})
        CHECK(send(properties({{"TIMER_DELAY_SEC", beyond}})).code == rc::message_illegal);
    CHECK(send(properties({{"DELAY", "1"}, {"TRAN_MSG", "true"}})).code == rc::message_illegal);
    CHECK(send(properties({{"TIMER_DELAY_MS", "1"}, {"TRAN_MSG", "true"}})).code ==
          rc::message_illegal);
    const auto delayed = properties({{"DELAY", "1"}});
    auto header = send_header(delayed);
    header.batch = true;
    Buffer item;
    message::append_batch_item(item, {0, "x", ""});
    CHECK(user->call(code::send_batch_message, header, item.text()).code == rc::message_illegal);
    header.properties = {};
    for (const auto& own : {delayed, properties({{"TIMER_DELAY_MS", "1"}})}) {
        item.clear();
        message::append_batch_item(item, {0, "x", own});
        CHECK(user->call(code::send_batch_message, header, item.text()).code ==
              rc::message_illegal);
    }
    CHECK(broker->counters().totals().put_messages == 0);
}

TEST_CASE_FIXTURE(Delaying, "without timers a timer message is refused, and none is recalled") {
    settings.delays.timers = false;
    settings.rocketmq.recall = true;
    go();
    CHECK(send(properties({{"TIMER_DELAY_SEC", "1"}})).code == rc::system_error);
    wire::RecallMessage recall;
    recall.topic = "T";
    recall.recall_handle = "x";
    CHECK(user->call(code::recall_message, recall).code == rc::no_permission);
    CHECK(broker->counters().totals().put_messages == 0);
}

TEST_CASE_FIXTURE(Delaying, "a timer message is recalled by the handle in its answer") {
    settings.rocketmq.recall = true;
    go();
    CHECK(send({}).find("recallHandle").empty());
    CHECK(send(properties({{"TIMER_DELIVER_MS", "1"}})).find("recallHandle").empty());
    const auto answer = send(properties({{"TIMER_DELAY_SEC", "3600"}, {"UNIQ_KEY", "U1"}}));
    REQUIRE(answer.code == rc::success);
    const std::string handle(answer.find("recallHandle"));
    wire::RecallMessage recall;
    recall.topic = "T";
    for (const auto* wrong : {"", "?", "djEgVA=="}) {
        recall.recall_handle = wrong;
        CHECK(user->call(code::recall_message, recall).code == rc::illegal_operation);
    }
    recall.recall_handle = handle;
    recall.topic = "nowhere";
    CHECK(user->call(code::recall_message, recall).code == rc::topic_not_exist);
    recall.topic = "T";
    const auto recalled = user->call(code::recall_message, recall);
    CHECK(recalled.code == rc::success);
    CHECK(recalled.find("msgId") == "U1");
    // What removes it waits in the same queue, with its key.
    const auto removal = stored(broker::timer_topic, 1);
    CHECK(value(removal, property::timer_del_uniqkey) == "T+U1");
}

TEST_CASE_FIXTURE(Delaying, "runtime info tells how far each level in use has come") {
    go();
    REQUIRE(send(properties({{"DELAY", "5"}})).code == rc::success);
    REQUIRE(send(properties({{"DELAY", "1"}})).code == rc::success);
    stored("T");
    const auto give_up = monotonic_ms() + 10'000;
    for (std::string info; info.find("\"scheduleMessageOffset_1\":\"1,1\"") == std::string::npos;) {
        REQUIRE(monotonic_ms() < give_up);
        info = user->call(code::get_broker_runtime_info).body;
    }
}

TEST_CASE_FIXTURE(Delaying, "a message sent back comes again by the retry topic") {
    go();
    REQUIRE(send(properties({{"UNIQ_KEY", "ID"}, {"TAGS", "t"}})).code == rc::success);
    const auto first = stored("T");
    const auto back = send_back(first.at.value);
    CHECK(back.code == rc::success);
    const auto retry = stored("%RETRY%G");
    CHECK(retry.body == "x");
    CHECK(retry.reconsume_times == 1);
    CHECK(retry.born_ts_ms == first.born_ts_ms);
    CHECK(retry.born_host == first.born_host);
    CHECK(value(retry, property::uniq_key) == "ID");
    CHECK(value(retry, property::tags) == "t");
    CHECK(value(retry, property::retry_topic) == "T");
    CHECK(value(retry, property::wait) == "false");
    CHECK(value(retry, property::delay) == "3");  // 3 + retries
    CHECK(value(retry, property::real_topic) == "%RETRY%G");
    CHECK(value(retry, property::real_qid) == "0");
    const auto id = message::offset_id(broker->store_host(), first.at);
    CHECK(value(retry, property::origin_message_id) == id);
    const auto topic = broker->topics().find("%RETRY%G");
    REQUIRE(topic);
    CHECK(topic->queues() == 1);
    CHECK(topic->config().perm == 6);

    // The second time it is still the first failure's.
    REQUIRE(send_back(retry.at.value).code == rc::success);
    const auto again = stored("%RETRY%G", 1);
    CHECK(again.reconsume_times == 2);
    CHECK(value(again, property::delay) == "4");
    CHECK(value(again, property::retry_topic) == "T");
    CHECK(value(again, property::origin_message_id) == id);
    // One value of each, however often it goes round.
    const std::string_view all = again.properties;
    CHECK(all.find("REAL_TOPIC") == all.rfind("REAL_TOPIC"));
    CHECK(all.find("DELAY") == all.rfind("DELAY"));
    CHECK(all.find("WAIT") == all.rfind("WAIT"));
}

TEST_CASE_FIXTURE(Delaying, "a consumer may name the level itself") {
    go();
    REQUIRE(send("").code == rc::success);
    CHECK(send_back(0, 5).code == rc::success);
    CHECK(send_back(0, 99).code == rc::success);
    CHECK(stored(broker::schedule_topic, 1, long_level - 1).reconsume_times == 1);
}

TEST_CASE_FIXTURE(Delaying, "a level below zero and too many retries go to the dead letters") {
    go();
    REQUIRE(send("").code == rc::success);
    CHECK(send_back(0, -1).code == rc::success);
    const auto dead = stored("%DLQ%G");
    CHECK(dead.body == "x");
    CHECK(dead.reconsume_times == 1);
    CHECK(value(dead, property::delay) == "0");
    CHECK(value(dead, property::retry_topic) == "T");
    CHECK(value(dead, property::wait) == "false");
    CHECK(value(dead, property::origin_message_id) ==
          message::offset_id(broker->store_host(), PhysicalOffset{0}));
    const auto topic = broker->topics().find("%DLQ%G");
    REQUIRE(topic);
    CHECK(topic->queues() == 1);
    CHECK(topic->config().perm == 6);

    CHECK(send_back(0, 0, 0).code == rc::success);  // the request's own maximum
    CHECK(stored("%DLQ%G", 1).reconsume_times == 1);
    put_group([](json::Value& group) { group.set("retryMaxTimes", 0); });
    CHECK(send_back(0).code == rc::success);
    CHECK(stored("%DLQ%G", 2).reconsume_times == 1);
    CHECK(send_back(0, 0, 1).code == rc::success);
    CHECK(stored("%RETRY%G").reconsume_times == 1);
    CHECK(count("%DLQ%G") == 3);
}

TEST_CASE_FIXTURE(Delaying, "sending back is refused with the codes that clients know") {
    settings.groups.auto_create = false;
    settings.delays.levels = "1h";
    start();
    user = client();
    put_group([](json::Value&) {});
    REQUIRE(send("").code == rc::success);
    CHECK(send_back(0, 0, std::nullopt, "nobody").code == rc::subscription_group_not_exist);
    const auto missing = send_back(1'000'000);
    CHECK(missing.code == rc::system_error);
    CHECK(missing.remark == "look message by offset failed, 1000000");
    CHECK(send_back(1).code == rc::system_error);
    CHECK(send_back(-1).code == rc::system_error);
    CHECK(user->call(code::consumer_send_msg_back).code == rc::system_error);

    broker::TopicConfig read_only;
    read_only.name = "%RETRY%G";
    read_only.perm = 4;
    REQUIRE(broker->topics().put(read_only));
    CHECK(send_back(0).code == rc::no_permission);
    // Nothing to retry into: answered as done.
    put_group([](json::Value& group) { group.set("retryQueueNums", 0); });
    CHECK(send_back(0).code == rc::success);
    CHECK(broker->counters().totals().put_messages == 1);
}

TEST_CASE_FIXTURE(Delaying, "one message of a batch that is one record is not taken back") {
    go();
    wire::CreateTopic topic;
    topic.topic = "B";
    topic.read_queue_nums = topic.write_queue_nums = 1;
    topic.perm = 6;
    topic.attributes = "+queue.type=BatchCQ";
    REQUIRE(user->call(code::update_and_create_topic, topic).code == rc::success);
    Buffer items;
    for (const char* body : {"a", "b"}) message::append_batch_item(items, {0, body, ""});
    auto header = send_header();
    header.topic = "B";
    header.batch = true;
    REQUIRE(user->call(code::send_batch_message, header, items.text()).code == rc::success);
    const auto stored = store->end();
    const auto back = send_back(0);
    CHECK(back.code == rc::system_error);
    CHECK(back.remark == "one message of a batch cannot be sent back");
    CHECK(store->end() == stored);
}

TEST_CASE_FIXTURE(Delaying, "a broker without write permission takes nothing back") {
    settings.identity.permission = 4;
    go();
    REQUIRE(send("").code == rc::success);
    CHECK(send_back(0).code == rc::no_permission);
}

TEST_CASE_FIXTURE(Delaying, "whatever is accepted can be delayed, sent back, retried and buried") {
    settings.store.append_crc = true;
    go();
    const std::string topic(broker::topic_name_max, 't');
    const std::string group(broker::group_name_max, 'g');
    REQUIRE(broker->find_or_create_group(group) != nullptr);
    const auto of_bytes = [](std::size_t bytes, bool delays) {
        const auto others = properties({{"UNIQ_KEY", "ID"}, {"DELAY", delays ? "1" : "0"}});
        return properties({{"k", std::string(bytes - others.size() - 3, 'v')}}) + others;
    };
    // The longest that the door lets in, with what the broker adds there; DELAY is added later.
    const auto door = message::properties_bytes_max - broker::later_properties_bytes(false) -
                      2 * broker->stamp().size() - 1;
    const auto delay_bytes = properties({{"DELAY", "1"}}).size();
    std::int64_t taken = 0;
    for (const bool delays : {false, true}) {
        CAPTURE(delays);
        const auto longest = door + delay_bytes;
        CHECK(send(of_bytes(longest + 1, delays), "x", topic).code == rc::message_illegal);
        CHECK(send(of_bytes(longest - 1, delays), "x", topic).code == rc::success);
        stored(topic, taken++);
        REQUIRE(send(of_bytes(longest, delays), "x", topic).code == rc::success);
        auto message = stored(topic, taken++);
        // Again and again, then once by its client, and in the end it is buried.
        for (int round = 0; round < 3; ++round) {
            const auto before = count("%RETRY%" + group);
            REQUIRE(send_back(message.at.value, 1, 100, group).code == rc::success);
            message = stored("%RETRY%" + group, before);
        }
        CHECK(message.reconsume_times == 3);
        auto own = message::without_property(message.properties, "__CRC32#");
        for (const auto* const name : {"RECONSUME_TIME", "MAX_RECONSUME_TIMES"})
            message::append_property(own, name, "2147483647");
        message::append_property(own, "CONSUME_START_TIME", "1795220817748");
        message::append_property(own, "DELAY", "1");
        const auto before = count("%RETRY%" + group);
        REQUIRE(send(own, "x", "%RETRY%" + group, 4, 100).code == rc::success);
        message = stored("%RETRY%" + group, before);
        REQUIRE(send_back(message.at.value, -1, 100, group).code == rc::success);
        CHECK(stored("%DLQ%" + group, delays ? 1 : 0).reconsume_times == 5);
    }
}

TEST_CASE_FIXTURE(Delaying, "a message must fit into a file of the log with what a retry adds") {
    settings.store.commit_log_file_bytes = 1 << 20;
    settings.sends.message_bytes_max = (1 << 20) - 1;
    go();
    CHECK(send("", std::string((1 << 20) - 1200, 'x')).code == rc::message_illegal);
    CHECK(send("", std::string((1 << 20) - 2000, 'x')).code == rc::success);
    CHECK(send_back(0).code == rc::success);
    CHECK(stored("%RETRY%G").body.size() == (1 << 20) - 2000);
}

TEST_CASE_FIXTURE(Delaying, "a retry that a client sends itself waits and arrives like others") {
    go();
    const auto of = properties({{"DELAY", "4"}, {"RETRY_TOPIC", "T"}, {"TRAN_MSG", "true"}});
    REQUIRE(send(of, "x", "%RETRY%G", 1, 16).code == rc::success);
    const auto retry = stored("%RETRY%G");
    CHECK(retry.reconsume_times == 1);
    CHECK(value(retry, property::retry_topic) == "T");
}

TEST_CASE_FIXTURE(Delaying, "a client's retry beyond the maximum goes to the dead letters") {
    go();
    CHECK(send(properties({{"DELAY", "3"}}), "16", "%RETRY%G", 16).code == rc::success);
    CHECK(stored("%RETRY%G").body == "16");
    CHECK(send(properties({{"DELAY", "3"}}), "17", "%RETRY%G", 17).code == rc::success);
    CHECK(stored("%DLQ%G").body == "17");
    CHECK(value(stored("%DLQ%G"), property::delay) == "-1");
    CHECK(send("", "own", "%RETRY%G", 3, 2).code == rc::success);
    CHECK(stored("%DLQ%G", 1).body == "own");
    CHECK(send("", "more", "%RETRY%G", 20, 30).code == rc::success);
    CHECK(stored("%RETRY%G", 1).body == "more");
    settle();
    CHECK(count("%DLQ%G") == 2);
}

TEST_CASE_FIXTURE(Delaying,
                  "an ordered group's retries go to the dead letters while it holds locks") {
    go();
    const std::vector<broker::QueueName> queues{{"T", 0}};
    REQUIRE(broker->locks().lock("G", {"c"}, queues) == std::vector<bool>{true});
    CHECK(send("", "locked", "%RETRY%G", 1).code == rc::success);
    CHECK(stored("%DLQ%G").body == "locked");
    REQUIRE(broker->locks().lock("H", {"c"}, queues) == std::vector<bool>{true});
    broker->locks().unlock("G", "c", queues);
    CHECK(send("", "free", "%RETRY%G", 1).code == rc::success);
    CHECK(stored("%RETRY%G").body == "free");
    settle();
    CHECK(count("%DLQ%G") == 1);
}
