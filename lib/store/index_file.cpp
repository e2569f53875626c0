#include "store/index_file.h"

#include <fmt/format.h>

#include <array>
#include <new>

#include "base/check.h"

namespace mqd::store {
namespace {

constexpr std::size_t load_bytes = 1 << 16;

bool all_zero(Bytes bytes) {
    return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; });
}

}  // namespace

IndexFile::IndexFile(std::shared_ptr<File> file, const IndexGeometry& geometry,
                     const IndexHeader& header)
    : file_(std::move(file)),
      geometry_(geometry),
      header_(header),
      slots_(static_cast<std::byte*>(
          std::calloc(static_cast<std::size_t>(geometry.slots), IndexGeometry::slot_bytes))),
      dirty_pages_(static_cast<std::size_t>(geometry.slot_at(geometry.slots) / page_bytes + 1)),
      dirty_first_(dirty_pages_.size()),
      dirty_end_(0),
      entries_first_(header.next) {}

Result<std::unique_ptr<IndexFile>> IndexFile::create(Files& files,
                                                     const std::filesystem::path& path,
                                                     const IndexGeometry& geometry,
                                                     const IndexHeader& before) {
    TRY(std::shared_ptr<File> file, files.open(path, OpenMode::create));
    TRY_OK(file->resize(geometry.file_bytes()));
    const IndexHeader header{
        before.end_ts_ms, before.end_ts_ms, before.end_at, before.end_at, 0, 1};
    std::unique_ptr<IndexFile> out(new IndexFile(std::move(file), geometry, header));
    if (out->slots_ == nullptr) return Error{Errc::refused, "no memory for an index"};
    return out;
}

Result<std::unique_ptr<IndexFile>> IndexFile::open(Files& files, const std::filesystem::path& path,
                                                   const IndexGeometry& geometry,
                                                   const IndexHeader& header) {
    TRY(std::shared_ptr<File> file, files.open(path, OpenMode::read_write));
    std::unique_ptr<IndexFile> out(new IndexFile(std::move(file), geometry, header));
    if (out->slots_ == nullptr) return Error{Errc::refused, "no memory for an index"};
    TRY_OK(out->load_slots());
    return out;
}

/// Zeros are not copied: what lies in a hole of the file takes no memory either.
Result<> IndexFile::load_slots() {
    std::vector<std::byte> buffer(load_bytes);
    const std::int64_t end = geometry_.slot_at(geometry_.slots);
    for (std::int64_t at = IndexGeometry::header_bytes; at < end;) {
        const auto wanted = std::min(load_bytes, static_cast<std::size_t>(end - at));
        TRY(const std::size_t got, file_->read(at, MutableBytes(buffer).first(wanted)));
        if (got < wanted) return Error{Errc::corrupt, "the index file is too short"};
        const Bytes bytes = Bytes(buffer).first(got);
        if (!all_zero(bytes))
            std::memcpy(slots_.get() + (at - IndexGeometry::header_bytes), bytes.data(), got);
        at += static_cast<std::int64_t>(got);
    }
    return {};
}

void IndexFile::add(const IndexKey& key) {
    check(!full());
    const std::int64_t slot = key.hash % geometry_.slots;
    std::byte* const place = slots_.get() + slot * IndexGeometry::slot_bytes;
    auto older = load_be<std::int32_t>(place);
    if (older <= 0 || older >= header_.next) older = 0;

    // The first entry's time counts from the begin time that the file before this one handed on.
    const std::int64_t seconds =
        header_.begin_ts_ms <= 0 ? 0 : (key.ts_ms - header_.begin_ts_ms) / 1000;
    const IndexEntry entry{key.hash, key.at,
                           static_cast<std::int32_t>(std::clamp<std::int64_t>(
                               seconds, 0, std::numeric_limits<std::int32_t>::max())),
                           older};
    entries_.resize(entries_.size() + IndexGeometry::entry_bytes);
    entry.store(entries_.data() + entries_.size() - IndexGeometry::entry_bytes);
    store_be(place, header_.next);

    const auto page = static_cast<std::size_t>(geometry_.slot_at(slot) / page_bytes);
    dirty_pages_[page] = true;
    dirty_first_ = std::min(dirty_first_, page);
    dirty_end_ = std::max(dirty_end_, page + 1);

    if (header_.next == 1) {
        header_.begin_at = key.at;
        header_.begin_ts_ms = key.ts_ms;
    }
    if (older == 0) ++header_.slots_used;
    ++header_.next;
    header_.end_at = key.at;
    header_.end_ts_ms = key.ts_ms;
}

