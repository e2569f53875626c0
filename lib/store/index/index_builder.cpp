#include "store/index/index_builder.h"

#include <algorithm>
#include <chrono>

#include "base/clock.h"
#include "base/log.h"
#include "message/sys_flag.h"
#include "base/named_thread.h"

namespace mqd::store {
namespace {

constexpr std::int64_t retry_ms = 1000;
constexpr auto pause = std::chrono::milliseconds(5);
// How long the index may keep the memory that it took. All of it is read again from the page cache
// in some 10 ms; one message a second, kept for ever, would cost 20 MB.
constexpr std::int64_t keep_slots_ms = 10'000;

}  // namespace

IndexBuilder::IndexBuilder(const CommitLog& log, IndexSet& index, std::int64_t dispatched)
    : log_(log),
      index_(index),
      walker_(std::in_place, log, index.resume().at),
      known_(index.resume()),
      limit_(dispatched),
      indexed_(known_.at) {
    thread_ = named_thread("mqd-index", [this] { run(); });
}

void IndexBuilder::run() {
    let_others_first();
    for (;;) {
        if (stopping_ && !finish_) return;
        const std::int64_t to = limit_.load(std::memory_order_acquire);
        if (walker_->at() >= to) {
            if (stopping_) return;
            wait();
            continue;
        }
        if (flooded(to)) continue;
        collect(to);
        if (!write()) return;
        if (!release_at_ms_) release_at_ms_ = monotonic_ms() + keep_slots_ms;
        release_in_time();
    }
}

void IndexBuilder::wait() {
    bell_.wait(release_at_ms_ ? std::max<std::int64_t>(*release_at_ms_ - monotonic_ms(), 0) : -1);
    release_in_time();
}

void IndexBuilder::release_in_time() {
    if (!release_at_ms_ || monotonic_ms() < *release_at_ms_) return;
    index_.release();
    release_at_ms_.reset();
}

/// While much arrives the processor is left to those who send and read, within limits. The pause
/// also makes batches of single messages, each of which would cost four system calls and a wake-up.
bool IndexBuilder::flooded(std::int64_t to) const {
    if (stopping_ || to - walker_->at() >= lag_bytes_max) return false;
    std::this_thread::sleep_for(pause);
    return limit_.load(std::memory_order_relaxed) - to > flood_bytes;
}

void IndexBuilder::collect(std::int64_t to) {
    // What expires before it is indexed needs no index.
    if (walker_->at() < log_.begin()) walker_.emplace(log_, log_.begin());
    const std::int64_t start = walker_->at();
    while (walker_->at() - start < batch_bytes_max && keys_.size() < batch_keys_max) {
        const auto step = walker_->next(to, LogWalker::Check::lengths);
        if (step == LogWalker::Step::end && walker_->at() >= to) return;
        if (step != LogWalker::Step::record) {
            pass_damage(to);
            continue;
        }
        add(walker_->record());
    }
}

/// Or over a file that is missing. Who reads what is damaged is told of it.
void IndexBuilder::pass_damage(std::int64_t to) {
    const std::int64_t on = next_sound(log_, walker_->at(), to);
    log::warn("index_passes_damage", {{"at", walker_->at()}, {"bytes", on - walker_->at()}});
    walker_->seek(on);
}

void IndexBuilder::add(const message::RecordView& record) {
    if (record.transaction_type() == message::sys_flag::transaction_rollback) return;
    if (record.topic != topic_) {
        topic_ = record.topic;
        hash_ = IndexHash(topic_);
    }
    for_each_index_key(record.properties, [&](std::string_view key) {
        if (record.at.value == known_.at && known_.keys-- > 0) return;
        keys_.push_back({hash_.of(key), record.at.value, record.store_ts_ms});
    });
}

/// Tries until the keys are written; false when told to stop meanwhile.
bool IndexBuilder::write() {
    std::span<const IndexKey> left = keys_;
    while (!keys_.empty()) {
        const auto ok = index_.add(left);
        if (ok) break;
        if (!failing_) log::error("index_not_written", {{"why", ok.error().what}});
        failing_ = true;
        if (stopping_) return false;
        bell_.wait(retry_ms);
    }
    failing_ = false;
    keys_.clear();
    indexed_.store(walker_->at(), std::memory_order_release);
    return true;
}

void IndexBuilder::stop(bool finish) {
    if (!thread_.joinable()) return;
    finish_ = finish;
    stopping_ = true;
    bell_.ring();
    thread_.join();
}

}  // namespace mqd::store
