#pragma once
// IndexFile: the index file that is being written, and how to follow a chain in any of them.
//
// The slots live in memory while the file grows (20 MB at most, less while few are used), so that a
// key costs no system call and an error of the disk leaves nothing half done: flush() writes what
// is new, and after an error does so again. Written, not mapped: a full disk is an error, no
// signal.
//
// Threads: one at a time (the index builder); read_index_chain() from any.
// Owner:   IndexSet.

#include <array>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <vector>

#include "store/files.h"
#include "store/index_format.h"

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

    /// Takes a key in, in memory; not when full.
    void add(const IndexKey& key);
    /// Entries first, then slots and header, so that whoever follows a slot finds its entry.
    /// `entries_there` is called between the two. May be repeated after an error (refused, io).
    Result<> flush(const std::function<void()>& entries_there);
    Result<> sync() { return file_->sync(); }

private:
    static constexpr std::int64_t page_bytes = 4096;
    struct Free {
        void operator()(std::byte* p) const { std::free(p); }
    };

    IndexFile(std::shared_ptr<File> file, const IndexGeometry& geometry, const IndexHeader& header);
    Result<> load_slots();
    Result<> write_slots();
    Result<> write_pages(std::size_t first, std::size_t end);

    const std::shared_ptr<File> file_;
    const IndexGeometry geometry_;
    IndexHeader header_;
    std::unique_ptr<std::byte, Free> slots_;  // as on disk; calloc gives untouched pages
    std::vector<bool> dirty_pages_;           // of the file, as far as the slots reach
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
