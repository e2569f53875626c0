// The log: walked in chunks on all cores, since a chunk's first record can be told by its own
// offset standing in it. A chunk counts only if the one before it ends where it begins; otherwise
// it is walked again from there, so that a record's image inside a body deceives nobody.

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <thread>

#include "base/mutex.h"
#include "store/queue/delay_levels.h"
#include "store/queue/queue_writer.h"
#include "store/check/scan_timers.h"
#include "store/check/verify_parts.h"
#include "store/log/verify_record.h"

namespace mqd::store::verifying {
namespace {

constexpr auto look_again_after = std::chrono::milliseconds(100);
constexpr auto dispatch_wait_max = std::chrono::seconds(5);
constexpr std::size_t cache_size = 4096;

/// Neighbouring units of a queue that are wrong in the same way.
struct BadUnits {
    std::size_t queue = 0;
    std::int64_t first = 0, count = 0;
    bool missing = false;
    std::int64_t at = 0;  ///< of the first one's record
};

struct Chunk {
    enum class End { limit, damage, end };
    std::int64_t start = -1;  ///< where its first item begins, -1: none does
    std::int64_t end = 0;     ///< after its last whole item
    End ended = End::limit;
    LogItem last;  ///< damage, or what the end looks like; without a record
    std::optional<Error> error;

    std::int64_t records = 0;
    std::int64_t first_ts_ms = 0, last_ts_ms = 0, last_unit_ts_ms = 0;
    std::int64_t first_at = 0;
    bool checkpoint_log_seen = false, checkpoint_queues_seen = false;
    std::vector<Finding> findings;
    std::vector<std::int64_t> matched;  ///< by queue
    std::vector<BadUnits> bad_units;
    struct Unqueued {
        std::int64_t count = 0, first_at = 0;
    };
    std::map<std::pair<std::string, std::int32_t>, Unqueued> unqueued;
    std::vector<std::pair<std::size_t, std::int64_t>> undispatched;  ///< queue, record's offset
};

Finding log_finding(Finding::Kind kind, std::int64_t at, std::int64_t bytes, std::string what) {
    return {Finding::Part::log, kind, Finding::Mend::repair, "commitlog", at, bytes,
            std::move(what)};
}

// One thread's.
class Walker {
public:
    Walker(const Context& context, std::unique_ptr<LogScan> scan)
        : context_(context), scan_(std::move(scan)), cache_(cache_size, none) {}

    /// From the item that begins at `from`, or with `resync` at the first record after it.
    Chunk walk(std::int64_t from, std::int64_t limit, bool resync) {
        chunk_ = {};
        chunk_.matched.assign(context_.queues.size(), 0);
        if (auto done = walk_items(from, limit, resync); !done) chunk_.error = done.error();
        return std::move(chunk_);
    }

private:
    static constexpr std::uint32_t none = 0xffffffffU;

    Result<> walk_items(std::int64_t from, std::int64_t limit, bool resync) {
        scan_->seek({from});
        chunk_.end = from;
        if (!resync) chunk_.start = from;
        while (chunk_.end < limit && !context_.options.stop()) {
            TRY(auto item, scan_->next());
            using Kind = LogItem::Kind;
            if (item.kind == Kind::damage && resync && chunk_.start < 0) {
                chunk_.end = item.at.value + item.bytes;
                continue;
            }
            if (item.kind == Kind::record || item.kind == Kind::blank) {
                if (chunk_.start < 0) chunk_.start = item.at.value;
                if (item.kind == Kind::record) check(item.record);
                chunk_.end = item.at.value + item.bytes;
                continue;
            }
            if (item.kind == Kind::damage && context_.live() && looked_twice_at_ != item.at.value) {
                // A record that is being written this moment may look like it; once.
                looked_twice_at_ = item.at.value;
                std::this_thread::sleep_for(look_again_after);
                scan_->seek(item.at);
                continue;
            }
            chunk_.ended = item.kind == Kind::damage ? Chunk::End::damage : Chunk::End::end;
            chunk_.last = std::move(item);
            chunk_.last.record = {};
            return {};
        }
        return {};
    }

