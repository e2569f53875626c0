#pragma once
// The consume queues' files that are open right now: few of many, the least recently used one
// closes first.
//
// Threads: any; the lock is held for a look-up, never for an open or a close.
// Owner:   the store.

#include <cstdint>
#include <filesystem>
#include <limits>
#include <list>
#include <memory>
#include <unordered_map>

#include "base/mutex.h"
#include "store/files.h"

namespace mqd::store {

class OpenFiles {
public:
    OpenFiles(Files& files, std::size_t open_max) : os_(files), open_max_(open_max) {}

    struct Key {
        const void* owner = nullptr;
        std::int64_t base = 0;
        bool operator==(const Key&) const = default;
    };
    /// The file if it is open.
    std::shared_ptr<File> find(const Key& key);
    /// The file, opened if need be. not_found: there is none; io.
    Result<std::shared_ptr<File>> open(const Key& key, const std::filesystem::path& path);
    /// The same, made with `bytes` zeros if missing. refused: no space; io.
    Result<std::shared_ptr<File>> create(const Key& key, const std::filesystem::path& path,
                                         std::int64_t bytes);
    /// Closes the owner's files whose base lies in [from_base, to_base).
    void forget(const void* owner, std::int64_t from_base,
                std::int64_t to_base = std::numeric_limits<std::int64_t>::max());

private:
    struct KeyHash {
        std::size_t operator()(const Key& key) const {
            return std::hash<const void*>{}(key.owner) * 31 + std::hash<std::int64_t>{}(key.base);
        }
    };
    struct Entry {
        Key key;
        std::shared_ptr<File> file;
    };
    std::shared_ptr<File> keep(const Key& key, std::unique_ptr<File> file);

    Files& os_;
    const std::size_t open_max_;
    Mutex lock_;
    std::list<Entry> recent_ GUARDED_BY(lock_);  // the latest first
    std::unordered_map<Key, std::list<Entry>::iterator, KeyHash> by_key_ GUARDED_BY(lock_);
};

}  // namespace mqd::store
