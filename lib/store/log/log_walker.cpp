#include "store/log/log_walker.h"

#include <algorithm>
#include <cstring>
#include <string_view>

namespace mqd::store {
namespace {

constexpr std::int64_t sector_bytes = 512;  // what a disk writes whole or not at all
constexpr std::size_t head_bytes = 8;
constexpr std::int64_t window_bytes = 1 << 20;
// What all record magics begin with, and the blank's.
constexpr std::string_view record_magic_front = "\xDA\xA3\x20";
constexpr std::string_view blank_magic = "\xCB\xD4\x31\x94";

bool all_zero(Bytes bytes) {
    return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; });
}

/// Mostly no checksum covers topic and properties, so a write that a crash has cut short, or of
/// which only some sectors were written, may have left what passes for a record. Where it is not
/// written a file is zero: properties never end so, nor do they have a whole sector of zeros.
bool has_hole(const message::RecordView& record, std::int64_t base) {
    if (record.properties.empty()) return false;
    if (record.bytes.back() == std::byte{0}) return true;
    const std::int64_t begin = record.at.value - base;
    const std::int64_t end = begin + static_cast<std::int64_t>(record.bytes.size());
    const std::int64_t text = begin + (as_bytes(record.topic).data() - record.bytes.data());
    for (std::int64_t at = (text / sector_bytes + 1) * sector_bytes; at < end; at += sector_bytes) {
        const std::int64_t bytes = std::min(sector_bytes, end - at);
        if (all_zero(record.bytes.subspan(static_cast<std::size_t>(at - begin),
                                          static_cast<std::size_t>(bytes))))
            return true;
    }
    return false;
}

}  // namespace

bool stands(const message::RecordView& record, std::int64_t base, LogWalker::Check check) {
    if (check == LogWalker::Check::lengths) return true;
    const auto sum = record.sum();  // covers the body too
    if (sum == message::RecordView::Sum::absent)
        return check == LogWalker::Check::crc && record.body_crc_ok() && !has_hole(record, base);
    return sum == message::RecordView::Sum::right;
}

LogWalker::Step LogWalker::next(std::int64_t limit, Check check) {
    for (;;) {
        if (at_ >= limit) return Step::end;
        if (!file_ || at_ < file_->base || at_ >= file_->limit()) {
            file_ = log_.file_at(at_);
            if (!file_) return Step::end;
        }
        const Bytes rest =
            file_->bytes.subspan(static_cast<std::size_t>(at_ - file_->base),
                                 static_cast<std::size_t>(std::min(file_->limit(), limit) - at_));
        if (rest.size() < head_bytes) {
            if (file_->limit() > limit) return Step::bad;
            at_ = file_->limit();  // too few for a blank
            continue;
        }
        const auto head = message::RecordHead::read(rest.data());
        if (head.is_blank()) {
            if (head.total_bytes != file_->limit() - at_) return Step::bad;
            at_ = file_->limit();
            continue;
        }
        auto record = message::RecordView::parse(rest);
        if (!record || record->at.value != at_) return Step::bad;
        if (!stands(*record, file_->base, check)) return Step::bad;
        record_ = *record;
        at_ += static_cast<std::int64_t>(record_.bytes.size());
        return Step::record;
    }
}

// ---- after damage

