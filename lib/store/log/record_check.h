#pragma once
// Is a record what it was when it was written, and is it the one that a consume queue's unit means?
//
// What has no checksum of its own can only be held against what else is known: its lengths, where
// it lies, and whose unit led there. All of a record is covered where it ends with its own CRC
// (enabledAppendPropCRC); else the body by its CRC, the shape by its lengths, and not at all flag,
// times, hosts, reconsume times, transaction offset and what the properties say.
//
// Threads: pure functions.

#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "message/types.h"

namespace mqd::store {

enum class RecordFault {
    none,
    shape,     ///< magic, or lengths that do not add up
    position,  ///< it says that it lies elsewhere
    body,      ///< its body's CRC
    sum,       ///< its own CRC, or that is missing and was asked for
    identity,  ///< whole, but another message
};
std::string_view text_of(RecordFault fault);

/// The message that a unit stands for.
struct Identity {
    std::string_view topic;
    std::int32_t queue_id = 0;
    std::int64_t offset = 0;
    std::int32_t count = 0;  ///< messages in the record, in a queue of batches; 0: not told
};

/// `record`: all that is thought to be the record at `at`.
RecordFault check_record(Bytes record, std::int64_t at, bool demand_sum);
/// The same, and whether it is that message. A record that was sent to several queues at once
/// (mqd-store(5), UNITS) is each one's.
RecordFault check_record(Bytes record, std::int64_t at, const Identity& wanted, bool demand_sum);

}  // namespace mqd::store
