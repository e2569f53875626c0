// Every condition under which a send or a pull is answered with something else than success, and
// the code that clients branch on: mqd-remoting(7), CHECKS OF A SEND, PULLING and ANSWERS TO PULLS,
// row by row. What one of them does besides stands in the other tests.
//
// Codes of those tables that nothing here produces, as nothing in RocketMQ 5.3.3 does that mqd
// serves: 11 (SLAVE_NOT_AVAILABLE) is what a slave says to the end of a transaction, and was what
// 4.x said to a send; 215 (FLOW_CONTROL) is never sent, for too many reads of cold data, which is
// a switch that mqd does not have, are answered with 2; 1 for too few replicas needs a controller.

#include "../net/peer.h"
#include "support.h"

#include <functional>

#include "base/bytes.h"
#include "broker/names.h"
#include "wire/bodies/heartbeat.h"
#include "wire/headers/consumers.h"

using namespace mqd;
using namespace mqd::test;

namespace {

struct Case {
    std::string_view what;
    std::int32_t code;
    std::function<void(Settings&)> set = [](Settings&) {};
    std::function<remoting::Answer(Fixture&, Client&)> ask;
};

/// Each in a broker of its own: most of them have settings of their own.
void check_all(const std::vector<Case>& cases) {
    for (const auto& is : cases) {
        CAPTURE(is.what);
        Fixture fixture;
        is.set(fixture.settings);
        fixture.start();
        const auto user = fixture.client();
        const auto answer = is.ask(fixture, *user);
        CHECK(answer.code == is.code);
        // Clients show it to people.
        if (is.code != rc::success) CHECK(answer.remark != "");
    }
}

using SendChange = std::function<void(wire::SendMessageV2&)>;

auto sending(SendChange change, std::string body = "m") {
    return [change = std::move(change), body = std::move(body)](Fixture&, Client& user) {
        auto header = send_header();
        change(header);
        return user.call(code::send_message_v2, header, body);
    };
}
auto sending_with(std::string of) {
    return sending([of = std::move(of)](auto& header) { header.properties = of; });
}

broker::TopicConfig topic_named(std::string name) {
    broker::TopicConfig config;
    config.name = std::move(name);
    return config;
}

using PullChange = std::function<void(wire::PullMessage&)>;

/// One message lies in queue 0 of T.
auto pulling(PullChange change, std::int32_t request = code::pull_message) {
    return [change = std::move(change), request](Fixture& fixture, Client& user) {
        auto tagged = send_header();
        const auto of = properties({{"TAGS", "A"}, {"price", "5"}});
        tagged.properties = of;
        REQUIRE(user.call(code::send_message_v2, tagged, "m").code == rc::success);
        fixture.wait_readable(1);
        auto header = pull_header(0);
        change(header);
        return user.call(request, header);
    };
}

/// The same, by a member of G.
auto pulling_as_member(const wire::ConsumerData& consumer, PullChange change) {
    return [consumer, pull = pulling(std::move(change))](Fixture& fixture, Client& user) {
        wire::HeartbeatData data;
        data.client_id = "me";
        data.consumers.push_back(consumer);
        REQUIRE(user.call(code::heart_beat, wire::to_body(data)).code == rc::success);
        return pull(fixture, user);
    };
}

wire::ConsumerData wants(std::string text, std::string type = "TAG", std::int64_t version = 7) {
    wire::ConsumerData consumer;
    consumer.group_name = "G";
    consumer.subscriptions.push_back({"T", std::move(text), std::move(type), version, {}, false});
    return consumer;
}

void as_pushed(wire::PullMessage& header) {
    header.sys_flag = 0;
    header.subscription.reset();
    header.sub_version = 7;
}

broker::Group group_with(std::string_view member, bool value) {
    auto group = broker::Group::from_json(
        json::Value::object({{"groupName", "G"}, {std::string(member), value}}));
    REQUIRE(group);
    return std::move(*group);
}

/// What a client of that version is answered to a send.
std::int32_t code_for_version(const Fixture& fixture, std::string_view version) {
    Buffer out;
    wire::Encoder encoder(out, wire::Encoding::json, code::send_message_v2, 1, 0);
    wire::write_header(encoder, send_header());
    REQUIRE(encoder.finish(as_bytes("m")));
    std::string frame(out.text());
    const std::string ours = "\"version\":" + std::to_string(wire::our_version);
    const auto at = frame.find(ours);
    REQUIRE(at != std::string::npos);
    frame.replace(at + ours.size() - version.size(), version.size(), version);

    auto peer = testing::Peer::connected(fixture.server->port());
    peer.send(frame);
    auto answer = peer.receive(4);
    REQUIRE(answer.size() == 4);
    const auto length = load_be<std::uint32_t>(answer.data());
    answer += peer.receive(length);
    REQUIRE(answer.size() == length + 4);
    answer.append(wire::Decoder::padding_bytes, '\0');
    wire::Decoder decoder;
    const auto command = decoder.decode(as_bytes(answer).first(length + 4));
    REQUIRE(command);
    return command->code;
}

const auto nothing = [](Settings&) {};
const auto sql_allowed = [](Settings& settings) { settings.rocketmq.property_filter = true; };

}  // namespace

