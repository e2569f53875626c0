#include "pulling.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "base/clock.h"
#include "cli/signals.h"
#include "message/properties.h"
#include "message/sys_flag.h"
#include "wire/bodies/heartbeat.h"
#include "wire/codes.h"

namespace mqd::mqpull {
namespace {

/// The tools' own: brokers have it from the start, so that reading leaves no trace.
constexpr std::string_view plain_group = "TOOLS_CONSUMER";
constexpr std::int64_t commit_every_ms = 5000;
constexpr std::int64_t look_every_ms = 30'000;
constexpr std::int64_t give_up_ms = 10'000;
/// What was stored before --until's time may still be on its way here.
constexpr std::int64_t until_grace_ms = 200;
constexpr std::size_t body_bytes_max = 64 << 20;

bool reader_is_gone() {
    pollfd out = {STDOUT_FILENO, POLLOUT, 0};
    return ::poll(&out, 1, 0) > 0 && (out.revents & POLLERR) != 0;
}

[[noreturn]] void end_by_sigpipe() {
    ::signal(SIGPIPE, SIG_DFL);
    ::raise(SIGPIPE);
    ::_exit(cli::exit_status::signal_base + SIGPIPE);
}

/// The sooner of two times, where -1 is never.
std::int64_t sooner(std::int64_t a, std::int64_t b) {
    if (a < 0) return b;
    return b < 0 ? a : std::min(a, b);
}

client::Puller::Options puller_options(const Settings& settings) {
    client::Puller::Options options;
    options.group = settings.group.empty() ? std::string(plain_group) : settings.group;
    options.subscription = settings.expression;
    options.expression_type = settings.expression_type();
    options.suspends = !settings.stops_at_end;
    options.give_up_ms = settings.stops_at_end ? give_up_ms : -1;
    return options;
}

}  // namespace

Result<std::vector<client::Queue>> wanted_queues(client::Client& client, const Settings& settings) {
    std::vector<client::Queue> all;
    for (const auto& topic : settings.topics) {
        TRY(const auto route, client.route(topic));
        auto queues = client::subscribe_queues(topic, route);
        if (queues.empty())
            return Error{Errc::refused, fmt::format("topic '{}' has no readable queue", topic)};
        std::move(queues.begin(), queues.end(), std::back_inserter(all));
    }
    std::erase_if(all, [&](const client::Queue& q) {
        return (settings.queue && q.id != *settings.queue) ||
               (!settings.broker.empty() && q.broker != settings.broker);
    });
    if (all.empty())
        return Error{Errc::not_found,
                     fmt::format("no queue of {} is there", fmt::join(settings.topics, ","))};
    return all;
}

Pulling::Pulling(const cli::Parser& cli, client::Client& client, const Settings& settings)
    : cli_(cli),
      client_(client),
      settings_(settings),
      puller_(client, puller_options(settings)),
      writer_(STDOUT_FILENO, "standard output", settings.format),
      last_message_ms_(monotonic_ms()),
      commit_at_ms_(monotonic_ms() + commit_every_ms),
      look_at_ms_(monotonic_ms() + look_every_ms) {}

int Pulling::run() {
    auto result = begin();
    if (result) result = loop();
    if (result) result = write_out();
    take_marks();
    const bool is_pipe_closed = !result && result.error().code == Errc::io && reader_is_gone();
    commit();
    if (membership_) membership_->leave();
    if (is_pipe_closed) end_by_sigpipe();
    if (!result) return cli_.fail(result.error());
    if (cli_.verbose() > 0)
        cli_.note(fmt::format("{} messages, {} requests repeated", count_, puller_.retries()));
    if (settings_.fails_empty && count_ == 0)
        return cli::exit_status_after_signals(cli::exit_status::failed);
    return cli::exit_status_after_signals(cli::exit_status::done);
}

Result<> Pulling::begin() {
    if (settings_.count && *settings_.count == 0) return {};
    TRY(const auto queues, wanted_queues(client_, settings_));
    TRY_OK(check_expression(queues));
    if (settings_.group.empty()) {
        has_queues_ = true;
        return take_on(queues, settings_.from);
    }
    client::Membership::Options options;
    options.group = settings_.group;
    options.topics = settings_.topics;
    options.subscription = settings_.expression;
    options.expression_type = settings_.expression_type();
    options.tags = settings_.tags;
    options.from = settings_.from;
    TRY(membership_, client::Membership::join(client_, std::move(options)));
    return {};
}

Result<> Pulling::check_expression(const std::vector<client::Queue>& queues) const {
    if (!settings_.is_sql) return {};
    wire::CheckClientBody body;
    body.group = settings_.group.empty() ? std::string(plain_group) : settings_.group;
    body.subscription = wire::SubscriptionData();
    body.subscription->topic = queues.front().topic;
    body.subscription->sub_string = settings_.expression;
    body.subscription->expression_type = settings_.expression_type();
    const auto text = wire::to_body(body);
    std::set<std::string> brokers;
    for (const auto& queue : queues) brokers.insert(queue.address);
    for (const auto& address : brokers) {
        auto answer = client_.call(address, wire::request_code::check_client_config,
                                   wire::NoHeader{}, as_bytes(text));
        if (answer) continue;
        // A broker that does not filter by properties calls it a system error, which it is not.
        if (answer.error().remote_code >= 0) answer.error().code = Errc::refused;
        return answer.error();
    }
    return {};
}

Result<> Pulling::loop() {
    client::Block block;
    while (!cli::interrupted()) {
        if (membership_ && membership_->wants_rebalance()) share_out();
        if (!membership_ && monotonic_ms() >= look_at_ms_) look_for_queues();
        if (is_over()) break;
        TRY(const bool has_come, puller_.take(block));
        if (has_come) {
            TRY_OK(handle(block));
        } else {
            TRY_OK(write_out());
        }
        if (monotonic_ms() >= commit_at_ms_) {
            TRY_OK(write_out());
            commit();
        }
        if (!has_come && !is_over()) wait();
    }
    return {};
}

bool Pulling::is_over() const {
    if (settings_.count && count_ >= static_cast<std::uint64_t>(*settings_.count)) return true;
    if (!has_queues_) return false;
    const bool has_end =
        settings_.stops_at_end || settings_.until.offset || settings_.until.time_ms;
    if (has_end && puller_.all_done()) return true;
    if (settings_.until.time_ms && wall_ms() >= *settings_.until.time_ms + until_grace_ms &&
        monotonic_ms() - last_message_ms_ >= until_grace_ms && !settings_.stops_at_end)
        return true;
    return settings_.idle_ms && monotonic_ms() - last_message_ms_ >= *settings_.idle_ms;
}

// Records

Result<> Pulling::handle(const client::Block& block) {
    client::PulledQueue& queue = *block.queue;
    Bytes rest = as_bytes(block.records);
    while (!rest.empty()) {
        auto message = message::RecordView::parse(rest);
        if (!message)
            return Error{Errc::corrupt, fmt::format("{} sent, of {}: {}", queue.queue.address,
                                                    queue.queue.to_string(), message.error().what)};
        rest = rest.subspan(message->bytes.size());
        TRY(const bool goes_on, handle(queue, *message));
        if (!goes_on) return {};
    }
    queue.taken = std::max(queue.taken, std::min(block.next, queue.stop));
    take_marks();
    return {};
}

Result<bool> Pulling::handle(client::PulledQueue& queue, message::RecordView& message) {
    const std::int64_t offset = message.queue_offset.value;
    const bool is_behind =
        settings_.until.time_ms && message.store_ts_ms >= *settings_.until.time_ms;
    if (offset >= queue.stop || is_behind) {
        queue.is_done = true;
        return false;
    }
    if (!settings_.tags.matches_all()) {
        const auto tag = message::find_property(message.properties, message::property::tags);
        if (!settings_.tags.tag_matches(tag.value_or(""))) return true;
    }
    if (membership_ && queue.queue.topic == membership_->retry_topic()) {
        const auto topic =
            message::find_property(message.properties, message::property::retry_topic);
        message.topic = topic.value_or(message.topic);
    }
    if ((message.sys_flag & message::sys_flag::compressed) == 0) {
        TRY_OK(writer_.write(message, queue.queue.broker, message.body));
    } else {
        TRY(const auto body, message.plain_body(body_bytes_max));
        TRY_OK(writer_.write(message, queue.queue.broker, body));
    }
    queue.taken = std::max(queue.taken, offset + 1);
    if (membership_) marks_.push_back({writer_.appended_bytes(), &queue, queue.taken});
    last_message_ms_ = monotonic_ms();
    ++count_;
    return !settings_.count || count_ < static_cast<std::uint64_t>(*settings_.count);
}

Result<> Pulling::write_out() {
    TRY_OK(writer_.flush());
    for (auto* const queue : puller_.queues()) queue->written = queue->taken;
    marks_.clear();
    return {};
}

/// As far as the output has been taken, maybe in the middle of a block.
void Pulling::take_marks() {
    const std::uint64_t out_bytes = writer_.written_bytes();
    const auto first = std::find_if(marks_.begin(), marks_.end(),
                                    [&](const Mark& mark) { return mark.end > out_bytes; });
    for (auto mark = marks_.begin(); mark != first; ++mark) mark->queue->written = mark->next;
    marks_.erase(marks_.begin(), first);
}

void Pulling::commit() {
    commit_at_ms_ = monotonic_ms() + commit_every_ms;
    if (!membership_) return;
    for (auto* const queue : puller_.queues()) {
        if (queue->written == queue->committed) continue;
        membership_->commit(queue->queue, queue->written);
        queue->committed = queue->written;
    }
}

// Queues

Result<> Pulling::take_on(const std::vector<client::Queue>& queues, const client::From& from) {
    if (queues.empty()) return {};
    TRY(const auto bounds, client::queue_bounds(client_, queues, from));
    for (std::size_t i = 0; i < queues.size(); ++i) {
        const client::Queue& queue = queues[i];
        std::int64_t start = client::start_offset(from, bounds[i]);
        if (membership_) {
            const auto stored = membership_->stored_offset(queue);
            if (!stored) {
                cli_.warn(stored.error().what);
                continue;  // the next round tries again
            }
            start = client::group_start_offset(from, bounds[i], *stored,
                                               queue.topic == membership_->retry_topic());
        }
        std::int64_t stop = settings_.until.offset.value_or(client::offset_max);
        if (settings_.stops_at_end) stop = std::min(stop, bounds[i].max);
        auto& added = puller_.add(queue, start, stop);
        if (membership_) added.committed = start;
    }
    return {};
}

/// The group's queues, when the members or the routes have changed.
void Pulling::share_out() {
    auto assigned = membership_->assigned();
    if (!assigned) {
        if (cli_.verbose() > 0) cli_.warn(assigned.error().what);
        return;
    }
    std::erase_if(*assigned, [&](const client::Queue& q) {
        return (settings_.queue && q.id != *settings_.queue) ||
               (!settings_.broker.empty() && q.broker != settings_.broker);
    });
    settle_on(std::move(*assigned));
    has_queues_ = true;
}

/// A plain reader's: the topic may have grown, a broker may have moved.
void Pulling::look_for_queues() {
    look_at_ms_ = monotonic_ms() + look_every_ms;
    if (settings_.stops_at_end) return;
    auto queues = wanted_queues(client_, settings_);
    if (queues) settle_on(std::move(*queues));
}

void Pulling::settle_on(std::vector<client::Queue> queues) {
    const auto current = puller_.queues();
    bool has_written = false;
    for (auto* const pulled : current) {
        const auto kept = std::find(queues.begin(), queues.end(), pulled->queue);
        if (kept != queues.end()) {
            pulled->queue.address = kept->address;
            queues.erase(kept);
            continue;
        }
        if (!has_written) {
            // What cannot be written now comes up again at the next block.
            if (const auto written = write_out(); !written) return;
            commit();
            has_written = true;
        }
        puller_.drop(*pulled);
    }
    // What a topic got while a plain reader was reading it is new from its first message on.
    const client::From from = has_queues_ && !membership_
                                  ? client::From{client::From::Kind::beginning, 0}
                                  : settings_.from;
    if (const auto taken = take_on(queues, from); !taken) cli_.warn(taken.error().what);
}

void Pulling::wait() {
    std::int64_t until_ms =
        sooner(puller_.due_ms(), membership_ ? membership_->due_ms() : look_at_ms_);
    if (membership_) until_ms = sooner(until_ms, commit_at_ms_);
    if (settings_.idle_ms) until_ms = sooner(until_ms, last_message_ms_ + *settings_.idle_ms);
    const std::int64_t now_ms = monotonic_ms();
    if (settings_.until.time_ms) {
        const auto left_ms = *settings_.until.time_ms + until_grace_ms - wall_ms();
        until_ms = sooner(until_ms, std::max(now_ms + left_ms, last_message_ms_ + until_grace_ms));
    }
    const auto timeout_ms = std::clamp<std::int64_t>(until_ms - now_ms, 0, 1'000'000);
    pollfd fds[3] = {{puller_.fd(), POLLIN, 0},
                     {cli::interrupt_fd(), POLLIN, 0},
                     {membership_ ? membership_->fd() : -1, POLLIN, 0}};
    [[maybe_unused]] const int n = ::poll(fds, 3, static_cast<int>(timeout_ms));
}

}  // namespace mqd::mqpull
