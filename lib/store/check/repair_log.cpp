#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "store/file_names.h"
#include "store/check/repair_parts.h"
#include "store/log/repair_record.h"
#include "store/check/scan.h"

namespace mqd::store::repairing {
namespace {

constexpr std::int64_t blank_bytes = 8;
constexpr std::int64_t zero_bytes = 1 << 20;

class LogRepair {
public:
    explicit LogRepair(Work& work) : work_(work) {}

    Result<std::int64_t> run() {
        TRY_OK(settle_files());
        std::vector<Finding> times;
        for (const auto& finding : log_findings()) {
            switch (finding.kind) {
                case Finding::Kind::damage:
                    TRY_OK(mend_damage(finding));
                    break;
                case Finding::Kind::record:
                    TRY_OK(mend_record(finding));
                    break;
                case Finding::Kind::tail:
                    TRY_OK(cut_tail(finding));
                    break;
                case Finding::Kind::other:
                    times.push_back(finding);
                    break;
                case Finding::Kind::length:
                case Finding::Kind::missing:
                case Finding::Kind::foreign:
                    break;
            }
        }
        // Those of a record that is right again, or of the one after it, are right too.
        for (const auto& finding : times)
            if (std::ranges::none_of(mended_, [&](const auto& record) {
                    return record.first == finding.at || record.second == finding.at;
                }))
                work_.cannot(finding.to_string());
        return changed_from_;
    }

private:
    /// Damage that goes on in the next finding, as after the end of a file that is too short, is
    /// one stretch.
    std::vector<Finding> log_findings() const {
        std::vector<Finding> out;
        for (const auto& finding : work_.findings) {
            if (finding.part != Finding::Part::log) continue;
            if (finding.kind == Finding::Kind::damage && !out.empty() &&
                out.back().kind == Finding::Kind::damage &&
                out.back().at + out.back().count == finding.at)
                out.back().count += finding.count;
            else
                out.push_back(finding);
        }
        return out;
    }

    /// First, so that all files have the log's length.
    Result<> settle_files() {
        for (const auto& finding : work_.findings) {
            if (finding.part != Finding::Part::log) continue;
            if (finding.kind == Finding::Kind::foreign) {
                work_.step(fmt::format("move {} away: {}", finding.path, finding.what));
                TRY_OK(work_.move_away(finding.path));
            }
            if (finding.kind != Finding::Kind::length) continue;
            work_.step(fmt::format("make {} {} bytes long: {}", finding.path, work_.log_file_bytes,
                                   finding.what));
            if (work_.options.apply) TRY_OK(work_.keep_copy(finding.path));
            TRY_OK(work_.resize(finding.path, work_.log_file_bytes));
        }
        return {};
    }

    struct Place {
        std::string path;
        std::int64_t in_file = 0;
        std::int64_t file_end = 0;
        bool there = false;
    };
    Place place_of(std::int64_t at) const {
        const std::int64_t begin = at - at % work_.log_file_bytes;
        std::error_code code;
        const auto path = "commitlog/" + file_name(begin);
        return {path, at - begin, begin + work_.log_file_bytes,
                fs::exists(work_.root / path, code)};
    }

    Result<std::vector<std::byte>> read(std::int64_t at, std::int64_t bytes) const {
        TRY(const auto file,
            posix_files().open(work_.root / place_of(at).path, OpenMode::read_only));
        std::vector<std::byte> out(static_cast<std::size_t>(bytes));
        TRY(const std::size_t got, file->read(place_of(at).in_file, out));
        out.resize(got);
        return out;
    }

    /// Puts one flipped bit of a record back, if there is one.
    Result<bool> put_back(std::int64_t at, Bytes bytes) {
        const auto bit = flipped_bit(bytes, at, [](const message::RecordView&) { return true; });
        if (!bit) return false;
        const std::size_t byte = *bit / 8;
        work_.step(fmt::format("put a flipped bit back in the record at {}, bit {} of byte {}", at,
                               *bit % 8, byte));
        mended_.emplace_back(at, at + static_cast<std::int64_t>(bytes.size()));
        TRY_OK(work_.keep_bytes(at, bytes));
        const auto right = bytes[byte] ^ static_cast<std::byte>(1U << (*bit % 8));
        const auto place = place_of(at);
        TRY_OK(
            work_.write(place.path, place.in_file + static_cast<std::int64_t>(byte), {&right, 1}));
        return true;
    }

    static std::int64_t first_bytes(Bytes bytes) {
        constexpr auto all = std::numeric_limits<std::int64_t>::max();
        if (bytes.size() < message::record_bytes_min) return all;
        const auto head = message::RecordHead::read(bytes.data());
        const bool whole = head.total_bytes >= static_cast<std::int32_t>(message::record_bytes_min);
        return head.is_record() && whole ? head.total_bytes : all;
    }

