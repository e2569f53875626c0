#pragma once
// IndexFile: the index file that is being written, and how to follow a chain in any of them.
//
// The slots that keys touch are kept in memory, so that a key costs no system call and an error of
// the disk leaves nothing half done: flush() writes what is new, and after an error does so again.
// Each key touches a page of its own, up to 20 MB of them, so release() gives the memory back now
// and then. Written, not mapped: a full disk is an error, no signal.
//
// Threads: one at a time (the index builder); read_index_chain() from any.
// Owner:   IndexSet.

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <vector>

#include "store/files.h"
#include "store/index/index_format.h"

namespace mqd::store {

class IndexFile {
public:
    /// A new sparse file, which goes on where `before` ends. refused: no space; io.
    static Result<std::unique_ptr<IndexFile>> create(Files& files,
                                                     const std::filesystem::path& path,
                                                     const IndexGeometry& geometry,
                                                     const IndexHeader& before);
    /// One with entries, to go on writing. io.
    static Result<std::unique_ptr<IndexFile>> open(Files& files, const std::filesystem::path& path,
                                                   const IndexGeometry& geometry,
                                                   const IndexHeader& header);

    bool full() const { return header_.full(geometry_); }
    const IndexHeader& header() const { return header_; }
    const std::shared_ptr<File>& file() const { return file_; }

    /// Takes a key in, in memory; not when full. io, corrupt: its slot could not be read from the
    /// file, and nothing has changed.
    Result<> add(const IndexKey& key);
    /// Entries first, then slots and header, so that whoever follows a slot finds its entry.
    /// `entries_there` is called between the two. May be repeated after an error (refused, io).
    Result<> flush(const std::function<void()>& entries_there);
    Result<> sync() { return file_->sync(); }
    /// Gives the memory of all slots back, unless some are still to be flushed.
    void release();
    /// Pages of slots in memory.
    std::size_t resident_pages() const { return resident_; }

private:
    static constexpr std::size_t page_bytes = 4096;
    enum class Page : std::uint8_t { absent, clean, dirty };
    /// The file's bytes up to the end of its slots, page by page, where they are in memory.
    struct Unmap {
        std::size_t bytes = 0;
        void operator()(std::byte* p) const;
    };
    using Image = std::unique_ptr<std::byte, Unmap>;

    IndexFile(std::shared_ptr<File> file, const IndexGeometry& geometry, const IndexHeader& header,
              Image image);
    static Result<Image> map_image(const IndexGeometry& geometry);
    std::size_t slots_end() const {
        return static_cast<std::size_t>(geometry_.slot_at(geometry_.slots));
    }
    Result<> load_page(std::size_t page);
    Result<> write_slots();
    Result<> write_pages(std::size_t first, std::size_t end);

    const std::shared_ptr<File> file_;
    const IndexGeometry geometry_;
    IndexHeader header_;
    Image image_;
    std::vector<Page> pages_;
    std::size_t resident_ = 0;
    std::size_t dirty_first_, dirty_end_;
    std::vector<std::byte> entries_;  // not yet written
    std::int32_t entries_first_;      // the number of the first of them
};

/// The entries of a file, read some at a time: those of a frequent key are neighbours.
class IndexEntries {
public:
    IndexEntries(const File& file, const IndexGeometry& geometry)
        : file_(file), geometry_(geometry) {}
    /// corrupt: the file is too short; io.
    Result<IndexEntry> at(std::int32_t number);

private:
    static constexpr std::int32_t window = 204;
    Result<> load(std::int32_t number);

    const File& file_;
    const IndexGeometry& geometry_;
    std::int32_t first_ = 0, end_ = 0;
    std::array<std::byte, window * IndexGeometry::entry_bytes> bytes_;
};

/// Follows the chain of `hash` from its newest entry on: f(number, entry) for those of that very
/// hash, until it returns false. corrupt: the chain does not lead down; io.
Result<> read_index_chain(const File& file, const IndexGeometry& geometry, std::int32_t hash,
                          const std::function<bool(std::int32_t, const IndexEntry&)>& f);

}  // namespace mqd::store
