#pragma once
// When a message was really stored. The log's times never go back: after a clock that was ahead has
// been put right, they stand still until it has caught up. A message that waits for a time to pass
// therefore says beside it when it was stored by the wall clock, if that is earlier.
//
// Threads: pure functions.

#include <cstdint>
#include <optional>
#include <string>

#include "message/record.h"

namespace mqd::message {

namespace property {
/// mqd's own: milliseconds since the epoch.
inline constexpr std::string_view stored_ms = "MQD_STORED_MS";
}  // namespace property

/// What the record says beside its store time; nothing when that is right.
std::optional<std::int64_t> noted_stored_ms(const RecordView& record);
/// That, or its store time.
std::int64_t stored_ms(const RecordView& record);

/// Says it in `properties` if a message that is stored now, at `wall_ms`, would get a later time:
/// the log's newest message has `newest_ms`.
void note_stored_ms(std::string& properties, std::int64_t wall_ms, std::int64_t newest_ms);

}  // namespace mqd::message
