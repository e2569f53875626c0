#include "message/stored_time.h"

#include "base/parse.h"
#include "message/properties.h"

namespace mqd::message {

std::optional<std::int64_t> noted_stored_ms(const RecordView& record) {
    const auto text = find_property(record.properties, property::stored_ms);
    const auto ms = text ? parse_int<std::int64_t>(*text) : std::nullopt;
    // It is there because the log was ahead.
    if (!ms || *ms <= 0 || *ms > record.store_ts_ms) return std::nullopt;
    return ms;
}

std::int64_t stored_ms(const RecordView& record) {
    return noted_stored_ms(record).value_or(record.store_ts_ms);
}

void note_stored_ms(std::string& properties, std::int64_t wall_ms, std::int64_t newest_ms) {
    if (newest_ms <= wall_ms) return;
    append_property(properties, property::stored_ms, std::to_string(wall_ms));
}

}  // namespace mqd::message
