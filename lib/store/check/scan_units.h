#pragma once
// The units of one queue from the outside, of all three kinds, also while a broker writes to it
// (mqd-store(5), UNITS, EXTENSION, BATCH QUEUES and READING OFFLINE). Read only, without locks.
//
// Threads: one at a time.
// Owner:   the tool's command.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/queue/extension_unit.h"
#include "store/check/scan.h"

namespace mqd::store {

/// The files of one queue's extension, by address.
class ExtensionFiles {
public:
    /// None at all is no error. io
    static Result<ExtensionFiles> open(const std::filesystem::path& dir);
    /// The unit that `address` leads to, good until the next call; nothing when none is there. io
    Result<std::optional<ExtensionUnit>> find(std::int64_t address);

private:
    std::vector<Segment> segments_;
    std::optional<ScanFile> file_;
    std::int64_t file_begin_ = 0;
};

struct QueueUnit {
    std::int64_t offset = 0;  ///< in the queue, of the first message; in an extension file a byte
    std::int64_t count = 1;   ///< messages after it
    PhysicalOffset at;
    std::int64_t bytes = 0;
    std::int64_t tags_code = 0;              ///< the extension's where there is one
    std::int64_t store_ts_ms = -1;           ///< batch units and extensions have it
    std::optional<std::int64_t> address;     ///< of the extension
    std::optional<ExtensionUnit> extension;  ///< good until the next call; may be missing
};

class QueueScan {
public:
    enum class Kind { plain, batch, extension };

    /// not_found: the store has no such queue. io
    static Result<std::unique_ptr<QueueScan>> open(const Places& store, std::string_view topic,
                                                   std::int32_t id);
    /// One file of a queue, of any of the three kinds; also a copy with a name of its own. `name`:
    /// what it is called, if not so. not_found, corrupt: no kind of queue file.
    static Result<std::unique_ptr<QueueScan>> open_file(const std::filesystem::path& path,
                                                        std::filesystem::path name = {});

    Kind kind() const { return kind_; }
    /// Goes on at the unit with that queue offset, or the first one after it. io
    Result<> seek(std::int64_t offset);
    /// Goes on `count` units before the end. io
    Result<> seek_back(std::int64_t count);
    /// The next unit that is in use, fillings passed over; nothing at the end. io
    Result<std::optional<QueueUnit>> next();

private:
    QueueScan(Kind kind, std::vector<Segment> segments)
        : kind_(kind), segments_(std::move(segments)) {}
    std::int64_t unit_bytes() const;
    Result<bool> load();
    std::optional<QueueUnit> take();
    std::optional<QueueUnit> take_extension();
    void rewind(std::size_t segment, std::size_t at) {
        segment_ = segment;
        at_ = at;
        done_ = false;
    }

    Kind kind_;
    std::vector<Segment> segments_;
    ExtensionFiles extensions_;
    std::size_t segment_ = 0;  ///< the file that comes next, or is loaded
    std::size_t at_ = 0;       ///< byte in it
    std::optional<ScanFile> file_;
    std::size_t loaded_ = 0;  ///< the segment that file_ is
    bool done_ = false;
};

}  // namespace mqd::store
