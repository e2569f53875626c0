#include <doctest/doctest.h>

#include "frames.h"
#include "wire/headers/clients.h"
#include "wire/headers/consumers.h"
#include "wire/headers/messages.h"
#include "wire/headers/namesrv.h"
#include "wire/headers/offsets.h"
#include "wire/headers/pull.h"
#include "wire/headers/send.h"
#include "wire/headers/topics.h"

using namespace mqd;
using wire::Encoder;
using wire::Encoding;

namespace {

/// Headers hold views: what they point into has to stay.
struct Sent {
    Buffer frame;
    wire::Decoder decoder;
    wire::Command command;

    template <class H>
    Sent(std::int32_t code, Encoding encoding, const H& header) {
        Encoder encoder(frame, encoding, code, 1, 0);
        wire::write_header(encoder, header);
        REQUIRE(encoder.finish());
        frame.room(wire::Decoder::padding_bytes);
        command = decoder.decode(frame.bytes()).value();
    }
};

/// A request with these ext fields; what read() gives points into it.
class Received {
public:
    explicit Received(std::string_view ext)
        : frame_(test::json_frame("{\"extFields\":" + std::string(ext) + "}")) {
        command_ = decoder_.decode(frame_.bytes()).value();
    }
    template <class H>
    Result<H> read() const {
        return wire::read_header<H>(command_);
    }

private:
    test::Frame frame_;
    wire::Decoder decoder_;
    wire::Command command_;
};

}  // namespace

TEST_CASE("a send request is the same under long names and under letters") {
    wire::SendMessage header;
    header.producer_group = "PG";
    header.topic = "T";
    header.default_topic = "TBW102";
    header.queue_id = 3;
    header.born_timestamp = 1795220563453;
    header.properties =
        "TAGS\x01"
        "A\x02";
    header.max_reconsume_times = 16;
    header.batch = true;
    for (const auto encoding : {Encoding::json, Encoding::binary}) {
        const Sent long_names(10, encoding, wire::SendMessageV1{header});
        const Sent letters(310, encoding, wire::SendMessageV2{header});
        CHECK(long_names.command.find("topic") == "T");
        CHECK(letters.command.find("b") == "T");
        CHECK_FALSE(letters.command.find("n"));
        for (const auto* sent : {&long_names, &letters}) {
            const auto back = wire::read_send_message(sent->command);
            REQUIRE(back);
            CHECK(back->producer_group == "PG");
            CHECK(back->topic == "T");
            CHECK(back->default_topic == "TBW102");
            CHECK(back->default_topic_queue_nums == 4);
            CHECK(back->queue_id == 3);
            CHECK(back->born_timestamp == 1795220563453);
            CHECK(back->properties ==
                  "TAGS\x01"
                  "A\x02");
            CHECK(back->max_reconsume_times == 16);
            CHECK(back->batch);
            CHECK_FALSE(back->unit_mode);
            CHECK_FALSE(back->broker_name);
        }
    }
}

TEST_CASE("fields are found in whatever order they come") {
    const Received header_request(
        R"({"queueOffset":7,"subscription":"*","topic":"T","x":"y","consumerGroup":"g",)"
        R"("sysFlag":"6","queueId":1,"maxMsgNums":"9","subVersion":"0","commitOffset":"0",)"
        R"("suspendTimeoutMillis":"0"})");
    const auto header = header_request.read<wire::PullMessage>();
    REQUIRE(header);
    CHECK(header->consumer_group == "g");
    CHECK(header->topic == "T");
    CHECK(header->queue_id == 1);
    CHECK(header->queue_offset == 7);
    CHECK(header->max_msg_nums == 9);
    CHECK(header->subscription == "*");
    CHECK_FALSE(header->expression_type);
    CHECK(header->has(wire::pull_flag::suspend));
    CHECK_FALSE(header->has(wire::pull_flag::commit_offset));
}

TEST_CASE("a missing or unreadable field is named") {
    const Received missing_request(R"({"queueId":"1"})");
    const auto missing = missing_request.read<wire::QueueHeader>();
    REQUIRE_FALSE(missing);
    CHECK(missing.error().code == Errc::invalid);
    CHECK(missing.error().what.find("topic") != std::string::npos);
    const Received wrong_request(R"({"topic":"T","queueId":"one"})");
    const auto wrong = wrong_request.read<wire::QueueHeader>();
    REQUIRE_FALSE(wrong);
    CHECK(wrong.error().what.find("queueId") != std::string::npos);
    CHECK_FALSE(Received(R"({"topic":"T","queueId":"9999999999"})").read<wire::QueueHeader>());
    CHECK_FALSE(
        Received(R"({"topic":"T","queueId":"1","timestamp":""})").read<wire::SearchOffset>());
}

