// Half messages, END_TRANSACTION 37, CHECK_TRANSACTION_STATE 39, RESUME_CHECK_HALF_MESSAGE 323.

#include "broker/names.h"
#include "support.h"
#include "wire/bodies/heartbeat.h"
#include "wire/headers/messages.h"

using namespace mqd;
using namespace mqd::test;
namespace property = mqd::message::property;
namespace state = mqd::wire::transaction_state;

namespace {

struct Transacting : Fixture {
    std::unique_ptr<Client> user;

    void go() {
        start();
        user = client();
    }
    ~Transacting() { user.reset(); }

    remoting::Answer send(std::string_view of, std::string_view body = "x",
                          std::int32_t retries = 0) const {
        auto header = send_header(of, 3);
        header.sys_flag = 4;
        header.reconsume_times = retries;
        return user->call(code::send_message_v2, header, body);
    }
    remoting::Answer send_half(std::string_view key = "ID") const {
        return send(properties({{"TRAN_MSG", "true"}, {"PGROUP", "P"}, {"UNIQ_KEY", key}}));
    }
    static wire::EndTransaction end_of(const remoting::Answer& sent, std::int32_t decision) {
        const auto id = message::parse_offset_id(sent.find("msgId"));
        REQUIRE(id);
        wire::EndTransaction end;
        end.producer_group = "P";
        end.tran_state_table_offset = *parse_int<std::int64_t>(sent.find("queueOffset"));
        end.commit_log_offset = id->at.value;
        end.commit_or_rollback = decision;
        end.msg_id = "ID";
        return end;
    }
    remoting::Answer end(const remoting::Answer& sent, std::int32_t decision) const {
        return user->call(code::end_transaction, end_of(sent, decision));
    }
    void beat() const {
        constexpr std::string_view body =
            R"({"clientID":"c","producerDataSet":[{"groupName":"P"}],"consumerDataSet":[]})";
        REQUIRE(user->call(code::heart_beat, body).code == rc::success);
    }
    message::RecordView stored(std::string_view topic, std::int64_t offset = 0,
                               std::int32_t id = 0) const {
        auto& queue = *store->queue(topic, id);
        const auto give_up = monotonic_ms() + 10'000;
        while (queue.max().value <= offset) {
            REQUIRE(monotonic_ms() < give_up);
            std::this_thread::yield();
        }
        const auto read = store->read(queue, {offset}, {.messages = 1}, nullptr);
        REQUIRE(read.messages == 1);
        const auto record = message::RecordView::parse(read.slices[0].bytes);
        REQUIRE(record);
        return *record;
    }
};

std::string value(const message::RecordView& record, std::string_view name) {
    return std::string(message::find_property(record.properties, name).value_or(""));
}

}  // namespace

TEST_CASE_FIXTURE(Transacting,
                  "a half message that did not wait for the disk can be ended at once") {
    settings.durability.flush_sync = true;
    go();
    for (int i = 0; i < 50; ++i) {
        CAPTURE(i);
        const auto half = send(properties({{"TRAN_MSG", "true"},
                                           {"PGROUP", "P"},
                                           {"UNIQ_KEY", std::to_string(i)},
                                           {"WAIT", "false"}}));
        REQUIRE(half.code == rc::success);
        const auto ended = end(half, wire::transaction_state::commit);
        CHECK(ended.code == rc::success);
        CHECK(ended.remark == "");
    }
}

TEST_CASE_FIXTURE(Transacting, "a half message waits unseen until it is committed") {
    go();
    const auto sent = send_half();
    CHECK(sent.code == rc::success);
    CHECK(sent.find("queueId") == "3");
    CHECK(sent.find("queueOffset") == "0");
    CHECK(sent.find("transactionId") == "ID");
    const auto half = stored(broker::half_topic);
    CHECK(half.sys_flag == 0);
    CHECK(half.queue_id == 0);
    CHECK(value(half, property::real_topic) == "T");
    CHECK(value(half, property::real_qid) == "3");
    CHECK(value(half, property::transaction_id) == "ID");
    CHECK(value(half, property::tran_msg) == "true");
    CHECK(value(half, property::cluster) == "DefaultCluster");
    CHECK(store->queue("T", 3)->max().value == 0);
    CHECK(end(sent, state::commit).code == rc::success);
    const auto delivered = stored("T", 0, 3);
    CHECK(delivered.body == "x");
    CHECK(delivered.properties == half.properties);
    CHECK(delivered.prepared_offset == half.at.value);
    CHECK(delivered.born_host == half.born_host);
}

TEST_CASE_FIXTURE(Transacting, "a half message without an id gets one, and its transaction too") {
    go();
    const auto sent = send(properties({{"TRAN_MSG", "true"}, {"PGROUP", "P"}}));
    const auto half = stored(broker::half_topic);
    CHECK(value(half, property::uniq_key).size() == message::UniqueKeys::length);
    CHECK(value(half, property::uniq_key) == sent.find("transactionId"));
    CHECK(value(half, property::transaction_id) == sent.find("transactionId"));
}

TEST_CASE_FIXTURE(Transacting, "what a sender says about a broker's doings is not believed") {
    go();
    send(properties({{"TRAN_MSG", "true"},
                     {"REAL_TOPIC", "other"},
                     {"TRANSACTION_CHECK_TIMES", "14"},
                     {"TRAN_PREPARED_QUEUE_OFFSET", "7"},
                     {"MQD_FIRST_HALF_OFFSET", "7"}}));
    const auto half = stored(broker::half_topic);
    CHECK(value(half, property::real_topic) == "T");
    CHECK(value(half, property::check_times) == "");
    CHECK(value(half, property::prepared_queue_offset) == "");
    CHECK(value(half, property::first_half_offset) == "");
}

