#include "pulling.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/clock.h"
#include "base/counted.h"
#include "cli/far_end.h"
#include "cli/signals.h"
#include "message/properties.h"
#include "message/sys_flag.h"
#include "wire/bodies/heartbeat.h"
#include "wire/codes.h"

namespace mqd::mqpull {
namespace {

constexpr std::int64_t commit_every_ms = 5000;
constexpr std::int64_t give_up_ms = 10'000;
constexpr std::int64_t missing_every_ms = 1000;
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
    options.group = settings.group.empty() ? std::string(client::tools_group) : settings.group;
    options.subscription = settings.expression;
    options.expression_type = settings.expression_type();
    options.suspends = !settings.stops_at_end;
    options.asks_ahead = intake_order(settings) == Intake::Order::as_they_come;
    options.give_up_ms = settings.stops_at_end ? give_up_ms : -1;
    options.waits_for_topics = !settings.stops_at_end;
    options.waiting = settings.waiting;
    return options;
}

/// What comes from now on is what was stored since, where nobody can tell the end of now.
client::From from_absent(const Settings& settings) {
    using Kind = client::From::Kind;
    if (settings.from.kind != Kind::end || settings.stops_at_end) return settings.from;
    return {Kind::time, wall_ms()};
}

/// Messages on a terminal show by themselves that it goes on.
std::optional<bool> wants_progress(const Settings& settings) {
    if (!settings.progress && ::isatty(STDOUT_FILENO) == 1) return false;
    return settings.progress;
}

}  // namespace

Pulling::Pulling(cli::Parser& cli, client::Client& client, const Settings& settings, Output& output)
    : cli_(cli),
      client_(client),
      settings_(settings),
      puller_(client, puller_options(settings)),
      output_(output),
      pace_(settings.rate),
      intake_(puller_, intake_order(settings), !settings.stops_at_end),
      progress_(wants_progress(settings), cli.quiet(), STDERR_FILENO),
      losses_([&cli](std::string_view what) { cli.warn(what); }),
      absent_(client, from_absent(settings), settings.waiting),
      away_line_(settings.waiting),
      missing_line_(settings.waiting),
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
    losses_.tell(monotonic_ms(), true);
    if (const auto report = output_.report(); report && !is_pipe_closed)
        output_.has_failed() ? cli_.warn(*report) : cli_.note(*report);
    auto left = leave(is_pipe_closed);
    if (is_pipe_closed) cli::end_by_sigpipe();
    if (result) result = std::move(left);
    if (!result) return cli_.fail(result.error());
    cli_.sums(fmt::format("{}, {} repeated", counted(count_, "message"),
                          counted(puller_.retries(), "request")),
              true);
    return status();
}

int Pulling::status() const {
    // Who follows a topic by himself has been told; who says -e or -g wants all of it.
    const bool has_lost = losses_.any() && (settings_.stops_at_end || settings_.is_group());
    const bool is_empty = settings_.fails_empty && count_ == 0;
    if (!missed_.empty() && count_ == 0) return cli::exit_status::unreachable;
    return output_.has_failed() || has_lost || is_empty || !missed_.empty()
               ? cli::exit_status::failed
               : cli::exit_status::done;
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
    client::Patience patience(client_, settings_.waiting);
    TRY(auto sources, patience.until_settled([&] { return find_sources(client_, settings_); }));
    TRY_OK(check_expression(sources.queues));
    wait_for(sources.missing);
    if (!settings_.stops_at_end || settings_.is_group())
        for (const auto& topic : settings_.topics) routes_.watch(topic);
    if (settings_.last) {
        auto found = patience.until_settled([&] { return find_newest(sources.queues); });
        if (!found && newest_.empty()) return found;
    }
    return settings_.is_group() ? join(patience) : begin_plain(std::move(sources.queues), patience);
}