    /// Damage may reach over files; each is filled for itself.
    Result<> mend_damage(const Finding& finding) {
        const std::int64_t end = finding.at + finding.count;
        for (std::int64_t at = finding.at; at < end;) {
            const auto place = place_of(at);
            const std::int64_t stop = std::min(end, place.file_end);
            TRY_OK(mend_stretch(at, stop - at, place));
            at = stop;
        }
        return {};
    }

    Result<> mend_stretch(std::int64_t at, std::int64_t bytes, const Place& place) {
        const bool to_end = at + bytes == place.file_end;
        if (!place.there) {
            work_.step(fmt::format("make {}, which is missing, without messages", place.path));
            TRY_OK(work_.write(place.path, 0, {}));
            TRY_OK(work_.resize(place.path, work_.log_file_bytes));
        }
        std::vector<std::byte> there;
        if (place.there) {
            TRY(there, read(at, bytes));
            there.resize(static_cast<std::size_t>(bytes));
            // The first record of several may say where it ends.
            const auto first = std::min(first_bytes(there), bytes);
            TRY(const bool back, put_back(at, Bytes(there).first(static_cast<std::size_t>(first))));
            if (back)
                return first < bytes ? mend_stretch(at + first, bytes - first, place_of(at + first))
                                     : Result<>();
            TRY_OK(work_.keep_bytes(at, there));
        }
        changed(at);
        if (to_end) {
            if (bytes < blank_bytes) return {};
            std::vector<std::byte> blank(blank_bytes);
            store_be(blank.data(), static_cast<std::int32_t>(bytes));
            store_be(blank.data() + 4, message::magic_blank);
            work_.step(fmt::format("end {} at {}: {} bytes cannot be read", place.path, at, bytes));
            TRY_OK(zero(place.path, place.in_file + blank_bytes, bytes - blank_bytes));
            return work_.write(place.path, place.in_file, blank);
        }
        const auto filled = filling(at, bytes, time_before(at));
        if (filled.empty()) {
            work_.cannot(
                fmt::format("{} bytes of the log at {} are too few for a record", bytes, at));
            return {};
        }
        work_.step(fmt::format("fill {} bytes of the log at {}, which cannot be read", bytes, at));
        return work_.write(place.path, place.in_file, filled);
    }

    Result<> mend_record(const Finding& finding) {
        TRY(const auto bytes, read(finding.at, finding.count));
        TRY(const bool back, put_back(finding.at, bytes));
        if (back) return {};
        const auto record = message::RecordView::parse(bytes);
        if (!record || record->sum() != message::RecordView::Sum::wrong) {
            work_.cannot(finding.to_string());
            return {};
        }
        // Recovery would cut the log here.
        return mend_stretch(finding.at, finding.count, place_of(finding.at));
    }

    Result<> cut_tail(const Finding& finding) {
        const auto place = place_of(finding.at);
        work_.step(fmt::format("cut {} bytes off the log's end at {}", finding.count, finding.at));
        TRY(const auto bytes, read(finding.at, finding.count));
        TRY_OK(work_.keep_bytes(finding.at, bytes));
        return zero(place.path, place.in_file, finding.count);
    }

    Result<> zero(const std::string& path, std::int64_t from, std::int64_t bytes) {
        const std::vector<std::byte> zeros(
            static_cast<std::size_t>(std::clamp<std::int64_t>(bytes, 0, zero_bytes)));
        while (bytes > 0) {
            const std::int64_t size = std::min(bytes, zero_bytes);
            TRY_OK(work_.write(path, from, Bytes(zeros).first(static_cast<std::size_t>(size))));
            from += size;
            bytes -= size;
        }
        return {};
    }

    /// Store time of the last record before `at`, of the first after it if there is none.
    std::int64_t time_before(std::int64_t at) const {
        std::int64_t ts_ms = 0;
        auto scan = LogScan::open(work_.root);
        if (!scan) return ts_ms;
        (*scan)->seek_file({at});
        while (auto item = (*scan)->next()) {
            if (item->kind == LogItem::Kind::record) {
                if (item->at.value >= at && ts_ms > 0) break;
                ts_ms = item->record.store_ts_ms;
                if (item->at.value >= at) break;
            } else if (item->kind != LogItem::Kind::blank && item->kind != LogItem::Kind::damage) {
                break;
            }
        }
        return ts_ms;
    }

    void changed(std::int64_t at) {
        if (changed_from_ < 0 || at < changed_from_) changed_from_ = at;
    }

    Work& work_;
    std::int64_t changed_from_ = -1;
    std::vector<std::pair<std::int64_t, std::int64_t>> mended_;  ///< ranges of records
};

}  // namespace

Result<std::int64_t> repair_log(Work& work) {
    return LogRepair(work).run();
}

}  // namespace mqd::store::repairing
