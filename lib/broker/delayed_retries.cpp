#include "broker/delayed_retries.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "broker/names.h"
#include "message/properties.h"
#include "message/record.h"

namespace mqd::broker {
namespace {

constexpr std::int64_t good_for_factor = 10;
constexpr int units_a_read = 10'000;

/// Counts what it is shown, and wants none of it.
class Counter final : public store::ReadFilter {
public:
    Counter(ByName<std::int64_t>& counts, std::int64_t end) : counts_(counts), end_(end) {}
    bool code_matches(std::int64_t) const override { return true; }
    bool needs_record() const override { return true; }
    bool record_matches(const message::RecordView& record) const override {
        // What comes while we count is for the next time.
        if (record.queue_offset.value >= end_) return false;
        const auto topic =
            message::find_property(record.properties, message::property::real_topic).value_or("");
        if (!is_retry_topic(topic)) return false;
        const auto known = counts_.find(topic);
        if (known != counts_.end()) {
            ++known->second;
        } else {
            counts_.emplace(std::string(topic), 1);
        }
        return false;
    }

private:
    ByName<std::int64_t>& counts_;
    const std::int64_t end_;
};

}  // namespace

Result<std::int64_t> DelayedRetries::count(std::string_view retry_topic) {
    const auto of = [&](const Counts& counts) {
        const auto found = counts.find(retry_topic);
        return found == counts.end() ? std::int64_t{0} : found->second;
    };
    const std::int64_t began_ms = clock_.monotonic_ms();
    {
        const Lock lock(mutex_);
        if (counts_ != nullptr && began_ms < good_until_ms_) return of(*counts_);
    }
    TRY(auto counts, count_all());
    const std::int64_t ended_ms = clock_.monotonic_ms();
    const auto count = of(*counts);
    const Lock lock(mutex_);
    counts_ = std::move(counts);
    good_until_ms_ = ended_ms + (ended_ms - began_ms) * good_for_factor;
    return count;
}

Result<std::shared_ptr<const DelayedRetries::Counts>> DelayedRetries::count_all() const {
    auto counts = std::make_shared<Counts>();
    store::ReadLimits limits;
    limits.units_scanned = units_a_read;
    for (const auto& level : delay_.progress()) {
        store::Queue& queue = *store_.queue(schedule_topic, level.level - 1);
        const Counter counter(*counts, level.max);
        for (std::int64_t next = level.next; next < level.max;) {
            const auto read = store_.read(queue, {next}, limits, &counter);
            if (read.status == store::ReadStatus::unreadable)
                return Error{Errc::io, fmt::format("the delayed messages of level {} cannot be "
                                                   "read at {}",
                                                   level.level, next)};
            if (read.next.value <= next) break;
            next = read.next.value;
        }
    }
    return std::shared_ptr<const Counts>(std::move(counts));
}

}  // namespace mqd::broker
