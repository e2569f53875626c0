#include "store/stored_queue.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "message/properties.h"
#include "store/batch_unit.h"

namespace mqd::store {
namespace {

std::filesystem::path dir_of(const QueueContext& context, bool is_batch, const std::string& topic,
                             std::int32_t id) {
    return (is_batch ? context.batch_root : context.root) / topic / fmt::to_string(id);
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
      state_(on_disk ? State::unloaded : State::loaded) {}

void StoredQueue::load_now() const {
    const Lock lock(load_lock_);
    if (state_.load(std::memory_order_acquire) != State::unloaded) return;
    auto ok = const_cast<StoredQueue*>(this)->load_files();
    if (!ok)
        log::error("queue_not_loaded",
                   {{"topic", topic_}, {"queue", id_}, {"why", ok.error().what}});
    const_cast<StoredQueue*>(this)->state_.store(ok ? State::loaded : State::broken,
                                                 std::memory_order_release);
}

Result<> StoredQueue::expire() {
    load();
    return usable() && !deleted() && has_files() ? expire_units() : Result<>{};
}

bool StoredQueue::is_mine(const QueuedUnit& at) const {
    const Unit& unit = at.unit;
    if (unit.at < ignore_before_ ||
        unit.bytes < static_cast<std::int32_t>(message::record_bytes_min))
        return false;
    const auto file = context_.log.file_at(unit.at);
    if (!file || unit.end() > std::min(file->limit(), context_.log.end())) return false;
    const auto bytes = file->bytes.subspan(static_cast<std::size_t>(unit.at - file->base),
                                           static_cast<std::size_t>(unit.bytes));
    const auto record = message::RecordView::parse(bytes);
    if (!record || record->bytes.size() != bytes.size() || record->at.value != unit.at)
        return false;
    // Another queue's record, multi-dispatched to this one (spec 3.6).
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

}  // namespace mqd::store
