#include "pulling.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/clock.h"
#include "cli/far_end.h"
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
constexpr std::int64_t give_up_ms = 10'000;
/// What was stored before --until's time may still be on its way here.
constexpr std::int64_t until_grace_ms = 200;
/// Before signals, members and commits are looked at again.
constexpr int turn_messages = 4096;
constexpr std::size_t body_bytes_max = 64 << 20;

/// The sooner of two times, where -1 is never.
std::int64_t sooner(std::int64_t a, std::int64_t b) {
    if (a < 0) return b;
    return b < 0 ? a : std::min(a, b);
}

Intake::Order intake_order(const Settings& settings) {
    if (settings.merges) return Intake::Order::merged;
    // One queue's command must not keep the others from theirs.
    return settings.is_orderly && settings.runs_commands ? Intake::Order::any_accepted
                                                         : Intake::Order::as_they_come;
}

client::Puller::Options puller_options(const Settings& settings) {
    client::Puller::Options options;
    options.group = settings.group.empty() ? std::string(plain_group) : settings.group;
    options.subscription = settings.expression;
    options.expression_type = settings.expression_type();
    options.suspends = !settings.stops_at_end;
    options.asks_ahead = intake_order(settings) == Intake::Order::as_they_come;
    options.give_up_ms = settings.stops_at_end ? give_up_ms : -1;
    return options;
}

/// Messages on a terminal show by themselves that it goes on.
std::optional<bool> wants_progress(const Settings& settings) {
    if (!settings.progress && ::isatty(STDOUT_FILENO) == 1) return false;
    return settings.progress;
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
    if (!all.empty()) return all;
    const auto number = settings.queue ? fmt::format(" {}", *settings.queue) : std::string();
    const auto where =
        settings.broker.empty() ? "" : fmt::format(" on broker '{}'", settings.broker);
    return Error{Errc::not_found, fmt::format("there is no queue{} of '{}'{}", number,
                                              fmt::join(settings.topics, ","), where)};
}

Pulling::Pulling(cli::Parser& cli, client::Client& client, const Settings& settings, Output& output)
    : cli_(cli),
      client_(client),
      settings_(settings),
      puller_(client, puller_options(settings)),
      output_(output),
      pace_(settings.rate),
      intake_(puller_, intake_order(settings), !settings.stops_at_end),
      progress_(wants_progress(settings), cli.quiet(), STDERR_FILENO),
      active_ms_(monotonic_ms()),
      commit_at_ms_(monotonic_ms() + commit_every_ms),
      routes_(client) {
    cli_.before_messages([this] { progress_.clear(); });
}

Pulling::~Pulling() {
    cli_.before_messages(nullptr);
}

int Pulling::run() {
    auto result = begin();
    if (result) result = loop();
    // Also after an error: what was begun is finished, and committed.
    auto drained = drain();
    if (result) result = std::move(drained);
    const bool is_pipe_closed =
        !result && result.error().code == Errc::io && output_.is_reader_gone();
    progress_.clear();
    if (const auto report = output_.report(); report && !is_pipe_closed)
        output_.has_failed() ? cli_.warn(*report) : cli_.note(*report);
    auto left = leave(is_pipe_closed);
    if (is_pipe_closed) cli::end_by_sigpipe();
    if (result) result = std::move(left);
    if (!result) return cli::exit_status_after_signals(cli_.fail(result.error()));
    // That it went on is good to know, also where all of it went well.
    if (cli_.verbose() > 0 || puller_.retries() > 0)
        cli_.note(fmt::format("{} messages, {} requests repeated", count_, puller_.retries()));
    const bool has_failed = output_.has_failed() || (settings_.fails_empty && count_ == 0);
    return cli::exit_status_after_signals(has_failed ? cli::exit_status::failed
                                                     : cli::exit_status::done);
}

Result<> Pulling::leave(bool is_pipe_closed) {
    Result<> finished;
    if (holding_) {
        const bool hurries = is_pipe_closed || cli::interrupted();
        finished = holding_->finish(hurries ? 0 : give_up_ms);
    }
    if (membership_) membership_->leave();
    return finished;
}

Result<> Pulling::begin() {
    if (settings_.count && *settings_.count == 0) return {};
    TRY(const auto queues, wanted_queues(client_, settings_));
    TRY_OK(check_expression(queues));
    if (!settings_.stops_at_end || !settings_.group.empty())
        for (const auto& topic : settings_.topics) routes_.watch(topic);
    if (settings_.group.empty()) {
        has_queues_ = true;
        return take_on(queues, settings_.from);
    }
    return join();
}