TEST_CASE("a broker that is not ready says so to everybody") {
    Fixture fixture;
    fixture.opens = false;
    fixture.start();
    const auto user = fixture.client();
    CHECK(user->call(code::send_message_v2, send_header(), "m").code == rc::system_busy);
    CHECK(user->call(code::pull_message, pull_header(0)).code == rc::system_busy);
    CHECK(user->call(4711).code == rc::system_busy);
    fixture.service->open();
    CHECK(user->call(code::send_message_v2, send_header(), "m").code == rc::success);
    CHECK(user->call(4711).code == rc::request_code_not_supported);
}

TEST_CASE("a broker that stops sends those away who understand it, and serves the others") {
    Fixture fixture;
    fixture.start();
    const auto user = fixture.client();
    CHECK(user->call(code::send_message_v2, send_header(), "m").code == rc::success);
    fixture.service->send_away();
    CHECK(user->call(code::send_message_v2, send_header(), "m").code == rc::go_away);
    CHECK(user->call(code::pull_message, pull_header(0)).code == rc::go_away);
    CHECK(user->call(4711).code == rc::go_away);
    CHECK(code_for_version(fixture, "476") == rc::go_away);
    CHECK(code_for_version(fixture, "475") == rc::success);
    // Nobody repeats what is sent one-way: it is served.
    user->channel->oneway(code::send_message_v2, send_header(), as_bytes("m"));
    fixture.wait_readable(3);
}

