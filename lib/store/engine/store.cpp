#include "store/store.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "base/log.h"
#include "store/log/checkpoint.h"
#include "store/engine/cut.h"
#include "store/engine/disk_meter.h"
#include "store/engine/dispatcher.h"
#include "store/log/flusher.h"
#include "store/index/index_builder.h"
#include "store/engine/log_follow.h"
#include "store/log/milestone.h"
#include "base/named_thread.h"
#include "store/table/places.h"
#include "store/queue/queue_changes.h"
#include "store/queue/queue_ends.h"
#include "store/queue/queue_mender.h"
#include "store/engine/reader.h"
#include "store/engine/recovery.h"
#include "store/engine/retention.h"
#include "store/table/topic_names.h"
#include "store/waiters.h"

namespace mqd::store {
namespace {

constexpr std::int64_t full_tick_ms = 100;
/// More dirty queues than this are synced all at once, and only at the thorough interval.
constexpr std::size_t dirty_queues_few = 16;
/// Of the log: more is looked through after the start.
constexpr std::int64_t count_now_bytes = 64 << 20;

std::int64_t rounded_up(std::int64_t value, std::int64_t to) {
    return (value + to - 1) / to * to;
}

class StoreImpl final : public Store {
public:
    StoreImpl(Files& files, const Clock& clock, Options options, DelayLevels levels, Places places)
        : os_(files),
          clock_(clock),
          options_(std::move(options)),
          levels_(std::move(levels)),
          places_(std::move(places)),
          disk_(files, places_, options_.disk_full_percent),
          milestones_(files, options_.root, options_.milestone_bytes),
          open_files_(files, static_cast<std::size_t>(std::max(8, options_.open_queue_files_max))) {
    }
    ~StoreImpl() override { stop_threads(false); }

    Result<> start();
    Result<> close() override;

    Queue* queue(std::string_view topic, std::int32_t id) override {
        StoredQueue* queue = queues_->find_or_make(topic, id);
        queue->look_at();
        return queue;
    }
    /// One that may have lost its folder is there, until the log has told.
    Queue* find_queue(std::string_view topic, std::int32_t id) const override {
        StoredQueue* queue = queues_->find(topic, id);
        return queue == nullptr && mender_->may_be_lost(topic, 0) ? queues_->find_or_make(topic, id)
                                                                  : queue;
    }
    std::vector<Queue*> queues() const override {
        const auto all = queues_->all();
        return {all.begin(), all.end()};
    }
    void set_batch(std::string_view topic, bool batch) override {
        queues_->set_batch(topic, batch);
    }
    Result<> delete_topic(std::string_view topic) override;
    void append(std::span<Append> units) override;
    Result<> append_at(PhysicalOffset at, Bytes bytes) override;

    ReadResult read(Queue& queue, QueueOffset from, const ReadLimits& limits,
                    const ReadFilter* filter) const override {
        return *read_queue(reading(), own(queue), from, limits, filter, LogSource::Mode::wait);
    }
    std::optional<ReadResult> read_now(Queue& queue, QueueOffset from, const ReadLimits& limits,
                                       const ReadFilter* filter) const override {
        return read_queue(reading(), own(queue), from, limits, filter, LogSource::Mode::now);
    }
    bool is_warm(PhysicalOffset at) const override { return log_->is_warm(at.value); }
    Result<Slice> record_at(PhysicalOffset at) const override {
        return store::record_at(reading(), at);
    }
    std::optional<PhysicalOffset> position(Queue& queue, QueueOffset offset) const override {
        return position_of(own(queue), offset);
    }
    Result<std::vector<StoredUnit>> units(Queue& queue, QueueOffset from,
                                          std::size_t count_max) const override {
        return units_of(own(queue), from, count_max);
    }
    std::optional<Slice> next_record(PhysicalOffset at) const override {
        return store::next_record(*log_, at);
    }
    std::optional<std::int64_t> store_time(Queue& queue, QueueOffset offset) const override {
        return store::store_time(reading(), own(queue), offset);
    }
    QueueOffset offset_by_time(Queue& queue, std::int64_t t_ms, bool upper) const override {
        return store::offset_by_time(reading(), own(queue), t_ms, upper);
    }