TEST_CASE("a boolean is true in any case, and anything else is false") {
    CHECK(Received(R"({"groupName":"g","cleanOffset":"TRUE"})")
              .read<wire::DeleteGroup>()
              ->clean_offset);
    CHECK(Received(R"({"groupName":"g","cleanOffset":true})")
              .read<wire::DeleteGroup>()
              ->clean_offset);
    CHECK_FALSE(
        Received(R"({"groupName":"g","cleanOffset":"1"})").read<wire::DeleteGroup>()->clean_offset);
}

TEST_CASE("what is not said stays unsaid") {
    const Sent nothing(0, Encoding::json, wire::RegisterBrokerResponse{});
    CHECK(nothing.command.ext.empty());
    const Received reset_request(R"({"topic":"T","group":"g","timestamp":"1","isForce":"true"})");
    const auto reset = reset_request.read<wire::ResetOffset>();
    REQUIRE(reset);
    CHECK_FALSE(reset->offset);
    CHECK_FALSE(reset->queue_id);
    CHECK(wire::read_header<wire::NoHeader>(nothing.command));
}

TEST_CASE("responses carry what official clients unbox") {
    const Sent send(0, Encoding::json,
                    wire::SendMessageResponse{"7F00", 1, 2, "U", "R", true, "B", "H", 4'194'304});
    for (const auto* key : {"msgId", "queueId", "queueOffset", "transactionId", "batchUniqId",
                            "recallHandle", "MSG_REGION", "TRACE_ON"})
        CHECK(send.command.find(key));
    const Sent pull(19, Encoding::json, wire::PullMessageResponse{});
    for (const auto* key : {"suggestWhichBrokerId", "nextBeginOffset", "minOffset", "maxOffset"})
        CHECK(pull.command.find(key) == "0");
    const Sent changed(0, Encoding::json, wire::QueryDataVersionResponse{false});
    CHECK(changed.command.find("changed") == "false");
}

TEST_CASE("requests of every other family are read with their own names") {
    CHECK(Received(R"({"brokerName":"b","brokerAddr":"1.2.3.4:1",
        "clusterName":"c","haServerAddr":"h","brokerId":"0","bodyCrc32":"-1",
        "enableActingMaster":"false"})")
              .read<wire::RegisterBroker>()
              ->enable_acting_master == false);
    CHECK(Received(R"({"brokerName":"b","brokerAddr":"a","clusterName":"c","brokerId":"2"})")
              .read<wire::BrokerHeader>()
              ->broker_id == 2);
    CHECK(Received(R"({"brokerName":"b","brokerAddr":"a","clusterName":"c"})")
              .read<wire::BrokerHeartbeat>());
    CHECK(Received(R"({"namespace":"n","key":"k","value":"v"})")
              .read<wire::PutKvConfig>()
              ->name_space == "n");
    CHECK(Received(R"({"clientID":"c","consumerGroup":"g"})")
              .read<wire::UnregisterClient>()
              ->consumer_group == "g");
    CHECK(Received(R"({"topic":"T","defaultTopic":"TBW102","readQueueNums":"4",
        "writeQueueNums":"4","perm":"6","topicFilterType":"MULTI_TAG","order":"true",
        "attributes":"+message.type=FIFO"})")
              .read<wire::CreateTopic>()
              ->attributes == "+message.type=FIFO");
    CHECK(Received(R"({"producerGroup":"p","tranStateTableOffset":"1",
        "commitLogOffset":"2","commitOrRollback":"8","msgId":"U"})")
              .read<wire::EndTransaction>()
              ->commit_or_rollback == wire::transaction_state::commit);
    CHECK(Received(R"({"offset":"1","group":"g","delayLevel":"-1"})")
              .read<wire::SendMessageBack>()
              ->delay_level == -1);
    CHECK(Received(R"({"topic":"T","key":"k","maxNum":"64",
        "beginTimestamp":"0","endTimestamp":"9223372036854775807"})")
              .read<wire::QueryMessage>()
              ->max_num == 64);
}
