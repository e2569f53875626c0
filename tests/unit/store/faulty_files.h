#pragma once
// FaultyFiles: the store's files on a disk in memory that keeps a journal of everything that
// happens to it, and on which any single call can be made to fail.
//
// One run of a workload gives every crash point: the disk as a crash after any number of
// operations leaves it is made from the journal (Replay), not by running the workload again.
//
// Threads: any. What a Mapping shows is the file itself, as in a real one.

#include <atomic>
#include <set>

#include "base/mutex.h"
#include "faulty_disk.h"
#include "store/files.h"

namespace mqd::store::test {

using Journal = std::vector<std::shared_ptr<const Operation>>;

/// What goes wrong, from call number `call` on, the first being 0.
struct Fault {
    enum class Kind { none, io, no_space, short_write };
    Kind kind = Kind::none;
    std::uint64_t call = 0;
    bool for_good = false;  ///< else that call alone

    std::string to_string() const;
};

class FaultyFiles final : public Files {
public:
    /// Goes on with `disk`, all of it synced, and an empty journal.
    explicit FaultyFiles(Disk disk = {}) : start_(copy(disk)), disk_(std::move(disk)) {}

    /// How many operations have happened: a crash point.
    std::size_t happened() const { return happened_.load(std::memory_order_acquire); }
    Journal journal() const;
    /// The disk before the first of them.
    Disk start() const { return copy(start_); }
    Disk after_crash(const Survival& survival) const;
    /// While it stays the same, crashes are those of the process.
    std::string boot = "01234567-89ab-cdef-0123-456789abcdef";
    /// What is in the folder's files now.
    std::map<std::string, std::string> contents(const std::filesystem::path& folder) const;

    void set(Fault fault);
    std::uint64_t calls() const { return calls_.load(); }
    /// The call that failed, nothing when none has.
    std::optional<std::string> failed_call() const;

    Result<std::unique_ptr<File>> open(const std::filesystem::path& path, OpenMode mode) override;
    Result<std::vector<std::string>> list(const std::filesystem::path& dir) override;
    Result<bool> exists(const std::filesystem::path& path) override;
    Result<bool> is_directory(const std::filesystem::path& path) override;
    Result<std::int64_t> modified_ms(const std::filesystem::path& path) override;  ///< just now
    /// A file with other bytes has changed: so much of a time is enough.
    Result<std::int64_t> changed_ns(const std::filesystem::path& path) override;
    std::string boot_id() override { return boot; }
    Result<> make_directories(const std::filesystem::path& dir) override;
    Result<> rename(const std::filesystem::path& from, const std::filesystem::path& to) override;
    Result<> remove(const std::filesystem::path& path) override;
    Result<> remove_all(const std::filesystem::path& dir) override;
    Result<> sync_directory(const std::filesystem::path& dir) override;
    Result<> sync_filesystem(const std::filesystem::path& path) override;
    Result<Space> space(const std::filesystem::path& path) override;
    Result<std::unique_ptr<File>> lock(const std::filesystem::path& path) override;

private:
    class OpenFile;
    struct Place {
        NodeId directory;
        std::string name;
        std::optional<NodeId> node;
    };

    static Disk copy(const Disk& disk) { return disk.after_crash({}); }
    /// Counts the call; an error when it is the one to fail. `kind` is told to those that can fail
    /// half done.
    Result<> count(const char* what, const std::filesystem::path& path, bool takes_space,
                   Fault::Kind* kind = nullptr) REQUIRES(lock_);
    void happen(Operation operation) REQUIRES(lock_);
    Result<Place> place_of(const std::filesystem::path& path) REQUIRES(lock_);
    Result<NodeId> make(const Place& place, bool directory) REQUIRES(lock_);
    void remove_tree(NodeId directory, const std::string& name) REQUIRES(lock_);
    Result<> sync_node(NodeId node, const char* what, const std::filesystem::path& path);

    const Disk start_;
    mutable Mutex lock_;
    Disk disk_ GUARDED_BY(lock_);
    Journal journal_ GUARDED_BY(lock_);
    std::set<NodeId> locked_ GUARDED_BY(lock_);
    Fault fault_ GUARDED_BY(lock_);
    std::string failed_call_ GUARDED_BY(lock_);
    std::atomic<std::size_t> happened_ = 0;
    std::atomic<std::uint64_t> calls_ = 0;
};

/// The disk of a journal, one operation after the other.
class Replay {
public:
    Replay(Disk start, Journal journal) : disk_(std::move(start)), journal_(std::move(journal)) {}
    std::size_t happened() const { return happened_; }
    bool at_end() const { return happened_ == journal_.size(); }
    const Operation& next() const { return *journal_[happened_]; }
    void step() {
        disk_.apply(journal_[happened_], happened_);
        ++happened_;
    }
    Disk after_crash(const Survival& survival) const { return disk_.after_crash(survival); }
    /// The same with the first bytes of the write that is next.
    Disk torn(const Survival& survival, std::size_t bytes) const {
        return disk_.torn(survival, next(), bytes);
    }

private:
    Disk disk_;
    const Journal journal_;
    std::size_t happened_ = 0;
};

}  // namespace mqd::store::test
