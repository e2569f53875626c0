#pragma once
// A disk in memory that knows what of it a crash would leave: for every file the bytes that were
// synced and the operations that were not, for every directory the same of its entries.
//
// The rules are POSIX's, not those of one kind file system:
//   - written bytes and sizes are safe behind the file's sync, a file's name behind a sync of its
//     directory, that directory's name behind one of the directory above;
//   - what is not synced may be there or not, sector by sector, in any order; only the names of
//     one directory change in the order in which they were changed;
//   - a sync that failed has lost what it was to save, and no later one brings it back.
//
// Threads: one at a time.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace mqd::store::test {

/// A file's bytes as all who have it open see them. They stay in their place while mapped.
class Blob {
public:
    std::size_t size() const { return size_; }
    Bytes bytes() const { return {bytes_.get(), size_}; }
    void write(std::size_t at, Bytes bytes);
    void resize(std::size_t size);
    /// From now on it cannot grow beyond what it is.
    void pin() { pinned_ = true; }

private:
    std::unique_ptr<std::byte[]> bytes_;
    std::size_t size_ = 0, capacity_ = 0;
    bool pinned_ = false;
};

using NodeId = std::size_t;

/// One change of the disk. Calls that make several, such as the removal of a folder, are as many.
struct Operation {
    enum class Kind {
        make,         ///< `node` as `name` in `directory`
        remove,       ///< `name` from `directory`
        rename,       ///< `name` in `directory` to `to`, in place of what has that name
        write,        ///< `bytes` at `at` of `node`
        resize,       ///< `node` to `at` bytes
        sync,         ///< what happened to `node`, a file or a directory, before operation `at`
        sync_all,     ///< everything before operation `at`
        failed_sync,  ///< of `node`: a file loses what was to be saved
    };
    Kind kind = Kind::write;
    NodeId node = 0;
    NodeId directory = 0;
    bool makes_directory = false;
    std::string name, to;
    std::size_t at = 0;
    std::vector<std::byte> bytes;

    std::string to_string() const;
};

/// What a crash leaves of what was not synced.
struct Survival {
    enum class Kind {
        synced,      ///< nothing
        everything,  ///< all of it: only the process was killed
        some,        ///< some of it, as `seed` says
    };
    Kind kind = Kind::everything;
    std::uint64_t seed = 0;

    std::string to_string() const;
};

class Disk {
public:
    static constexpr NodeId root = 0;

    Disk() { nodes_.emplace_back().is_directory = true; }
    Disk(Disk&&) = default;
    Disk& operator=(Disk&&) = default;

    /// The next operation, `number` being how many came before it.
    void apply(std::shared_ptr<const Operation> operation, std::size_t number);
    /// What is there when the machine runs again, all of it synced.
    Disk after_crash(const Survival& survival) const { return crashed(survival, nullptr, 0); }
    /// The same with the first bytes of the write that came next.
    Disk torn(const Survival& survival, const Operation& write, std::size_t bytes) const {
        return crashed(survival, &write, bytes);
    }

    std::optional<NodeId> find(const std::filesystem::path& path) const;
    bool is_directory(NodeId node) const { return nodes_[node].is_directory; }
    const std::map<std::string, NodeId>& entries(NodeId directory) const {
        return nodes_[directory].entries;
    }
    const std::shared_ptr<Blob>& blob(NodeId file) const { return nodes_[file].blob; }
    NodeId next_node() const { return nodes_.size(); }

    /// Every file under `folder` by its path.
    std::map<std::string, std::string> files(const std::filesystem::path& folder = "/") const;
    /// Of names and bytes.
    std::uint64_t fingerprint() const;
    /// The files for real, to be looked at.
    void write_to(const std::filesystem::path& folder) const;

private:
    static constexpr std::size_t sector_bytes = 512;
    using Entries = std::map<std::string, NodeId>;
    struct Pending {
        std::size_t number;
        std::shared_ptr<const Operation> operation;
    };
    struct Node {
        bool is_directory = false;
        std::shared_ptr<Blob> blob;
        Entries entries;
        std::vector<std::byte> synced_bytes;
        Entries synced_entries;
        std::vector<Pending> pending;
    };

    Disk crashed(const Survival& survival, const Operation* torn, std::size_t torn_bytes) const;
    void change(std::shared_ptr<const Operation> operation, std::size_t number);
    static void change_entries(Entries& entries, const Operation& operation);
    static void change_bytes(std::vector<std::byte>& bytes, const Operation& operation);
    static void write_sectors(std::vector<std::byte>& bytes, const Operation& operation,
                              std::mt19937_64& random);
    static void sync(Node& node, std::size_t before);
    static Entries surviving_entries(const Node& node, const Survival& survival,
                                     std::mt19937_64& random);
    static std::vector<std::byte> surviving_bytes(const Node& node, const Survival& survival,
                                                  std::mt19937_64& random);
    using Visitor = std::function<void(const std::string& path, const Node& node)>;
    void visit(NodeId directory, const std::string& path, const Visitor& visitor) const;

    std::vector<Node> nodes_;
};

}  // namespace mqd::store::test
