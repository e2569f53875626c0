#include "store/log/repair_record.h"

#include <algorithm>

#include "message/sys_flag.h"
#include "store/log/verify_record.h"

namespace mqd::store::repairing {
namespace {

constexpr std::string_view filling_topic = "mqd_filler";
constexpr std::int64_t filling_bytes_max = 1 << 20;
// All bits of a longer record would take too long; its ends are tried.
constexpr std::size_t all_bytes_max = 16 << 10;
constexpr std::size_t front_bytes = 128;
constexpr std::size_t back_bytes = 512;

using Sum = message::RecordView::Sum;

/// What its own CRC says of a record that is right but for that; `wrong` for all others.
Sum judged(Bytes bytes, std::int64_t at, const Accept& accept) {
    const auto record = message::RecordView::parse(bytes);
    if (!record || record->bytes.size() != bytes.size() || record->at.value != at ||
        !record->body_crc_ok() || !verifying::wrong_field(*record).empty() || !accept(*record))
        return Sum::wrong;
    return record->sum();
}

}  // namespace

std::optional<std::size_t> flipped_bit(Bytes bytes, std::int64_t at, const Accept& accept) {
    std::vector<std::byte> copy(bytes.begin(), bytes.end());
    // A second flipped bit may hide a CRC that one has made wrong, so those that are right go
    // before those that are not there.
    std::vector<std::size_t> right, without;
    for (std::size_t i = 0; i < copy.size(); ++i) {
        if (copy.size() > all_bytes_max && i == front_bytes) i = copy.size() - back_bytes;
        for (unsigned bit = 0; bit < 8; ++bit) {
            const auto mask = static_cast<std::byte>(1U << bit);
            copy[i] ^= mask;
            const Sum sum = judged(copy, at, accept);
            copy[i] ^= mask;
            if (sum == Sum::right) right.push_back(8 * i + bit);
            if (sum == Sum::absent) without.push_back(8 * i + bit);
        }
    }
    const auto& found = right.empty() ? without : right;
    if (found.size() != 1) return std::nullopt;
    return found.front();
}

std::vector<std::byte> filling(std::int64_t at, std::int64_t bytes, std::int64_t store_ts_ms) {
    constexpr auto overhead = static_cast<std::int64_t>(message::record_bytes_min);
    constexpr auto topic_bytes = static_cast<std::int64_t>(filling_topic.size());
    std::vector<std::byte> out;
    if (bytes <= overhead) return out;
    while (bytes > 0) {
        std::int64_t size = std::min(bytes, filling_bytes_max);
        // No rest that is too short for a record of its own.
        if (bytes > size && bytes - size < 2 * overhead) size -= 2 * overhead;
        message::Draft draft;
        const auto topic = std::min(topic_bytes, size - overhead);
        const std::string body(static_cast<std::size_t>(size - overhead - topic), '\0');
        draft.topic = filling_topic.substr(0, static_cast<std::size_t>(topic));
        draft.body = body;
        draft.sys_flag = message::sys_flag::transaction_rollback;
        draft.born_ts_ms = store_ts_ms;
        Buffer record;
        message::encode(draft, record);
        message::place(record.bytes(), {0}, {at}, store_ts_ms);
        out.insert(out.end(), record.bytes().begin(), record.bytes().end());
        at += size;
        bytes -= size;
    }
    return out;
}

}  // namespace mqd::store::repairing
