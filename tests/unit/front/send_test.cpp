#include "support.h"

#include "broker/names.h"
#include "wire/headers/topics.h"

using namespace mqd;
using namespace mqd::test;
namespace property = mqd::message::property;

namespace {

std::string item(std::string_view body, std::string_view of = {}) {
    Buffer out;
    message::append_batch_item(out, {0, body, of});
    return std::string(out.text());
}

std::string_view value(const message::RecordView& record, std::string_view name) {
    return message::find_property(record.properties, name).value_or("");
}

}  // namespace

TEST_CASE_FIXTURE(Fixture,
                  "a message is stored with what the broker adds, and answered with its place") {
    start();
    const auto user = client();
    const auto sent = user->call(
        code::send_message_v2, send_header(properties({{"UNIQ_KEY", "ID"}, {"k", "v"}})), "hello");
    CHECK(sent.code == rc::success);
    CHECK(sent.find("queueId") == "0");
    CHECK(sent.find("queueOffset") == "0");
    CHECK(sent.find("transactionId") == "ID");
    CHECK(sent.find("MSG_REGION") == "DefaultRegion");
    CHECK(sent.find("TRACE_ON") == "true");
    CHECK(sent.find("msgId") == message::offset_id(broker->store_host(), PhysicalOffset{0}));

    wait_readable(1);
    const auto pulled = user->call(code::pull_message, pull_header(0));
    CHECK(pulled.code == rc::success);
    CHECK(pulled.find("nextBeginOffset") == "1");
    const auto found = records(pulled.body);
    REQUIRE(found.size() == 1);
    CHECK(found[0].body == "hello");
    CHECK(found[0].born_ts_ms == 1'795'220'817'748);
    CHECK(value(found[0], property::uniq_key) == "ID");
    CHECK(value(found[0], "k") == "v");
    CHECK(value(found[0], property::msg_region) == "DefaultRegion");
    CHECK(value(found[0], property::cluster) == "DefaultCluster");
    CHECK(value(found[0], property::trace_on) == "true");
}

TEST_CASE_FIXTURE(Fixture,
                  "a message without a unique key gets one, and a resent one loses POP_CK") {
    start();
    const auto user = client();
    const auto sent = user->call(code::send_message_v2,
                                 send_header(properties({{"POP_CK", "x"}, {"k", "v"}})), "m");
    wait_readable(1);
    const auto found = records(user->call(code::pull_message, pull_header(0)).body);
    REQUIRE(found.size() == 1);
    CHECK(value(found[0], property::uniq_key) == sent.find("transactionId"));
    CHECK(sent.find("transactionId").size() == message::UniqueKeys::length);
    CHECK(value(found[0], property::pop_ck).empty());
    CHECK(value(found[0], "k") == "v");
}

TEST_CASE_FIXTURE(
    Fixture, "the long names of request 10 mean the same, and a missing body is an empty one") {
    start();
    const auto user = client();
    wire::SendMessageV1 header;
    static_cast<wire::SendMessage&>(header) = send_header();
    header.queue_id = -1;
    const auto sent = user->call(code::send_message, header);
    CHECK(sent.code == rc::success);
    const auto queue = parse_int<int>(sent.find("queueId"));
    REQUIRE(queue);
    CHECK(*queue >= 0);
    CHECK(*queue < 4);
}

