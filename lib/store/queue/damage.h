#pragma once
// Damage: what readers found to be other than it was written. Each place is told once, in one log
// line with file and offset; messages that are lost for good are kept in mind, so that nobody looks
// for them twice; and units that lead elsewhere are put right by the housekeeper.
//
// Threads: any; the lock is held for a look.
// Owner:   the store.

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "store/queue/unit.h"

namespace mqd::store {

class ConsumeQueue;
class StoredQueue;

class Damage {
public:
    /// `at`: bytes from the file's beginning.
    void found(const std::filesystem::path& file, std::int64_t at, std::string_view what,
               std::string_view why);
    /// Different places found so far.
    std::int64_t places() const { return places_; }

    /// The message cannot be had any more.
    void lost(const StoredQueue& queue, std::int64_t offset);
    bool is_lost(const StoredQueue& queue, std::int64_t offset) const;

    struct Mend {
        ConsumeQueue* queue = nullptr;
        std::int64_t offset = 0;
        Unit was, right;
    };
    void mend(const Mend& unit);
    std::vector<Mend> take_mends();

private:
    // Beyond so many somebody has to look at the disk anyway, and some are looked for again.
    static constexpr std::size_t kept_max = 4096;

    mutable Mutex lock_;
    std::set<std::pair<std::string, std::int64_t>> told_ GUARDED_BY(lock_);
    std::set<std::pair<const StoredQueue*, std::int64_t>> lost_ GUARDED_BY(lock_);
    std::vector<Mend> mends_ GUARDED_BY(lock_);
    std::int64_t silent_until_ms_ GUARDED_BY(lock_) = 0;
    std::atomic<std::int64_t> places_ = 0;
};

}  // namespace mqd::store
