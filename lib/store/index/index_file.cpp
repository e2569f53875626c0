#include "store/index/index_file.h"

#include <sys/mman.h>

#include <algorithm>
#include <array>

#include "base/check.h"

namespace mqd::store {
IndexFile::IndexFile(std::shared_ptr<File> file, const IndexGeometry& geometry,
                     const IndexHeader& header, Image image)
    : file_(std::move(file)),
      geometry_(geometry),
      header_(header),
      image_(std::move(image)),
      pages_(image_.get_deleter().bytes / page_bytes, Page::absent),
      dirty_first_(pages_.size()),
      dirty_end_(0),
      entries_first_(header.next) {}

void IndexFile::Unmap::operator()(std::byte* p) const {
    ::munmap(p, bytes);
}

Result<IndexFile::Image> IndexFile::map_image(const IndexGeometry& geometry) {
    const auto slots_end = static_cast<std::size_t>(geometry.slot_at(geometry.slots));
    const std::size_t bytes = (slots_end + page_bytes - 1) / page_bytes * page_bytes;
    void* const at = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) return Error{Errc::refused, "no memory for an index"};
    return Image(static_cast<std::byte*>(at), Unmap{bytes});
}

Result<std::unique_ptr<IndexFile>> IndexFile::create(Files& files,
                                                     const std::filesystem::path& path,
                                                     const IndexGeometry& geometry,
                                                     const IndexHeader& before) {
    TRY(Image image, map_image(geometry));
    TRY(std::shared_ptr<File> file, files.open(path, OpenMode::create));
    TRY_OK(file->resize(geometry.file_bytes()));
    const IndexHeader header{
        before.end_ts_ms, before.end_ts_ms, before.end_at, before.end_at, 0, 1};
    return std::unique_ptr<IndexFile>(
        new IndexFile(std::move(file), geometry, header, std::move(image)));
}

Result<std::unique_ptr<IndexFile>> IndexFile::open(Files& files, const std::filesystem::path& path,
                                                   const IndexGeometry& geometry,
                                                   const IndexHeader& header) {
    TRY(Image image, map_image(geometry));
    TRY(std::shared_ptr<File> file, files.open(path, OpenMode::read_write));
    return std::unique_ptr<IndexFile>(
        new IndexFile(std::move(file), geometry, header, std::move(image)));
}

Result<> IndexFile::load_page(std::size_t page) {
    if (pages_[page] != Page::absent) return {};
    const std::size_t from = page * page_bytes;
    const std::size_t end = std::min(from + page_bytes, slots_end());
    TRY(const std::size_t got,
        file_->read(static_cast<std::int64_t>(from), {image_.get() + from, end - from}));
    if (got < end - from) return Error{Errc::corrupt, "the index file is too short"};
    pages_[page] = Page::clean;
    ++resident_;
    return {};
}

void IndexFile::release() {
    if (resident_ == 0 || dirty_first_ < dirty_end_) return;
    // Nothing is lost where the system refuses: the pages stay as they are, and are read again.
    static_cast<void>(::madvise(image_.get(), image_.get_deleter().bytes, MADV_DONTNEED));
    std::fill(pages_.begin(), pages_.end(), Page::absent);
    resident_ = 0;
}

Result<> IndexFile::add(const IndexKey& key) {
    check(!full());
    const auto slot_at = static_cast<std::size_t>(geometry_.slot_at(key.hash % geometry_.slots));
    const std::size_t page = slot_at / page_bytes;
    TRY_OK(load_page(page));
    std::byte* const place = image_.get() + slot_at;
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

    pages_[page] = Page::dirty;
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
    return {};
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
        if (pages_[page] != Page::dirty) continue;
        std::size_t end = page + 1;
        while (end < dirty_end_ && pages_[end] == Page::dirty) ++end;
        TRY_OK(write_pages(page, end));
        page = end;
    }
    for (std::size_t page = dirty_first_; page < dirty_end_; ++page) {
        if (pages_[page] == Page::dirty) pages_[page] = Page::clean;
    }
    dirty_first_ = pages_.size();
    dirty_end_ = 0;
    return {};
}

Result<> IndexFile::write_pages(std::size_t first, std::size_t end) {
    const auto from =
        std::max(first * page_bytes, static_cast<std::size_t>(IndexGeometry::header_bytes));
    const std::size_t to = std::min(end * page_bytes, slots_end());
    return file_->write(static_cast<std::int64_t>(from), {image_.get() + from, to - from});
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