    void check(const message::RecordView& record) {
        const std::int64_t ts_ms = record.store_ts_ms;
        if (chunk_.records++ == 0) {
            chunk_.first_ts_ms = ts_ms;
            chunk_.first_at = record.at.value;
        } else if (ts_ms < chunk_.last_ts_ms) {
            tell_time(record, chunk_.last_ts_ms);
        }
        chunk_.last_ts_ms = ts_ms;
        if (context_.checkpoint) {
            chunk_.checkpoint_log_seen |= ts_ms == context_.checkpoint->log_ts_ms;
            chunk_.checkpoint_queues_seen |= ts_ms == context_.checkpoint->queues_ts_ms;
        }
        auto wrong = wrong_field(record);
        if (wrong.empty()) wrong = wrong_origin(record);
        if (wrong.empty() && context_.options.deep) wrong = wrong_inside(record);
        if (!wrong.empty()) tell(record, std::move(wrong));
        check_unit(record);
    }

    /// The half message of a transaction, where it says that it has one (mqd-store(5), RECORD); of
    /// what was delivered later, the record that waited.
    std::string wrong_origin(const message::RecordView& record) const {
        const std::int64_t half = record.prepared_offset;
        if (half == 0) return {};
        if (half < 0 || half >= record.at.value)
            return fmt::format("its half or waiting message lies at {}", half);
        if (half < context_.log.begin()) return {};
        const auto found = context_.record_at(half);
        if (found && (found->topic.find("HALF") != std::string_view::npos ||
                      found->topic == schedule_topic || found->topic == timer_topic_name))
            return {};
        return fmt::format("no half or waiting message lies at {}", half);
    }

    void tell(const message::RecordView& record, std::string what) {
        chunk_.findings.push_back(log_finding(Finding::Kind::record, record.at.value,
                                              static_cast<std::int64_t>(record.bytes.size()),
                                              std::move(what)));
    }
    void tell_time(const message::RecordView& record, std::int64_t before_ms) {
        tell(record, fmt::format("stored {} ms before the record in front of it",
                                 before_ms - record.store_ts_ms));
        chunk_.findings.back().kind = Finding::Kind::other;
        chunk_.findings.back().mend = Finding::Mend::nothing;
    }

    // ---- units

    std::size_t queue_of(const message::RecordView& record) {
        const std::size_t slot = (std::hash<std::string_view>{}(record.topic) +
                                  static_cast<std::size_t>(record.queue_id) * 0x9e3779b9U) %
                                 cache_size;
        if (cache_[slot] != none) {
            const QueueView& queue = *context_.queues[cache_[slot]];
            if (queue.id == record.queue_id && queue.topic == record.topic) return cache_[slot];
        }
        const auto found = context_.find_queue(record.topic, record.queue_id);
        if (found < 0) return none;
        return cache_[slot] = static_cast<std::uint32_t>(found);
    }

    void check_unit(const message::RecordView& record) {
        if (!QueueWriter::gets_unit(record)) return;
        chunk_.last_unit_ts_ms = record.store_ts_ms;
        const std::size_t number = queue_of(record);
        if (number == none) return no_queue(record);
        const QueueView& queue = *context_.queues[number];
        if (queue.kind == QueueView::Kind::batch ? has_batch_unit(queue, record)
                                                 : has_unit(queue, record)) {
            ++chunk_.matched[number];
            return;
        }
        if (is_deleted(record) || is_earlier_life(queue, record)) return;
        if (context_.live()) {
            chunk_.undispatched.emplace_back(number, record.at.value);
            return;
        }
        bad_unit(number, queue, record);
    }