Result<> Pulling::join() {
    client::Membership::Options options;
    options.group = settings_.group;
    options.topics = settings_.topics;
    options.subscription = settings_.expression;
    options.expression_type = settings_.expression_type();
    options.tags = settings_.tags;
    options.from = settings_.from;
    options.broadcasts = settings_.broadcasts;
    TRY(membership_, client::Membership::join(client_, std::move(options)));
    if (!settings_.commits()) return {};
    using Hold = client::QueueLocks::Hold;
    client::QueueLocks locks(client_, settings_.group, membership_->client_id(),
                             settings_.is_orderly ? Hold::order : Hold::share);
    client::Waiting waiting;
    waiting.say = [this](std::string_view what) { cli_.warn(what); };
    if (cli_.quiet()) waiting.told_after_ms = give_up_ms;
    holding_.emplace(client_, *membership_, puller_, output_, std::move(locks), waiting);
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
    while (!cli::interrupted()) {
        if (membership_ && membership_->wants_rebalance()) TRY_OK(share_out());
        if (routes_.take()) TRY_OK(look_for_queues());
        TRY_OK(output_.advance());
        if (holding_ && holding_->advance()) TRY_OK(share_out());
        if (output_.is_working()) active_ms_ = monotonic_ms();
        if (is_over()) break;
        TRY(const bool has_moved, move_on());
        if (!has_moved || monotonic_ms() >= commit_at_ms_) TRY_OK(output_.flush());
        tick();
        show_progress();
        if (!has_moved && !is_over()) wait();
    }
    return {};
}

Result<> Pulling::drain() {
    is_draining_ = true;
    bool hurries = cli::interrupted();
    if (hurries) output_.hurry();
    TRY_OK(output_.end());
    while (!output_.is_idle()) {
        if (!hurries && cli::interrupted()) {
            hurries = true;
            output_.hurry();
        }
        TRY_OK(output_.advance());
        tick();
        show_progress();
        if (!output_.is_idle()) wait();
    }
    return {};
}

void Pulling::tick() {
    if (!holding_) return;
    if (output_.wants_commit()) holding_->commit(false);
    if (monotonic_ms() < commit_at_ms_) return;
    holding_->commit(true);
    if (is_draining_) holding_->keep_locks();
    commit_at_ms_ = monotonic_ms() + commit_every_ms;
}

bool Pulling::is_over() const {
    if (settings_.count && count_ >= static_cast<std::uint64_t>(*settings_.count)) return true;
    if (!has_queues_ || !intake_.at_end()) return false;
    const bool has_end =
        settings_.stops_at_end || settings_.until.offset || settings_.until.time_ms;
    if (has_end && puller_.all_done()) return true;
    if (settings_.until.time_ms && wall_ms() >= *settings_.until.time_ms + until_grace_ms &&
        monotonic_ms() - active_ms_ >= until_grace_ms && !settings_.stops_at_end)
        return true;
    return settings_.idle_ms && monotonic_ms() - active_ms_ >= *settings_.idle_ms;
}

// Records

Result<bool> Pulling::move_on() {
    bool has_moved = false;
    is_blocked_ = waits_for_pace_ = false;
    for (int i = 0; i < turn_messages; ++i) {
        const auto accepts = [&](const client::PulledQueue& queue) {
            return output_.accepts(queue);
        };
        TRY(BlockReader* const reader, intake_.next(accepts));
        if (!reader) return has_moved;
        client::PulledQueue& queue = *reader->block().queue;
        if (reader->at_end()) {
            TRY_OK(pass(queue, reader->block().next));
            intake_.finished(*reader);
            has_moved = true;
            continue;
        }
        is_blocked_ = !accepts(queue);
        waits_for_pace_ = !pace_.permits(monotonic_us());
        if (is_blocked_ || waits_for_pace_) return has_moved;
        has_moved = true;
        TRY(auto message, reader->next());
        TRY(const bool goes_on, handle(queue, message, reader->is_part()));
        if (!goes_on) {
            intake_.finished(*reader);
            return true;
        }
        TRY_OK(intake_.moved(*reader));
    }
    return true;
}

Result<> Pulling::pass(client::PulledQueue& queue, std::int64_t next) {
    if (next < queue.taken) {
        // The broker has moved us back: the queue is a new one, or has lost its end.
        TRY_OK(output_.settle());
        queue.start = queue.taken = next;
        queue.ledger = client::Ledger(next);
        return {};
    }
    queue.taken = std::min(next, queue.stop);
    output_.pass(queue, queue.taken);
    return {};
}

Result<bool> Pulling::handle(client::PulledQueue& queue, message::RecordView& message,
                             bool is_part) {
    const std::int64_t offset = message.queue_offset.value;
    if (offset < queue.taken) return true;
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
        TRY_OK(output_.put({queue, message, message.body, is_part}));
    } else {
        TRY(const auto body, message.plain_body(body_bytes_max));
        TRY_OK(output_.put({queue, message, body, is_part}));
    }
    queue.taken = offset + 1;
    active_ms_ = monotonic_ms();
    pace_.count(monotonic_us());
    ++count_;
    body_bytes_ += message.body.size();
    return !settings_.count || count_ < static_cast<std::uint64_t>(*settings_.count);
}

