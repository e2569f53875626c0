#include "store/engine/retention.h"

#include <fmt/format.h>
#include <time.h>

#include <algorithm>

#include "base/log.h"

namespace mqd::store {
namespace {

constexpr std::int64_t slice_ms = 20;
// The reference's destroyMapedFileIntervalForcibly: a reader that holds a file for longer is no
// reason to let the disk run full.
constexpr std::int64_t held_max_ms = 120'000;

}  // namespace

Retention::Retention(Parts parts, RetentionOptions options, std::int64_t cleaned_to)
    : parts_(std::move(parts)), options_(std::move(options)), cleaned_to_(cleaned_to) {
    next_round_ms_ = parts_.clock.monotonic_ms() + options_.interval_ms;
}

Retention::~Retention() {
    {
        const Lock lock(lock_);
        waiting_.insert(waiting_.end(), asked_.begin(), asked_.end());
    }
    for (const Done& done : waiting_) done(Error{Errc::unavailable, "the store is closing"});
}

void Retention::delete_expired(int rounds) {
    const Lock lock(lock_);
    rounds_asked_ = std::max(rounds_asked_, rounds);
    hurry_ = true;
}

void Retention::clean_queues(Done done) {
    const Lock lock(lock_);
    asked_.push_back(std::move(done));
    hurry_ = true;
}

std::int64_t Retention::step() {
    let_go();
    if (phase_ == Phase::idle && is_round_due()) begin_round();
    const std::int64_t now_ms = parts_.clock.monotonic_ms();
    if (phase_ != Phase::idle && now_ms >= next_work_ms_) work();
    if (phase_ == Phase::idle && is_round_due()) return 0;
    const std::int64_t next_ms = phase_ == Phase::idle ? next_round_ms_ : next_work_ms_;
    return std::max<std::int64_t>(0, next_ms - parts_.clock.monotonic_ms());
}

// ---- rounds

bool Retention::is_round_due() {
    if (parts_.clock.monotonic_ms() >= next_round_ms_) return true;
    const Lock lock(lock_);
    return hurry_;
}

void Retention::begin_round() {
    bool asked = false;
    {
        const Lock lock(lock_);
        hurry_ = false;
        asked = rounds_asked_ > 0;
        if (asked) --rounds_asked_;
        waiting_ = std::exchange(asked_, {});
    }
    next_work_ms_ = parts_.clock.monotonic_ms();
    next_round_ms_ = next_work_ms_ + options_.interval_ms;
    parts_.disk.measure();
    const int used = parts_.disk.use().fuller();
    const bool wanted =
        asked || is_hour() || used > options_.begin_percent || used > options_.force_percent;
    files_left_ = wanted ? options_.files_a_round : 0;
    files_taken_ = unexpired_files_ = 0;
    messages_gone_.clear();
    phase_ = Phase::log;
}

void Retention::work() {
    switch (phase_) {
        case Phase::idle:
            return;
        case Phase::log:
            if (take_log_file()) {
                next_work_ms_ = parts_.clock.monotonic_ms() + options_.pause_ms;
                return;
            }
            cleaning_to_ = parts_.log.begin();
            if (cleaning_to_ <= cleaned_to_ && waiting_.empty()) {
                phase_ = Phase::idle;
                return;
            }
            phase_ = Phase::queues;
            queues_left_ = parts_.queues.all();
            queues_outcome_ = {};
            return;
        case Phase::queues:
            return clean_some_queues();
        case Phase::index:
            return take_index_file();
    }
}

bool Retention::is_hour() const {
    const auto seconds = static_cast<::time_t>(parts_.clock.wall_ms() / 1000);
    ::tm local{};
    ::localtime_r(&seconds, &local);
    const auto& hours = options_.hours;
    return std::find(hours.begin(), hours.end(), local.tm_hour) != hours.end();
}

// ---- the log

/// When it was last written, at the latest. A file written while the clock was ahead says that this
/// lies in the future; those after it were written later than it was.
Result<std::int64_t> Retention::written_ms(const LogFile& oldest) const {
    TRY(std::int64_t out, parts_.files.modified_ms(oldest.path));
    const std::int64_t now_ms = parts_.clock.wall_ms();
    if (out <= now_ms) return out;
    for (const auto& file : parts_.log.files()) {
        const auto written = parts_.files.modified_ms(file->path);
        if (written) out = std::min(out, *written);
        if (out <= now_ms) break;
    }
    return out;
}

/// False when the round takes no more of them.
bool Retention::take_log_file() {
    const auto file = parts_.log.oldest();
    if (files_left_ == 0 || !file || file->limit() > parts_.done_with() || parts_.log.failed())
        return false;
    const auto written = written_ms(*file);
    if (!written && written.error().code != Errc::not_found) {
        log::warn("log_file_not_removed", {{"why", written.error().what}});
        return false;
    }
    const bool expired = !written || *written + options_.keep_ms <= parts_.clock.wall_ms();
    if (!expired && !is_space_short()) return false;
    if (!expired && files_taken_ > unexpired_files_) {
        // What goes before its time is counted apart: in a round of its own, at once.
        const Lock lock(lock_);
        hurry_ = true;
        return false;
    }
    const auto ok = parts_.log.remove_oldest();
    if (parts_.log.begin() >= file->limit())
        removed_.push_back({file, parts_.clock.monotonic_ms()});
    if (!ok) {
        log::warn("log_file_not_removed", {{"why", ok.error().what}});
        return false;
    }
    log::write(expired ? log::Level::info : log::Level::warn, "log_file_removed",
               {{"path", file->path.string()},
                {"why", expired ? "expired" : "the disk fills up"},
                {"used_percent", parts_.disk.use().fuller()}});
    --files_left_;
    ++files_taken_;
    if (!expired) ++unexpired_files_;
    return true;
}

/// So short that messages go before their time. One whose space is still to come back, since
/// readers hold it, has to do for the moment.
bool Retention::is_space_short() {
    if (!options_.force) return false;
    const std::int64_t now_ms = parts_.clock.monotonic_ms();
    if (std::any_of(removed_.begin(), removed_.end(),
                    [&](const Removed& removed) { return now_ms - removed.at_ms < held_max_ms; }))
        return false;
    parts_.disk.measure();
    return parts_.disk.use().fuller() > options_.force_percent;
}

/// The last holder unmaps a file, which for a removed one of a gigabyte takes a while: that is to
/// be us, and no thread that serves clients.
void Retention::let_go() {
    std::erase_if(removed_, [](const Removed& removed) { return removed.file.use_count() == 1; });
}

// ---- queues and index

void Retention::clean_some_queues() {
    const std::int64_t until_ms = parts_.clock.monotonic_ms() + slice_ms;
    while (!queues_left_.empty()) {
        if (parts_.clock.monotonic_ms() >= until_ms) return;
        StoredQueue* queue = queues_left_.back();
        queues_left_.pop_back();
        const Lock deleting(parts_.deleting);
        auto gone = queue->expire();
        if (gone && *gone > 0 && unexpired_files_ > 0) messages_gone_[queue->topic()] += *gone;
        if (gone || queue->deleted()) continue;
        if (queues_outcome_ && gone.error().code != Errc::unavailable)
            log::warn("queue_file_not_removed", {{"why", gone.error().what}});
        queues_outcome_ = std::move(gone).error();
    }
    if (unexpired_files_ > 0) tell_unexpired();
    for (const Done& done : std::exchange(waiting_, {})) done(queues_outcome_);
    phase_ = Phase::index;
}

/// Who may still have wanted them is told how many of which topics there were.
void Retention::tell_unexpired() {
    constexpr std::size_t named_max = 10;
    std::vector<std::pair<std::string, std::int64_t>> topics(messages_gone_.begin(),
                                                             messages_gone_.end());
    std::ranges::sort(topics, std::ranges::greater(),
                      [](const auto& topic) { return topic.second; });
    std::string names;
    std::int64_t messages = 0;
    for (std::size_t i = 0; i < topics.size(); ++i) {
        messages += topics[i].second;
        if (i < named_max)
            names += fmt::format("{}{} {}", i > 0 ? ", " : "", topics[i].first, topics[i].second);
    }
    if (topics.size() > named_max) names += fmt::format(", {} more", topics.size() - named_max);
    log::warn("messages_removed_before_their_time",
              {{"messages", messages},
               {"topics", names},
               {"files", unexpired_files_},
               {"used_percent", parts_.disk.use().fuller()},
               {"why", fmt::format("the disk is used above {} %", options_.force_percent)}});
    messages_gone_.clear();
}

void Retention::take_index_file() {
    const auto removed = parts_.index.remove_expired();
    if (removed && *removed) {
        next_work_ms_ = parts_.clock.monotonic_ms() + options_.pause_ms;
        return;
    }
    if (!removed) log::warn("index_file_not_removed", {{"why", removed.error().what}});
    // What could not be removed is tried again with the next round.
    if (removed && queues_outcome_) cleaned_to_ = cleaning_to_;
    phase_ = Phase::idle;
}

}  // namespace mqd::store