    bool has_unit(const QueueView& queue, const message::RecordView& record) const {
        const auto unit = queue.unit(record.queue_offset.value);
        if (!unit || unit->at != record.at.value ||
            unit->bytes != static_cast<std::int32_t>(record.bytes.size()))
            return false;
        const std::int64_t code = context_.tags_code(record);
        if (unit->tags_code == code) return true;
        return unit->tags_code <= Unit::extension_max &&
               has_extension(queue, record, unit->tags_code, code);
    }

    // mqd-store(5), EXTENSION: i16 size, i64 code, i64 store time, i16 bytes of the bitmap.
    static bool has_extension(const QueueView& queue, const message::RecordView& record,
                              std::int64_t address, std::int64_t code) {
        constexpr std::size_t head_bytes = 20;
        const std::int64_t at = address - std::numeric_limits<std::int64_t>::min();
        const Bytes bytes = queue.extension.at(at, head_bytes);
        return !bytes.empty() &&
               load_be<std::int16_t>(bytes.data()) ==
                   static_cast<std::int16_t>(head_bytes) + load_be<std::int16_t>(&bytes[18]) &&
               load_be<std::int64_t>(&bytes[2]) == code &&
               load_be<std::int64_t>(&bytes[10]) == record.store_ts_ms;
    }

    static bool has_batch_unit(const QueueView& queue, const message::RecordView& record) {
        const auto expected = batch_unit_of(record);
        for (const auto& part : queue.files.parts()) {
            std::int64_t low = 0;
            std::int64_t high =
                static_cast<std::int64_t>(part.bytes.size()) / BatchUnit::bytes_each;
            while (low < high) {
                const std::int64_t middle = (low + high) / 2;
                const Bytes there =
                    part.bytes.subspan(static_cast<std::size_t>(middle * BatchUnit::bytes_each),
                                       BatchUnit::bytes_each);
                if (std::ranges::equal(there, expected)) return true;
                const auto unit = BatchUnit::load(there.data());
                if (unit.is_valid() && unit.unit.at < record.at.value)
                    low = middle + 1;
                else
                    high = middle;
            }
        }
        return false;
    }

    bool is_deleted(const message::RecordView& record) const {
        if (context_.deleted_topics.empty()) return false;
        const auto deleted = context_.deleted_topics.find(record.topic);
        return deleted != context_.deleted_topics.end() && record.at.value < deleted->second;
    }

    /// The topic was deleted and made again, and its numbers began again at 0.
    bool is_earlier_life(const QueueView& queue, const message::RecordView& record) const {
        if (queue.kind != QueueView::Kind::plain || queue.first_real != 0 ||
            queue.first_real_at <= record.at.value)
            return false;
        const auto first = context_.record_at(queue.first_real_at);
        return first && first->topic == queue.topic && first->queue_id == queue.id &&
               first->queue_offset.value == 0;
    }

    void no_queue(const message::RecordView& record) {
        if (is_deleted(record) || context_.live()) return;
        auto& sum = chunk_.unqueued[{std::string(record.topic), record.queue_id}];
        if (sum.count++ == 0) sum.first_at = record.at.value;
    }

    void bad_unit(std::size_t number, const QueueView& queue, const message::RecordView& record) {
        const std::int64_t offset = record.queue_offset.value;
        const auto unit = queue.unit(offset);
        const bool missing = queue.kind == QueueView::Kind::plain &&
                             (!unit || unit->is_unused() || unit->is_filling());
        if (!chunk_.bad_units.empty()) {
            auto& last = chunk_.bad_units.back();
            if (last.queue == number && last.missing == missing &&
                last.first + last.count == offset) {
                ++last.count;
                return;
            }
        }
        chunk_.bad_units.push_back({number, offset, 1, missing, record.at.value});
    }

