#include "store/check/scan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "store/file_names.h"

namespace mqd::store {
namespace {

namespace fs = std::filesystem;
constexpr std::size_t head_bytes = 8;
// What all record magics begin with, and the blank's.
constexpr std::string_view record_magic_front = "\xDA\xA3\x20";
constexpr std::string_view blank_magic = "\xCB\xD4\x31\x94";

std::optional<std::size_t> find(Bytes bytes, std::size_t from, std::string_view what) {
    if (from >= bytes.size()) return std::nullopt;
    const auto rest = bytes.subspan(from);
    const void* hit = ::memmem(rest.data(), rest.size(), what.data(), what.size());
    if (hit == nullptr) return std::nullopt;
    return static_cast<std::size_t>(static_cast<const std::byte*>(hit) - bytes.data());
}

std::string why_not(Bytes rest, std::int64_t at) {
    const auto head = message::RecordHead::read(rest.data());
    if (head.is_blank())
        return fmt::format("a blank of {} bytes that does not end with its file", head.total_bytes);
    const auto record = message::RecordView::parse(rest);
    if (!record) return record.error().what;
    if (record->at.value != at)
        return fmt::format("a record that says it lies at {}", record->at.value);
    return "a record whose body fails its CRC";
}

}  // namespace

Result<std::unique_ptr<LogScan>> LogScan::open(const Places& store, std::string name) {
    const fs::path& path = store.root();
    if (name.empty()) name = path.native();
    TRY(const auto there, look_at(path));
    if (there == There::nothing)
        return Error{Errc::not_found, fmt::format("{}: no such store or file", path.native())};
    if (there == There::folder) {
        const auto inner = store / "commitlog";
        TRY(const auto inside, look_at(inner));
        const bool whole_store = inside == There::folder;
        std::unique_ptr<LogScan> scan(new LogScan(whole_store ? inner : path));
        TRY(scan->segments_, list_segments(scan->dir_));
        if (scan->segments_.empty() && !whole_store)
            return Error{Errc::not_found,
                         fmt::format("{}: no store, and no commit log either", path.native())};
        scan->at_ = scan->begin().value;
        return scan;
    }
    std::unique_ptr<LogScan> scan(new LogScan({}));
    TRY(auto file, ScanFile::open(path));
    const auto bytes = static_cast<std::int64_t>(file.bytes().size());
    const auto named = parse_file_name(fs::path(name).filename().native());
    scan->segments_ = {{path, named.value_or(0), bytes, bytes}};
    if (!named) {  // a copy with a name of its own: its records know where they lay
        bool found = false;
        for (std::size_t from = 4; !found;) {
            const auto hit = find(file.bytes(), from, record_magic_front);
            if (!hit) return Error{Errc::corrupt, fmt::format("{}: no record in it", name)};
            const auto record = message::RecordView::parse(file.bytes().subspan(*hit - 4));
            found = record && record->body_crc_ok();
            if (found)
                scan->segments_[0].begin = record->at.value - static_cast<std::int64_t>(*hit - 4);
            from = *hit + 1;
        }
    }
    scan->at_ = scan->begin().value;
    return scan;
}

Result<> LogScan::load(std::size_t index) {
    const auto& segment = segments_[index];
    if (file_ && file_begin_ == segment.begin &&
        static_cast<std::int64_t>(file_->bytes().size()) == segment.bytes)
        return {};
    TRY(file_, ScanFile::open(segment.path));
    file_begin_ = segment.begin;
    // Offsets inside the file are taken from here on, so this is the length that counts.
    segments_[index].bytes = static_cast<std::int64_t>(file_->bytes().size());
    return {};
}

std::optional<std::size_t> LogScan::index_of(std::int64_t at) const {
    for (std::size_t i = 0; i < segments_.size(); ++i)
        if (at < segments_[i].end()) return i;
    return std::nullopt;
}

void LogScan::seek_file(PhysicalOffset at) {
    const auto index = index_of(at.value);
    at_ = index ? segments_[*index].begin : at.value;
}

Result<> LogScan::seek_time(std::int64_t store_ts_ms) {
    at_ = begin().value;
    for (std::size_t i = 1; i < segments_.size(); ++i) {
        TRY_OK(load(i));
        const auto record = good_record(0);
        if (!record || record->store_ts_ms >= store_ts_ms) return {};
        at_ = segments_[i].begin;
    }
    return {};
}

std::optional<message::RecordView> LogScan::good_record(std::size_t from) const {
    const auto bytes = file_->bytes();
    if (from + head_bytes > bytes.size()) return std::nullopt;
    auto record = message::RecordView::parse(bytes.subspan(from));
    if (!record || record->at.value != file_begin_ + static_cast<std::int64_t>(from) ||
        !record->body_crc_ok())
        return std::nullopt;
    return *record;
}

std::optional<std::size_t> LogScan::resync(std::size_t from) const {
    const auto bytes = file_->bytes();
    // A record's size may begin with zeros of its own.
    if (const auto written = file_->first_nonzero(from); written > from + 3) from = written - 3;
    std::optional<std::size_t> record;
    for (auto at = from; !record;) {
        const auto hit = find(bytes, at, record_magic_front);
        if (!hit) break;
        if (*hit >= from + 4 && good_record(*hit - 4)) record = *hit - 4;
        at = *hit + 1;
    }
    // A blank counts only where it fills its file to the end.
    const auto front = bytes.first(std::min(bytes.size(), record.value_or(bytes.size()) + 4));
    for (auto at = from;;) {
        const auto hit = find(front, at, blank_magic);
        if (!hit) break;
        if (*hit >= from + 4) {
            const auto begin = *hit - 4;
            if (load_be<std::uint32_t>(bytes.data() + begin) == bytes.size() - begin) return begin;
        }
        at = *hit + 1;
    }
    return record;
}

Result<bool> LogScan::records_behind(std::size_t index) {
    for (std::size_t i = index + 1; i < segments_.size(); ++i) {
        TRY_OK(load(i));
        if (good_record(0) || resync(0)) return true;
    }
    return false;
}

Result<LogItem> LogScan::next() {
    for (;;) {
        const auto index = index_of(at_);
        if (!index) return LogItem{LogItem::Kind::full, {at_}, 0, {}, {}};
        const auto& segment = segments_[*index];
        if (at_ < segment.begin) {
            LogItem gap{LogItem::Kind::damage,
                        {at_},
                        segment.begin - at_,
                        {},
                        *index == 0 ? "deleted before it was read" : "a file is missing"};
            at_ = segment.begin;
            return gap;
        }
        if (auto loaded = load(*index); !loaded) {
            if (loaded.error().code != Errc::not_found || dir_.empty()) return loaded.error();
            TRY(segments_, list_segments(dir_));  // deleted by the broker: go on with what is left
            continue;
        }
        if (at_ < segments_[*index].end()) return item_at(*index);  // it may have shrunk
    }
}

Result<LogItem> LogScan::item_at(std::size_t index) {
    const auto& segment = segments_[index];
    const auto from = static_cast<std::size_t>(at_ - segment.begin);
    const auto bytes = file_->bytes();
    if (from + head_bytes > bytes.size()) {
        LogItem rest{LogItem::Kind::blank, {at_}, segment.end() - at_, {}, {}};
        at_ = segment.end();
        return rest;
    }
    const auto head = message::RecordHead::read(bytes.data() + from);
    if (head.is_blank() && head.total_bytes == segment.end() - at_) {
        LogItem blank{LogItem::Kind::blank, {at_}, head.total_bytes, {}, {}};
        at_ = segment.end();
        return blank;
    }
    if (const auto record = good_record(from)) {
        const auto size = static_cast<std::int64_t>(record->bytes.size());
        LogItem item{LogItem::Kind::record, {at_}, size, *record, {}};
        at_ += size;
        return item;
    }
    return bad_bytes(index, from, why_not(bytes.subspan(from), at_));
}

// `why` was made before this looks at other files, which takes this one's mapping away.
Result<LogItem> LogScan::bad_bytes(std::size_t index, std::size_t from, std::string why) {
    const auto begin = segments_[index].begin;
    if (const auto next = resync(from + 1)) {
        LogItem damage{LogItem::Kind::damage,
                       {at_},
                       static_cast<std::int64_t>(*next - from),
                       {},
                       std::move(why)};
        at_ = begin + static_cast<std::int64_t>(*next);
        return damage;
    }
    const auto written_end = file_->last_nonzero_end(from);
    TRY(const bool more, records_behind(index));
    if (more) {
        LogItem damage{LogItem::Kind::damage,
                       {at_},
                       segments_[index].end() - at_,
                       {},
                       written_end == from ? "zeros where a file should end" : std::move(why)};
        at_ = segments_[index].end();
        return damage;
    }
    if (written_end == from) return LogItem{LogItem::Kind::zeros, {at_}, 0, {}, {}};
    return LogItem{LogItem::Kind::torn,
                   {at_},
                   static_cast<std::int64_t>(written_end - from),
                   {},
                   std::move(why)};
}

Result<message::RecordView> LogScan::record_at(PhysicalOffset at) {
    const auto nothing = [at] {
        return Error{Errc::not_found, fmt::format("the log has nothing at {}", at.value)};
    };
    auto index = index_of(at.value);
    if (!index && !dir_.empty()) {  // written since this was opened?
        TRY(segments_, list_segments(dir_));
        index = index_of(at.value);
    }
    if (!index || at.value < segments_[*index].begin) return nothing();
    if (auto loaded = load(*index); !loaded) {
        if (loaded.error().code == Errc::not_found) return nothing();  // expired this moment
        return std::move(loaded).error();
    }
    if (const auto record = good_record(static_cast<std::size_t>(at.value - file_begin_)))
        return *record;
    return Error{Errc::corrupt, fmt::format("no record begins at {}", at.value)};
}

Result<bool> LogScan::grown() {
    if (!dir_.empty()) {
        TRY(segments_, list_segments(dir_));
    } else {
        std::error_code code;
        const auto bytes = fs::file_size(segments_[0].path, code);
        if (!code) segments_[0].bytes = static_cast<std::int64_t>(bytes);
    }
    const auto index = index_of(at_);
    if (!index) return false;
    if (at_ < segments_[*index].begin) return true;  // next() tells what has become of it
    TRY_OK(load(*index));
    const auto from = static_cast<std::size_t>(at_ - segments_[*index].begin);
    const auto bytes = file_->bytes();
    if (from + head_bytes > bytes.size()) return true;
    return load_be<std::uint64_t>(bytes.data() + from) != 0;
}

}  // namespace mqd::store
