#pragma once
// The index: R/index, a row of index files by which messages are found by their keys,
// mqd-store(5), INDEX FILES, AFTER A CRASH and RETENTION.
//
// The newest file grows, all others are full; they are named by the local time of their creation.
// Files that cannot be relied upon are removed on opening, together with all newer ones, and the
// builder makes them again from the log, from resume() on.
//
// Threads: add() and sync() one at a time (the index builder, then the store's close),
//          remove_expired() from the housekeeper, the rest from any. The lock is held for a look at
//          the list, never over I/O.
// Owner:   the store.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "store/log/commit_log.h"
#include "store/files.h"
#include "store/index/index_file.h"
#include "store/index/index_format.h"
#include "store/store.h"

namespace mqd::store {

struct ReadContext;

class IndexSet {
public:
    /// After the log's recovery. After a crash only files that end by `flushed_ts_ms` (the
    /// checkpoint's) are relied upon. io
    static Result<std::unique_ptr<IndexSet>> open(Files& files, const Clock& clock,
                                                  const CommitLog& log, std::filesystem::path dir,
                                                  const IndexGeometry& geometry,
                                                  std::int64_t flushed_ts_ms, bool crashed);

    /// Where building goes on: records before `at` have their keys, and that there its first ones.
    struct Resume {
        std::int64_t at = 0;
        std::int64_t keys = 0;
    };
    const Resume& resume() const { return resume_; }

    /// Takes keys off the front of `keys`, in the log's order, and writes them. May be repeated
    /// after an error (refused, io) with what is left.
    Result<> add(std::span<const IndexKey>& keys);
    Result<> sync();
    /// Gives the memory of the slots back. They are read again when they are needed.
    void release();

    /// Store::query().
    KeyHits query(const ReadContext& reading, const KeyQuery& wanted) const;

    /// End time of the newest full file that is on disk, as is the log up to there.
    std::int64_t durable_ts_ms(std::int64_t log_synced) const;
    /// Removes the oldest file if it is not the last and all its messages are gone from the log;
    /// true when it was. io: it is tried again with the next call.
    Result<bool> remove_expired();

private:
    struct Item {
        std::filesystem::path path;
        IndexHeader header;
        std::shared_ptr<File> open;  // while it grows
        bool durable = false;
    };
    class Search;

    IndexSet(Files& files, const Clock& clock, const CommitLog& log, std::filesystem::path dir,
             const IndexGeometry& geometry)
        : os_(files), clock_(clock), log_(log), dir_(std::move(dir)), geometry_(geometry) {}

    Result<> load(std::int64_t flushed_ts_ms, bool crashed);
    Result<Item> read_item(const std::string& name) const;
    std::string why_not(const Item& item, std::int64_t flushed_ts_ms, bool crashed) const;
    bool record_begins(std::int64_t at) const;
    Result<> settle_last(bool crashed);
    Result<> find_resume();
    Result<> remove(const Item& item, std::string_view why);
    Result<> prepare();
    Result<> finish_full();
    Result<> flush();
    std::filesystem::path next_path() const;
    std::vector<Item> items() const {
        const Lock lock(lock_);
        return items_;
    }

    Files& os_;
    const Clock& clock_;
    const CommitLog& log_;
    const std::filesystem::path dir_;
    const IndexGeometry geometry_;
    Resume resume_;
    std::unique_ptr<IndexFile> tail_;  // the builder's
    std::optional<Item> leaving_;      // the housekeeper's: out of the list, still on disk

    mutable Mutex lock_;
    std::vector<Item> items_ GUARDED_BY(lock_);
};

}  // namespace mqd::store
