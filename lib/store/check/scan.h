#pragma once
// Reading a store from the outside: the commit log of a directory, or one file of it, also while
// a broker writes to it. Read only, without locks, over damage (mqd-store(5), COMMIT LOG and
// READING OFFLINE).
//
// Threads: one at a time.
// Owner:   the tool's main. Takes no part in the store's own files seam: it never writes, and it
//          asks the file system for holes, of which preallocated files mostly consist.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "message/record.h"
#include "message/types.h"
#include "store/table/places.h"

namespace mqd::store {

/// One file of a mapped file queue.
struct Segment {
    std::filesystem::path path;
    std::int64_t begin = 0;  ///< offset of its first byte, as its name says
    std::int64_t bytes = 0;
    std::int64_t allocated_bytes = 0;  ///< on disk, without holes
    std::int64_t end() const { return begin + bytes; }
};

enum class There { nothing, folder, other };
/// What has that name. refused: a folder on the way to it may not be looked into. io
Result<There> look_at(const std::filesystem::path& path);

/// The files of `dir` that are named by an offset, in order. not_found: no such directory. refused
Result<std::vector<Segment>> list_segments(const std::filesystem::path& dir);

/// A whole file, mapped read only.
class ScanFile {
public:
    /// not_found, refused, io
    static Result<ScanFile> open(const std::filesystem::path& path);
    ScanFile(ScanFile&& other) noexcept;
    ScanFile& operator=(ScanFile&& other) noexcept;
    ~ScanFile();

    Bytes bytes() const { return {data_, size_}; }
    /// The first byte at or after `from` that is not zero, the size if there is none.
    std::size_t first_nonzero(std::size_t from) const;
    /// After the last byte that is not zero, `from` if there is none after that.
    std::size_t last_nonzero_end(std::size_t from) const;

private:
    ScanFile(int fd, const std::byte* data, std::size_t size) : fd_(fd), data_(data), size_(size) {}
    int fd_ = -1;
    const std::byte* data_ = nullptr;
    std::size_t size_ = 0;
};

struct LogItem {
    enum class Kind {
        record,
        blank,   ///< the filling at a file's end
        damage,  ///< bytes that are no record, with a record or a file with records after them,
                 ///< or that are gone: a missing file, or one deleted before it was read
        zeros,   ///< the end: nothing was ever written from here on
        torn,    ///< the end: a record that was not written to its end, and nothing after it
        full,    ///< the end: of the last file
    };
    Kind kind = Kind::full;
    PhysicalOffset at;
    std::int64_t bytes = 0;
    message::RecordView record;  ///< good until the next call
    std::string why;             ///< damage, torn
};

class LogScan {
public:
    /// `path` is a store, its commitlog directory, or one file. `name`: what that is called, if not
    /// so. not_found: none of these. corrupt: a file without an offset for a name in which no
    /// record can be found.
    static Result<std::unique_ptr<LogScan>> open(const Places& path, std::string name = {});

    const std::vector<Segment>& segments() const { return segments_; }
    PhysicalOffset begin() const { return {segments_.empty() ? 0 : segments_.front().begin}; }
    PhysicalOffset position() const { return {at_}; }

    /// Goes on at `at`, where a record begins, or at the start of the file that holds it.
    void seek_file(PhysicalOffset at);
    void seek(PhysicalOffset at) { at_ = at.value; }
    /// Goes on at a file start before which no record has that store time or a later one.
    Result<> seek_time(std::int64_t store_ts_ms);

    /// The next item; at the end the same answer again and again. io
    Result<LogItem> next();

    /// The record that begins at `at`, good until the next call; the position stays.
    /// not_found: nothing is kept there. corrupt: no record begins there. io
    Result<message::RecordView> record_at(PhysicalOffset at);

    /// For following: looks for new and deleted files, and tells whether something has been
    /// written at position() since.
    Result<bool> grown();

private:
    explicit LogScan(std::filesystem::path dir) : dir_(std::move(dir)) {}
    Result<> load(std::size_t index);
    std::optional<std::size_t> index_of(std::int64_t at) const;
    /// Where the first record or blank begins at or after `from` in the loaded file.
    std::optional<std::size_t> resync(std::size_t from) const;
    std::optional<message::RecordView> good_record(std::size_t from) const;
    Result<bool> records_behind(std::size_t index);
    Result<LogItem> item_at(std::size_t index);
    Result<LogItem> bad_bytes(std::size_t index, std::size_t from, std::string why);

    std::filesystem::path dir_;  ///< empty: a single file, which never gets company
    std::vector<Segment> segments_;
    std::optional<ScanFile> file_;
    std::int64_t file_begin_ = 0;
    std::int64_t at_ = 0;
};

/// A consume queue's directory, summed up.
struct QueueSummary {
    std::string topic;
    std::int32_t id = 0;
    bool batch = false;              ///< of the 46-byte kind
    std::int64_t first_on_disk = 0;  ///< offset of the first unit in the files
    QueueOffset min;                 ///< first message that the log still has
    QueueOffset max;                 ///< one past the last
    std::int64_t bytes = 0;          ///< of the messages in [min, max), in the log
    std::int64_t units = 0;          ///< in use; of the batch kind they are fewer than messages
    PhysicalOffset last_at;          ///< of the last message, or batch
    PhysicalOffset log_end;          ///< after the last message
    std::int64_t allocated_bytes = 0;
};

/// All queues of a store, by topic and number; none is no error. `log_begin`: LogScan::begin().
Result<std::vector<QueueSummary>> scan_queues(const Places& store, PhysicalOffset log_begin);

/// The process that has the store open, as its lock says.
std::optional<int> store_user(const std::filesystem::path& store);

}  // namespace mqd::store
