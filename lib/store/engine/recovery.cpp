#include "store/engine/recovery.h"

#include <algorithm>
#include <optional>

#include "base/clock.h"
#include "base/log.h"
#include "store/log/log_mender.h"
#include "store/log/log_walker.h"

namespace mqd::store {
namespace {

using LogFiles = std::vector<std::shared_ptr<const LogFile>>;

constexpr std::int64_t checkpoint_margin_ms = 3000;  // the reference's

class Recovery {
public:
    Recovery(CommitLog& log, QueueTable& queues, QueueWriter& writer, const Checkpoint& checkpoint,
             LogWalker::Check check)
        : log_(log),
          queues_(queues),
          writer_(writer),
          checkpoint_(checkpoint),
          check_(check),
          files_(log.files()),
          limit_(log.end()),
          confirmed_(log.confirmed()),
          mender_(log, check) {}

    Result<Milestone> run(bool clean, const std::optional<Milestone>& milestone) {
        const std::int64_t began_ms = monotonic_ms();
        if (clean && !queues_.empty()) {
            TRY(const bool found, find_end());
            if (found && mark_.end <= confirmed_ && last_unit_is_there()) {
                shown_ = {mark_.end, last_at_, mark_.store_ts_ms};
                TRY_OK(log_.recovered(mark_, mark_.end));
                TRY_OK(settle_queues(false));
                return shown_;
            }
        }
        std::size_t start = queues_.empty() ? 0 : start_file();
        TRY(const bool short_way, replay_behind(milestone));
        if (!short_way) TRY_OK(replay_from(start));
        TRY_OK(log_.recovered(mark_, files_.empty() ? limit_ : files_[start]->base));
        TRY_OK(settle_queues(!short_way));
        if (!files_.empty())
            log::info("store_recovered", {{"from", short_way ? milestone->end : base_of(start)},
                                          {"end", mark_.end},
                                          {"records", records_},
                                          {"ms", monotonic_ms() - began_ms}});
        return shown_;
    }

private:
    std::int64_t base_of(std::size_t i) const { return files_[i]->base; }

    /// Those not yet loaded find the log's end by themselves when they are, but a crash may have
    /// cut the log before a unit, and until somebody asks for that queue the unit must not stay.
    /// Nor must what is left of a deleted topic.
    Result<> settle_queues(bool every) {
        for (StoredQueue* queue : queues_.all()) {
            if (every || queue->ignore_before() > 0) queue->load();
            if (!queue->opened()) continue;
            TRY_OK(queue->truncate_to_log(shown_.end));
            queue->next = queue->first_free();
            queue->publish();
            queue->tell_changes();
        }
        return {};
    }

    std::optional<message::RecordView> first_record(const LogFile& file) const {
        LogWalker walker(log_, file.base);
        const std::int64_t limit = std::min(file.limit(), limit_);
        if (walker.next(limit, LogWalker::Check::lengths) != LogWalker::Step::record) return {};
        return walker.record();
    }

    /// mqd-store(5), AFTER A CRASH: the newest file that begins with a record known to be on disk,
    /// queues and all.
    std::size_t start_file() const {
        const std::int64_t known_ms = std::max<std::int64_t>(
            0, std::min(checkpoint_.log_ts_ms, checkpoint_.queues_ts_ms) - checkpoint_margin_ms);
        for (std::size_t i = files_.size(); i-- > 1;) {
            if (files_[i]->base > confirmed_) continue;
            const auto first = first_record(*files_[i]);
            if (first && first->store_ts_ms != 0 && first->store_ts_ms <= known_ms) return i;
        }
        return 0;
    }

