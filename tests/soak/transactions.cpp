#include "transactions.h"

#include <fmt/format.h>

#include <chrono>

#include "base/clock.h"
#include "base/parse.h"
#include "message/properties.h"
#include "message/record.h"
#include "message/sys_flag.h"
#include "wire/bodies/heartbeat.h"
#include "wire/codes.h"
#include "wire/headers/messages.h"
#include "wire/headers/send.h"

namespace mqd::soak {
namespace {

constexpr std::string_view group = "soak-transactions-producer";
constexpr std::int64_t beat_every_ms = 500;
/// As in Member.
constexpr std::int64_t timeout_ms = 60'000;

}  // namespace

Transactions::Transactions(SentBook& book, Problems& problems, std::string namesrv,
                           std::string broker, int per_second)
    : book_(book),
      problems_(problems),
      namesrv_(std::move(namesrv)),
      broker_(std::move(broker)),
      per_second_(per_second),
      thread_([this] { run(); }) {}

void Transactions::stop() {
    stops_ = true;
    if (thread_.joinable()) thread_.join();
}

void Transactions::run() {
    auto client = client::Client::open({.namesrv = {namesrv_}, .timeout_ms = timeout_ms});
    if (!client) return problems_.add("the transactions did not start", client.error().what);
    client_ = std::move(*client);
    client_->on_push([this](const std::string&, const wire::Command& command) {
        if (command.code == wire::request_code::check_transaction_state) asked(command);
    });
    std::int64_t beat_at_ms = 0;
    while (!stops_) {
        if (monotonic_ms() >= beat_at_ms) {
            beat_at_ms = monotonic_ms() + beat_every_ms;
            beat();
        }
        if (begins_) one();
        std::this_thread::sleep_for(std::chrono::microseconds(1'000'000 / per_second_));
    }
    client_.reset();
}

/// A broker asks only who has told it of the group; after each of its lives anew.
void Transactions::beat() {
    wire::HeartbeatData data;
    data.client_id = "soak-transactions";
    data.producer_groups.emplace_back(group);
    // One that fails says that the broker is gone: the next one comes soon.
    [[maybe_unused]] const auto answer = client_->call(
        broker_, wire::request_code::heart_beat, wire::NoHeader{}, as_bytes(wire::to_body(data)));
}

void Transactions::one() {
    const auto number = book_.begin(Stream::transactions);
    const auto body = text_of(Stream::transactions, number);
    const auto key = keys_.next();
    std::string properties;
    message::append_property(properties, message::property::uniq_key, key);
    message::append_property(properties, message::property::tran_msg, "true");
    message::append_property(properties, message::property::producer_group, group);
    wire::SendMessageV2 header;
    header.producer_group = group;
    header.topic = topic_of(Stream::transactions);
    header.queue_id = static_cast<std::int32_t>(number % queues_of_a_topic);
    header.sys_flag = message::sys_flag::transaction_prepared;
    header.born_timestamp = wall_ms();
    header.properties = properties;
    const auto answer =
        client_->call(broker_, wire::request_code::send_message_v2, header, as_bytes(body));
    if (!answer) {
        if (answer.error().code != Errc::unavailable)
            problems_.add("a half message was refused", answer.error().what);
        return book_.lost_sight(Stream::transactions, number);
    }
    const auto queue_offset = parse_int<std::int64_t>(answer->find("queueOffset"));
    const auto id = message::parse_offset_id(answer->find("msgId"));
    if (!queue_offset || !id)
        return problems_.add("a half message's answer", "has no offset or id");
    book_.acknowledged(Stream::transactions, number, 1, -1, -1);
    if (!waits_for_question(number)) end(number, *queue_offset, id->at.value, key, false);
}

void Transactions::end(std::int64_t number, std::int64_t queue_offset, std::int64_t at,
                       std::string_view key, bool was_asked) {
    wire::EndTransaction header;
    header.producer_group = group;
    header.tran_state_table_offset = queue_offset;
    header.commit_log_offset = at;
    header.commit_or_rollback = decision_of(number) == Decision::commit
                                    ? wire::transaction_state::commit
                                    : wire::transaction_state::rollback;
    header.from_transaction_check = was_asked;
    header.msg_id = key;
    client_->channel(broker_)->oneway(wire::request_code::end_transaction, header);
}

void Transactions::asked(const wire::Command& question) {
    const auto header = wire::read_header<wire::CheckTransactionState>(question);
    const auto record = message::RecordView::parse(question.body);
    const auto text = record ? parse_text(record->body) : std::nullopt;
    if (!header || !text)
        return problems_.add("a question", "that does not say about which message");
    ++questions_;
    end(text->number, header->tran_state_table_offset, header->commit_log_offset, header->msg_id,
        true);
}

}  // namespace mqd::soak
