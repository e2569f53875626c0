#include "exec_output.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/clock.h"

namespace mqd::mqpull {
namespace {

constexpr std::size_t batch_bytes_max = 16 << 20;
/// Done messages behind one that is not are remembered, and delivered again after a kill.
constexpr std::size_t ledger_max = 10'000;
constexpr std::size_t returned_max = 1000;
constexpr std::int64_t give_up_ms = 10'000;
constexpr std::int64_t hurried_give_up_ms = 2'000;

// A value ends at its first NUL, as all of the environment does.
std::string variable(std::string_view name, std::string_view value) {
    return fmt::format("{}={}", name, value.substr(0, value.find('\0')));
}

std::vector<std::string> environment_of(const Delivery& delivery, record::FieldReader& reader) {
    const message::RecordView& message = delivery.message;
    const auto& fields = reader.read(message.properties);
    return {variable("MQ_TOPIC", message.topic),
            variable("MQ_QUEUE", std::to_string(message.queue_id)),
            variable("MQ_OFFSET", std::to_string(message.queue_offset.value)),
            variable("MQ_ID",
                     fields.unique_key.empty() ? reader.offset_id(message) : fields.unique_key),
            variable("MQ_KEYS", fields.keys),
            variable("MQ_TAGS", fields.tags),
            variable("MQ_RECONSUME", std::to_string(message.reconsume_times))};
}

}  // namespace

ExecOutput::ExecOutput(const cli::Parser& cli, client::Client& client, record::Format format,
                       Options options)
    : cli_(cli),
      options_(std::move(options)),
      encoder_(std::move(format)),
      send_back_(client, options_.group),
      give_up_ms_(give_up_ms) {}

// Messages in, commands started

bool ExecOutput::is_full() const {
    return batch_.items.size() >= static_cast<std::size_t>(options_.messages_max) ||
           batch_.input.size() >= batch_bytes_max;
}

bool ExecOutput::accepts(const client::PulledQueue& queue) const {
    if (returned_.size() >= returned_max || queue.ledger.size() >= ledger_max) return false;
    const bool fits = batch_.items.empty() || (batch_.queue.get() == &queue && !is_full());
    return fits || has_free_job();
}

Result<> ExecOutput::put(const Delivery& delivery) {
    const bool fits = batch_.items.empty() || (batch_.queue.get() == &delivery.queue && !is_full());
    if (!fits) TRY_OK(start());
    if (batch_.items.empty()) {
        batch_.queue = delivery.queue.shared_from_this();
        batch_.environment = environment_of(delivery, fields_);
    }
    const std::int64_t offset = delivery.message.queue_offset.value;
    encoder_.append(batch_.input, delivery.message, delivery.queue.queue.broker, delivery.body);
    batch_.items.push_back({offset, delivery.message.at});
    delivery.queue.ledger.take(offset);
    if (is_full() && has_free_job()) TRY_OK(start());
    return {};
}

Result<> ExecOutput::flush() {
    if (batch_.items.empty() || !has_free_job()) return {};
    return start();
}

/// A run of the batch, which is empty then.
Result<> ExecOutput::start() {
    if (!batch_.queue->is_dropped) {
        batch_.environment.push_back(variable("MQ_COUNT", std::to_string(batch_.items.size())));
        auto process =
            cli::Process::start(options_.command, batch_.input.bytes(), batch_.environment);
        if (!process) {
            drop_batch();
            return process.error();
        }
        ++commands_;
        runs_.push_back(
            {std::move(*process), std::move(batch_.queue), std::exchange(batch_.items, {})});
    }
    drop_batch();
    return {};
}

void ExecOutput::drop_batch() {
    batch_.items.clear();
    batch_.queue.reset();
    batch_.input.clear();
    batch_.input.shrink_if_above(batch_bytes_max);
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
    take_returned();
    if (ended_at_ms_ < 0) return {};
    TRY_OK(flush());
    if (!runs_.empty() || !batch_.items.empty()) {
        ended_at_ms_ = monotonic_ms();
    } else if (!returned_.empty() && monotonic_ms() >= ended_at_ms_ + give_up_ms_) {
        give_up();
    }
    return {};
}

void ExecOutput::finished(const Run& run, int status) {
    if (status != cli::exit_status::done) {
        ++commands_failed_;
        if (cli_.verbose() > 0)
            cli_.warn(fmt::format("the command ended with status {}: {}, offset {}", status,
                                  run.queue->queue.to_string(), run.items.front().offset));
    }
    // Whoever has the queue now gets its messages again.
    if (run.queue->is_dropped) return;
    const bool goes_back = status != cli::exit_status::done && !options_.group.empty();
    for (const auto& item : run.items) {
        if (goes_back) {
            const auto id = send_back_.send(run.queue->queue, item.at);
            returned_[id] = {run.queue, item.offset};
        } else {
            run.queue->ledger.settle(item.offset);
        }
    }
}

void ExecOutput::take_returned() {
    for (const auto id : send_back_.take()) {
        const auto returned = returned_.find(id);
        returned->second.queue->ledger.settle(returned->second.offset);
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
    if (!returned_.empty()) fds.push_back({send_back_.fd(), POLLIN, 0});
}

std::int64_t ExecOutput::due_ms() const {
    if (returned_.empty()) return -1;
    const std::int64_t retry_ms = send_back_.due_ms();
    if (ended_at_ms_ < 0 || !runs_.empty()) return retry_ms;
    const std::int64_t end_ms = ended_at_ms_ + give_up_ms_;
    return retry_ms < 0 ? end_ms : std::min(retry_ms, end_ms);
}

// The end

Result<> ExecOutput::end() {
    ended_at_ms_ = monotonic_ms();
    return flush();
}

void ExecOutput::hurry() {
    give_up_ms_ = hurried_give_up_ms;
    drop_batch();
}

bool ExecOutput::is_idle() const {
    return runs_.empty() && batch_.items.empty() && returned_.empty();
}

bool ExecOutput::has_failed() const {
    return messages_lost_ > 0 || (commands_failed_ > 0 && options_.group.empty());
}

std::optional<std::string> ExecOutput::report() const {
    if (commands_failed_ == 0) return std::nullopt;
    auto text = fmt::format("{} of {} commands failed", commands_failed_, commands_);
    if (options_.group.empty()) return text;
    text += fmt::format("; messages sent back: {}", messages_returned_);
    if (messages_lost_ > 0) text += fmt::format("; neither done nor sent back: {}", messages_lost_);
    return text;
}

}  // namespace mqd::mqpull
