#include "store/recovery.h"

#include <algorithm>
#include <optional>

#include "base/clock.h"
#include "base/log.h"
#include "store/log_walker.h"

namespace mqd::store {
namespace {

using LogFiles = std::vector<std::shared_ptr<const LogFile>>;

constexpr std::int64_t checkpoint_margin_ms = 3000;  // the reference's
constexpr std::int64_t batch_bytes_max = 16 << 20;
constexpr std::size_t batch_units_max = 1 << 16;

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
          limit_(log.end()) {}

    Result<> run(bool clean) {
        const std::int64_t began_ms = monotonic_ms();
        if (clean && !queues_.empty() && find_end() && last_unit_is_there()) {
            TRY_OK(log_.recovered(mark_, mark_.end));
            return settle_queues(false);
        }
        std::size_t start = queues_.empty() ? 0 : start_file();
        TRY_OK(replay_from(start));
        TRY_OK(log_.recovered(mark_, files_.empty() ? 0 : files_[start]->base));
        TRY_OK(settle_queues(true));
        if (!files_.empty())
            log::info("store_recovered", {{"from", files_[start]->base},
                                          {"end", mark_.end},
                                          {"records", records_},
                                          {"ms", monotonic_ms() - began_ms}});
        return {};
    }

private:
    /// Those not yet loaded find the log's end by themselves when they are, but a crash may have
    /// cut the log before a unit, and until somebody asks for that queue the unit must not stay.
    Result<> settle_queues(bool every) {
        for (StoredQueue* queue : queues_.all()) {
            if (every) queue->load();
            if (!queue->usable()) continue;
            TRY_OK(queue->truncate_to_log(mark_.end));
            queue->next = queue->written();
            queue->publish();
        }
        return {};
    }

    std::optional<message::RecordView> first_record(const LogFile& file) const {
        LogWalker walker(log_, file.base);
        const std::int64_t limit = std::min(file.limit(), limit_);
        if (walker.next(limit, LogWalker::Check::lengths) != LogWalker::Step::record) return {};
        return walker.record();
    }

    /// Spec 5.3: the newest file that begins with a record known to be on disk, queues and all.
    std::size_t start_file() const {
        const std::int64_t known_ms = std::max<std::int64_t>(
            0, std::min(checkpoint_.log_ts_ms, checkpoint_.queues_ts_ms) - checkpoint_margin_ms);
        for (std::size_t i = files_.size(); i-- > 1;) {
            const auto first = first_record(*files_[i]);
            if (first && first->store_ts_ms != 0 && first->store_ts_ms <= known_ms) return i;
        }
        return 0;
    }

    /// Walks the last file that holds a record. True unless the log is empty.
    bool find_end() {
        for (std::size_t i = files_.size(); i-- > 0;) {
            LogWalker walker(log_, files_[i]->base);
            mark_ = {files_[i]->base, 0};
            last_with_unit_.reset();
            while (walker.next(limit_, LogWalker::Check::lengths) == LogWalker::Step::record) {
                mark_.store_ts_ms = walker.record().store_ts_ms;
                if (QueueWriter::gets_unit(walker.record())) last_with_unit_ = walker.record();
            }
            mark_.end = walker.at();
            if (mark_.store_ts_ms != 0) return true;
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
        return !queue->usable() || queue->holds(record);
    }

    /// Replays from files_[start], which moves back as far as a queue makes it.
    Result<> replay_from(std::size_t& start) {
        for (std::size_t step = 1;; step *= 2) {
            auto done = replay(start);
            if (done || done.error().code != Errc::not_found || start == 0) return done;
            log::info("recovery_from_further_back", {{"why", done.error().what}});
            start -= std::min(start, step);
        }
    }

    Result<> replay(std::size_t start) {
        writer_.clear();
        mark_ = {};
        if (files_.empty()) return {};
        records_ = 0;
        LogWalker walker(log_, files_[start]->base);
        std::int64_t flushed = walker.at();
        LogWalker::Step step;
        while ((step = walker.next(limit_, check_)) == LogWalker::Step::record) {
            writer_.add(walker.record());
            mark_.store_ts_ms = walker.record().store_ts_ms;
            ++records_;
            if (walker.at() - flushed < batch_bytes_max && writer_.size() < batch_units_max)
                continue;
            TRY_OK(flush(start > 0));
            flushed = walker.at();
        }
        TRY_OK(flush(start > 0));
        mark_.end = walker.at();
        if (step == LogWalker::Step::bad) report_cut();
        return {};
    }

    /// Zeros are the usual end. Records behind a bad one are lost, as the reference loses them,
    /// but not without a word.
    void report_cut() const {
        for (const auto& file : files_)
            if (file->base > mark_.end && first_record(*file))
                log::error("log_cut", {{"at", mark_.end}, {"dropped", file->base}});
    }

    Result<> flush(bool complain) {
        TRY_OK(writer_.flush(QueueWriter::Mode::recovery, complain));
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
    CommitLog::Mark mark_;
    std::optional<message::RecordView> last_with_unit_;
    std::int64_t records_ = 0;
};

}  // namespace

Result<> recover(CommitLog& log, QueueTable& queues, QueueWriter& writer,
                 const Checkpoint& checkpoint, LogWalker::Check check, bool clean) {
    return Recovery(log, queues, writer, checkpoint, check).run(clean);
}

}  // namespace mqd::store
