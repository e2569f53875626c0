#pragma once
// ColdPages: which parts of the log are in the system's memory only because somebody reads what
// lies far behind the end. They are fetched ahead of such a reader in big steps, and given up
// after it, so that reading a long backlog evicts nothing that others need. Several queues and
// groups may be reading the same part: the least recently used parts go first.
//
// Threads: any; the lock is held for a look, never over I/O.
// Owner:   CommitLog.

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <vector>

#include "base/mutex.h"
#include "store/files.h"

namespace mqd::store {

struct LogFile;

class ColdPages {
public:
    static constexpr std::int64_t part_bytes = 4 << 20;
    static constexpr std::size_t parts_max = 64;

    /// Somebody who reads on and on has read [from, to) of the log from `of`, which `file` is open
    /// on; `fetched`: not from memory.
    void reading(const LogFile& of, const std::shared_ptr<File>& file, std::int64_t from,
                 std::int64_t to, bool fetched);

private:
    struct Part {
        std::int64_t at = 0;  // in the log
        std::weak_ptr<File> file;
        std::int64_t in_file = 0;
    };
    bool add(const Part& part, std::vector<Part>& gone) REQUIRES(lock_);

    Mutex lock_;
    std::list<Part> recent_ GUARDED_BY(lock_);  // the last used one first
    std::map<std::int64_t, std::list<Part>::iterator> by_at_ GUARDED_BY(lock_);
};

}  // namespace mqd::store