TEST_CASE("sends are answered as the table of admission says" * doctest::test_suite("slow")) {
    const auto too_long = [](std::size_t bytes) { return std::string(bytes, 'x'); };
    check_all({
        {"accepted", rc::success, nothing, sending([](auto&) {})},
        {"before startAcceptSendRequestTimeStamp", rc::system_error,
         [](Settings& s) { s.sends.accept_from_ms = wall_ms() + 600'000; }, sending([](auto&) {})},
        {"after it", rc::success, [](Settings& s) { s.sends.accept_from_ms = wall_ms() - 1; },
         sending([](auto&) {})},
        {"no write permission, ordered topic", rc::no_permission,
         [](Settings& s) { s.identity.permission = 4; },
         [](Fixture& fixture, Client& user) {
             auto config = topic_named("T");
             config.order = true;
             REQUIRE(fixture.broker->topics().put(config));
             return user.call(code::send_message_v2, send_header(), "m");
         }},
        // The others go by the route alone.
        {"no write permission, any other topic", rc::success,
         [](Settings& s) { s.identity.permission = 4; }, sending([](auto&) {})},
        {"the topic has no write permission", rc::success, nothing,
         [](Fixture& fixture, Client& user) {
             auto config = topic_named("T");
             config.perm = 4;
             REQUIRE(fixture.broker->topics().put(config));
             return user.call(code::send_message_v2, send_header(), "m");
         }},
        {"no topic's name", rc::invalid_parameter, nothing,
         sending([](auto& header) { header.topic = "a b"; })},
        {"an empty name", rc::invalid_parameter, nothing,
         sending([](auto& header) { header.topic = ""; })},
        {"a name of 128 characters", rc::invalid_parameter, nothing,
         sending([name = too_long(128)](auto& header) { header.topic = name; })},
        {"one of 127", rc::success, nothing,
         sending([name = too_long(127)](auto& header) { header.topic = name; })},
        {"SCHEDULE_TOPIC_XXXX", rc::no_permission, nothing,
         sending([](auto& header) { header.topic = broker::schedule_topic; })},
        {"RMQ_SYS_TRANS_HALF_TOPIC", rc::no_permission, nothing,
         sending([](auto& header) { header.topic = broker::half_topic; })},
        {"RMQ_SYS_TRANS_OP_HALF_TOPIC", rc::no_permission, nothing,
         sending([](auto& header) { header.topic = broker::op_half_topic; })},
        {"TRANS_CHECK_MAX_TIME_TOPIC", rc::no_permission, nothing,
         sending([](auto& header) { header.topic = broker::check_max_topic; })},
        {"SELF_TEST_TOPIC", rc::no_permission, nothing,
         sending([](auto& header) { header.topic = broker::self_test_topic; })},
        {"OFFSET_MOVED_EVENT", rc::no_permission, nothing,
         sending([](auto& header) { header.topic = broker::offset_moved_topic; })},
        {"topics are not made by themselves", rc::topic_not_exist,
         [](Settings& s) { s.topics.auto_create = false; }, sending([](auto&) {})},
        {"the template does not exist", rc::topic_not_exist, nothing,
         sending([](auto& header) { header.default_topic = "U"; })},
        {"no such queue", rc::invalid_parameter, nothing,
         sending([](auto& header) { header.queue_id = 4; })},
        {"the larger of the two counts is what counts", rc::success, nothing,
         [](Fixture& fixture, Client& user) {
             auto config = topic_named("T");
             config.write_queues = 1;
             config.read_queues = 2;
             REQUIRE(fixture.broker->topics().put(config));
             return user.call(code::send_message_v2, send_header({}, 1), "m");
         }},
        {"the retry topic of no group", rc::subscription_group_not_exist,
         [](Settings& s) { s.groups.auto_create = false; },
         sending([](auto& header) { header.topic = "%RETRY%G"; })},
        {"a batch to a retry topic", rc::message_illegal, nothing, sending([](auto& header) {
             header.topic = "%RETRY%G";
             header.batch = true;
         })},
        {"transactions are not wanted", rc::no_permission,
         [](Settings& s) { s.transactions.reject = true; },
         sending_with(properties({{"TRAN_MSG", "true"}, {"PGROUP", "P"}}))},
        {"the disk is full", rc::service_not_available,
         [](Settings& s) { s.retention.disk_full_percent = -1; }, sending([](auto&) {})},
        {"the body is a byte too long", rc::message_illegal,
         [](Settings& s) { s.sends.message_bytes_max = 1000; },
         sending([](auto&) {}, too_long(1001))},
        {"as long as it may be", rc::success, [](Settings& s) { s.sends.message_bytes_max = 1000; },
         sending([](auto&) {}, too_long(1000))},
        {"the properties are too long", rc::message_illegal, nothing,
         sending_with(properties({{"k", too_long(32'768)}}))},
        {"a timer beyond its limit", rc::message_illegal, nothing,
         sending_with(properties({{"TIMER_DELAY_SEC", "999999"}}))},
        {"a broken batch", rc::message_illegal, nothing,
         sending([](auto& header) { header.batch = true; }, "no batch")},
        // FLUSH_DISK_TIMEOUT needs a disk that hangs: late_test.cpp.
        {"no replica acknowledges", rc::flush_slave_timeout,
         [](Settings& s) {
             s.durability.sync_master = true;
             s.durability.in_sync_replicas = 2;
             s.durability.slave_timeout_ms = 1;
         },
         sending([](auto&) {})},
        {"a header without a topic", rc::system_error, nothing,
         [](Fixture&, Client& user) { return user.call(code::send_message_v2, "m"); }},
    });
}

TEST_CASE("pulls are refused as the table of checks says" * doctest::test_suite("slow")) {
    check_all({
        {"no read permission", rc::no_permission, [](Settings& s) { s.identity.permission = 2; },
         pulling([](auto&) {})},
        {"lite pulls are not wanted", rc::no_permission,
         [](Settings& s) { s.rocketmq.lite_pull = false; },
         pulling([](auto&) {}, code::lite_pull_message)},
        {"lite pulls are", rc::success, nothing, pulling([](auto&) {}, code::lite_pull_message)},
        {"no such group", rc::subscription_group_not_exist,
         [](Settings& s) { s.groups.auto_create = false; }, pulling([](auto&) {})},
        {"consumeEnable=false", rc::no_permission, nothing,
         [](Fixture& fixture, Client& user) {
             fixture.broker->groups().put(group_with("consumeEnable", false));
             return pulling([](auto&) {})(fixture, user);
         }},
        {"no such topic", rc::topic_not_exist, nothing,
         pulling([](auto& header) { header.topic = "U"; })},
        {"the topic has no read permission", rc::no_permission, nothing,
         [](Fixture& fixture, Client& user) {
             auto config = topic_named("T");
             config.perm = 2;
             REQUIRE(fixture.broker->topics().put(config));
             return pulling([](auto&) {})(fixture, user);
         }},
        {"a queue below 0", rc::invalid_parameter, nothing,
         pulling([](auto& header) { header.queue_id = -1; })},
        {"a queue that is written only", rc::invalid_parameter, nothing,
         [](Fixture& fixture, Client& user) {
             auto config = topic_named("T");
             config.write_queues = 2;
             config.read_queues = 1;
             REQUIRE(fixture.broker->topics().put(config));
             return pulling([](auto& header) { header.queue_id = 1; })(fixture, user);
         }},
        {"the group is not connected", rc::subscription_not_exist, nothing, pulling(as_pushed)},
        {"a broadcasting group that may not", rc::no_permission, nothing,
         [](Fixture& fixture, Client& user) {
             fixture.broker->groups().put(group_with("consumeBroadcastEnable", false));
             auto consumer = wants("*");
             consumer.message_model = wire::MessageModel::broadcasting;
             return pulling_as_member(consumer, as_pushed)(fixture, user);
         }},
        {"forbidden for the group", rc::no_permission, nothing,
         [](Fixture& fixture, Client& user) {
             fixture.broker->groups().set_may_read("G", "T", false);
             return pulling_as_member(wants("*"), as_pushed)(fixture, user);
         }},
        {"not among what the group subscribes to", rc::subscription_not_exist, nothing,
         [](Fixture& fixture, Client& user) {
             auto consumer = wants("*");
             consumer.subscriptions[0].topic = "U";
             return pulling_as_member(consumer, as_pushed)(fixture, user);
         }},
        {"an older subscription", rc::subscription_not_latest, nothing,
         pulling_as_member(wants("*", "TAG", 6), as_pushed)},
        {"the same", rc::success, nothing, pulling_as_member(wants("*"), as_pushed)},
        {"a filter that cannot be parsed", rc::filter_data_not_exist, sql_allowed,
         pulling_as_member(wants("price >", "SQL92"), as_pushed)},
        {"a filter kept from before, and older", rc::filter_data_not_latest, sql_allowed,
         [](Fixture& fixture, Client& user) {
             const auto kept = *broker::Subscription::make("T", "price = 5", "SQL92", 6);
             fixture.broker->filters().heard("G", {&kept, 1});
             return pulling(as_pushed)(fixture, user);
         }},
        {"SQL92 is not wanted", rc::system_error, nothing,
         pulling_as_member(wants("price = 5", "SQL92"), as_pushed)},
        {"a filter of a kind that nobody knows", rc::system_error, sql_allowed,
         pulling_as_member(wants("x", "OTHER"), as_pushed)},
        {"an expression of its own that cannot be parsed", rc::subscription_parse_failed,
         sql_allowed, pulling([](auto& header) {
             header.subscription = "price >";
             header.expression_type = "SQL92";
         })},
        {"one of its own when SQL92 is not wanted", rc::system_error, nothing,
         pulling([](auto& header) {
             header.subscription = "price = 5";
             header.expression_type = "SQL92";
         })},
    });
}

TEST_CASE("what a pull finds is told by its code") {
    check_all({
        {"a message", rc::success, nothing, pulling([](auto&) {})},
        {"none that matches", rc::pull_retry_immediately, nothing,
         pulling([](auto& header) { header.subscription = "B"; })},
        {"the end", rc::pull_not_found, nothing,
         pulling([](auto& header) { header.queue_offset = 1; })},
        {"beyond the end", rc::pull_offset_moved, nothing,
         pulling([](auto& header) { header.queue_offset = 2; })},
        {"before the beginning", rc::pull_offset_moved, nothing,
         pulling([](auto& header) { header.queue_offset = -1; })},
        {"an empty queue, from 0", rc::pull_not_found, nothing,
         pulling([](auto& header) { header.queue_id = 1; })},
        {"an empty queue, from anywhere else", rc::pull_offset_moved, nothing,
         pulling([](auto& header) {
             header.queue_id = 1;
             header.queue_offset = 5;
         })},
    });
}
