// SEND_REPLY_MESSAGE 324 and 325, and the push 326 to who asked.

#include "support.h"
#include "wire/bodies/heartbeat.h"

using namespace mqd;
using namespace mqd::test;
namespace property = mqd::message::property;

namespace {

constexpr std::string_view reply_topic = "DefaultCluster_REPLY_TOPIC";

struct Replying : Fixture {
    std::unique_ptr<Client> asker, replier;

    void go() {
        start();
        asker = client();
        asker->answers = [](const remoting::Answer&) { return remoting::Answer{}; };
        replier = client();
    }
    ~Replying() {
        asker.reset();
        replier.reset();
    }
    static std::string beat(std::string id) {
        wire::HeartbeatData data;
        data.client_id = std::move(id);
        data.producer_groups.push_back("P");
        return wire::to_body(data);
    }
    void asker_is(std::string id) const {
        CHECK(asker->call(code::heart_beat, beat(std::move(id))).code == rc::success);
    }
    static wire::SendMessageV2 reply_header(std::string_view of) {
        auto header = send_header(of);
        header.topic = reply_topic;
        header.sys_flag = 0x301;
        header.flag = 7;
        return header;
    }
    remoting::Answer reply_to(std::string_view id, std::string_view body = "pong") const {
        const auto of = properties({{"REPLY_TO_CLIENT", id}, {"CORRELATION_ID", "42"}});
        return replier->call(code::send_reply_message_v2, reply_header(of), body);
    }
    std::int64_t stored() const {
        const auto give_up = monotonic_ms() + 10'000;
        while (store->dispatched() < store->end()) REQUIRE(monotonic_ms() < give_up);
        return broker->topics().find(reply_topic)->queue(0).max().value;
    }
};

}  // namespace

TEST_CASE_FIXTURE(Replying, "a reply is handed to who asked, and stored") {
    go();
    asker_is("me");
    const auto sent = reply_to("me");
    CHECK(sent.code == rc::success);
    CHECK(sent.remark == "");
    CHECK(sent.find("queueId") == "0");
    CHECK(sent.find("queueOffset") == "0");
    CHECK(sent.find("MSG_REGION") == "DefaultRegion");
    CHECK(sent.find("TRACE_ON") == "true");
    CHECK(sent.find("msgId") == message::offset_id(broker->store_host(), PhysicalOffset{0}));

    const auto push = asker->wait_push(code::push_reply_message_to_client);
    CHECK(push.body == "pong");
    CHECK(push.find("producerGroup") == "P");
    CHECK(push.find("topic") == reply_topic);
    CHECK(push.find("defaultTopic") == "TBW102");
    CHECK(push.find("defaultTopicQueueNums") == "4");
    CHECK(push.find("queueId") == "0");
    CHECK(push.find("sysFlag") == "769");
    CHECK(push.find("bornTimestamp") == "1795220817748");
    CHECK(push.find("flag") == "7");
    CHECK(push.find("reconsumeTimes") == "0");
    CHECK(push.find("unitMode") == "false");
    CHECK(push.find("storeHost") == address());
    CHECK(push.find("bornHost").starts_with("127.0.0.1:"));
    CHECK(parse_int<std::int64_t>(push.find("storeTimestamp")).value_or(0) > 1'700'000'000'000);
    const auto of = push.find("properties");
    CHECK(message::find_property(of, property::correlation_id) == "42");
    CHECK(message::find_property(of, property::reply_to_client) == "me");
    CHECK(message::find_property(of, property::push_reply_time) == push.find("storeTimestamp"));

    CHECK(stored() == 1);
    auto header = pull_header(0);
    header.topic = reply_topic;
    const auto found = records(replier->call(code::pull_message, header).body);
    REQUIRE(found.size() == 1);
    CHECK(found[0].body == "pong");
    CHECK(found[0].flag == 7);
    CHECK(found[0].sys_flag == 0x301);
    CHECK(message::find_property(found[0].properties, property::correlation_id) == "42");
}