// Queues

Result<> Pulling::take_on(const std::vector<client::Queue>& queues, const client::From& from) {
    if (queues.empty()) return {};
    TRY(const auto bounds, client::queue_bounds(client_, queues, from));
    std::vector<std::int64_t> starts;
    if (settings_.commits()) {
        TRY(starts, group_starts(queues, bounds));
    } else {
        for (const auto& is : bounds) starts.push_back(client::start_offset(from, is));
    }
    for (std::size_t i = 0; i < queues.size(); ++i) {
        const client::Queue& queue = queues[i];
        std::int64_t stop = settings_.until.offset.value_or(client::offset_max);
        if (settings_.stops_at_end) stop = std::min(stop, bounds[i].max);
        client_.options().talk(client::Talk::trouble, "reads {} on {} from {} on",
                               queue.to_string(), queue.address, starts[i]);
        auto& added = puller_.add(queue, starts[i], stop);
        intake_.add(added);
        added.committed = starts[i];
    }
    return {};
}

/// Where the group goes on in each of them.
Result<std::vector<std::int64_t>> Pulling::group_starts(const std::vector<client::Queue>& queues,
                                                        const std::vector<client::Bounds>& bounds) {
    std::map<std::string, bool> is_new = {{membership_->retry_topic(), false}};
    TRY(auto stored, membership_->stored_offsets(queues));
    for (std::size_t i = 0; i < queues.size(); ++i) {
        if (stored[i] || is_new.contains(queues[i].topic)) continue;
        TRY(is_new[queues[i].topic], is_new_group(queues[i].topic));
        if (!is_new[queues[i].topic]) continue;
        // Another member may have been the first to say where.
        TRY(stored, membership_->stored_offsets(queues));
    }
    std::vector<std::int64_t> starts;
    for (std::size_t i = 0; i < queues.size(); ++i)
        starts.push_back(client::group_start_offset(settings_.from, bounds[i], stored[i],
                                                    is_new[queues[i].topic]));
    return starts;
}

/// A group that has no offset in the topic begins in all of its queues at once: whoever comes to
/// read them, and whenever, nothing is passed over then. A queue that the topic gets later is read
/// from its beginning.
Result<bool> Pulling::is_new_group(const std::string& topic) {
    auto settings = settings_;
    settings.topics = {topic};
    TRY(const auto queues, wanted_queues(client_, settings));
    TRY(const auto stored, membership_->stored_offsets(queues));
    if (std::any_of(stored.begin(), stored.end(), [](const auto& is) { return is.has_value(); }))
        return false;
    TRY(const auto bounds, client::queue_bounds(client_, queues, settings_.from));
    std::vector<client::Membership::Commit> commits;
    for (std::size_t i = 0; i < queues.size(); ++i)
        commits.push_back({queues[i], client::start_offset(settings_.from, bounds[i])});
    TRY_OK(membership_->commit_first(commits));
    return true;
}

/// The group's queues, when the members or the routes have changed.
Result<> Pulling::share_out() {
    auto assigned = membership_->assigned();
    if (!assigned) {
        if (cli_.verbose() > 0) cli_.warn(assigned.error().what);
        return not_shared(assigned.error());
    }
    std::erase_if(*assigned, [&](const client::Queue& q) {
        return (settings_.queue && q.id != *settings_.queue) ||
               (!settings_.broker.empty() && q.broker != settings_.broker);
    });
    TRY_OK(settle_on(std::move(*assigned)));
    // The first ones may still be another member's.
    const bool has_all = not_shared_since_ms_ < 0 && (!holding_ || holding_->has_all());
    if (!has_queues_ && has_all) {
        has_queues_ = true;
        active_ms_ = monotonic_ms();  // how long it took to join is no idleness
    }
    return {};
}

/// The next round tries again; who wants an end does not wait for ever.
Result<> Pulling::not_shared(const Error& error) {
    if (not_shared_since_ms_ < 0) not_shared_since_ms_ = monotonic_ms();
    if (holding_) holding_->keep_locks();
    const bool gives_up =
        settings_.stops_at_end && monotonic_ms() - not_shared_since_ms_ >= give_up_ms;
    return gives_up ? Result<>(error) : Result<>();
}

/// A route has changed: the topic may have grown, a broker may have moved.
Result<> Pulling::look_for_queues() {
    if (membership_) return membership_->rebalance_now(), Result<>();
    auto queues = wanted_queues(client_, settings_);
    if (!queues) return {};  // the next round tries again
    return settle_on(std::move(*queues));
}

