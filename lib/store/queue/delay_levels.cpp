#include "store/queue/delay_levels.h"

#include <algorithm>

#include "base/parse.h"
#include "base/whole_duration.h"
#include "message/properties.h"
#include "message/stored_time.h"

namespace mqd::store {
namespace {

const std::vector<std::string>& defaults() {
    static const std::vector<std::string> levels = {"1s", "5s",  "10s", "30s", "1m", "2m",
                                                    "3m", "4m",  "5m",  "6m",  "7m", "8m",
                                                    "9m", "10m", "20m", "30m", "1h", "2h"};
    return levels;
}

}  // namespace

Result<DelayLevels> DelayLevels::parse(const std::vector<std::string>& texts) {
    DelayLevels out;
    for (const auto& text : texts.empty() ? defaults() : texts) {
        TRY(const std::int64_t ms, parse_whole_duration_ms(text));
        out.level_ms_.push_back(ms);
    }
    return out;
}

std::int64_t DelayLevels::tags_code(const message::RecordView& record) const {
    if (record.topic == schedule_topic) [[unlikely]] {
        const auto text = message::find_property(record.properties, message::property::delay);
        const auto level = text ? parse_int<std::int64_t>(*text) : std::nullopt;
        if (level && *level > 0) {
            const auto index = std::min(*level, static_cast<std::int64_t>(level_ms_.size())) - 1;
            return message::stored_ms(record) + level_ms_[static_cast<std::size_t>(index)];
        }
    }
    return message::tags_code(record.properties);
}

}  // namespace mqd::store