Result<> IndexFile::flush(const std::function<void()>& entries_there) {
    if (!entries_.empty()) TRY_OK(file_->write(geometry_.entry_at(entries_first_), entries_));
    entries_.clear();
    entries_first_ = header_.next;
    entries_there();
    TRY_OK(write_slots());
    std::array<std::byte, IndexGeometry::header_bytes> bytes;
    header_.store(bytes.data());
    return file_->write(0, bytes);
}

/// Neighbours go in one write.
Result<> IndexFile::write_slots() {
    for (std::size_t page = dirty_first_; page < dirty_end_; ++page) {
        if (!dirty_pages_[page]) continue;
        std::size_t end = page + 1;
        while (end < dirty_end_ && dirty_pages_[end]) ++end;
        TRY_OK(write_pages(page, end));
        page = end;
    }
    std::fill(
        dirty_pages_.begin() + static_cast<std::ptrdiff_t>(std::min(dirty_first_, dirty_end_)),
        dirty_pages_.begin() + static_cast<std::ptrdiff_t>(dirty_end_), false);
    dirty_first_ = dirty_pages_.size();
    dirty_end_ = 0;
    return {};
}

Result<> IndexFile::write_pages(std::size_t first, std::size_t end) {
    const std::int64_t from =
        std::max(static_cast<std::int64_t>(first) * page_bytes, IndexGeometry::header_bytes);
    const std::int64_t to =
        std::min(static_cast<std::int64_t>(end) * page_bytes, geometry_.slot_at(geometry_.slots));
    return file_->write(from, {slots_.get() + (from - IndexGeometry::header_bytes),
                               static_cast<std::size_t>(to - from)});
}

Result<IndexEntry> IndexEntries::at(std::int32_t number) {
    if (number < first_ || number >= end_) TRY_OK(load(number));
    return IndexEntry::load(bytes_.data() + (number - first_) * IndexGeometry::entry_bytes);
}

/// Up to `number`, since chains lead down.
Result<> IndexEntries::load(std::int32_t number) {
    first_ = end_ = 0;
    const std::int32_t first = std::max(0, number + 1 - window);
    const auto wanted = static_cast<std::size_t>((number + 1 - first) * IndexGeometry::entry_bytes);
    TRY(const std::size_t got,
        file_.read(geometry_.entry_at(first), MutableBytes(bytes_).first(wanted)));
    if (got < wanted) return Error{Errc::corrupt, "the index file is too short"};
    first_ = first;
    end_ = number + 1;
    return {};
}

Result<> read_index_chain(const File& file, const IndexGeometry& geometry, std::int32_t hash,
                          const std::function<bool(std::int32_t, const IndexEntry&)>& f) {
    std::array<std::byte, IndexGeometry::slot_bytes> slot;
    TRY(const std::size_t got, file.read(geometry.slot_at(hash % geometry.slots), slot));
    if (got < slot.size()) return Error{Errc::corrupt, "the index file is too short"};
    auto number = load_be<std::int32_t>(slot.data());
    if (number >= geometry.entries) return Error{Errc::corrupt, "an index slot leads nowhere"};
    IndexEntries entries(file, geometry);
    while (number > 0) {
        TRY(const IndexEntry entry, entries.at(number));
        if (entry.hash == hash && !f(number, entry)) return {};
        if (entry.older >= number) return Error{Errc::corrupt, "an index chain leads up"};
        number = entry.older;
    }
    return {};
}

}  // namespace mqd::store
