#pragma once
// messageDelayLevel: what each level of SCHEDULE_TOPIC_XXXX waits (mqd-store(5), CONVENTIONS and
// UNITS).
//
// Threads: a value.

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "message/record.h"

namespace mqd::store {

inline constexpr std::string_view schedule_topic = "SCHEDULE_TOPIC_XXXX";

class DelayLevels {
public:
    /// The 18 defaults when `texts` is empty. invalid: a level that is no duration.
    static Result<DelayLevels> parse(const std::vector<std::string>& texts);

    /// What stands in the consume queue for this record: its tag's hash, or when it is due.
    std::int64_t tags_code(const message::RecordView& record) const;

    std::int32_t count() const { return static_cast<std::int32_t>(level_ms_.size()); }
    /// How long level 1 to count() waits.
    std::int64_t wait_ms(std::int32_t level) const {
        return level_ms_[static_cast<std::size_t>(level - 1)];
    }

private:
    std::vector<std::int64_t> level_ms_;  // level 1 first
};

}  // namespace mqd::store