    const Context& context_;
    std::unique_ptr<LogScan> scan_;
    std::vector<std::uint32_t> cache_;
    Chunk chunk_;
    std::int64_t looked_twice_at_ = -1;
};

// Chunks of the log, walked ahead by threads and taken in order.
class Ahead {
public:
    Ahead(const Context& context, int threads) : context_(context) {
        const std::int64_t bytes = std::max<std::int64_t>(1, context.options.chunk_bytes);
        for (const auto& part : context.log.parts())
            for (std::int64_t from = part.begin; from < part.end(); from += bytes)
                jobs_.push_back({from, std::min(from + bytes, part.end()), {}});
        for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
    }
    ~Ahead() {
        next_ = jobs_.size();
        for (auto& thread : threads_) thread.join();
    }
    Ahead(const Ahead&) = delete;
    Ahead& operator=(const Ahead&) = delete;

    std::size_t size() const { return jobs_.size(); }
    std::int64_t limit(std::size_t i) const { return jobs_[i].limit; }
    /// Without a start when nobody walked it.
    Chunk take(std::size_t i) {
        std::unique_lock lock(lock_);
        ready_.wait(lock, [&] { return jobs_[i].chunk.has_value() || i > last_; });
        if (!jobs_[i].chunk) return {};
        Chunk chunk = std::move(*jobs_[i].chunk);
        jobs_[i].chunk.reset();
        return chunk;
    }

private:
    struct Job {
        std::int64_t from = 0, limit = 0;
        std::optional<Chunk> chunk;
    };

    void work() {
        auto scan = LogScan::open(context_.root);
        std::optional<Walker> walker;
        if (scan) walker.emplace(context_, std::move(*scan));
        for (std::size_t i = next_++; i < jobs_.size(); i = next_++) {
            Chunk chunk;
            if (walker)
                chunk = walker->walk(jobs_[i].from, jobs_[i].limit, i > 0);
            else
                chunk.error = scan.error();
            const std::lock_guard lock(lock_);
            if (chunk.ended == Chunk::End::end) {  // there is nothing after it in any file
                last_ = std::min(last_, i);
                next_ = jobs_.size();
            }
            jobs_[i].chunk = std::move(chunk);
            ready_.notify_all();
        }
    }

    const Context& context_;
    std::vector<Job> jobs_;
    std::atomic<std::size_t> next_ = 0;
    std::mutex lock_;
    std::size_t last_ = std::numeric_limits<std::size_t>::max();  // chunks after it are not done
    std::condition_variable ready_;
    std::vector<std::thread> threads_;
};

class LogCheck {
public:
    explicit LogCheck(Context& context) : context_(context) {}

