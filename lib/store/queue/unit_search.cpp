#include "store/queue/unit_search.h"

#include <algorithm>
#include <array>
#include <vector>

#include "message/record.h"
#include "store/log/record_check.h"

namespace mqd::store {
namespace {

constexpr std::int64_t neighbours_max = 64;
constexpr std::int64_t gap_bytes_max = 2LL << 30;
constexpr std::int64_t step_bytes = 1 << 20;

class Search {
public:
    Search(LogSource& source, const ConsumeQueue& queue, std::int64_t offset, bool demand_sum)
        : source_(source), queue_(queue), offset_(offset), demand_sum_(demand_sum) {}

    std::optional<Unit> beside(const Unit& unit) {
        if (auto found = look_at(unit.at)) return found;
        for (unsigned bit = 0; bit < 63; ++bit)
            if (auto found = look_at(unit.at ^ static_cast<std::int64_t>(1ULL << bit)))
                return found;
        return std::nullopt;
    }

    std::optional<Unit> between_neighbours() {
        const auto [from, to] = bounds();
        for (std::int64_t at = from; at < std::min(to, from + gap_bytes_max);) {
            const auto next = step(at, to);
            if (found_ || !next) return found_;
            at = *next;
        }
        return std::nullopt;
    }

private:
    std::optional<Unit> look_at(std::int64_t at) {
        if (at < source_.log().begin()) return std::nullopt;
        const auto record = source_.record(at);
        if (!record || check_record(*record, at, demand_sum_) != RecordFault::none)
            return std::nullopt;
        const auto view = message::RecordView::parse(*record);
        if (!view || view->topic != queue_.topic() || view->queue_id != queue_.id() ||
            view->queue_offset.value != offset_)
            return std::nullopt;
        return Unit{at, static_cast<std::int32_t>(record->size()), 0};
    }

    Identity identity(std::int64_t offset) const { return {queue_.topic(), queue_.id(), offset}; }

    /// The unit of a neighbour that can be relied upon.
    std::optional<Unit> sound_unit(std::int64_t offset) {
        const auto unit = queue_.unit(offset);
        if (!unit || unit->is_filling()) return std::nullopt;
        const auto record = source_.get(unit->at, unit->bytes);
        if (!record ||
            check_record(*record, unit->at, identity(offset), false) != RecordFault::none)
            return std::nullopt;
        return *unit;
    }

    std::pair<std::int64_t, std::int64_t> bounds() {
        std::int64_t from = source_.log().begin();
        std::int64_t to = source_.end();
        const std::int64_t first = std::max(queue_.min().value, offset_ - neighbours_max);
        for (std::int64_t before = offset_ - 1; before >= first; --before)
            if (const auto unit = sound_unit(before)) {
                from = unit->end();
                break;
            }
        const std::int64_t end = std::min(queue_.max().value, offset_ + neighbours_max);
        for (std::int64_t behind = offset_ + 1; behind < end; ++behind)
            if (const auto unit = sound_unit(behind)) {
                to = unit->at;
                break;
            }
        return {from, to};
    }

    /// Looks at the records that begin in the next bytes, at every position, since what lies
    /// between may be damaged as well. Gives where to go on.
    std::optional<std::int64_t> step(std::int64_t at, std::int64_t to) {
        const auto bytes = source_.get_some(at, std::min(step_bytes, to - at));
        if (!bytes) return std::nullopt;
        const auto size = static_cast<std::int64_t>(bytes->size());
        const auto file = source_.log().file_at(at);
        if (!file || size == 0) return std::nullopt;
        std::array<std::byte, 8> wanted;
        store_be(wanted.data(), offset_);
        std::vector<std::int64_t> found;
        constexpr std::int64_t offset_at = 20;
        const Bytes rest = *bytes;
        // The queue offset, eight bytes, is rarer than the magic is.
        for (auto it = rest.begin();;) {
            it = std::search(it, rest.end(), wanted.begin(), wanted.end());
            if (it == rest.end()) break;
            const std::int64_t begin = at + (it - rest.begin()) - offset_at;
            if (begin >= at && message::RecordHead::read(rest.data() + (begin - at)).is_record())
                found.push_back(begin);
            ++it;
        }
        for (const std::int64_t begin : found)
            if ((found_ = look_at(begin))) return std::nullopt;
        // Records may begin near the end of these bytes: overlap.
        constexpr std::int64_t overlap = offset_at + 8;
        const std::int64_t behind = at + size;
        return behind >= std::min(to, file->limit()) ? behind : behind - overlap;
    }

    LogSource& source_;
    const ConsumeQueue& queue_;
    const std::int64_t offset_;
    const bool demand_sum_;
    std::optional<Unit> found_;
};

}  // namespace

std::optional<Unit> search_unit(LogSource& source, const ConsumeQueue& queue, std::int64_t offset,
                                const Unit& unit, bool demand_sum) {
    Search search(source, queue, offset, demand_sum);
    if (auto found = search.beside(unit)) return found;
    return search.between_neighbours();
}

}  // namespace mqd::store
