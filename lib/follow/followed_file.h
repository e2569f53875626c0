#pragma once
// A path that is read for ever: a file over its rotations, renamed or cut short, or a FIFO over its
// writers (mqsend(1), --follow).
//
// Threads: one at a time.
// Owner:   Following.

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "follow/follow_state.h"
#include "record/reader.h"
#include "follow/rotations.h"

namespace mqd::follow {

class FollowedFile {
public:
    /// `resume`: where an earlier run has come to.
    FollowedFile(std::string path, record::ReaderOptions options, std::optional<Position> resume);
    ~FollowedFile();
    FollowedFile(const FollowedFile&) = delete;
    FollowedFile& operator=(const FollowedFile&) = delete;

    /// Looks at what the path names now, and opens it if that is new. It is said in `warning` when
    /// something is lost. invalid: neither file nor FIFO; io, refused
    Result<> look();
    const std::string& path() const { return path_; }
    std::string take_warning() { return std::exchange(warning_, {}); }

    /// What is being read; null: nothing is there. Gone with the next look() or fill().
    record::Reader* reader() { return files_.empty() ? nullptr : reader_.get(); }
    /// One read; false: there is nothing more now. io
    Result<bool> fill();
    /// Of the last record that the reader gave, after it. Nothing for FIFOs.
    std::optional<Position> position() const;
    /// The last record's id for that topic, the same in each run. Nothing where the file system
    /// cannot tell this file from a later one, and for FIFOs.
    std::optional<std::string> record_id(std::string_view topic) const;
    /// Sets Position::last, if that file is still the one being read. Of a file that has been cut
    /// short since, nothing of what it holds now has been read before.
    void complete(Position& position) const;

    /// To poll beside its directory; -1: a file, which is always readable.
    int fifo_fd() const {
        return !files_.empty() && files_.front().is_fifo ? files_.front().fd : -1;
    }
    /// When look() and fill() have something to do without a sign from the file, in monotonic ms;
    /// -1: never.
    std::int64_t due_ms() const;

private:
    struct Open {
        int fd = -1;
        FileId id;
        bool is_fifo = false;
        std::int64_t born_ns = 0;  ///< 0: not known
    };
    Result<std::optional<Open>> open_path(const std::string& path, const FileId* unless) const;
    /// `cuts`: how often it was cut short before.
    void read_front(std::uint64_t at, std::uint64_t cuts);
    /// From its beginning, after it was cut short; it had been read up to `before`.
    void read_cut(std::uint64_t before, std::uint64_t cuts);
    bool pass_unwritten();
    void resume(Open now);
    static bool is_file(const Open& file, const Position& of);
    std::optional<Open> find_renamed(const Position& from) const;
    void warn(std::string_view what);
    void add_rotations(const Predecessor& old, const FileId& now);
    void rest();
    bool was_cut() const;
    void next_file();

    const std::string path_;
    const record::ReaderOptions options_;
    std::optional<Position> resume_;
    std::string warning_;
    std::deque<Open> files_;  ///< the first is being read, the others have come after it
    std::unique_ptr<record::Reader> reader_;
    std::int64_t ends_ms_ = -1;  ///< when the first one is taken for done, having had no more
    bool is_ending_ = false;
    std::uint64_t cuts_ = 0;     ///< of the first file
    std::uint64_t rest_at_ = 0;  ///< where there was nothing more
    std::string rest_last_;      ///< and what stood before it
    /// Not 0: the file was cut short, and its writer stands at that byte or after it.
    std::uint64_t writer_at_ = 0;
};

}  // namespace mqd::follow