    Result<> run() {
        auto& report = context_.report;
        report.log_begin = report.log_end = position_ = context_.log.begin();
        if (context_.log.empty()) return {};
        TRY(auto scan, LogScan::open(context_.root));
        Walker here(context_, std::move(scan));
        const auto cores = static_cast<int>(std::thread::hardware_concurrency());
        Ahead ahead(context_,
                    std::max(1, context_.options.threads > 0 ? context_.options.threads : cores));
        for (std::size_t i = 0; i < ahead.size() && !at_end_; ++i) {
            Chunk chunk = ahead.take(i);
            if (context_.options.stop()) return {};
            if (position_ >= ahead.limit(i)) continue;
            if (chunk.error || chunk.start != position_)
                chunk = here.walk(position_, ahead.limit(i), false);
            for (;;) {
                if (chunk.error) return *chunk.error;
                take(chunk);
                if (chunk.ended != Chunk::End::damage || at_end_ || position_ >= ahead.limit(i))
                    break;
                chunk = here.walk(position_, ahead.limit(i), false);
            }
        }
        wait_for_dispatch();
        tell_units();
        return {};
    }

private:
    void take(Chunk& chunk) {
        auto& report = context_.report;
        if (chunk.records > 0) {
            if (report.records == 0) context_.first_ts_ms = chunk.first_ts_ms;
            if (report.records > 0 && chunk.first_ts_ms < context_.newest_ts_ms) {
                auto finding = log_finding(Finding::Kind::other, chunk.first_at, 0,
                                           fmt::format("stored {} ms before the record in front "
                                                       "of it",
                                                       context_.newest_ts_ms - chunk.first_ts_ms));
                finding.mend = Finding::Mend::nothing;
                context_.tell(finding);
            }
            context_.newest_ts_ms = chunk.last_ts_ms;
            if (chunk.last_unit_ts_ms > 0) context_.newest_unit_ts_ms = chunk.last_unit_ts_ms;
            last_record_chunk_end_ = chunk.end;
        }
        report.records += chunk.records;
        context_.checkpoint_log_seen |= chunk.checkpoint_log_seen;
        context_.checkpoint_queues_seen |= chunk.checkpoint_queues_seen;
        for (const auto& finding : chunk.findings) context_.tell(finding);
        for (std::size_t i = 0; i < chunk.matched.size(); ++i)
            context_.queues[i]->matched += chunk.matched[i];
        for (const auto& bad : chunk.bad_units) add(bad);
        for (auto& [queue, sum] : chunk.unqueued) {
            auto& all = unqueued_[queue];
            if (all.count == 0) all.first_at = sum.first_at;
            all.count += sum.count;
        }
        undispatched_.insert(undispatched_.end(), chunk.undispatched.begin(),
                             chunk.undispatched.end());
        position_ = chunk.end;
        report.log_end = chunk.end;
        if (chunk.ended == Chunk::End::end) take_end(chunk.last);
        if (chunk.ended == Chunk::End::damage) take_damage(chunk.last);
    }

    void take_end(const LogItem& item) {
        at_end_ = true;
        context_.report.log_end = item.at.value;
        if (context_.live()) return;
        if (item.kind == LogItem::Kind::torn) tell_tail(item.at.value, item.bytes, item.why);
        tell_stale_files(item.at.value);
    }

    void take_damage(const LogItem& item) {
        const std::int64_t next = item.at.value + item.bytes;
        const auto record = context_.record_at(next);
        // What an earlier life of the log has left behind its end is older than the end, and no
        // queue knows it; records of after a crash are newer (mqd-store(5), AFTER A CRASH).
        if (!context_.live() && item.at.value >= context_.queues_end && record &&
            record->store_ts_ms < context_.newest_ts_ms) {
            at_end_ = true;
            context_.report.log_end = item.at.value;
            const auto* part = context_.log.part_at(item.at.value);
            tell_tail(item.at.value, part->end() - item.at.value,
                      "stale bytes, records of an earlier life among them");
            tell_stale_files(item.at.value);
            return;
        }
        auto finding = log_finding(Finding::Kind::damage, item.at.value, item.bytes, item.why);
        context_.tell(finding);
        position_ = next;
        context_.report.log_end = next;
    }

    void tell_tail(std::int64_t at, std::int64_t bytes, const std::string& why) {
        auto finding = log_finding(Finding::Kind::tail, at, bytes,
                                   fmt::format("behind the last record: {}", why));
        if (context_.report.crashed) finding.mend = Finding::Mend::start;
        context_.tell(finding);
    }

    /// Files after the one that holds the end are zero.
    void tell_stale_files(std::int64_t end) {
        for (const auto& part : context_.log.parts()) {
            if (part.begin <= end) continue;
            const auto file = ScanFile::open(part.path);
            if (!file) continue;
            const auto first = file->first_nonzero(0);
            if (first < file->bytes().size())
                tell_tail(part.begin + static_cast<std::int64_t>(first),
                          static_cast<std::int64_t>(file->last_nonzero_end(first) - first),
                          "bytes that are no record");
        }
    }

