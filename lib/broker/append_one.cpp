#include "broker/append_one.h"

namespace mqd::broker {

Result<AppendedOne> append_one(Broker& broker, message::Draft draft, store::Queue& queue) {
    draft.topic = queue.topic();
    draft.queue_id = queue.id();
    draft.append_crc = broker.settings().store.append_crc;
    Buffer record;
    message::encode(draft, record);
    store::Append unit;
    unit.queue = &queue;
    unit.records = record.bytes();
    broker.store().append({&unit, 1});
    if (!unit.stored) {
        broker.counters().put_failed();
        return Error{unit.why_not, "the message was not stored"};
    }
    const auto bytes = static_cast<std::int64_t>(record.size());
    broker.counters().put(queue, 1, bytes);
    return AppendedOne{unit.at, unit.at + bytes, unit.queue_offset};
}

}  // namespace mqd::broker