Result<> Pulling::join(client::Patience& patience) {
    client::Membership::Options options;
    options.group = settings_.group;
    options.topics = settings_.topics;
    options.subscription = settings_.expression;
    options.expression_type = settings_.expression_type();
    options.tags = settings_.tags;
    options.from = settings_.from;
    options.broadcasts = settings_.broadcasts;
    options.needs_all = settings_.brokers.any();
    set_absent_end();
    TRY(membership_, client::Membership::join(client_, std::move(options), patience));
    if (!settings_.commits()) return {};
    using Hold = client::QueueLocks::Hold;
    client::QueueLocks locks(client_, settings_.group, membership_->client_id(),
                             settings_.is_orderly ? Hold::order : Hold::share);
    holding_.emplace(client_, *membership_, puller_, output_, std::move(locks), settings_.waiting);
    return {};
}

/// Who wants an end does not wait for brokers without one.
void Pulling::set_absent_end() {
    if (settings_.stops_at_end && settings_.waiting.timeout_ms > 0)
        absent_until_ms_ = monotonic_ms() + settings_.waiting.timeout_ms;
}

/// Until one broker has answered or, with --brokers, all. The others may come later.
Result<> Pulling::begin_plain(std::vector<client::Queue> queues, client::Patience& patience) {
    has_queues_ = missing_.empty();
    set_absent_end();
    if (queues.empty()) return {};
    Error why;
    TRY_OK(patience.until_settled([&] { return take_on_present(queues, why); }));
    absent_.add(std::move(queues), std::move(why));
    return {};
}

/// Leaves in `queues` those whose broker does not answer.
Result<> Pulling::take_on_present(std::vector<client::Queue>& queues, Error& why) {
    auto answers = client::BoundsQuestion(client_, queues, settings_.from).wait(client_);
    std::vector<client::Queue> absent;
    for (std::size_t i = 0; i < queues.size(); ++i) {
        if (answers[i]) {
            begin_queue(queues[i], start_of(queues[i], settings_.from, *answers[i]), *answers[i]);
            continue;
        }
        why = std::move(answers[i]).error();
        if (why.code != Errc::unavailable) return why;
        absent.push_back(queues[i]);
    }
    queues = std::move(absent);
    const bool must_wait = settings_.brokers.any() || puller_.queues().empty();
    if (!queues.empty() && must_wait) return why;
    return {};
}

/// Where the newest messages of all queues begin, or of those whose broker answers.
Result<> Pulling::find_newest(const std::vector<client::Queue>& queues) {
    std::vector<client::Queue> present;
    std::vector<client::Bounds> bounds;
    Result<> all;
    auto answers = client::BoundsQuestion(client_, queues, {}).wait(client_);
    for (std::size_t i = 0; i < queues.size(); ++i) {
        if (answers[i]) {
            present.push_back(queues[i]);
            bounds.push_back(*answers[i]);
        } else {
            if (answers[i].error().code != Errc::unavailable) return answers[i].error();
            all = answers[i].error();
        }
    }
    TRY(const auto starts, client::newest_starts(client_, present, bounds, *settings_.last));
    newest_.clear();
    for (std::size_t i = 0; i < present.size(); ++i) newest_[present[i]] = starts[i];
    return all;
}

Result<> Pulling::check_expression(const std::vector<client::Queue>& queues) const {
    if (!settings_.is_sql || queues.empty()) return {};
    wire::CheckClientBody body;
    body.group = settings_.group.empty() ? std::string(client::tools_group) : settings_.group;
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
        // Who does not answer says so when it is read.
        if (answer || answer.error().remote_code < 0) continue;
        // A broker that does not filter by properties calls it a system error, which it is not.
        answer.error().code = Errc::refused;
        return answer.error();
    }
    return {};
}