namespace {

std::optional<std::int64_t> find_bytes(Bytes in, std::int64_t from, std::string_view what) {
    if (from < 0 || from >= static_cast<std::int64_t>(in.size())) return std::nullopt;
    const auto rest = in.subspan(static_cast<std::size_t>(from));
    const void* hit = ::memmem(rest.data(), rest.size(), what.data(), what.size());
    if (hit == nullptr) return std::nullopt;
    return static_cast<const std::byte*>(hit) - in.data();
}

/// By memory's own speed: a file may be made of zeros.
bool is_zero(Bytes bytes) {
    return bytes.empty() || (bytes.front() == std::byte{0} &&
                             std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

/// Looks through one file's bytes; positions are the file's.
class FileSearch {
public:
    FileSearch(const CommitLog& log, const std::shared_ptr<const LogFile>& file, std::int64_t limit)
        : file_(*file), bytes_(file->bytes) {
        const auto end = std::min(file->limit(), limit) - file->base;
        to_ = std::max<std::int64_t>(0, end);
        is_whole_ = file->limit() <= limit;
        if (auto handle = log.handle_of(file)) handle_ = std::move(*handle);
    }

    /// The next window at or after `at` that may hold something: [at, end of it).
    bool next_window(std::int64_t& at, std::int64_t& end) const {
        if (handle_) {
            const auto data = handle_->next_data(at);
            if (data) at = *data;
        }
        end = std::min(at + window_bytes, to_);
        return at < to_;
    }

    /// The first record, or blank that ends the file, that begins at `from` or after.
    bool find(std::int64_t from, LogWalker::Check check, SoundRecord& found, bool& is_record) {
        // A size begins with zeros, which may lie before what the system takes for written.
        for (std::int64_t at = from, end = 0; next_window(at, end); at = end) {
            const auto first = std::max(from, at - static_cast<std::int64_t>(head_bytes));
            const auto record = record_in(first, end, check, found.record);
            const auto blank = blank_in(first, record.value_or(end));
            if (!record && !blank) continue;
            is_record = !blank;
            found.item_at = file_.base + blank.value_or(record.value_or(0));
            return true;
        }
        return false;
    }

    std::int64_t written_end(std::int64_t from) const {
        std::int64_t last = from;
        for (std::int64_t at = from, end = 0; next_window(at, end); at = end) {
            const Bytes window =
                bytes_.subspan(static_cast<std::size_t>(at), static_cast<std::size_t>(end - at));
            if (is_zero(window)) continue;
            last = end;
            while (bytes_[static_cast<std::size_t>(last - 1)] == std::byte{0}) --last;
        }
        return last;
    }

private:
    /// That begins in [first, end).
    std::optional<std::int64_t> record_in(std::int64_t first, std::int64_t end,
                                          LogWalker::Check check, message::RecordView& out) const {
        const auto magics = bytes_.first(static_cast<std::size_t>(
            std::min(to_, end + static_cast<std::int64_t>(head_bytes) - 1)));
        for (auto hit = find_bytes(magics, first + 4, record_magic_front); hit;
             hit = find_bytes(magics, *hit + 1, record_magic_front)) {
            const std::int64_t begin = *hit - 4;
            const auto rest = bytes_.subspan(static_cast<std::size_t>(begin),
                                             static_cast<std::size_t>(to_ - begin));
            auto record = message::RecordView::parse(rest);
            if (!record || record->at.value != file_.base + begin) continue;
            const auto how = check == LogWalker::Check::lengths ? LogWalker::Check::crc : check;
            if (!stands(*record, file_.base, how)) continue;
            out = *record;
            return begin;
        }
        return std::nullopt;
    }

    std::optional<std::int64_t> blank_in(std::int64_t first, std::int64_t end) const {
        const auto magics = bytes_.first(static_cast<std::size_t>(
            std::min(to_, end + static_cast<std::int64_t>(head_bytes) - 1)));
        for (auto hit = find_bytes(magics, first + 4, blank_magic); hit;
             hit = find_bytes(magics, *hit + 1, blank_magic)) {
            const std::int64_t begin = *hit - 4;
            const auto size = load_be<std::int32_t>(bytes_.data() + begin);
            if (size == static_cast<std::int64_t>(bytes_.size()) - begin && is_whole_) return begin;
        }
        return std::nullopt;
    }

    const LogFile& file_;
    const Bytes bytes_;
    std::int64_t to_ = 0;
    bool is_whole_ = false;  // a blank, which reaches to the file's end, ends before the limit
    std::shared_ptr<File> handle_;
};

}  // namespace

std::optional<SoundRecord> find_sound_record(const CommitLog& log, std::int64_t at,
                                             std::int64_t limit, LogWalker::Check check) {
    std::optional<std::int64_t> item_at;
    for (const auto& file : log.files()) {
        if (file->limit() <= at || file->base >= limit) continue;
        FileSearch search(log, file, limit);
        SoundRecord found;
        bool is_record = false;
        const auto from = std::max<std::int64_t>(0, at + 1 - file->base);
        if (!search.find(from, check, found, is_record)) continue;
        if (!item_at) item_at = found.item_at;
        if (!is_record) continue;
        found.item_at = *item_at;
        return found;
    }
    return std::nullopt;
}

std::int64_t written_end(const CommitLog& log, std::int64_t at, std::int64_t limit) {
    std::int64_t last = at;
    for (const auto& file : log.files()) {
        if (file->limit() <= at || file->base >= limit) continue;
        const auto from = std::max<std::int64_t>(0, at - file->base);
        const auto end = FileSearch(log, file, limit).written_end(from);
        if (end > from) last = file->base + end;
    }
    return last;
}

std::int64_t next_sound(const CommitLog& log, std::int64_t at, std::int64_t to) {
    const auto behind = find_sound_record(log, at, to, LogWalker::Check::crc);
    return behind ? behind->item_at : to;
}

}  // namespace mqd::store
