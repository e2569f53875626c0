#include "store/log/log_mender.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/log.h"
#include "store/log/repair_record.h"

namespace mqd::store {
namespace {

constexpr std::int64_t blank_bytes = 8;
constexpr std::int64_t part_bytes_max = 16 << 20;
// A flipped bit is looked for in what takes some milliseconds, and so many times.
constexpr std::size_t searched_bytes_max = 4096;
constexpr int searched_max = 32;

Bytes bytes_of(const LogFile& file, std::int64_t at, std::int64_t end) {
    return file.bytes.subspan(static_cast<std::size_t>(at - file.base),
                              static_cast<std::size_t>(end - at));
}

/// More than one bit, for sure: not written to its end, or not at all.
bool is_torn(Bytes bytes) {
    constexpr std::size_t zeros = 64;
    if (bytes.size() < message::record_bytes_min) return true;
    return std::ranges::all_of(bytes.last(zeros), [](std::byte b) { return b == std::byte{0}; });
}

}  // namespace

std::optional<SoundRecord> LogMender::find_behind(std::int64_t at) const {
    return find_sound_record(log_, at, log_.end(), check_);
}

Result<bool> LogMender::put_bit_back(std::int64_t at, std::int64_t end) {
    const auto file = log_.file_at(at);
    if (!file || end > file->limit()) return false;
    auto damaged = bytes_of(*file, at, end);
    if (is_torn(damaged)) return false;
    // In front of other damage only the record itself can tell its end.
    const auto head = message::RecordHead::read(damaged.data());
    if (head.is_record() && head.total_bytes > 0)
        damaged =
            damaged.first(std::min(damaged.size(), static_cast<std::size_t>(head.total_bytes)));
    return put_back(*file, at, damaged);
}

/// Only if its lengths are right: nothing else tells where it ends.
Result<bool> LogMender::put_last_bit_back(std::int64_t at) {
    const auto file = log_.file_at(at);
    if (!file) return false;
    const auto record = message::RecordView::parse(bytes_of(*file, at, file->limit()));
    if (!record || record->at.value != at) return false;
    return put_back(*file, at, record->bytes);
}

Result<bool> LogMender::put_back(const LogFile& file, std::int64_t at, Bytes damaged) {
    if (damaged.size() > searched_bytes_max || ++searched_ > searched_max) return false;
    const auto bit =
        repairing::flipped_bit(damaged, at, [](const message::RecordView&) { return true; });
    if (!bit) return false;
    const std::size_t byte = *bit / 8;
    const auto right = damaged[byte] ^ static_cast<std::byte>(1U << (*bit % 8));
    const auto where = at + static_cast<std::int64_t>(byte);
    TRY_OK(log_.patch(where, {&right, 1}));
    TRY_OK(log_.sync_patches());
    log::warn("log_bit_put_back", {{"file", file.path.string()},
                                   {"at", where - file.base},
                                   {"bit", *bit % 8},
                                   {"record", at}});
    return true;
}

Result<> LogMender::fill(std::int64_t at, std::int64_t end, std::int64_t store_ts_ms) {
    while (at < end) {
        auto file = log_.file_at(at);
        if (!file) {
            TRY(file, log_.make_missing(at));
            log::error("log_file_missing", {{"file", file->path.string()},
                                            {"made", "without messages; they are lost"}});
        }
        const std::int64_t stop = std::min(end, file->limit());
        TRY_OK(fill_part(*file, at, stop, store_ts_ms));
        at = stop;
    }
    return log_.sync_patches();
}

Result<> LogMender::fill_part(const LogFile& file, std::int64_t at, std::int64_t end,
                              std::int64_t store_ts_ms) {
    if (end == file.limit()) {
        if (end - at < blank_bytes) return {};
        std::array<std::byte, blank_bytes> blank;
        store_be(blank.data(), static_cast<std::int32_t>(end - at));
        store_be(blank.data() + 4, message::magic_blank);
        keep(file, at, at + blank_bytes);
        return log_.patch(at, blank);
    }
    if (repairing::filling(at, std::min(end - at, part_bytes_max), store_ts_ms).empty())
        return Error{Errc::corrupt,
                     fmt::format("{}: {} bytes at {} are no record and too few to be made one; "
                                 "what lies behind them is kept, and the log is not opened",
                                 file.path.string(), end - at, at - file.base)};
    keep(file, at, end);
    while (at < end) {
        std::int64_t size = std::min(end - at, part_bytes_max);
        if (end - at - size < part_bytes_max / 2) size = end - at;  // no rest too short for one
        const auto records = repairing::filling(at, size, store_ts_ms);
        TRY_OK(log_.patch(at, records));
        at += size;
    }
    return {};
}

/// Of what is overwritten somebody may yet make something. That it cannot be kept is no reason not
/// to go on: these bytes are no message.
void LogMender::keep(const LogFile& file, std::int64_t at, std::int64_t end) const {
    const auto bytes = bytes_of(file, at, end);
    std::string where = "nothing, they are zero";
    if (std::ranges::any_of(bytes, [](std::byte byte) { return byte != std::byte{0}; })) {
        const auto kept = log_.keep_aside(at, bytes);
        where = kept ? kept->string() : "not, " + kept.error().what;
    }
    log::error("log_damage_filled", {{"file", file.path.string()},
                                     {"at", at - file.base},
                                     {"bytes", end - at},
                                     {"kept", where}});
}

}  // namespace mqd::store