    /// The broker that uses the store is given time to write the units of what it has stored.
    void wait_for_dispatch() {
        const auto deadline = std::chrono::steady_clock::now() + dispatch_wait_max;
        for (;;) {
            std::erase_if(undispatched_, [&](const auto& item) {
                QueueView& queue = *context_.queues[item.first];
                const auto record = context_.record_at(item.second);
                if (!record) return true;  // expired meanwhile
                auto unit = queue.unit(record->queue_offset.value);
                if (!unit) {  // in a file that was made since
                    if (auto shape = row_shape(context_.root / queue.path, 0))
                        if (auto row = FileRow::open(context_.root / queue.path, shape->begins))
                            queue.files = std::move(*row);
                    unit = queue.unit(record->queue_offset.value);
                }
                if (!unit || unit->at != record->at.value) return false;
                ++queue.matched;
                return true;
            });
            if (undispatched_.empty() || std::chrono::steady_clock::now() > deadline ||
                context_.options.stop())
                break;
            std::this_thread::sleep_for(look_again_after);
        }
        for (const auto& [queue, at] : undispatched_) {
            const auto record = context_.record_at(at);
            if (record) add({queue, record->queue_offset.value, 1, true, at});
        }
    }

    void add(const BadUnits& bad) {
        auto& all = bad_units_[bad.queue];
        if (!all.empty() && all.back().missing == bad.missing &&
            all.back().first + all.back().count == bad.first)
            all.back().count += bad.count;
        else
            all.push_back(bad);
    }

    void tell_units() {
        for (const auto& [number, all] : bad_units_) {
            QueueView& queue = *context_.queues[number];
            for (const auto& bad : all) {
                queue.told.emplace_back(bad.first, bad.first + bad.count);
                const bool behind = bad.missing && bad.first >= queue.end;
                const bool start = context_.report.crashed && behind;
                context_.tell({Finding::Part::queue, Finding::Kind::other,
                               start ? Finding::Mend::start : Finding::Mend::repair, queue.path,
                               bad.first, bad.count,
                               bad.missing
                                   ? fmt::format("missing; its record lies at {}", bad.at)
                                   : fmt::format("not what its record at {} says", bad.at)});
            }
        }
        for (const auto& [queue, sum] : unqueued_) {
            if (context_.topics_known && !context_.topics.contains(queue.first)) continue;
            context_.tell({Finding::Part::queue, Finding::Kind::missing,
                           context_.report.crashed ? Finding::Mend::start : Finding::Mend::repair,
                           fmt::format("consumequeue/{}/{}", queue.first, queue.second), -1, 0,
                           fmt::format("missing, with {} messages in the log from {} on", sum.count,
                                       sum.first_at)});
        }
    }

    Context& context_;
    std::int64_t position_ = 0;
    std::int64_t last_record_chunk_end_ = 0;
    bool at_end_ = false;
    std::map<std::size_t, std::vector<BadUnits>> bad_units_;
    std::map<std::pair<std::string, std::int32_t>, Chunk::Unqueued> unqueued_;
    std::vector<std::pair<std::size_t, std::int64_t>> undispatched_;
};

}  // namespace

Result<> load_log(Context& context) {
    const auto dir = context.root / "commitlog";
    TRY(const auto shape, row_shape(dir, 0));
    context.log_file_bytes = shape.file_bytes;
    for (const auto& misfit : shape.misfits) {
        if (misfit.kind == Finding::Kind::missing) continue;  // the walk tells
        const bool last = !shape.begins.empty() && misfit.at == shape.begins.back();
        const bool start = context.report.crashed && last && misfit.kind == Finding::Kind::length;
        context.tell({Finding::Part::log, misfit.kind,
                      start ? Finding::Mend::start : Finding::Mend::repair,
                      "commitlog/" + misfit.name, -1, 0, misfit.what});
    }
    TRY(context.log, FileRow::open(dir, shape.begins));
    return {};
}

Result<> check_log(Context& context) {
    return LogCheck(context).run();
}

}  // namespace mqd::store::verifying