TEST_CASE_FIXTURE(Replying, "the long names of request 324 mean the same") {
    go();
    asker_is("me");
    const auto of = properties({{"REPLY_TO_CLIENT", "me"}});
    wire::SendMessageV1 header;
    static_cast<wire::SendMessage&>(header) = reply_header(of);
    header.queue_id = -1;
    CHECK(replier->call(code::send_reply_message, header, "pong").code == rc::success);
    CHECK(asker->wait_push(code::push_reply_message_to_client).find("queueId") == "-1");
    CHECK(stored() == 1);
}

TEST_CASE_FIXTURE(Replying, "a reply that reaches nobody is an error, and stored all the same") {
    go();
    const auto nobody = reply_to("nobody");
    CHECK(nobody.code == rc::system_error);
    CHECK(nobody.remark == "push reply message fail, channel of <nobody> not found.");
    CHECK(nobody.find("queueOffset") == "0");
    CHECK(nobody.find("msgId").size() == 32);

    const auto of = properties({{"CORRELATION_ID", "42"}});
    const auto unaddressed = replier->call(code::send_reply_message_v2, reply_header(of), "pong");
    CHECK(unaddressed.code == rc::system_error);
    CHECK(unaddressed.remark == "reply message properties[REPLY_TO_CLIENT] is null");
    CHECK(stored() == 2);
}

TEST_CASE_FIXTURE(Replying, "what the asking client says against a reply is passed on") {
    go();
    asker->answers = [](const remoting::Answer&) {
        remoting::Answer no;
        no.code = rc::system_error;
        no.remark = "unreadable";
        return no;
    };
    asker_is("me");
    const auto sent = reply_to("me");
    CHECK(sent.code == rc::system_error);
    CHECK(sent.remark.find("unreadable") != std::string::npos);
}

TEST_CASE_FIXTURE(Replying,
                  "a client that goes away with a reply in its hands is heard of at once") {
    go();
    asker->answers = nullptr;  // it takes the push and says nothing
    asker_is("me");
    std::thread away([&] {
        asker->wait_push(code::push_reply_message_to_client);
        asker->channel->close();
    });
    const auto begin = monotonic_ms();
    CHECK(reply_to("me").code == rc::system_error);
    CHECK(monotonic_ms() - begin < 9'000);
    away.join();
}

TEST_CASE_FIXTURE(Replying, "a client's replies follow it to its new connection") {
    go();
    asker_is("me");
    auto second = client();
    second->answers = asker->answers;
    REQUIRE(second->call(code::heart_beat, beat("me")).code == rc::success);
    CHECK(reply_to("me").code == rc::success);
    CHECK(second->wait_push(code::push_reply_message_to_client).body == "pong");
    CHECK(asker->pushes() == 0);

    // The old connection's end takes nothing from the new one.
    asker.reset();
    CHECK(reply_to("me").code == rc::success);
    second.reset();
}

TEST_CASE_FIXTURE(Replying, "without storeReplyMessageEnable a reply is only handed over") {
    settings.rocketmq.store_replies = false;
    go();
    asker_is("me");
    const auto sent = reply_to("me");
    CHECK(sent.code == rc::success);
    CHECK(sent.find("msgId") == "0");
    CHECK(asker->wait_push(code::push_reply_message_to_client).body == "pong");
    CHECK(stored() == 0);
}

TEST_CASE_FIXTURE(Replying, "a reply is held against the same rules as a send") {
    go();
    asker_is("me");
    const std::string of = properties({{"REPLY_TO_CLIENT", "me"}});
    auto header = reply_header(of);
    header.topic = "no such character: !";
    CHECK(replier->call(code::send_reply_message_v2, header, "x").code == rc::invalid_parameter);
    header = reply_header(of);
    header.queue_id = 1;
    CHECK(replier->call(code::send_reply_message_v2, header, "x").code == rc::invalid_parameter);
    const std::string too_much = of + properties({{"k", std::string(32'767, 'v')}});
    header = reply_header(too_much);
    CHECK(replier->call(code::send_reply_message_v2, header, "x").code == rc::message_illegal);
    CHECK(asker->pushes() == 0);
}