    KeyHits query(const KeyQuery& wanted) const override {
        return index_->query(reading(), wanted);
    }

    PhysicalOffset begin() const override { return {log_->begin()}; }
    PhysicalOffset end() const override { return {log_->end()}; }
    PhysicalOffset synced() const override { return {log_->synced()}; }
    PhysicalOffset shown() const override { return {log_->shown()}; }
    void confirm(PhysicalOffset at) override {
        if (log_->confirm(at.value)) dispatcher_->ring();
    }
    PhysicalOffset dispatched() const override { return {dispatcher_->dispatched()}; }
    std::int64_t newest_ms() const override { return log_->newest_ms(); }
    PhysicalOffset indexed() const override {
        return {builder_ ? builder_->indexed() : index_->resume().at};
    }

    void when_synced(PhysicalOffset at, std::int64_t timeout_ms,
                     std::function<void(bool)> done) override {
        flusher_->when_synced(at.value, timeout_ms, std::move(done));
    }
    void when_dispatched(PhysicalOffset at, std::int64_t timeout_ms,
                         std::function<void(bool)> done) override {
        dispatcher_->when_dispatched(at.value, timeout_ms, std::move(done));
    }
    void on_arrival(std::function<void(std::span<const Arrival>)> listener) override {
        dispatcher_->on_arrival(std::move(listener));
    }

    void on_queue_change(std::function<void(const QueueChange&)> listener) override {
        changes_.listen(std::move(listener));
    }

    bool writable() const override { return takes_appends() && !log_->full() && !log_->failed(); }
    std::int64_t damaged_places() const override { return damage_.places(); }
    DiskUse disk_use() const override { return disk_.use(); }
    void delete_expired(int rounds) override {
        retention_->delete_expired(rounds);
        house_bell_.ring();
    }
    void stop_mending() override { mender_->stop(); }
    void clean_queues(std::function<void(Result<>)> done) override {
        retention_->clean_queues(std::move(done));
        house_bell_.ring();
    }
    const Options& options() const override { return options_; }

private:
    ReadContext reading() const { return {*log_, levels_, damage_, options_.demand_crc}; }
    static StoredQueue& own(Queue& queue) { return static_cast<StoredQueue&>(queue); }
    LogWalker::Check record_check() const {
        return options_.demand_crc  ? LogWalker::Check::sum
               : options_.check_crc ? LogWalker::Check::crc
                                    : LogWalker::Check::lengths;
    }
    bool takes_appends() const { return !closing_ && !dispatcher_->failing() && !disk_.is_full(); }

    Result<> write_abort();
    void expect_ends(std::int64_t log_end);
    void count_ends(const std::function<bool()>& stop);
    void expect(const QueueEnd& end);
    QueueEnds current_ends() const;
    void save_ends();
    Result<> delete_queues(std::string_view topic, std::vector<QueueChange>& gone);
    Result<> open_index(bool crashed);
    void start_threads(bool clean, const Milestone& reached);
    void appended(bool watched);
    void dispatched(const Milestone& now);
    void stop_threads(bool finish);
    void keep_house();
    void tick();
    Result<> sync_queues(bool all);
    Result<> sync_filesystems();
    Result<> save_checkpoint();
    void mend_units();

    Files& os_;
    const Clock& clock_;
    const Options options_;
    DelayLevels levels_;
    const Places places_;
    std::unique_ptr<File> lock_;
    Checkpoint checkpoint_;
    DiskMeter disk_;
    MilestoneFile milestones_;
    mutable Damage damage_;
    QueueChanges changes_;
    OpenFiles open_files_;
    Mutex deleting_;  // held over the whole of a deletion, files and all
    DeletedTopics deleted_topics_ GUARDED_BY(deleting_);
    std::unique_ptr<CommitLog> log_;
    std::unique_ptr<QueueMender> mender_;
    std::unique_ptr<QueueTable> queues_;
    std::unique_ptr<QueueWriter> writer_;
    std::unique_ptr<IndexSet> index_;
    std::unique_ptr<IndexBuilder> builder_;
    Lateness lateness_;
    std::unique_ptr<Dispatcher> dispatcher_;
    std::unique_ptr<Flusher> flusher_;
    std::unique_ptr<Retention> retention_;