TEST_CASE_FIXTURE(Fixture, "each message of a batch keeps its own key and gets what it lacks") {
    start();
    const auto user = client();
    const auto shared = properties({{"UNIQ_KEY", "BATCH"}, {"WAIT", "true"}});
    auto header = send_header(shared);
    header.batch = true;
    const auto sent =
        user->call(code::send_batch_message, header,
                   item("a", properties({{"UNIQ_KEY", "A"}, {"TAGS", "t"}})) + item("b"));
    CHECK(sent.code == rc::success);
    CHECK(sent.find("transactionId") == "BATCH");
    CHECK(split(sent.find("msgId"), ',').size() == 2);
    wait_readable(2);
    const auto found = records(user->call(code::pull_message, pull_header(0)).body);
    REQUIRE(found.size() == 2);
    CHECK(value(found[0], property::uniq_key) == "A");
    CHECK(value(found[0], property::tags) == "t");
    CHECK(value(found[0], property::wait) == "true");
    CHECK(value(found[1], property::uniq_key) == "BATCH");
    CHECK(value(found[1], property::cluster) == "DefaultCluster");
    CHECK(found[1].queue_offset.value == 1);
    CHECK(message::offset_id(broker->store_host(), found[1].at) ==
          split(sent.find("msgId"), ',')[1]);
}

TEST_CASE_FIXTURE(Fixture, "a topic of batch queues gets a batch as one record") {
    settings.store.append_crc = true;
    start();
    const auto user = client();
    wire::CreateTopic topic;
    topic.topic = "B";
    topic.read_queue_nums = topic.write_queue_nums = 1;
    topic.perm = 6;
    topic.attributes = "+queue.type=BatchCQ";
    REQUIRE(user->call(code::update_and_create_topic, topic).code == rc::success);

    const auto body = item("a", properties({{"TAGS", "t"}})) + item("b") + item("c");
    const auto shared = properties({{"UNIQ_KEY", "BATCH"}});
    auto header = send_header(shared);
    header.topic = "B";
    header.queue_id = 0;
    for (int i = 0; i < 2; ++i) {
        header.batch = true;
        const auto sent = user->call(code::send_batch_message, header, body);
        CHECK(sent.code == rc::success);
        CHECK(sent.find("batchUniqId") == "BATCH");
        CHECK(sent.find("queueOffset") == std::to_string(3 * i));
        CHECK(split(sent.find("msgId"), ',').size() == 1);
    }
    header.batch = false;
    const auto single = user->call(code::send_message_v2, header, "single");
    CHECK(single.find("queueOffset") == "6");
    CHECK(single.find("batchUniqId").empty());

    while (store->dispatched() != store->end()) std::this_thread::yield();
    auto pull = pull_header(4);
    pull.topic = "B";
    pull.queue_id = 0;
    const auto pulled = user->call(code::pull_message, pull);
    CHECK(pulled.find("nextBeginOffset") == "7");
    CHECK(pulled.find("maxOffset") == "7");
    const auto found = records(pulled.body);
    REQUIRE(found.size() == 2);
    CHECK(found[0].body == body);
    CHECK((found[0].sys_flag & 0xC0) == 0xC0);
    CHECK(value(found[0], "INNER_NUM") == "3");
    CHECK(value(found[0], "INNER_BASE") == "0000000000000000003");
    CHECK(found[0].sum() == message::RecordView::Sum::right);
    CHECK(found[1].body == "single");
    const auto messages = found[0].split();
    REQUIRE(messages.has_value());
    REQUIRE(messages->size() == 3);
    CHECK(messages->at(0).body == "a");
    CHECK(value(messages->at(0), property::tags) == "t");
    CHECK(messages->at(2).queue_offset.value == 5);

    // What only the broker may say, and what would be seen too early.
    header.sys_flag = 0x80;
    CHECK(user->call(code::send_message_v2, header, "x").code == rc::message_illegal);
    header.sys_flag = 0;
    header.batch = true;
    const auto delayed = item("d", properties({{"DELAY", "3"}}));
    CHECK(user->call(code::send_batch_message, header, delayed).code == rc::message_illegal);
    CHECK(user->call(code::send_batch_message, header, "torn").code == rc::message_illegal);
    topic.attributes = "-queue.type";
    CHECK(user->call(code::update_and_create_topic, topic).code != rc::success);
}

