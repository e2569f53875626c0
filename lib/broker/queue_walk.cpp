#include "broker/queue_walk.h"

#include <algorithm>

namespace mqd::broker {
namespace {

constexpr int messages_at_once = 64;
constexpr std::int64_t bytes_at_once = 1 << 20;

}  // namespace

std::int64_t read_some(const store::Store& store, store::Queue& queue, std::int64_t from,
                       std::int64_t to,
                       const std::function<void(const message::RecordView&)>& take) {
    store::ReadLimits limits;
    limits.messages = static_cast<int>(std::min<std::int64_t>(to - from, messages_at_once));
    limits.bytes = bytes_at_once;
    const auto read = store.read(queue, {from}, limits, nullptr);
    for (const auto& slice : read.slices) {
        for (auto rest = slice.bytes; !rest.empty();) {
            const auto record = message::RecordView::parse(rest);
            if (!record) break;
            rest = rest.subspan(record->bytes.size());
            if (record->queue_offset.value < to) take(*record);
        }
    }
    return read.next.value > from ? std::min(read.next.value, to) : to;
}

}  // namespace mqd::broker
