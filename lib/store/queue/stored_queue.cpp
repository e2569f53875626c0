#include "store/queue/stored_queue.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "message/properties.h"
#include "store/queue/batch_unit.h"
#include "store/queue/queue_mender.h"

namespace mqd::store {
namespace {

std::filesystem::path dir_of(const QueueContext& context, bool is_batch, const std::string& topic,
                             std::int32_t id) {
    return (is_batch ? context.batch_root : context.root) / topic / fmt::to_string(id);
}

/// That it has no folder is as it should be.
bool is_new(const QueueContext& context, const std::string& topic, std::int64_t ignore_before) {
    const auto* mender = context.mender;
    return mender == nullptr || (mender->serving() && !mender->may_be_lost(topic, ignore_before));
}

}  // namespace

StoredQueue::StoredQueue(const QueueContext& context, bool is_batch, std::string topic,
                         std::int32_t id, std::int64_t ignore_before, bool on_disk)
    : context_(context),
      files_(context.files, context.open_files, dir_of(context, is_batch, topic, id),
             is_batch ? BatchUnit::bytes_each : Unit::bytes_each,
             is_batch ? context.batch_file_bytes : context.file_bytes, context.mend),
      topic_(std::move(topic)),
      id_(id),
      is_batch_(is_batch),
      ignore_before_(ignore_before),
      state_(on_disk                                  ? State::unloaded
             : is_new(context, topic_, ignore_before) ? State::loaded
                                                      : State::opened) {}

void StoredQueue::look_now() const {
    auto& self = const_cast<StoredQueue&>(*this);
    {
        const Lock lock(load_lock_);
        self.examine();
    }
    if (loaded()) self.tell_cut();
}

void StoredQueue::load_now(bool soon) const {
    look_now();
    if (needs_mending()) context_.mender->wait_for(*this, soon);
}

/// One step on, or as far as can be. From misfit on the mender has it.
void StoredQueue::examine() {
    if (state_ == State::unloaded) {
        if (auto ok = load_files(); !ok) return be_broken(ok.error());
        const State fit = context_.mender == nullptr ? State::loaded : State::opened;
        state_.store(files_.fits() ? fit : State::unfit, std::memory_order_release);
    }
    const bool examined = state_ != State::opened && state_ != State::unfit;
    if (examined || context_.mender == nullptr || !context_.mender->serving()) return;
    if (has_files() && last_at_ >= 0 && written_ < expected_max_ &&
        !can_follow(written_, last_at_, expected_max_, expected_last_at_))
        expected_max_ = -1;  // a damaged record has said so
    auto why = why_unfit();
    if (!why) return be_broken(why.error());
    if (why->empty()) return state_.store(State::loaded, std::memory_order_release);
    // First: who sees that it is to be mended finds it on the list. mended() waits for our lock.
    context_.mender->add(*this, std::move(*why));
    state_.store(State::misfit, std::memory_order_release);
}

Result<std::string> StoredQueue::why_unfit() const {
    auto why = find_misfit();
    if (!why || !why->empty()) return why;
    const auto& mender = *context_.mender;
    const bool may_go_on = has_files() ? ends_with_file() && mender.counting(ignore_before_)
                                       : mender.may_be_lost(topic_, ignore_before_);
    return may_go_on ? std::string(QueueMender::not_counted) : std::string();
}

/// Nobody is to be told that it is empty.
void StoredQueue::be_broken(const Error& why) {
    log::error("queue_not_loaded", {{"topic", topic_}, {"queue", id_}, {"why", why.what}});
    min_ = std::max<std::int64_t>({0, min_, expected_min_});
    max_ = std::max<std::int64_t>({min_, max_, expected_max_});
    state_.store(State::broken, std::memory_order_release);
}

void StoredQueue::mended(const Result<>& outcome) {
    batch = {};
    {
        const Lock lock(load_lock_);
        cut_from_ = 0;
    }
    if (!outcome) return be_broken(outcome.error());
    state_.store(State::loaded, std::memory_order_release);
}

void StoredQueue::expect(const Expected& expected) {
    if (expected.max >= 0) {
        expected_max_ = expected.max;
        expected_last_at_ = expected.last_at;
    }
    if (expected.min >= 0 && (expected_min_ < 0 || expected.min < expected_min_))
        expected_min_ = expected.min;
}

Expected StoredQueue::expected() const {
    return {expected_min_, expected_max_, expected_last_at_};
}

std::optional<QueueEnd> StoredQueue::end_now(bool min_known) const {
    if (deleted()) return std::nullopt;
    const auto state = state_.load(std::memory_order_acquire);
    QueueEnd end{topic_, id_, is_batch_, expected_min_, expected_max_, expected_last_at_};
    if (state == State::loaded) {
        end.min = min_;
        end.max = written_;
        end.last_at = last_at_;
    }
    if (end.max <= 0) return std::nullopt;
    if (!min_known) end.min = -1;
    return end;
}

void StoredQueue::tell_cut() {
    std::int64_t from = 0;
    {
        const Lock lock(load_lock_);
        from = std::exchange(cut_from_, 0);
    }
    if (from <= max_ || context_.changes == nullptr) return;
    log::warn("queue_tail_dropped",
              {{"topic", topic_}, {"queue", id_}, {"from", max_.load()}, {"to", from}});
    const QueueOffset min{min_};
    context_.changes->tell({QueueChange::Why::cut, topic_, id_, min, {from}, min, {max_}});
}

Result<std::int64_t> StoredQueue::expire() {
    look_at();
    if (needs_mending()) return Error{Errc::unavailable, "the queue is being made whole"};
    if (!opened() || deleted() || !has_files()) return std::int64_t{0};
    const std::int64_t before = min_;
    TRY_OK(expire_units());
    return min_ - before;
}

bool StoredQueue::is_mine(const QueuedUnit& at) const {
    const Unit& unit = at.unit;
    if (unit.at < ignore_before_ ||
        unit.bytes < static_cast<std::int32_t>(message::record_bytes_min))
        return false;
    const auto file = context_.log.file_at(unit.at);
    if (!file || unit.end() > std::min(file->limit(), context_.log.shown())) return false;
    const auto bytes = file->bytes.subspan(static_cast<std::size_t>(unit.at - file->base),
                                           static_cast<std::size_t>(unit.bytes));
    const auto record = message::RecordView::parse(bytes);
    if (!record || record->bytes.size() != bytes.size() || record->at.value != unit.at)
        return false;
    // Another queue's record, multi-dispatched to this one (mqd-store(5), UNITS).
    if (!is_batch_ && message::find_property(record->properties, "INNER_MULTI_DISPATCH"))
        return true;
    return record->topic == topic_ && record->queue_id == id_ &&
           record->queue_offset.value == at.offset &&
           (!is_batch_ || record->messages() == at.count);
}

bool StoredQueue::holds(const message::RecordView& record) const {
    QueuedUnit there;
    const std::int64_t offset = record.queue_offset.value;
    const auto got = read(offset, offset + 1, false, {&there, 1});
    return got && *got == 1 && there.offset == offset && there.unit.at == record.at.value;
}

bool StoredQueue::gave_number_before(const message::RecordView& record) const {
    QueuedUnit there;
    const std::int64_t offset = record.queue_offset.value;
    if (offset >= written_) return false;
    const auto got = read(offset, offset + 1, false, {&there, 1});
    return got && *got == 1 && there.unit.at < record.at.value && is_mine(there);
}

}  // namespace mqd::store