TEST_CASE_FIXTURE(Transacting, "END_TRANSACTION has its own refusals") {
    go();
    const auto sent = send_half();
    auto wrong = end_of(sent, state::commit);
    wrong.producer_group = "Q";
    CHECK(user->call(code::end_transaction, wrong).code == rc::system_error);
    wrong = end_of(sent, state::commit);
    wrong.tran_state_table_offset = 1;
    CHECK(user->call(code::end_transaction, wrong).code == rc::system_error);
    wrong = end_of(sent, state::commit);
    wrong.commit_log_offset = 1'000'000;
    CHECK(user->call(code::end_transaction, wrong).code == rc::system_error);
    // Not knowing is never answered; what comes behind it is.
    user->channel->oneway(code::end_transaction, end_of(sent, state::unknown), {});
    CHECK(end(sent, state::rollback).code == rc::success);
    CHECK(end(sent, state::commit).code == rc::success);
    CHECK(stored(broker::op_half_topic).body == "0,");
    CHECK(store->queue("T", 3)->max().value == 0);
}

TEST_CASE_FIXTURE(Transacting, "a half message cannot be delayed, nor be part of a batch") {
    go();
    CHECK(send(properties({{"TRAN_MSG", "true"}, {"DELAY", "3"}})).code == rc::message_illegal);
    Buffer batch;
    const auto own = properties({{"TRAN_MSG", "true"}});
    message::append_batch_item(batch, {0, "x", own});
    auto header = send_header();
    header.batch = true;
    CHECK(user->call(code::send_batch_message, header, batch.text()).code == rc::message_illegal);
    // A message that is retried was committed long ago.
    CHECK(send(properties({{"TRAN_MSG", "true"}, {"DELAY", "3"}}), "x", 1).code == rc::success);
    CHECK(stored(broker::schedule_topic, 0, 2).body == "x");
    CHECK(store->queue(broker::half_topic, 0)->max().value == 0);
}

TEST_CASE_FIXTURE(Transacting, "rejectTransactionMessage refuses half messages") {
    settings.transactions.reject = true;
    go();
    CHECK(send_half().code == rc::no_permission);
}

TEST_CASE_FIXTURE(Transacting, "a producer is asked, and what was given up is taken up again") {
    settings.transactions.timeout_ms = 0;
    settings.transactions.check_interval_ms = 20;
    settings.transactions.check_max = 1;
    go();
    beat();
    const auto sent = send_half();
    const auto check = user->wait_push(code::check_transaction_state);
    CHECK(check.find("msgId") == "ID");
    CHECK(check.find("transactionId") == "ID");
    CHECK(check.find("topic") == broker::half_topic);
    CHECK(check.find("bname") == "b");
    CHECK(check.find("tranStateTableOffset") == "1");
    CHECK(check.find("offsetMsgId").size() == 32);
    const auto asked = records(check.body);
    REQUIRE(asked.size() == 1);
    CHECK(asked[0].topic == "T");
    CHECK(asked[0].queue_id == 3);
    CHECK(std::to_string(asked[0].at.value) == check.find("commitLogOffset"));

    const auto given_up = stored(broker::check_max_topic);
    wire::ResumeCheck resume;
    resume.msg_id = "no id";
    CHECK(user->call(code::resume_check_half_message, resume).code == rc::system_error);
    resume.msg_id = sent.find("msgId");
    CHECK(user->call(code::resume_check_half_message, resume).code == rc::system_error);
    const auto id = message::offset_id(broker->store_host(), given_up.at);
    resume.msg_id = id;
    CHECK(user->call(code::resume_check_half_message, resume).code == rc::success);
    stored(broker::check_max_topic, 1);  // given up once more
}

TEST_CASE_FIXTURE(Transacting, "the longest half message is asked about as often as any") {
    settings.transactions.timeout_ms = 0;
    settings.transactions.check_interval_ms = 20;
    settings.transactions.check_max = 3;
    settings.store.append_crc = true;
    go();
    const auto half_of = [&](std::size_t bytes) {
        return send(properties({{"TRAN_MSG", "true"},
                                {"PGROUP", "P"},
                                {"UNIQ_KEY", "ID"},
                                {"k", std::string(bytes, 'v')}}));
    };
    std::size_t fits = 1, too_long = message::properties_bytes_max;
    REQUIRE(half_of(too_long).code == rc::message_illegal);
    while (too_long - fits > 1) {
        const auto bytes = (fits + too_long) / 2;
        (half_of(bytes).code == rc::success ? fits : too_long) = bytes;
    }
    // Only what needs the room for questions is kept off.
    CHECK(fits > message::properties_bytes_max - 1000);
    beat();
    REQUIRE(half_of(fits).code == rc::success);
    std::int64_t seen = 0;
    for (message::RecordView given_up;; ++seen) {
        given_up = stored(broker::check_max_topic, seen);
        CHECK(value(given_up, "TRANSACTION_CHECK_TIMES") == "3");
        if (value(given_up, "k").size() == fits) break;
    }
    const auto committed = half_of(fits);
    REQUIRE(end(committed, 8).code == rc::success);
    CHECK(value(stored("T", 0, 3), "k").size() == fits);
}
