#pragma once
// Where the parts of a store lie: below its directory R, or apart from it, as storePathCommitLog
// and its like say. What lies apart is written down in R/config/mqd.places,
//
//     {"commitlog":"/disk1/commitlog","index":"/disk2/index"}
//
// so that whoever has R finds the rest: mqdump does, and a broker whose keys say another place
// than the one that holds the data does not begin an empty store.
//
// Threads: a value type; find() and settle() one at a time.

#include <concepts>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "store/files.h"

namespace mqd::store {

class Places {
public:
    /// Of each part that lies apart, by its name in R: commitlog, consumequeue, batchconsumequeue,
    /// index. Absolute.
    using Apart = std::map<std::string, std::filesystem::path, std::less<>>;

    /// All below `root`, but for those.
    template <std::convertible_to<std::filesystem::path> Path>
    Places(Path&& root, Apart apart = {})  // NOLINT: a store's directory is where it all lies
        : root_(std::forward<Path>(root)), apart_(std::move(apart)) {}

    /// What may lie apart, and the key that says where.
    struct Part {
        std::string_view name;  ///< in R
        std::string_view key;
        std::string_view what;
    };
    static std::span<const Part> parts();

    /// Nothing when that is its place in R.
    void put(std::string_view part, const std::filesystem::path& path);

    /// As R/config/mqd.places says, which need not be there. corrupt, io
    static Result<Places> find(Files& files, const std::filesystem::path& root);

    /// Where that lies: `consumequeue/T/0/00000000000000000000`.
    std::filesystem::path operator/(const std::filesystem::path& name) const;
    /// The other way round.
    std::string name_of(const std::filesystem::path& path) const;
    bool is_apart(const std::filesystem::path& name) const;
    /// R itself.
    const std::filesystem::path& root() const { return root_; }

    /// Before a broker opens the store: what is written down gives way to this, if no part's data
    /// would be left behind, or found in two places. refused: they would, and `what` names both
    /// places and the key; or another process has the store. corrupt, io
    Result<> settle(Files& files) const;

    class Lock;
    /// Makes the directories that lie apart, and keeps other brokers' stores out of them; R has its
    /// own lock. refused: another process has one. io
    Result<Lock> lock(Files& files) const;

private:
    std::filesystem::path root_;
    Apart apart_;
};

/// Held while it lives, and not longer than its process does.
class Places::Lock {
public:
    Lock() = default;
    Lock(Lock&& other) noexcept : descriptors_(std::move(other.descriptors_)) {
        other.descriptors_.clear();
    }
    Lock& operator=(Lock&&) = delete;
    ~Lock();

private:
    friend class Places;
    std::vector<int> descriptors_;
};

}  // namespace mqd::store