    /// Walks the last file that holds a record. True unless the log is empty.
    Result<bool> find_end() {
        for (std::size_t i = files_.size(); i-- > 0;) {
            LogWalker walker(log_, files_[i]->base);
            mark_ = {files_[i]->base, 0};
            last_at_ = -1;
            last_with_unit_.reset();
            for (bool more = true; more;) {
                while (walker.next(limit_, LogWalker::Check::lengths) == LogWalker::Step::record) {
                    passed(walker.record());
                    if (QueueWriter::gets_unit(walker.record())) last_with_unit_ = walker.record();
                }
                TRY(more, pass_damage(walker));
            }
            mark_.end = walker.at();
            if (mark_.store_ts_ms == 0) continue;
            TRY_OK(told_of(walker));
            return true;
        }
        return false;
    }

    /// Units are written in the order of the log, so the last one stands for all. A queue that is
    /// not there while others of its kind are has been deleted.
    bool last_unit_is_there() const {
        if (!last_with_unit_) return true;
        const auto& record = *last_with_unit_;
        StoredQueue* queue = queues_.find(record.topic, record.queue_id);
        if (queue == nullptr) return !queues_.empty(record.is_inner_batch());
        if (record.at.value < queue->ignore_before()) return true;
        queue->load();
        return !queue->opened() || queue->holds(record);
    }

    /// True when the milestone is true to the log and the queues are true to it. The log's own
    /// word is that of its last record before the milestone.
    Result<bool> replay_behind(const std::optional<Milestone>& milestone) {
        if (!milestone || queues_.empty() || milestone->end > std::min(limit_, confirmed_))
            return false;
        LogWalker walker(log_, milestone->last_at);
        if (walker.next(milestone->end, check_) != LogWalker::Step::record ||
            walker.record().store_ts_ms != milestone->store_ts_ms ||
            walker.next(milestone->end, check_) != LogWalker::Step::end ||
            walker.at() != milestone->end)
            return false;
        auto done = replay(*milestone, QueueWriter::Mode::milestone, true);
        if (done) return true;
        if (done.error().code != Errc::not_found) return std::move(done).error();
        log::info("recovery_from_further_back", {{"why", done.error().what}});
        return false;
    }

    /// Replays from files_[start], which moves back as far as a queue makes it.
    Result<> replay_from(std::size_t& start) {
        for (std::size_t step = 1;; step *= 2) {
            auto done = files_.empty()
                            ? replay({limit_}, QueueWriter::Mode::recovery, false)
                            : replay({base_of(start)}, QueueWriter::Mode::recovery, start > 0);
            if (done || done.error().code != Errc::not_found || start == 0) return done;
            log::info("recovery_from_further_back", {{"why", done.error().what}});
            start -= std::min(start, step);
        }
    }

    Result<> replay(const Milestone& from, QueueWriter::Mode mode, bool complain) {
        writer_.clear();
        mark_ = {from.end, from.store_ts_ms};
        last_at_ = from.last_at;
        shown_ = from;
        records_ = 0;
        places_ = 0;
        LogWalker walker(log_, from.end);
        std::int64_t flushed = walker.at();
        for (bool more = true; more;) {
            while (walker.next(limit_, check_) == LogWalker::Step::record) {
                passed(walker.record());
                if (walker.at() <= confirmed_)
                    show(walker);
                else
                    keep_number(walker.record());
                ++records_;
                if (!writer_.is_full(walker.at() - flushed)) continue;
                TRY_OK(flush(mode, complain));
                flushed = walker.at();
            }
            TRY_OK(flush(mode, complain));  // the queues are going to be asked
            TRY(more, pass_damage(walker));
            flushed = walker.at();
        }
        mark_.end = walker.at();
        if (mark_.end <= confirmed_) shown_.end = mark_.end;
        return told_of(walker);
    }

    void show(const LogWalker& walker) {
        writer_.add(walker.record());
        shown_ = {walker.at(), walker.record().at.value, walker.record().store_ts_ms};
    }

    /// Nobody sees the record before it is confirmed, but its number is taken.
    void keep_number(const message::RecordView& record) {
        if (!QueueWriter::gets_unit(record)) return;
        if (StoredQueue* queue = queues_.for_record(record); queue != nullptr)
            queue->expect_unshown(record.queue_offset.value + record.messages());
    }

