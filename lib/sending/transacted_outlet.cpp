#include "sending/transacted_outlet.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "cli/exit.h"
#include "cli/signals.h"
#include "client/retry.h"
#include "message/record.h"
#include "message/sys_flag.h"
#include "sending/due.h"

namespace mqd::sending {
namespace {

/// Of earlier runs; brokers ask again.
constexpr std::size_t strangers_max = 256;
constexpr std::size_t open_max = 64;
constexpr std::int64_t look_every_ms = 1000;
/// A broker asks every minute or so; about what it has given up it asks no more.
constexpr std::int64_t asked_within_ms = 300'000;

std::vector<std::string> environment_of(const std::string& topic, const std::string& id,
                                        const record::Fields& fields, int questions) {
    using cli::environment_variable;
    return {environment_variable("MQ_TOPIC", topic), environment_variable("MQ_ID", id),
            environment_variable("MQ_KEYS", fields.keys),
            environment_variable("MQ_TAGS", fields.tags),
            environment_variable("MQ_ASKED", std::to_string(questions))};
}

}  // namespace

TransactedOutlet::TransactedOutlet(client::Client& client, client::Producer::Options producer,
                                   client::Transactions& transactions, Fates& fates,
                                   Options options)
    : fates_(fates),
      transactions_(transactions),
      options_(std::move(options)),
      open_max_(std::min(open_max, static_cast<std::size_t>(producer.window))),
      producer_(client, [&] {
          producer.group = transactions.group();
          producer.keeps_messages = true;
          producer.on_settled = [this](const auto& is) { half_settled(is); };
          return std::move(producer);
      }()) {
    watched_.add(producer_.fd());
    watched_.add(transactions_.fd());
}

// Half messages

Result<> TransactedOutlet::send(const client::Message& message, std::uint64_t fate) {
    while (!has_room() && !cli::interrupted()) {
        // First: an answer that was taken in on the way may have left a command to be started.
        TRY_OK(work());
        if (has_room()) break;
        pollfd fds[2] = {{watched_.fd(), POLLIN, 0}, {cli::interrupt_fd(), POLLIN, 0}};
        const auto due_ms = this->due_ms();
        const auto wait_ms =
            due_ms < 0 ? -1 : std::clamp<std::int64_t>(due_ms - monotonic_ms(), 0, 1'000'000);
        [[maybe_unused]] const int n = ::poll(fds, 2, static_cast<int>(wait_ms));
    }
    const auto number = next_number_++;
    auto& open = open_[number];
    ++ours_;
    open.fate = fate;
    open.topic = message.topic;
    open.properties = message.properties;
    client::Transactions::append_properties(open.properties, transactions_.group());
    open.sys_flag = message.sys_flag;
    open.body = message.body;
    auto half = message;
    half.properties = open.properties;
    half.sys_flag |= message::sys_flag::transaction_prepared;
    half.alone = true;
    half.ordinal = number;
    // Its answer may be there before this returns.
    auto sent = producer_.send(half);
    if (!sent) {
        forget(number);
        return sent;
    }
    transactions_.set_brokers(producer_.brokers());
    return {};
}

void TransactedOutlet::half_settled(const client::Settled& settled) {
    const auto number = settled.batch.ordinals.front();
    const auto found = open_.find(number);
    if (found == open_.end()) return;
    Open& open = found->second;
    if (settled.verdict == client::Verdict::stored) {
        auto half = client::Transactions::half_of(settled);
        if (!half) return settle(number, &half.error());
        open.half = std::move(*half);
        open.broker = settled.batch.queue().broker;
        by_id_[open.half.id] = number;
        return decide(number);
    }
    if (settled.verdict == client::Verdict::refused) {
        ++tally_.refused;
        ++tally_.refused_by[reason_of(*settled.error)];
        if (!first_error_) first_error_ = *settled.error;
        if (fates_.keeps_messages()) fates_.refused(open.fate, settled.error->what);
        return forget(number);
    }
    settle(number, settled.error);
}

// Decisions

void TransactedOutlet::decide(std::uint64_t number) {
    open_[number].is_queued = true;
    open_[number].undecided_at_ms = -1;
    to_decide_.push_back(number);
}

void TransactedOutlet::asked(client::Transactions::Question question) {
    const auto known = by_id_.find(question.half.id);
    if (known != by_id_.end()) {
        Open& open = open_[known->second];
        // A broker that asks may have stored it anew, and only that copy counts then.
        open.half = std::move(question.half);
        ++open.questions;
        if (open.is_queued || open.is_ending) return;
        if (open.commits) return end(known->second, true);
        return decide(known->second);
    }
    if (open_.size() - ours_ >= strangers_max || finishing_ms_ >= 0) return;
    const auto record = message::RecordView::parse(as_bytes(question.record));
    if (!record) return;
    const auto number = next_number_++;
    Open& open = open_[number];
    open.is_ours = false;
    open.topic = record->topic;
    open.body = record->body;
    open.properties = record->properties;
    open.sys_flag = record->sys_flag;
    open.questions = 1;
    open.half = std::move(question.half);
    by_id_[open.half.id] = number;
    decide(number);
}

Result<> TransactedOutlet::start_commands() {
    while (runs_.size() < options_.jobs && !to_decide_.empty()) {
        const auto number = to_decide_.front();
        to_decide_.pop_front();
        Open& open = open_[number];
        message::RecordView view;
        view.body = open.body;
        view.sys_flag = open.sys_flag;
        const auto body = view.plain_body(client::Producer::body_bytes_max);
        if (!body) {
            settle(number, &body.error());
            continue;
        }
        const auto environment =
            environment_of(open.topic, open.half.id, fields_.read(open.properties), open.questions);
        TRY(auto process, cli::Process::start(options_.command, as_bytes(*body), environment));
        watched_.add(process.fd());
        runs_.push_back({std::move(process), number});
    }
    return {};
}

void TransactedOutlet::reap() {
    for (std::size_t i = 0; i < runs_.size();) {
        const auto status = runs_[i].process.status();
        if (!status) {
            ++i;
            continue;
        }
        const auto number = runs_[i].number;
        runs_.erase(runs_.begin() + static_cast<std::ptrdiff_t>(i));
        Open& open = open_[number];
        open.is_queued = false;
        if (*status == 0 || *status == 1) {
            open.commits = *status == 0;
            end(number, open.questions > 0);
        } else if (!open.is_ours) {
            forget(number);
        } else {
            open.undecided_at_ms = monotonic_ms() + asked_within_ms;
        }
    }
}

void TransactedOutlet::end(std::uint64_t number, bool is_answer) {
    Open& open = open_[number];
    open.is_ending = true;
    open.end_at_ms = -1;
    if (open.first_end_ms < 0) open.first_end_ms = monotonic_ms();
    transactions_.end(open.half, *open.commits, is_answer, number);
}

void TransactedOutlet::ended(const client::Transactions::Ended& ended) {
    const auto found = open_.find(ended.number);
    if (found == open_.end()) return;
    const std::int64_t now_ms = monotonic_ms();
    Open& open = found->second;
    open.is_ending = false;
    if (ended.result) {
        progress_ms_ = now_ms;
        return settle(ended.number, nullptr);
    }
    // It may have heard it or not: of several ends the first counts. One that answers and does not
    // take it has so long to change its mind; one that is away is waited for.
    const Error& error = ended.result.error();
    const bool is_away = error.remote_code < 0;
    const bool goes_on = is_away || now_ms < open.first_end_ms + options_.timeout_ms;
    if (error.code != Errc::unavailable || !open.is_ours || !goes_on)
        return settle(ended.number, &error);
    open.end_at_ms = now_ms + client::backoff_ms(++open.ends);
}

/// Each that is open has somebody who ends its wait: half, the producer; queued or run, the
/// command; told, the answer's deadline; told in vain, end_at_ms; undecided, the broker's question,
/// and where none comes, undecided_at_ms.
void TransactedOutlet::do_due() {
    const std::int64_t now_ms = monotonic_ms();
    std::vector<std::uint64_t> undecided;
    for (auto& [number, open] : open_) {
        if (open.undecided_at_ms >= 0 && open.undecided_at_ms <= now_ms)
            undecided.push_back(number);
        if (open.end_at_ms < 0 || open.end_at_ms > now_ms) continue;
        if (auto address = producer_.address_of(open.broker); !address.empty())
            open.half.address = std::move(address);
        end(number, open.questions > 0);
    }
    const Error error{Errc::invalid, "not decided, and no broker asks again"};
    for (const auto number : undecided) settle(number, &error);
    if (ours_ == 0 || now_ms < look_at_ms_) return;
    look_at_ms_ = now_ms + look_every_ms;
    transactions_.set_brokers(producer_.brokers());
}

/// Committed or rolled back, as was decided; or nobody knows.
void TransactedOutlet::settle(std::uint64_t number, const Error* why_not) {
    const Open& open = open_[number];
    if (open.is_ours) {
        const bool keeps = fates_.keeps_messages();
        if (why_not) {
            ++tally_.unknown;
            if (!first_error_) first_error_ = *why_not;
            if (keeps) fates_.refused(open.fate, why_not->what);
        } else if (*open.commits) {
            ++tally_.acknowledged;
            tally_.bytes += open.body.size();
            tally_.last_success_ms = wall_ms();
            if (keeps) fates_.committed(open.fate, open.half.id);
        } else {
            ++tally_.rolled_back;
            if (keeps) fates_.rolled_back(open.fate, open.half.id);
        }
    }
    forget(number);
}

void TransactedOutlet::forget(std::uint64_t number) {
    const auto found = open_.find(number);
    if (found->second.is_ours) --ours_;
    by_id_.erase(found->second.half.id);
    open_.erase(found);
}

// Meanwhile, and the end

Result<> TransactedOutlet::work() {
    producer_.pump();
    for (auto& event : transactions_.take()) {
        if (auto* const question = std::get_if<client::Transactions::Question>(&event))
            asked(std::move(*question));
        else
            ended(std::get<client::Transactions::Ended>(event));
    }
    reap();
    do_due();
    return start_commands();
}

std::int64_t TransactedOutlet::due_ms() const {
    std::int64_t due_ms = producer_.due_ms();
    for (const auto& [number, open] : open_) {
        due_ms = earlier(due_ms, open.end_at_ms);
        due_ms = earlier(due_ms, open.undecided_at_ms);
    }
    if (ours_ > 0) due_ms = earlier(due_ms, look_at_ms_);
    if (finishing_ms_ < 0 || is_out_of_time_) return due_ms;
    return earlier(due_ms, end_ms());
}

/// When what is open at the end is given up.
std::int64_t TransactedOutlet::end_ms() const {
    if (stop_at_ms_ >= 0) return stop_at_ms_;
    return std::max(finishing_ms_, progress_ms_) + options_.timeout_ms;
}

Result<bool> TransactedOutlet::finish(bool is_interrupted) {
    TRY_OK(work());
    const std::int64_t now_ms = monotonic_ms();
    if (finishing_ms_ < 0) finishing_ms_ = now_ms;
    if (is_interrupted && stop_at_ms_ < 0) stop_at_ms_ = now_ms + options_.stop_ms;
    is_out_of_time_ = now_ms >= end_ms();
    const bool has_hope = !is_out_of_time_ || (stop_at_ms_ < 0 && !runs_.empty());
    if (ours_ > 0 && has_hope) return false;
    to_decide_.clear();
    if (!runs_.empty()) return false;
    // What was decided last is still on its way.
    const bool is_ending = std::any_of(open_.begin(), open_.end(),
                                       [](const auto& one) { return one.second.is_ending; });
    if (is_ending && has_hope) return false;
    give_up();
    return true;
}

void TransactedOutlet::give_up() {
    const Error error{Errc::invalid, "not decided; the broker asks the next mqsend"};
    while (!open_.empty()) {
        const auto& [number, open] = *open_.begin();
        settle(number, &error);
    }
}

void TransactedOutlet::count(Tally& tally) const {
    tally.acknowledged = tally_.acknowledged;
    tally.rolled_back = tally_.rolled_back;
    tally.unknown = tally_.unknown;
    tally.refused += tally_.refused;
    for (const auto& [reason, count] : tally_.refused_by) tally.refused_by[reason] += count;
    tally.bytes = tally_.bytes;
    tally.retries = producer_.totals().retries;
    tally.last_success_ms = tally_.last_success_ms;
}

std::uint64_t TransactedOutlet::failed() const {
    return tally_.refused + tally_.unknown;
}

const std::optional<Error>& TransactedOutlet::first_error() const {
    return first_error_;
}

}  // namespace mqd::sending
