#pragma once
// The seam between the store and the operating system: every file operation of the store goes
// through here, so that tests can fail any call, write short, and lose or tear what was not
// synced.
//
// Threads: Files from any thread; a File's read() and write() from any thread at once.
// Owner:   main; outlives the store.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace mqd::store {

/// A read-only view of a whole file; the bytes stay as long as this lives.
class Mapping {
public:
    virtual ~Mapping() = default;
    virtual Bytes bytes() const = 0;
    /// The range will hardly be looked at again: it counts no longer as this process's memory. Who
    /// looks nevertheless finds it as before.
    virtual void release(std::int64_t at, std::int64_t bytes) const;
};

class File {
public:
    virtual ~File() = default;
    /// Reads up to into.size() bytes; fewer only at the end of the file. io
    virtual Result<std::size_t> read(std::int64_t at, MutableBytes into) const = 0;
    /// The same without waiting for the disk: fewer also where the next byte is not in memory. May
    /// wait nevertheless where the system cannot tell. io
    virtual Result<std::size_t> read_now(std::int64_t at, MutableBytes into) const {
        return read(at, into);
    }
    /// Advice: the range is going to be read, or has been read and need not stay in memory.
    virtual void will_need(std::int64_t at, std::int64_t bytes) const;
    virtual void wont_need(std::int64_t at, std::int64_t bytes) const;
    /// Writes all of it, or fails having written any part. refused: no space; io: the rest.
    virtual Result<> write(std::int64_t at, Bytes bytes) = 0;
    /// The pieces one after the other, as one write where the system can.
    virtual Result<> write_all(std::int64_t at, std::span<const Bytes> pieces);
    /// The first byte at or after `at` that anybody may have written, the file's size when there
    /// is none. Where the system cannot tell: `at`. io
    virtual Result<std::int64_t> next_data(std::int64_t at) const { return at; }
    virtual Result<> sync() = 0;  ///< data (fdatasync)
    virtual Result<std::int64_t> size() const = 0;
    virtual Result<> resize(std::int64_t bytes) = 0;
    virtual Result<std::unique_ptr<Mapping>> map() const = 0;
};

enum class OpenMode { read_only, read_write, create };  ///< create: read-write, made if missing

class Files {
public:
    virtual ~Files() = default;
    virtual Result<std::unique_ptr<File>> open(const std::filesystem::path& path,
                                               OpenMode mode) = 0;
    /// Names in the directory, sorted, without . and ..; empty when it does not exist.
    virtual Result<std::vector<std::string>> list(const std::filesystem::path& dir) = 0;
    virtual Result<bool> exists(const std::filesystem::path& path) = 0;
    virtual Result<bool> is_directory(const std::filesystem::path& path) = 0;
    /// When it was last written (mtime), ms since the epoch. not_found, io
    virtual Result<std::int64_t> modified_ms(const std::filesystem::path& path) = 0;
    /// When its bytes, name, owner or times were last changed (ctime, which nobody can set), ns
    /// since the epoch. not_found, also where that is not known; io
    virtual Result<std::int64_t> changed_ns(const std::filesystem::path& path);
    /// Stays the same until the system is started anew; while it does, what has been written is
    /// there, synced or not. Empty: not known.
    virtual std::string boot_id() { return {}; }
    virtual Result<> make_directories(const std::filesystem::path& dir) = 0;
    virtual Result<> rename(const std::filesystem::path& from, const std::filesystem::path& to) = 0;
    virtual Result<> remove(const std::filesystem::path& path) = 0;  ///< gone is fine
    virtual Result<> remove_all(const std::filesystem::path& dir) = 0;
    virtual Result<> sync_directory(const std::filesystem::path& dir) = 0;
    /// Everything on the file system of `path`: cheaper than thousands of File::sync().
    virtual Result<> sync_filesystem(const std::filesystem::path& path) = 0;
    struct Space {
        std::int64_t total_bytes = 0, available_bytes = 0, used_percent = 0;
    };
    virtual Result<Space> space(const std::filesystem::path& path) = 0;
    /// The POSIX write lock on byte [0, 1) that keeps a second broker out; held while it lives.
    /// refused: held by another; `what` names the pid.
    virtual Result<std::unique_ptr<File>> lock(const std::filesystem::path& path) = 0;
};

/// The whole file. not_found, io
Result<std::string> read_text(Files& files, const std::filesystem::path& path);

/// make_directories(), and the names of those it has made are on disk.
Result<> make_synced_directories(Files& files, const std::filesystem::path& dir);

/// The real ones.
Files& posix_files();

}  // namespace mqd::store
