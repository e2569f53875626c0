#include "follow/followed_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <utility>

#include "base/clock.h"
#include "base/path_error.h"
#include "follow/record_id.h"

namespace mqd::follow {
namespace {

/// Who has renamed a file may write to it until he is told to open the new one.
constexpr std::int64_t rename_grace_ms = 1000;

}  // namespace

FollowedFile::FollowedFile(std::string path, record::ReaderOptions options,
                           std::optional<Position> resume)
    : path_(std::move(path)), options_(std::move(options)), resume_(std::move(resume)) {}

FollowedFile::~FollowedFile() {
    for (const auto& file : files_) ::close(file.fd);
}

/// Nothing when the path names nothing, or `unless`. A FIFO is held open for writing too: it has no
/// end then when its writer goes.
Result<std::optional<FollowedFile::Open>> FollowedFile::open_path(const std::string& path,
                                                                  const FileId* unless) const {
    struct stat is = {};
    if (::stat(path.c_str(), &is) != 0) {
        if (errno == ENOENT) return std::optional<Open>();
        return path_error(path);
    }
    if (unless != nullptr && id_of(is) == *unless) return std::optional<Open>();
    const bool is_fifo = S_ISFIFO(is.st_mode);
    if (!is_fifo && !S_ISREG(is.st_mode))
        return Error{Errc::invalid, fmt::format("{} is neither a file nor a FIFO", path)};
    const int fd = ::open(path.c_str(), (is_fifo ? O_RDWR : O_RDONLY) | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        if (errno == ENOENT) return std::optional<Open>();  // renamed this moment
        return path_error(path);
    }
    if (::fstat(fd, &is) != 0) {
        auto error = errno_error(path);
        ::close(fd);
        return error;
    }
    return std::optional(Open{fd, id_of(is), is_fifo, is_fifo ? 0 : born_ns(fd)});
}

Result<> FollowedFile::look() {
    // Each new one is opened at once: it may be renamed itself before its turn comes.
    const FileId* const newest = files_.empty() ? nullptr : &files_.back().id;
    TRY(const auto now, open_path(path_, newest));
    if (!now) return {};
    if (!files_.empty()) {
        const auto& last = files_.back();
        if (!last.is_fifo && !now->is_fifo)
            add_rotations({last.id, last.born_ns, last.fd}, now->id);
        files_.push_back(*now);
        return {};
    }
    if (resume_) {
        resume(*now);
    } else {
        files_.push_back(*now);
        read_front(0, 0);
    }
    return {};
}

void FollowedFile::resume(Open now) {
    const auto from = *std::exchange(resume_, std::nullopt);
    struct stat is = {};
    const bool is_that_file = is_file(now, from);
    const bool is_same = is_that_file && ::fstat(now.fd, &is) == 0 &&
                         static_cast<std::uint64_t>(is.st_size) >= from.offset &&
                         has_before(now.fd, from);
    if (now.is_fifo || is_same) {
        files_.push_back(now);
        return read_front(is_same ? from.offset : 0, from.cut);
    }
    if (!is_that_file) {
        if (const auto renamed = find_renamed(from)) {
            if (has_before(renamed->fd, from)) {
                files_ = {*renamed};
                add_rotations({renamed->id, renamed->born_ns, renamed->fd}, now.id);
                files_.push_back(now);
                return read_front(from.offset, from.cut);
            }
            ::close(renamed->fd);
        }
        warn(
            fmt::format("{}: the file that was read up to byte {} is gone from its folder; the "
                        "rest of it is lost",
                        path_, from.offset));
        add_rotations({from.file, from.born_ns, -1}, now.id);
    }
    files_.push_back(now);
    if (is_that_file) return read_cut(from.offset, from.cut + 1);
    read_front(0, 0);
}

void FollowedFile::warn(std::string_view what) {
    if (!warning_.empty()) warning_ += "; ";
    warning_ += what;
}

/// Those that came after `old` and were renamed before anybody looked have their turn too.
void FollowedFile::add_rotations(const Predecessor& old, const FileId& now) {
    const auto rotations = rotations_since(path_, old, now);
    for (const auto& path : rotations.paths) {
        const auto opened = open_path(path, &now);
        if (opened && *opened) files_.push_back(**opened);
        if (!opened) warn(fmt::format("{}; it is not read", opened.error().what));
    }
    if (!rotations.trouble.empty())
        warn(fmt::format("{}; files that were renamed there are not read", rotations.trouble));
    if (!rotations.compressed.empty())
        warn(
            fmt::format("{}: compressed before it was read to its end, so the rest is not read: {}",
                        path_, fmt::join(rotations.compressed, ", ")));
}

/// An inode may be another file's later on.
bool FollowedFile::is_file(const Open& file, const Position& of) {
    const bool is_other = file.born_ns != 0 && of.born_ns != 0 && file.born_ns != of.born_ns;
    return file.id == of.file && !is_other;
}

std::optional<FollowedFile::Open> FollowedFile::find_renamed(const Position& from) const {
    std::error_code code;
    std::filesystem::directory_iterator entries(folder_of(path_), code);
    for (; !code && entries != std::filesystem::directory_iterator(); entries.increment(code)) {
        struct stat is = {};
        if (::stat(entries->path().c_str(), &is) != 0 || id_of(is) != from.file) continue;
        const auto opened = open_path(entries->path(), nullptr);
        if (!opened || !*opened) continue;
        if (is_file(**opened, from)) return *opened;
        ::close((*opened)->fd);
    }
    return std::nullopt;
}

void FollowedFile::read_front(std::uint64_t at, std::uint64_t cuts) {
    cuts_ = cuts;
    auto options = options_;
    options.follow = true;
    options.at = at;
    const auto& file = files_.front();
    if (!file.is_fifo) ::lseek(file.fd, static_cast<off_t>(at), SEEK_SET);
    reader_ = std::make_unique<record::Reader>(file.fd, path_, std::move(options));
    ends_ms_ = -1;
    is_ending_ = false;
    rest_last_.clear();
    rest_at_ = at;
    writer_at_ = 0;
}

void FollowedFile::read_cut(std::uint64_t before, std::uint64_t cuts) {
    read_front(0, cuts);
    writer_at_ = before;
}

/// A writer that does not append goes on where it stood, and all before that reads as NULs: a hole,
/// also where the file system does not know it as one or it is less than a block. NULs that are
/// fewer than that were written. False: there is nothing else yet.
bool FollowedFile::pass_unwritten() {
    const int fd = files_.front().fd;
    struct stat is = {};
    if (::fstat(fd, &is) != 0 || is.st_size == 0) return true;
    const auto nuls = leading_nuls(fd);
    if (nuls == static_cast<std::uint64_t>(is.st_size) && files_.size() < 2) return false;
    const auto before = std::exchange(writer_at_, 0);
    if (nuls < before) return true;
    read_front(nuls, cuts_);
    warn(fmt::format(
        "{}: skips its first {} bytes, a hole that no program has written, after it was cut short",
        path_, nuls));
    return true;
}

Result<bool> FollowedFile::fill() {
    if (files_.empty()) return false;
    const auto& file = files_.front();
    if (file.is_fifo) {
        pollfd one = {file.fd, POLLIN, 0};
        if (::poll(&one, 1, 0) > 0) return reader_->fill();
        // A renamed FIFO is nobody's any more.
        if (files_.size() > 1) next_file();
        return false;
    }
    if (is_ending_) {  // the reader has given its last record
        next_file();
        return true;
    }
    if (was_cut()) {
        // The writer begins anew, and half a line from before will not become a whole one.
        read_cut(rest_at_, cuts_ + 1);
        return true;
    }
    if (writer_at_ > 0 && !pass_unwritten()) return false;
    TRY(const bool got, reader_->fill());
    if (got) {
        ends_ms_ = -1;
        return true;
    }
    rest();
    if (files_.size() < 2) return false;
    const std::int64_t now_ms = monotonic_ms();
    if (ends_ms_ < 0) ends_ms_ = now_ms + rename_grace_ms;
    if (now_ms < ends_ms_) return false;
    reader_->end_here();
    is_ending_ = true;
    return true;
}

/// Notes where there is nothing more, to know the file again when there is.
void FollowedFile::rest() {
    const int fd = files_.front().fd;
    const auto at = static_cast<std::uint64_t>(::lseek(fd, 0, SEEK_CUR));
    if (at == rest_at_ && !rest_last_.empty()) return;
    rest_at_ = at;
    rest_last_ = bytes_before(fd, at);
}

/// It is shorter than it was, or was, and has become longer again.
bool FollowedFile::was_cut() const {
    struct stat is = {};
    const int fd = files_.front().fd;
    if (::fstat(fd, &is) != 0) return false;
    if (static_cast<std::uint64_t>(is.st_size) < rest_at_) return true;
    const bool has_grown = static_cast<std::uint64_t>(is.st_size) > rest_at_;
    return has_grown && !rest_last_.empty() && bytes_before(fd, rest_at_) != rest_last_;
}

void FollowedFile::next_file() {
    ::close(files_.front().fd);
    files_.pop_front();
    read_front(0, 0);
}

std::optional<Position> FollowedFile::position() const {
    if (files_.empty() || files_.front().is_fifo) return std::nullopt;
    return Position{files_.front().id, reader_->end_at(), {}, cuts_, files_.front().born_ns};
}

std::optional<std::string> FollowedFile::record_id(std::string_view topic) const {
    const auto at = position();
    if (!at || files_.front().born_ns == 0) return std::nullopt;
    return follow::record_id(topic, *at, files_.front().born_ns, reader_->raw());
}

void FollowedFile::complete(Position& position) const {
    if (files_.empty() || files_.front().id != position.file) return;
    if (position.cut != cuts_) position = {position.file, 0, {}, cuts_, position.born_ns};
    position.last = bytes_before(files_.front().fd, position.offset);
}

std::int64_t FollowedFile::due_ms() const {
    return ends_ms_;
}

}  // namespace mqd::follow
