#pragma once
// --follow: all the paths together, what wakes for them, and how far each has been delivered.
//
// Threads: one at a time.
// Owner:   main.

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "follow/followed_file.h"

namespace mqd::follow {

class Following {
public:
    /// `state_file` may be empty. corrupt, io: it cannot be read or written.
    static Result<std::unique_ptr<Following>> open(const std::vector<std::string>& paths,
                                                   const record::ReaderOptions& options,
                                                   std::string state_file);
    ~Following();
    Following(const Following&) = delete;
    Following& operator=(const Following&) = delete;

    const std::vector<std::unique_ptr<FollowedFile>>& files() const { return files_; }
    /// FollowedFile::look() of all of them; call it when a descriptor of fds() was readable.
    Result<> look();
    /// Descriptors that become readable when there may be more. `with_fifos`: of data too.
    std::vector<int> fds(bool with_fifos) const;
    /// When to look whatever these say, in monotonic ms.
    std::int64_t due_ms() const;

    bool keeps_positions() const { return !state_file_.empty(); }
    /// Message number `fate` was taken from the file just now.
    void taken(const FollowedFile& file, std::uint64_t fate);
    /// All messages below number `kept` need not be read again: writes that down, at most once a
    /// second unless it is the last time. io
    Result<> keep(std::uint64_t kept, bool is_last);

private:
    explicit Following(std::string state_file) : state_file_(std::move(state_file)) {}
    void watch();

    struct Taken {
        std::uint64_t fate;
        const FollowedFile* file;
        Position behind;
    };
    const std::string state_file_;
    std::vector<std::unique_ptr<FollowedFile>> files_;
    int inotify_ = -1;
    bool is_watched_ = true;  ///< the system tells of every change
    std::int64_t looked_ms_ = 0;
    std::deque<Taken> taken_;
    Positions positions_;
    Positions saved_;
    std::int64_t saved_ms_ = 0;
};

}  // namespace mqd::follow
