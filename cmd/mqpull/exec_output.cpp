#include "exec_output.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "base/counted.h"
#include "client/producer.h"

namespace mqd::mqpull {
namespace {

constexpr std::size_t batch_bytes_max = 16 << 20;
/// Done messages after one that is not are remembered, and delivered again after a kill.
constexpr std::size_t ledger_max = 10'000;
constexpr std::size_t returned_max = 1000;
constexpr std::int64_t suspend_ms = 1000;
constexpr std::int64_t give_up_ms = 10'000;
constexpr std::int64_t hurried_give_up_ms = 2'000;

using cli::environment_variable;

std::vector<std::string> environment_of(const Delivery& delivery, record::FieldReader& reader) {
    const message::RecordView& message = delivery.message;
    const auto& fields = reader.read(message.properties);
    return {environment_variable("MQ_TOPIC", message.topic),
            environment_variable("MQ_QUEUE", std::to_string(message.queue_id)),
            environment_variable("MQ_OFFSET", std::to_string(message.queue_offset.value)),
            environment_variable(
                "MQ_ID", fields.unique_key.empty() ? reader.offset_id(message) : fields.unique_key),
            environment_variable("MQ_KEYS", fields.keys),
            environment_variable("MQ_TAGS", fields.tags),
            environment_variable("MQ_RECONSUME", std::to_string(message.reconsume_times))};
}

}  // namespace

ExecOutput::ExecOutput(const cli::Parser& cli, client::Client& client, record::Format format,
                       Options options)
    : cli_(cli),
      options_(std::move(options)),
      encoder_(std::move(format)),
      send_back_(client, options_.group),
      replies_(client, options_.group.empty() ? "MQPULL" : options_.group),
      give_up_ms_(give_up_ms) {}

// Messages in, commands started

bool ExecOutput::is_full() const {
    return batch_.items.size() >= static_cast<std::size_t>(options_.messages_max) ||
           batch_.input.size() >= batch_bytes_max;
}

bool ExecOutput::accepts(const client::PulledQueue& queue) const {
    if (returned_.size() + replied_.size() >= returned_max || queue.ledger.size() >= ledger_max)
        return false;
    if (options_.is_orderly && has_begun(queue)) return false;
    const bool fits = batch_.items.empty() || (batch_.queue.get() == &queue && !is_full());
    return fits || has_free_job();
}

/// Of an orderly queue there is no second one.
bool ExecOutput::has_begun(const client::PulledQueue& queue) const {
    const auto is_its = [&](const auto& one) { return one.batch.queue.get() == &queue; };
    return std::any_of(runs_.begin(), runs_.end(), is_its) ||
           std::any_of(suspended_.begin(), suspended_.end(), is_its);
}

bool ExecOutput::is_busy(const client::PulledQueue& queue) const {
    const auto waits = [&](const auto& one) { return one.second.queue.get() == &queue; };
    return std::any_of(runs_.begin(), runs_.end(),
                       [&](const Run& run) { return run.batch.queue.get() == &queue; }) ||
           std::any_of(replied_.begin(), replied_.end(), waits) ||
           std::any_of(returned_.begin(), returned_.end(), waits);
}

Result<> ExecOutput::put(const Delivery& delivery) {
    const bool fits = batch_.items.empty() || (batch_.queue.get() == &delivery.queue && !is_full());
    if (!fits) TRY_OK(start_next());
    if (batch_.items.empty()) {
        batch_.queue = delivery.queue.shared_from_this();
        batch_.environment = environment_of(delivery, fields_);
        batch_.failures_before = delivery.message.reconsume_times;
        if (options_.replies) batch_.reply_to = client::ReplyTo::read(delivery.message.properties);
    }
    const std::int64_t offset = delivery.message.queue_offset.value;
    encoder_.append(batch_.input, delivery.message, delivery.queue.queue.broker, delivery.body);
    Item item{offset, delivery.message.at, {}};
    const bool may_come_back = !options_.group.empty() && !options_.is_orderly;
    if (delivery.is_part && may_come_back) item.part = client::SendBack::part_of(delivery.message);
    batch_.items.push_back(std::move(item));
    delivery.queue.ledger.take(offset);
    if (is_full() && has_free_job()) TRY_OK(start_next());
    return {};
}

Result<> ExecOutput::flush() {
    if (batch_.items.empty() || !has_free_job()) return {};
    return start_next();
}

/// The batch is empty then.
Result<> ExecOutput::start_next() {
    Batch batch = std::exchange(batch_, {});
    batch.environment.push_back(
        environment_variable("MQ_COUNT", std::to_string(batch.items.size())));
    return start(std::move(batch));
}

Result<> ExecOutput::start(Batch batch) {
    // Whoever has the queue next begins with it.
    if (batch.queue->is_dropped) return {};
    TRY(auto process, cli::Process::start(options_.command, batch.input.bytes(), batch.environment,
                                          options_.replies ? cli::Process::Prints::kept
                                                           : cli::Process::Prints::here));
    ++commands_;
    if (!options_.is_orderly) batch.input = {};
    runs_.push_back({std::move(process), std::move(batch)});
    return {};
}

Result<> ExecOutput::start_suspended() {
    for (std::size_t i = 0; i < suspended_.size() && has_free_job();) {
        if (suspended_[i].again_at_ms > monotonic_ms()) {
            ++i;
            continue;
        }
        Batch batch = std::move(suspended_[i].batch);
        suspended_.erase(suspended_.begin() + static_cast<std::ptrdiff_t>(i));
        constexpr std::string_view name = "MQ_RECONSUME";
        std::erase_if(batch.environment,
                      [&](const std::string& one) { return one.starts_with(name); });
        batch.environment.push_back(
            environment_variable(name, std::to_string(batch.failures_before + batch.failures)));
        TRY_OK(start(std::move(batch)));
    }
    return {};
}

void ExecOutput::drop_batch() {
    batch_ = {};
}

// Commands that end

Result<> ExecOutput::advance() {
    for (std::size_t i = 0; i < runs_.size();) {
        const auto status = runs_[i].process.status();
        if (!status) {
            ++i;
            continue;
        }
        finished(runs_[i], *status);
        if (i + 1 < runs_.size()) runs_[i] = std::move(runs_.back());
        runs_.pop_back();
    }
    take_replied();
    take_returned();
    TRY_OK(start_suspended());
    if (ended_at_ms_ < 0) return {};
    TRY_OK(flush());
    if (!runs_.empty() || !batch_.items.empty() || !suspended_.empty() || !replied_.empty()) {
        ended_at_ms_ = monotonic_ms();
    } else if (!returned_.empty() && monotonic_ms() >= ended_at_ms_ + give_up_ms_) {
        give_up();
    }
    return {};
}

void ExecOutput::finished(Run& run, int status) {
    Batch& batch = run.batch;
    client::PulledQueue& queue = *batch.queue;
    const bool has_failed = status != cli::exit_status::done;
    if (has_failed) {
        ++commands_failed_;
        if (cli_.verbose() > 0)
            cli_.warn(fmt::format("the command ended with status {}: {}, offset {}", status,
                                  queue.queue.to_string(), batch.items.front().offset));
    }
    // Whoever has the queue now gets its messages again.
    if (queue.is_lost) return;
    if (has_failed && options_.is_orderly) {
        if (queue.is_dropped) return;
        ++batch.failures;
        suspended_.push_back({std::move(batch), monotonic_ms() + suspend_ms});
        return;
    }
    if (batch.reply_to && !has_failed) {
        const auto replied = reply(run);
        if (replied) return;
        // It would be no shorter the next time.
        lose_reply(replied.error());
    }
    for (auto& item : batch.items) {
        if (has_failed && !options_.group.empty()) {
            const auto id = item.part ? send_back_.send(queue.queue, std::move(*item.part))
                                      : send_back_.send(queue.queue, item.at);
            returned_[id] = {batch.queue, item.offset};
        } else {
            settle(queue, item.offset);
        }
    }
}

void ExecOutput::settle(client::PulledQueue& queue, std::int64_t offset) {
    queue.ledger.settle(offset);
    has_settled_ = true;
}

bool ExecOutput::wants_commit() {
    return std::exchange(has_settled_, false);
}

/// The message is done when its reply has arrived, or cannot.
Result<> ExecOutput::reply(Run& run) {
    const Batch& batch = run.batch;
    TRY(const auto body, run.process.output(client::Producer::body_bytes_max));
    const auto id = replies_.send(batch.queue->queue.address, *batch.reply_to, as_bytes(body));
    replied_[id] = {batch.queue, batch.items.front().offset};
    return {};
}

void ExecOutput::lose_reply(const Error& error) {
    ++replies_lost_;
    if (!reply_error_) reply_error_ = error;
}

void ExecOutput::take_replied() {
    for (const auto& [id, sent] : replies_.take()) {
        const auto replied = replied_.find(id);
        if (!sent) lose_reply(sent.error());
        settle(*replied->second.queue, replied->second.offset);
        replied_.erase(replied);
    }
}

void ExecOutput::take_returned() {
    for (const auto id : send_back_.take()) {
        const auto returned = returned_.find(id);
        settle(*returned->second.queue, returned->second.offset);
        returned_.erase(returned);
        ++messages_returned_;
    }
    const auto& trouble = send_back_.trouble();
    if (trouble && !has_warned_)
        cli_.warn(fmt::format("a message cannot be sent back yet: {}", trouble->what));
    has_warned_ = trouble.has_value();
}

void ExecOutput::give_up() {
    messages_lost_ += returned_.size();
    returned_.clear();
}

// What is waited for

void ExecOutput::add_fds(std::vector<pollfd>& fds) const {
    for (const auto& run : runs_) fds.push_back({run.process.fd(), POLLIN, 0});
    if (!replied_.empty()) fds.push_back({replies_.fd(), POLLIN, 0});
    if (!returned_.empty()) fds.push_back({send_back_.fd(), POLLIN, 0});
}

std::int64_t ExecOutput::due_ms() const {
    std::int64_t due = -1;
    const auto also = [&](std::int64_t ms) { due = due < 0 ? ms : std::min(due, ms); };
    if (has_free_job())
        for (const auto& one : suspended_) also(one.again_at_ms);
    if (returned_.empty()) return due;
    if (send_back_.due_ms() >= 0) also(send_back_.due_ms());
    if (ended_at_ms_ >= 0 && runs_.empty()) also(ended_at_ms_ + give_up_ms_);
    return due;
}

// The end

Result<> ExecOutput::end() {
    ended_at_ms_ = monotonic_ms();
    return flush();
}

void ExecOutput::hurry() {
    give_up_ms_ = hurried_give_up_ms;
    suspended_.clear();
    drop_batch();
}

bool ExecOutput::is_under_way() const {
    return !runs_.empty() || !returned_.empty() || !replied_.empty();
}

bool ExecOutput::is_idle() const {
    return !is_under_way() && batch_.items.empty() && suspended_.empty();
}

/// In order, what fails runs again and again, for which nobody who says --idle wants to wait.
bool ExecOutput::is_working() const {
    return !options_.is_orderly && is_under_way();
}

bool ExecOutput::has_failed() const {
    return messages_lost_ > 0 || replies_lost_ > 0 ||
           (commands_failed_ > 0 && options_.group.empty());
}

std::optional<std::string> ExecOutput::report() const {
    if (replies_lost_ > 0) {
        auto text = fmt::format("{} did not arrive; the first: {}",
                                counted(replies_lost_, "reply", "replies"), reply_error_->what);
        if (commands_failed_ > 0)
            text += fmt::format("; {} failed", counted(commands_failed_, "command"));
        return text;
    }
    if (commands_failed_ == 0) return std::nullopt;
    auto text = fmt::format("{} of {} failed", commands_failed_, counted(commands_, "command"));
    if (options_.group.empty() || options_.is_orderly) return text;
    text += fmt::format("; messages sent back: {}", messages_returned_);
    if (messages_lost_ > 0) text += fmt::format("; neither done nor sent back: {}", messages_lost_);
    return text;
}

}  // namespace mqd::mqpull
