#pragma once
// The index of a store from the outside: its files, and which records have a key, also while a
// broker writes to it (mqd-store(5), INDEX FILES and READING OFFLINE). Read only, without locks.
//
// Threads: one at a time.
// Owner:   the tool's command.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/index/index_format.h"
#include "store/check/scan.h"

namespace mqd::store {

struct IndexFileFacts {
    std::filesystem::path path;
    std::int64_t bytes = 0;
    std::int64_t allocated_bytes = 0;
    IndexHeader header;
    std::int64_t entries() const { return header.next > 1 ? header.next - 1 : 0; }
};

struct IndexHit {
    std::filesystem::path path;  ///< of the index file
    std::int32_t number = 0;     ///< of the entry
    PhysicalOffset at;           ///< where a record with a key of that hash lies, or lay
};

class IndexScan {
public:
    /// `path` is a store, or one index file. A store without an index has no files. not_found, io
    static Result<IndexScan> open(const Places& path);

    /// Oldest first.
    const std::vector<IndexFileFacts>& files() const { return files_; }

    /// All entries with that hash, of the newest file first: f(hit) until it returns false. `log`
    /// helps to find the geometry and may be null. corrupt: the files' geometry cannot be found,
    /// or a chain leads astray; what was found before has been told. io
    Result<> find(std::int32_t hash, LogScan* log, const std::function<bool(const IndexHit&)>& f);

private:
    Result<const IndexGeometry*> geometry(LogScan* log);

    std::vector<IndexFileFacts> files_;
    std::optional<IndexGeometry> geometry_;
};

/// Whether the record has that key, or it is its unique key.
bool has_key(const message::RecordView& record, std::string_view key);

}  // namespace mqd::store