TEST_CASE_FIXTURE(Fixture, "with enabledAppendPropCRC every record ends with its own CRC") {
    settings.store.append_crc = true;
    start();
    const auto user = client();
    user->call(code::send_message_v2,
               send_header(properties({{"__CRC32#", "1234567890"}, {"k", "v"}})), "one");
    const std::string of_batch = properties({{"UNIQ_KEY", "BATCH"}});
    auto header = send_header(of_batch);
    header.batch = true;
    user->call(code::send_batch_message, header, item("a") + item("b"));
    wait_readable(3);
    const auto found = records(user->call(code::pull_message, pull_header(0)).body);
    REQUIRE(found.size() == 3);
    for (const auto& record : found.list) CHECK(record.sum() == message::RecordView::Sum::right);
}

TEST_CASE_FIXTURE(Fixture, "the flag m decides what is a batch, not the code") {
    start();
    const auto user = client();
    const auto raw = item("a") + item("b");
    CHECK(user->call(code::send_batch_message, send_header(), raw).code == rc::success);
    auto header = send_header();
    header.batch = true;
    CHECK(user->call(code::send_message_v2, header, raw).code == rc::success);
    wait_readable(3);
    const auto found = records(user->call(code::pull_message, pull_header(0)).body);
    REQUIRE(found.size() == 3);
    CHECK(found[0].body == raw);
    CHECK(found[2].body == "b");
}

TEST_CASE_FIXTURE(Fixture, "a torn or empty batch stores nothing at all") {
    start();
    const auto user = client();
    auto header = send_header();
    header.batch = true;
    auto torn = item("a") + item("b");
    torn.pop_back();
    CHECK(user->call(code::send_message_v2, header, torn).code == rc::message_illegal);
    CHECK(user->call(code::send_message_v2, header).code == rc::message_illegal);
    CHECK(user->call(code::send_message_v2, send_header(), "after").find("queueOffset") == "0");
}