Result<> Pulling::settle_on(std::vector<client::Queue> queues) {
    std::vector<client::PulledQueue*> given_away;
    for (auto* const pulled : puller_.queues())
        if (std::find(queues.begin(), queues.end(), pulled->queue) == queues.end())
            given_away.push_back(pulled);
    TRY_OK(stop_reading(given_away));
    if (holding_) queues = holding_->lock(queues);
    for (auto* const pulled : puller_.queues()) {
        const auto kept = std::find(queues.begin(), queues.end(), pulled->queue);
        if (kept == queues.end()) {
            client_.options().talk(client::Talk::trouble, "has lost {} to another member",
                                   pulled->queue.to_string());
            Holding::lose(*pulled);
            drop(*pulled);
            continue;
        }
        pulled->queue.address = kept->address;
        queues.erase(kept);
    }
    // What a topic got while it was being read is new from its first message on; a group's offsets
    // say so by themselves.
    const client::From from = has_queues_ && !settings_.commits()
                                  ? client::From{client::From::Kind::beginning, 0}
                                  : settings_.from;
    const auto taken = take_on(queues, from);
    if (taken) {
        trouble_.clear();
        not_shared_since_ms_ = -1;
        return {};
    }
    if (trouble_ != taken.error().what) cli_.warn(taken.error().what);
    trouble_ = taken.error().what;
    if (membership_) membership_->rebalance_soon();
    return not_shared(taken.error());
}

/// Others are to have them; a group's as soon as what was put of them is done.
Result<> Pulling::stop_reading(const std::vector<client::PulledQueue*>& queues) {
    if (queues.empty()) return {};
    for (auto* const queue : queues) {
        const auto kept = queue->shared_from_this();
        drop(*queue);
        if (holding_) holding_->let_go(kept);
    }
    TRY_OK(output_.settle());
    if (holding_) holding_->advance();
    return {};
}

void Pulling::drop(client::PulledQueue& queue) {
    intake_.drop(queue);
    puller_.drop(queue);
}

void Pulling::show_progress() {
    if (!progress_.is_on() || count_ == shown_count_ || monotonic_ms() < progress_.due_ms()) return;
    shown_count_ = count_;
    cli::Progress::Now now;
    now.count = count_;
    now.bytes = body_bytes_;
    std::uint64_t total = 0;
    bool has_end = has_queues_;
    for (const auto* const queue : puller_.queues()) {
        has_end = has_end && queue->stop != client::offset_max;
        now.steps += static_cast<std::uint64_t>(queue->taken - queue->start);
        total += static_cast<std::uint64_t>(std::max(queue->stop, queue->taken) - queue->start);
    }
    if (has_end) now.steps_total = total;
    progress_.show(now);
}

void Pulling::wait() {
    fds_.clear();
    output_.add_fds(fds_);
    std::int64_t until_ms = output_.due_ms();
    if (holding_) until_ms = sooner(sooner(until_ms, commit_at_ms_), holding_->due_ms());
    if (count_ != shown_count_) until_ms = sooner(until_ms, progress_.due_ms());
    // Once it has come it stays readable.
    if (!cli::interrupted()) fds_.push_back({cli::interrupt_fd(), POLLIN, 0});
    if (!is_draining_) until_ms = add_sources(until_ms);
    const auto timeout_ms =
        until_ms < 0 ? -1 : std::clamp<std::int64_t>(until_ms - monotonic_ms(), 0, 1'000'000);
    [[maybe_unused]] const int n = ::poll(fds_.data(), fds_.size(), static_cast<int>(timeout_ms));
}

std::int64_t Pulling::add_sources(std::int64_t until_ms) {
    if (membership_) {
        fds_.push_back({membership_->fd(), POLLIN, 0});
        until_ms = sooner(until_ms, membership_->due_ms());
    }
    fds_.push_back({routes_.fd(), POLLIN, 0});
    until_ms = sooner(until_ms, routes_.due_ms());
    if (intake_.wants_blocks()) {
        fds_.push_back({puller_.fd(), POLLIN, 0});
        until_ms = sooner(until_ms, puller_.due_ms());
    }
    if (is_blocked_) return until_ms;
    if (waits_for_pace_) return sooner(until_ms, pace_.due_ms());
    if (!intake_.at_end()) return sooner(until_ms, intake_.due_ms());
    if (settings_.idle_ms) until_ms = sooner(until_ms, active_ms_ + *settings_.idle_ms);
    if (settings_.until.time_ms) {
        const auto left_ms = *settings_.until.time_ms + until_grace_ms - wall_ms();
        until_ms =
            sooner(until_ms, std::max(monotonic_ms() + left_ms, active_ms_ + until_grace_ms));
    }
    return until_ms;
}

}  // namespace mqd::mqpull