    // the housekeeper's
    Bell house_bell_;
    std::atomic<bool> house_stopping_ = false;
    std::vector<StoredQueue*> dirty_queues_;
    std::int64_t queues_ts_ms_ = 0;  // newest message whose unit is on disk
    bool queues_lost_ = false;       // a sync failed: no later one can be believed
    bool recovered_ = false;         // of what recovery found or wrote nobody knows what is on disk
    std::int64_t next_tick_ms_ = 0;
    std::int64_t next_queue_sync_ms_ = 0;
    std::int64_t next_thorough_ms_ = 0;
    std::optional<QueueEnds> ends_due_;  // to be saved when the log is on disk as far as they say
    std::int64_t ends_saved_begin_ = -1, ends_saved_end_ = -1;  // of the log
    std::thread house_;

    // what every queue must have
    std::int64_t opened_begin_ = 0, opened_end_ = 0;
    std::int64_t counted_to_ = 0;           // of the log
    std::atomic<bool> ends_known_ = false;  // of all queues
    std::optional<TopicNames> topics_;

    std::atomic<bool> closing_ = false;
};

// ---- opening and closing

Result<> StoreImpl::start() {
    TRY_OK(make_synced_directories(os_, options_.root));
    TRY(lock_, os_.lock(options_.root / "lock"));
    TRY_OK(finish_cut(os_, places_));
    TRY(const bool crashed, os_.exists(options_.root / "abort"));
    TRY(checkpoint_, Checkpoint::load(os_, options_.root / "checkpoint"));
    const auto milestone = crashed ? milestones_.load(checkpoint_) : std::nullopt;
    // Before recovery, not after it as the reference has it: a crash in recovery is one too.
    TRY_OK(write_abort());
    TRY(log_, CommitLog::open(os_, places_ / "commitlog", options_.commit_log_file_bytes, crashed,
                              options_.warm_bytes));
    log_->begin_at(options_.log_begin);
    log_->show_up_to(options_.confirmed);
    for (const char* folder : {"consumequeue", "batchconsumequeue"})
        TRY_OK(make_synced_directories(os_, places_ / folder));
    mender_ = std::make_unique<QueueMender>(*log_, levels_, changes_);
    queues_ = std::make_unique<QueueTable>(
        QueueContext{os_, open_files_, *log_, places_ / "consumequeue",
                     rounded_up(options_.consume_queue_file_bytes, Unit::bytes_each),
                     places_ / "batchconsumequeue",
                     rounded_up(options_.batch_queue_file_bytes, BatchUnit::bytes_each), crashed,
                     &changes_, mender_.get()});
    for (const auto& topic : options_.batch_topics) queues_->set_batch(topic, true);
    {
        const Lock deleting(deleting_);
        deleted_topics_ = DeletedTopics::load(os_, options_.root / "config" / "deletedTopics.json");
        TRY_OK(queues_->scan(deleted_topics_.map()));
    }
    writer_ = std::make_unique<QueueWriter>(*queues_, levels_);
    TRY(const Milestone reached,
        recover(*log_, *queues_, *writer_, checkpoint_, milestone, record_check(), !crashed));
    {
        const Lock deleting(deleting_);
        queues_->recovered(log_->end());
        TRY_OK(deleted_topics_.recovered(os_, log_->end()));
    }
    expect_ends(reached.end);
    mender_->serve(*queues_);
    recovered_ = crashed || log_->synced() < log_->end();
    milestones_.checkpoint_saved(checkpoint_);
    if (!writer_->left_out()) milestones_.begin(reached);
    // Nothing is shown to readers that is not on disk, were it even older than this process.
    if (options_.flush_sync) {
        if (auto ok = log_->sync(); !ok) return std::move(ok).error();
        log_->show_synced_only();
    }
    TRY_OK(open_index(crashed));
    disk_.measure();
    start_threads(!crashed, reached);
    return {};
}

Result<> StoreImpl::write_abort() {
    const auto path = options_.root / "abort";
    TRY(const auto file, os_.open(path, OpenMode::create));
    TRY_OK(file->resize(0));
    TRY_OK(file->write(0, as_bytes(fmt::to_string(::getpid()))));
    TRY_OK(file->sync());
    return os_.sync_directory(options_.root);
}

/// What is missing is built again after the start. The checkpoint falls back first, so that it
/// never speaks for a file that is being made again.
Result<> StoreImpl::open_index(bool crashed) {
    TRY(index_, IndexSet::open(os_, clock_, *log_, places_ / "index",
                               {options_.index_slots, options_.index_entries},
                               checkpoint_.index_ts_ms, crashed));
    const std::int64_t ts_ms = index_->durable_ts_ms(log_->end());
    if (ts_ms >= checkpoint_.index_ts_ms) return {};
    checkpoint_.index_ts_ms = ts_ms;
    return checkpoint_.save(os_, options_.root / "checkpoint");
}

// ---- what every queue must have

void StoreImpl::expect_ends(std::int64_t log_end) {
    opened_begin_ = counted_to_ = log_->begin();
    opened_end_ = log_end;
    bool was_cut = false;
    const auto known =
        QueueEnds::load(os_, options_.root, [&](const QueueEnds& ends, QueueEnd end) {
            if (end.last_at >= opened_end_) {
                was_cut = true;  // the log, since
                return;
            }
            if (ends.log_begin != opened_begin_) end.min = -1;
            expect(end);
        });
    if (known && !was_cut) counted_to_ = std::max(counted_to_, known->log_end);
    if (opened_end_ - counted_to_ <= count_now_bytes) return count_ends([] { return false; });
    log::info("queue_ends_being_counted",
              {{"log_from", counted_to_},
               {"log_to", opened_end_},
               {"why", counted_to_ == opened_begin_ ? "there is no mqd-queues that fits the log"
                                                    : "mqd-queues ends there"}});
    topics_.emplace(TopicNames::load(os_, options_.root / "config"));
    mender_->count_first(*topics_);
}

/// By the part of the log of which nobody has told: after a crash, or another broker.
void StoreImpl::count_ends(const std::function<bool()>& stop) {
    if (ends_known_) return;
    const bool whole = counted_to_ == opened_begin_;
    const std::int64_t began_ms = monotonic_ms();
    auto ends = ends_in_log(*log_, counted_to_, opened_end_, stop);
    if (stop()) return;
    for (QueueEnd& end : ends) {
        if (!whole) end.min = -1;
        expect(end);
    }
    ends_known_ = true;
    mender_->counted();
    if (opened_end_ - counted_to_ > count_now_bytes)
        log::info("queue_ends_counted",
                  {{"queues", ends.size()}, {"ms", monotonic_ms() - began_ms}});
}

/// Another broker may have deleted a topic, whose records are still there.
void StoreImpl::expect(const QueueEnd& end) {
    if (queues_->expect(end, false)) return;
    if (!topics_) topics_ = TopicNames::load(os_, options_.root / "config");
    if (topics_->may_have(end.topic)) queues_->expect(end, true);
}

QueueEnds StoreImpl::current_ends() const {
    QueueEnds ends;
    ends.log_begin = log_->begin();
    ends.log_end = dispatcher_->dispatched();
    const bool min_known =
        ends.log_begin == opened_begin_ || retention_->cleaned_to() >= ends.log_begin;
    for (const StoredQueue* queue : queues_->all())
        if (auto end = queue->end_now(min_known)) ends.queues.push_back(std::move(*end));
    return ends;
}

/// As often as the log begins a file or loses one: so much has to be looked through after a crash.
void StoreImpl::save_ends() {
    if (!ends_known_ || log_->failed()) return;
    const std::int64_t begin = log_->begin();
    if (!ends_due_) {
        const std::int64_t end = dispatcher_->dispatched();
        const std::int64_t bytes = log_->file_bytes();
        const bool due = begin != ends_saved_begin_ || end / bytes != ends_saved_end_ / bytes;
        if (!due || (begin != opened_begin_ && retention_->cleaned_to() < begin)) return;
        const Lock writing(dispatcher_->writing());
        ends_due_ = current_ends();
    }
    if (log_->synced() < ends_due_->log_end) return;
    if (auto ok = ends_due_->save(os_, options_.root); !ok)
        return log::warn("queue_ends_not_saved", {{"why", ok.error().what}});
    ends_saved_begin_ = ends_due_->log_begin;
    ends_saved_end_ = ends_due_->log_end;
    ends_due_.reset();
}

void StoreImpl::start_threads(bool clean, const Milestone& reached) {
    const CommitLog::Mark mark{reached.end, reached.store_ts_ms};
    if (clean) queues_ts_ms_ = mark.store_ts_ms;
    if (options_.index) builder_ = std::make_unique<IndexBuilder>(*log_, *index_, mark.end);
    dispatcher_ = std::make_unique<Dispatcher>(*log_, *writer_, lateness_, mark,
                                               [this](const Milestone& now) { dispatched(now); });
    flusher_ =
        std::make_unique<Flusher>(*log_, lateness_,
                                  Flusher::Timing{options_.flush_sync, options_.flush_interval_ms,
                                                  options_.flush_thorough_ms},
                                  [this] {
                                      if (options_.flush_sync) dispatcher_->ring();
                                  });
    lateness_.start({&flusher_->waiters(), &dispatcher_->waiters()});
    // After a crash queues may have been left uncleaned, and recovery has loaded them all.
    retention_ = std::make_unique<Retention>(
        Retention::Parts{os_, clock_, *log_, *queues_, *index_, disk_, deleting_,
                         [this] { return std::min(log_->synced(), dispatcher_->dispatched()); }},
        options_.retention, clean ? log_->begin() : -1);
    house_ = named_thread("mqd-house", [this] { keep_house(); });
    mender_->check_all([this](const std::function<bool()>& stop) { count_ends(stop); },
                       options_.house_tick_ms, [this] { house_bell_.ring(); });
}

void StoreImpl::dispatched(const Milestone& now) {
    if (log_->failed() || writer_->left_out()) milestones_.withdraw();
    milestones_.reached(now);
    if (builder_) builder_->follow(now.end);
}

void StoreImpl::stop_threads(bool finish) {
    closing_ = true;
    if (log_) log_->stop_appends();
    if (mender_) mender_->stop();
    if (flusher_) flusher_->stop();
    if (house_.joinable()) {
        house_stopping_ = true;
        house_bell_.ring();
        house_.join();
    }
    if (finish && log_) static_cast<void>(log_->sync());  // tells by synced()
    if (dispatcher_) dispatcher_->stop(finish);
    lateness_.stop();
    if (builder_) builder_->stop(finish);
}

Result<> StoreImpl::close() {
    if (!lock_) return {};
    stop_threads(true);
    const auto held = std::move(lock_);
    const std::int64_t dispatched = dispatcher_->dispatched();
    const bool indexed = !builder_ || builder_->indexed() >= dispatched;
    if (log_->synced() != log_->end() || !dispatcher_->is_done() || !indexed)
        return Error{Errc::io, fmt::format("{}: not everything could be written; `abort` stays",
                                           options_.root.string())};
    TRY_OK(sync_queues(true));
    TRY_OK(index_->sync());
    if (ends_known_) {
        if (auto ok = current_ends().save(os_, options_.root); !ok)
            log::warn("queue_ends_not_saved", {{"why", ok.error().what}});
    }
    const bool all_shown = dispatched == log_->end();
    const std::int64_t newest_ms = log_->mark().store_ts_ms;
    checkpoint_.log_ts_ms = newest_ms;
    checkpoint_.queues_ts_ms = all_shown ? newest_ms : dispatcher_->dispatched_ts_ms();
    checkpoint_.index_ts_ms = index_->durable_ts_ms(log_->end());
    TRY_OK(checkpoint_.save(os_, options_.root / "checkpoint"));
    TRY_OK(log_->remove_prepared());
    // With `abort` the next start looks for records that no queue has, however many it shows.
    if (!all_shown) return {};
    TRY_OK(os_.remove(options_.root / "abort"));
    milestones_.withdraw();
    return os_.sync_directory(options_.root);
}

// ---- writing

void StoreImpl::append(std::span<Append> units) {
    for (Append& unit : units) static_cast<StoredQueue*>(unit.queue)->load_soon();
    if (!takes_appends()) {
        for (Append& unit : units) {
            unit.stored = false;
            unit.why_not = Errc::refused;
        }
        return;
    }
    log_->append(units, clock_.wall_ms());
    appended(std::any_of(units.begin(), units.end(),
                         [](const Append& unit) { return unit.queue->watched(); }));
}

Result<> StoreImpl::append_at(PhysicalOffset at, Bytes bytes) {
    if (!takes_appends()) return Error{Errc::refused, "the store takes no appends"};
    if (const std::int64_t end = log_->end(); at.value != end)
        return Error{Errc::invalid, fmt::format("the log ends at {}, not at {}", end, at.value)};
    TRY(const auto parts, check_followed(bytes, at.value, log_->begin(), log_->file_bytes(),
                                         record_check(), *queues_));
    auto done = log_->append_at(at.value, parts);
    appended(std::any_of(parts.begin(), parts.end(), [](const FollowedPart& part) {
        return std::any_of(part.numbers.begin(), part.numbers.end(),
                           [](const auto& number) { return number.queue->watched(); });
    }));
    return done;
}

void StoreImpl::appended(bool watched) {
    flusher_->appended();
    if (log_->needs_file()) house_bell_.ring();
    if (options_.flush_sync) return;  // it follows the flusher
    if (watched)
        dispatcher_->ring_awaited();
    else
        dispatcher_->ring();
}

Result<> StoreImpl::delete_topic(std::string_view topic) {
    if (topic.empty() || topic.front() == '.' || topic.find('/') != topic.npos)
        return Error{Errc::invalid, fmt::format("'{}' is no topic", topic)};
    std::vector<QueueChange> gone;
    auto deleted = delete_queues(topic, gone);
    for (auto& change : gone) changes_.tell(std::move(change));
    return deleted;
}

Result<> StoreImpl::delete_queues(std::string_view topic, std::vector<QueueChange>& gone) {
    const Lock deleting(deleting_);
    const Lock writing(dispatcher_->writing());
    // First no more appends, then the mark after the last of them.
    queues_->close(topic, true);
    const std::int64_t end = log_->mark().end;
    if (auto ok = deleted_topics_.add(os_, topic, end, log_->begin()); !ok) {
        queues_->close(topic, false);
        return ok;
    }
    for (StoredQueue* queue : queues_->remove(topic, end)) {
        const auto [min, max] = queue->last_range();
        gone.push_back({QueueChange::Why::deleted, queue->topic(), queue->id(), min, max, {}, {}});
        queue->close_files();
    }
    for (const auto* kind : {"consumequeue", "consumequeue_ext", "batchconsumequeue"})
        TRY_OK(os_.remove_all(places_ / kind / topic));
    return {};
}

// ---- housekeeping

void StoreImpl::keep_house() {
    while (!house_stopping_) {
        if (log_->needs_file())
            if (auto ok = log_->prepare_next(); !ok)
                log::warn("log_file_not_prepared", {{"why", ok.error().what}});
        if (log_->full()) log_->probe_room();
        if (monotonic_ms() >= next_tick_ms_) tick();
        std::int64_t wait_ms = retention_->step();
        if (log_->full()) wait_ms = std::min(wait_ms, full_tick_ms);
        house_bell_.wait(std::clamp<std::int64_t>(next_tick_ms_ - monotonic_ms(), 0, wait_ms));
    }
}

void StoreImpl::tick() {
    next_tick_ms_ = monotonic_ms() + options_.house_tick_ms;
    disk_.measure();
    if (auto ok = sync_queues(false); !ok && !queues_lost_) {
        log::error("queues_not_synced", {{"why", ok.error().what}});
        queues_lost_ = true;
    }
    if (queues_lost_ || log_->failed()) milestones_.withdraw();
    if (auto ok = save_checkpoint(); !ok)
        log::error("checkpoint_not_saved", {{"why", ok.error().what}});
    mend_units();
    save_ends();
    log_->release_cold(std::min(dispatcher_->dispatched(), indexed().value));
}

/// What readers found. The dispatcher is the only other one who writes there.
void StoreImpl::mend_units() {
    const auto mends = damage_.take_mends();
    if (mends.empty()) return;
    const Lock writing(dispatcher_->writing());
    for (const auto& mend : mends) {
        const auto ok = mend.queue->mend(mend.offset, mend.was, mend.right);
        if (ok)
            log::info("unit_mended", {{"topic", mend.queue->topic()},
                                      {"queue", mend.queue->id()},
                                      {"offset", mend.offset}});
        else
            log::error("unit_not_mended", {{"topic", mend.queue->topic()},
                                           {"queue", mend.queue->id()},
                                           {"offset", mend.offset},
                                           {"why", ok.error().what}});
    }
}

Result<> StoreImpl::sync_queues(bool all) {
    const std::int64_t now_ms = monotonic_ms();
    if (queues_lost_) return Error{Errc::io, "the queues could not be synced once"};
    if (!all && now_ms < next_queue_sync_ms_) return {};
    const std::int64_t ts_ms = dispatcher_->dispatched_ts_ms();
    const auto fresh = dispatcher_->take_dirty();
    dirty_queues_.insert(dirty_queues_.end(), fresh.begin(), fresh.end());
    const bool many = dirty_queues_.size() > dirty_queues_few;
    if (!all && many && !recovered_ && now_ms < next_thorough_ms_) return {};
    next_queue_sync_ms_ = now_ms + options_.flush_queues_ms;
    next_thorough_ms_ = now_ms + options_.flush_thorough_ms;
    for (StoredQueue* queue : dirty_queues_) queue->mark_clean();
    if (many || recovered_) {
        TRY_OK(sync_filesystems());
        recovered_ = false;
    } else {
        for (StoredQueue* queue : dirty_queues_) {
            if (queue->deleted()) continue;  // its path may be a new queue's
            auto ok = queue->sync();
            if (!ok && (ok.error().code != Errc::not_found || !queue->deleted())) return ok;
        }
    }
    dirty_queues_.clear();
    queues_ts_ms_ = ts_ms;
    return {};
}

/// Of all that may be dirty: recovery writes the log's end too, and parts may lie apart.
Result<> StoreImpl::sync_filesystems() {
    TRY_OK(os_.sync_filesystem(options_.root));
    for (const char* part : {"commitlog", "consumequeue", "batchconsumequeue"})
        if (places_.is_apart(part)) TRY_OK(os_.sync_filesystem(places_ / part));
    return {};
}

Result<> StoreImpl::save_checkpoint() {
    Checkpoint now = checkpoint_;
    now.log_ts_ms = std::max(now.log_ts_ms, flusher_->synced_ts_ms());
    now.queues_ts_ms = std::max(now.queues_ts_ms, queues_ts_ms_);
    now.index_ts_ms = index_->durable_ts_ms(log_->synced());
    if (now == checkpoint_) return {};
    TRY_OK(now.save(os_, options_.root / "checkpoint"));
    checkpoint_ = now;
    milestones_.checkpoint_saved(now);
    return {};
}

}  // namespace

Result<std::unique_ptr<Store>> Store::open(Files& files, const Clock& clock, Options options) {
    TRY(auto levels, DelayLevels::parse(options.delay_levels));
    TRY(auto places, Places::find(files, options.root));
    auto store = std::make_unique<StoreImpl>(files, clock, std::move(options), std::move(levels),
                                             std::move(places));
    TRY_OK(store->start());
    return std::unique_ptr<Store>(std::move(store));
}

}  // namespace mqd::store