TEST_CASE_FIXTURE(Fixture, "sends are refused with the codes that clients know") {
    settings.sends.message_bytes_max = 1000;
    start();
    const auto user = client();
    REQUIRE(user->call(code::send_message_v2, send_header(), "x").code == rc::success);
    const auto refused = [&](auto change, std::string_view body = "x") {
        auto header = send_header();
        change(header);
        return user->call(code::send_message_v2, header, body).code;
    };
    CHECK(refused([](auto& h) { h.topic = "a b"; }) == rc::invalid_parameter);
    const std::string long_name(128, 't');
    CHECK(refused([&](auto& h) { h.topic = long_name; }) == rc::invalid_parameter);
    CHECK(refused([](auto& h) { h.topic = broker::schedule_topic; }) == rc::no_permission);
    CHECK(refused([](auto& h) { h.topic = "U", h.default_topic = "nothing"; }) ==
          rc::topic_not_exist);
    CHECK(refused([](auto& h) { h.queue_id = 4; }) == rc::invalid_parameter);
    CHECK(refused([](auto&) {}, std::string(1001, 'x')) == rc::message_illegal);
    CHECK(refused([](auto&) {}, std::string(1000, 'x')) == rc::success);
    const auto big = properties({{"k", std::string(32'700, 'v')}});
    CHECK(refused([&](auto& h) { h.properties = big; }) == rc::message_illegal);
    CHECK(refused([](auto& h) { h.topic = "%RETRY%G", h.batch = true; }) == rc::message_illegal);
    CHECK(refused([](auto& h) { h.topic = "%RETRY%not a name"; }) == rc::invalid_parameter);
    CHECK(refused([](auto& h) { h.sys_flag = 4; }) == rc::message_illegal);
    const auto at_once = properties({{"DELAY", "0"}});
    CHECK(refused([&](auto& h) { h.properties = at_once; }) == rc::success);
    CHECK(broker->counters().totals().put_messages == 3);
}

TEST_CASE_FIXTURE(Fixture, "answers to heartbeats and sends say how long a body may be") {
    settings.sends.message_bytes_max = 1000;
    start();
    const auto user = client();
    const auto says = [](const remoting::Answer& answer) {
        return answer.find("mqdMaxMessageSize");
    };
    CHECK(says(user->call(code::heart_beat, R"({"clientID":"c"})")) == "1000");
    CHECK(says(user->call(code::send_message_v2, send_header(), "m")) == "1000");
    auto header = send_header();
    header.batch = true;
    CHECK(says(user->call(code::send_batch_message, header, item("a") + item("b"))) == "1000");
    const auto refused = user->call(code::send_message_v2, send_header(), std::string(1001, 'x'));
    CHECK(refused.code == rc::message_illegal);
    CHECK(says(refused) == "1000");
}

TEST_CASE_FIXTURE(Fixture,
                  "one-way sends are stored before what the client asks next, and not answered") {
    start();
    const auto user = client();
    REQUIRE(user->call(code::send_message_v2, send_header(), "first").code == rc::success);
    for (int i = 0; i < 1000; ++i)
        user->channel->oneway(code::send_message_v2, send_header(), as_bytes("x"));
    CHECK(user->call(code::send_message_v2, send_header(), "last").find("queueOffset") == "1001");
}

TEST_CASE_FIXTURE(Fixture, "with synchronous flush an answer means that it is on disk") {
    settings.durability.flush_sync = true;
    start();
    const auto user = client();
    for (int i = 0; i < 5; ++i) {
        const auto sent = user->call(code::send_message_v2, send_header(), "x");
        CHECK(sent.code == rc::success);
        CHECK(sent.find("queueOffset") == std::to_string(i));
        const auto id = message::parse_offset_id(sent.find("msgId"));
        REQUIRE(id);
        CHECK(store->synced() > id->at);
    }
}

TEST_CASE_FIXTURE(Fixture, "a request that nobody knows is answered 3, one that cannot be read 1") {
    start();
    const auto user = client();
    const auto unknown = user->call(12'345);
    CHECK(unknown.code == rc::request_code_not_supported);
    CHECK(unknown.remark == " request type 12345 not supported");
    CHECK(user->call(code::pull_message).code == rc::system_error);
    CHECK(user->call(code::heart_beat, "no JSON").code == rc::system_error);
}

TEST_CASE_FIXTURE(Fixture, "a body is nobody's business but its consumers'") {
    start();
    const auto user = client();
    // Bits of LZ4, ZSTD and both forms of zlib, around what is none of them.
    const std::int32_t kinds[] = {0x101, 0x201, 0x301, 0x1};
    for (const auto kind : kinds) {
        auto header = send_header();
        header.sys_flag = kind;
        REQUIRE(user->call(code::send_message_v2, header, "not compressed").code == rc::success);
    }
    wait_readable(4);
    const auto found = records(user->call(code::pull_message, pull_header(0)).body);
    REQUIRE(found.size() == 4);
    for (std::size_t i = 0; i < found.size(); ++i) {
        CHECK(found[i].sys_flag == kinds[i]);
        CHECK(found[i].body == "not compressed");
    }
}

TEST_CASE_FIXTURE(Fixture,
                  "a namespace is a part of the name, and the trace topic one like others") {
    settings.topics.of_traces = true;
    start();
    const auto user = client();
    for (const std::string_view topic : {"ns%T", "%RETRY%ns%G", "RMQ_SYS_TRACE_TOPIC"}) {
        auto header = send_header();
        header.topic = topic;
        CHECK(user->call(code::send_message_v2, header, "m").code == rc::success);
    }
    CHECK(broker->topics().find("ns%T") != nullptr);
    CHECK(broker->topics().find("T") == nullptr);
    CHECK(broker->groups().find("ns%G") != nullptr);
    CHECK(broker->topics().find("RMQ_SYS_TRACE_TOPIC")->config().write_queues == 1);
}