Result<> Pulling::loop() {
    while (!cli::interrupted()) {
        if (membership_ && membership_->wants_rebalance()) TRY_OK(share_out());
        const bool is_due = look_again_ms_ >= 0 && monotonic_ms() >= look_again_ms_;
        if (routes_.take() || is_due) TRY_OK(look_for_queues());
        if (missing_routes_) TRY_OK(look_for_topics());
        if (absent_.any()) take_absent();
        if (!away_.empty()) mind_away();
        TRY_OK(output_.advance());
        if (holding_ && holding_->advance()) TRY_OK(share_out());
        if (output_.is_working()) active_ms_ = monotonic_ms();
        if (is_over()) break;
        TRY(const bool has_moved, move_on());
        if (!has_moved || monotonic_ms() >= commit_at_ms_) TRY_OK(output_.flush());
        tick();
        losses_.tell(monotonic_ms());
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
    if (!intake_.at_end()) return false;
    const bool is_idle = settings_.idle_ms && monotonic_ms() - active_ms_ >= *settings_.idle_ms;
    // How long it takes to join is no idleness; that a topic does not come is.
    if (!has_queues_) return is_idle && !missing_.empty();
    return is_idle ||
           (settings_.stops_at_end && puller_.all_done() && !absent_.any() && away_.empty());
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
            TRY_OK(pass(*reader));
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

Result<> Pulling::pass(BlockReader& reader) {
    const client::Block& block = reader.block();
    client::PulledQueue& queue = *block.queue;
    tell(block);
    if (block.begins_again()) return begin_again(block);
    const std::int64_t next = std::min(block.next, queue.stop);
    if (next > queue.taken) {
        if (block.news == client::Block::News::none && settings_.is_unfiltered())
            lose(queue, Losses::Why::unreadable, queue.taken, next);
        queue.taken = next;
    }
    output_.pass(queue, queue.taken);
    const bool is_removed = block.news == client::Block::News::removed;
    if (is_removed && !settings_.stops_at_end) return stop_reading({&queue});
    intake_.finished(reader);
    return {};
}

void Pulling::tell(const client::Block& block) {
    using News = client::Block::News;
    const client::PulledQueue& queue = *block.queue;
    const client::Queue& of = queue.queue;
    switch (block.news) {
        case News::none:
            break;
        case News::passed_over:
            lose(queue, Losses::Why::deleted, queue.taken, block.next);
            break;
        case News::moved:
            cli_.note(fmt::format("{}: the group was moved from {} to {}", of.to_string(),
                                  queue.taken, block.next));
            break;
        case News::shortened:
            cli_.warn(fmt::format("{} now ends before {}: continues at {}", of.to_string(),
                                  queue.taken, block.next));
            break;
        case News::made_anew:
            new_topics_.insert(of.topic);
            lose(queue, Losses::Why::gone, queue.taken, queue.end);
            tell_once(
                queue, block.news,
                fmt::format("topic '{}' was deleted and created again on {}{}", of.topic, of.broker,
                            settings_.stops_at_end ? "" : ": reads it from its beginning"));
            break;
        case News::missing:
            new_topics_.insert(of.topic);
            lose(queue, Losses::Why::gone, queue.taken, queue.end);
            tell_once(queue, block.news,
                      fmt::format("topic '{}' was deleted on {}{}", of.topic, of.broker,
                                  settings_.stops_at_end ? "" : ": waits for a new one"));
            break;
        case News::given_up:
            miss(of, *queue.why);
            break;
        case News::removed:
            tell_removed(queue);
            break;
    }
}

void Pulling::tell_removed(const client::PulledQueue& queue) {
    const client::Queue& of = queue.queue;
    cli_.warn(fmt::format("topic '{}' no longer has queue {} on {}", of.topic, of.id, of.broker));
    lose(queue, Losses::Why::gone, queue.taken, queue.end);
}

void Pulling::tell_once(const client::PulledQueue& queue, client::Block::News news,
                        const std::string& what) {
    const std::pair now{news, queue.since};
    auto [said, is_new] = said_.try_emplace({queue.queue.topic, queue.queue.broker}, now);
    if (is_new || std::exchange(said->second, now) != now) cli_.warn(what);
}

void Pulling::lose(const client::PulledQueue& queue, Losses::Why why, std::int64_t from,
                   std::int64_t to) {
    losses_.add(queue.queue, why, from, std::min(to, queue.stop));
}

Result<> Pulling::begin_again(client::Block block) {
    TRY_OK(output_.settle());
    const auto before = block.queue->shared_from_this();
    if (holding_) Holding::lose(*before);
    intake_.drop(*before);
    puller_.drop(*before);
    // Of the topic that was there on arrival nothing is left.
    if (settings_.stops_at_end && block.news == client::Block::News::made_anew) return {};
    auto& added = puller_.add(before->queue, block.next, before->stop);
    added.since = before->since;
    if (before->arrival >= 0) added.arrival = block.next;
    intake_.add(added);
    // With its topic went the queue's lock.
    if (membership_) membership_->rebalance_now();
    return {};
}

Result<bool> Pulling::handle(client::PulledQueue& queue, message::RecordView& message,
                             bool is_part) {
    const std::int64_t offset = message.queue_offset.value;
    if (offset < queue.taken) return true;
    if (offset > queue.taken && settings_.is_unfiltered())
        lose(queue, Losses::Why::unreadable, queue.taken, offset);
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

/// Where a queue is begun of which nobody has kept how far it was read.
std::int64_t Pulling::start_of(const client::Queue& queue, const client::From& from,
                               const client::Bounds& bounds) {
    if (const auto left = left_at_.find(queue); left != left_at_.end()) {
        const auto [offset, since] = left->second;
        left_at_.erase(left);
        return since == bounds.since ? std::clamp(offset, bounds.min, bounds.max) : bounds.min;
    }
    if (const auto newest = newest_.find(queue); newest != newest_.end())
        return std::clamp(newest->second, bounds.min, bounds.max);
    const bool is_late =
        from.kind == client::From::Kind::offset && from.value > 0 && from.value < bounds.min;
    if (is_late)
        cli_.warn(fmt::format("{} begins at {}: earlier messages are gone", queue.to_string(),
                              bounds.min));
    return client::start_offset(from, bounds);
}

void Pulling::begin_queue(const client::Queue& queue, std::int64_t start,
                          const client::Bounds& bounds) {
    std::int64_t stop = settings_.until.offset.value_or(client::offset_max);
    if (settings_.stops_at_end) stop = std::min(stop, bounds.max);
    client_.options().talk(client::Talk::trouble, "reads {} on {} from {} on", queue.to_string(),
                           queue.address, start);
    auto& added = puller_.add(queue, start, stop);
    added.committed = start;
    added.end = bounds.max;
    added.since = bounds.since;
    if (settings_.merges_at_first) added.arrival = bounds.max;
    intake_.add(added);
}

Result<> Pulling::take_on(const std::vector<client::Queue>& queues, const client::From& from) {
    if (queues.empty()) return {};
    TRY(const auto bounds, client::queue_bounds(client_, queues, from));
    std::vector<std::int64_t> starts;
    if (settings_.commits()) {
        TRY(starts, group_starts(queues, bounds));
    } else {
        for (std::size_t i = 0; i < queues.size(); ++i)
            starts.push_back(start_of(queues[i], from, bounds[i]));
    }
    for (std::size_t i = 0; i < queues.size(); ++i) {
        begin_queue(queues[i], starts[i], bounds[i]);
    }
    return {};
}

/// Where the group goes on in each of them.
Result<std::vector<std::int64_t>> Pulling::group_starts(const std::vector<client::Queue>& queues,
                                                        const std::vector<client::Bounds>& bounds) {
    std::map<std::string, bool> is_new = {{membership_->retry_topic(), false}};
    for (const auto& topic : new_topics_) is_new[topic] = false;
    TRY(auto stored, membership_->stored_offsets(queues));
    for (std::size_t i = 0; i < queues.size(); ++i) {
        if (stored[i] || is_new.contains(queues[i].topic)) continue;
        TRY(is_new[queues[i].topic], is_new_group(queues[i].topic));
        if (!is_new[queues[i].topic]) continue;
        // Another member may have been the first to say where.
        TRY(stored, membership_->stored_offsets(queues));
    }
    std::vector<std::int64_t> starts;
    for (std::size_t i = 0; i < queues.size(); ++i) {
        const bool begins =
            !stored[i] && (is_new[queues[i].topic] || left_out_.contains(queues[i]));
        starts.push_back(begins ? start_of(queues[i], settings_.from, bounds[i])
                                : stored[i].value_or(bounds[i].min));
    }
    return starts;
}

/// A group that has no offset in the topic begins in all of its queues at once: whoever comes to
/// read them, and whenever, nothing is passed over then. A queue that the topic gets later is read
/// from its beginning, unless its broker was only away.
Result<bool> Pulling::is_new_group(const std::string& topic) {
    auto settings = settings_;
    settings.topics = {topic};
    TRY(auto queues, wanted_queues(client_, settings));
    std::vector<client::Queue> left_out;
    std::erase_if(queues, [&](const client::Queue& queue) {
        const bool is_away = membership_->absence(queue.address).has_value();
        if (is_away) left_out.push_back(queue);
        return is_away;
    });
    TRY(const auto stored, membership_->stored_offsets(queues));
    if (std::any_of(stored.begin(), stored.end(), [](const auto& is) { return is.has_value(); }))
        return false;
    TRY(const auto bounds, client::queue_bounds(client_, queues, settings_.from));
    std::vector<client::Membership::Commit> commits;
    for (std::size_t i = 0; i < queues.size(); ++i)
        commits.push_back({queues[i], start_of(queues[i], settings_.from, bounds[i])});
    TRY_OK(membership_->commit_first(commits));
    left_out_.insert(left_out.begin(), left_out.end());
    return true;
}

// Who is not there

/// Topics that do not exist.
void Pulling::wait_for(const std::vector<std::string>& topics) {
    if (topics.empty()) return;
    missing_.insert(topics.begin(), topics.end());
    // What they have then is new, whatever --from says but a time.
    if (settings_.from.kind != client::From::Kind::time)
        new_topics_.insert(topics.begin(), topics.end());
    missing_routes_.emplace(client_, missing_every_ms);
    for (const auto& topic : topics) missing_routes_->watch(topic);
    say_missing();
}

void Pulling::say_missing() {
    missing_line_.waits(fmt::format("topic{} '{}' {} not exist on {}",
                                    missing_.size() == 1 ? "" : "s", fmt::join(missing_, "', '"),
                                    missing_.size() == 1 ? "does" : "do",
                                    fmt::join(client_.options().namesrv, ";")));
}

Result<> Pulling::look_for_topics() {
    bool has_found = false;
    while (const auto seen = missing_routes_->take()) {
        missing_.erase(seen->topic);
        has_found = true;
    }
    if (!missing_.empty()) {
        say_missing();
    } else {
        missing_line_.goes_on();
        missing_routes_.reset();
    }
    return has_found ? look_for_queues() : Result<>();
}

void Pulling::take_absent() {
    for (const auto& [queue, bounds] : absent_.take())
        begin_queue(queue, start_of(queue, absent_.from(), bounds), bounds);
    const bool is_late = absent_until_ms_ >= 0 && monotonic_ms() >= absent_until_ms_;
    if (!absent_.any() || !is_late) return;
    const auto [queues, why] = absent_.give_up();
    for (const auto& queue : queues) miss(queue, why);
}

/// Takes out of a group's queues those whose broker is away, but for what is being read. It is
/// asked by the heartbeats; when it answers, the queues are shared out anew.
void Pulling::leave_away(std::vector<client::Queue>& queues) {
    const auto read = puller_.queues();
    away_.clear();
    std::erase_if(queues, [&](const client::Queue& queue) {
        const bool is_read = std::any_of(read.begin(), read.end(), [&](const auto* const pulled) {
            return pulled->queue == queue;
        });
        if (is_read || !membership_->absence(queue.address)) return false;
        away_.push_back(queue);
        return true;
    });
    if (away_.empty()) return away_line_.goes_on();
    mind_away();
}

void Pulling::mind_away() {
    const auto why = membership_->absence(away_.front().address);
    if (why) away_line_.waits(why->what);
    if (absent_until_ms_ < 0 || monotonic_ms() < absent_until_ms_) return;
    away_line_.gives_up();
    for (const auto& queue : away_)
        if (const auto error = membership_->absence(queue.address)) miss(queue, *error);
    away_.clear();
}

/// Of the queue not everything was read, and nothing more will be.
void Pulling::miss(const client::Queue& queue, const Error& why) {
    if (!missed_.insert(queue.broker).second) return;
    progress_.clear();
    cli_.warn(fmt::format("broker '{}' was not read to the end: {}", queue.broker, why.what));
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
    leave_away(*assigned);
    TRY_OK(settle_on(std::move(*assigned)));
    // The first ones may still be another member's.
    const bool has_all = not_shared_since_ms_ < 0 && (!holding_ || holding_->has_all());
    if (!has_queues_ && has_all && missing_.empty()) {
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
    auto found = find_sources(client_, settings_);
    look_again_ms_ = found ? -1 : monotonic_ms() + missing_every_ms;
    if (!found) return {};
    keep_absent(found->queues);
    TRY_OK(settle_on(std::move(found->queues)));
    has_queues_ = has_queues_ || missing_.empty();
    return {};
}

/// A broker that is not in the route is away, and comes back with what it had; one that is there
/// with fewer queues has fewer.
void Pulling::keep_absent(std::vector<client::Queue>& queues) const {
    std::set<std::pair<std::string_view, std::string_view>> present;
    for (const auto& queue : queues) present.emplace(queue.topic, queue.broker);
    std::vector<client::Queue> absent;
    for (const auto* const pulled : puller_.queues())
        if (!present.contains({pulled->queue.topic, pulled->queue.broker}))
            absent.push_back(pulled->queue);
    queues.insert(queues.end(), absent.begin(), absent.end());
}

Result<> Pulling::settle_on(std::vector<client::Queue> queues) {
    std::vector<client::PulledQueue*> given_away;
    for (auto* const pulled : puller_.queues())
        if (std::find(queues.begin(), queues.end(), pulled->queue) == queues.end())
            given_away.push_back(pulled);
    if (!membership_)
        for (const auto* const queue : given_away) tell_removed(*queue);
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
    const bool is_late = membership_ ? has_queues_ && !settings_.commits() : true;
    const bool is_by_time = settings_.from.kind == client::From::Kind::time;
    const client::From from =
        is_late && !is_by_time ? client::From{client::From::Kind::beginning, 0} : settings_.from;
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
    if (!membership_) left_at_[queue.queue] = {queue.taken, queue.since};
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
    until_ms = sooner(sooner(until_ms, routes_.due_ms()), look_again_ms_);
    until_ms = sooner(until_ms, losses_.due_ms());
    if (missing_routes_) {
        fds_.push_back({missing_routes_->fd(), POLLIN, 0});
        until_ms = sooner(sooner(until_ms, missing_routes_->due_ms()), missing_line_.due_ms());
    }
    if (absent_.any()) {
        fds_.push_back({absent_.fd(), POLLIN, 0});
        until_ms = sooner(until_ms, absent_.due_ms());
        until_ms = sooner(until_ms, absent_until_ms_);
    }
    if (!away_.empty()) until_ms = sooner(sooner(until_ms, away_line_.due_ms()), absent_until_ms_);
    if (intake_.wants_blocks()) {
        fds_.push_back({puller_.fd(), POLLIN, 0});
        until_ms = sooner(until_ms, puller_.due_ms());
    }
    if (is_blocked_) return until_ms;
    if (waits_for_pace_) return sooner(until_ms, pace_.due_ms());
    if (!intake_.at_end()) return sooner(until_ms, intake_.due_ms());
    if (settings_.idle_ms && (has_queues_ || !missing_.empty()))
        until_ms = sooner(until_ms, active_ms_ + *settings_.idle_ms);
    return until_ms;
}

}  // namespace mqd::mqpull