    void passed(const message::RecordView& record) {
        mark_.store_ts_ms = record.store_ts_ms;
        last_at_ = record.at.value;
        if (places_ > 0) ++behind_damage_;
    }

    // ---- damage

    /// No record begins where the walker stands. True when the log goes on there now: sound
    /// records lie after, and what is damaged has been put right or filled. A broker has nobody
    /// to fetch them from.
    Result<bool> pass_damage(LogWalker& walker) {
        const std::int64_t at = walker.at();
        if (at >= limit_) return false;
        const auto behind = mender_.find_behind(at);
        stale_ = behind && is_stale(behind->record);
        if (!behind || stale_) return mender_.put_last_bit_back(at);
        if (places_++ == 0) behind_damage_ = 0;
        TRY(const bool back, mender_.put_bit_back(at, behind->item_at));
        if (back) return true;
        const auto ts_ms = mark_.store_ts_ms != 0 ? mark_.store_ts_ms : behind->record.store_ts_ms;
        TRY_OK(mender_.fill(at, behind->item_at, ts_ms));
        return true;
    }

    /// What an earlier life of the log has left behind an end that was found once, and that was not
    /// wiped out, as by RocketMQ (mqd-store(5), AFTER A CRASH): older than what lies before it, or
    /// with a number that was given to another since.
    bool is_stale(const message::RecordView& record) const {
        if (record.store_ts_ms < mark_.store_ts_ms) return true;
        if (!QueueWriter::gets_unit(record)) return false;
        StoredQueue* queue = queues_.find(record.topic, record.queue_id);
        if (queue == nullptr) return false;
        queue->load();
        return queue->opened() && queue->gave_number_before(record);
    }

    /// Zeros are the usual end. What lies after it, torn by the crash or left from an earlier
    /// life, goes now: it must not be taken for records later.
    Result<> told_of(const LogWalker& walker) {
        if (places_ > 0)
            log::error("log_kept_behind_damage",
                       {{"places", places_}, {"records", behind_damage_}, {"to", mark_.end}});
        const std::int64_t written = written_end(log_, walker.at(), limit_);
        if (written <= walker.at()) return {};
        const auto file = log_.file_at(walker.at());
        log::warn("log_cut",
                  {{"file", file ? file->path.string() : std::string()},
                   {"at", walker.at()},
                   {"bytes", written - walker.at()},
                   {"what", stale_ ? "records of an earlier life of the log, older than its end"
                                   : "bytes that are no whole record, and none behind them"}});
        return {};
    }

    Result<> flush(QueueWriter::Mode mode, bool complain) {
        TRY_OK(writer_.flush(mode, complain));
        writer_.clear();
        return {};
    }

    CommitLog& log_;
    QueueTable& queues_;
    QueueWriter& writer_;
    const Checkpoint& checkpoint_;
    const LogWalker::Check check_;
    const LogFiles files_;
    const std::int64_t limit_;
    const std::int64_t confirmed_;
    CommitLog::Mark mark_;
    Milestone shown_;  // the part of it that anybody sees
    std::int64_t last_at_ = -1;
    std::optional<message::RecordView> last_with_unit_;
    std::int64_t records_ = 0;
    LogMender mender_;
    std::int64_t places_ = 0;         // where the log was damaged, in this walk
    std::int64_t behind_damage_ = 0;  // records after the first of them
    bool stale_ = false;              // what lies after the last record looked like records
};

}  // namespace

Result<Milestone> recover(CommitLog& log, QueueTable& queues, QueueWriter& writer,
                          const Checkpoint& checkpoint, const std::optional<Milestone>& milestone,
                          LogWalker::Check check, bool clean) {
    return Recovery(log, queues, writer, checkpoint, check).run(clean, milestone);
}

}  // namespace mqd::store
