#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "store/file_names.h"
#include "store/check/scan.h"

namespace mqd::store {
namespace {

Error open_error(const std::filesystem::path& path, int error_number) {
    auto error = errno_error(path.native(), error_number);
    if (error_number == ENOENT || error_number == ENOTDIR) error.code = Errc::not_found;
    if (error_number == EACCES || error_number == EPERM) error.code = Errc::refused;
    return error;
}

}  // namespace

Result<There> look_at(const std::filesystem::path& path) {
    struct stat info {};
    if (::stat(path.c_str(), &info) == 0)
        return S_ISDIR(info.st_mode) ? There::folder : There::other;
    if (errno == ENOENT || errno == ENOTDIR) return There::nothing;
    return open_error(path, errno);
}

Result<std::vector<Segment>> list_segments(const std::filesystem::path& dir) {
    std::error_code code;
    std::vector<Segment> segments;
    std::filesystem::directory_iterator entries(dir, code);
    for (; !code && entries != std::filesystem::directory_iterator(); entries.increment(code)) {
        const auto begin = parse_file_name(entries->path().filename().native());
        if (!begin) continue;  // a foreign file
        struct stat info {};
        if (::stat(entries->path().c_str(), &info) != 0) {
            if (errno == ENOENT) continue;  // deleted this moment
            return open_error(entries->path(), errno);
        }
        if (!S_ISREG(info.st_mode)) continue;
        if (info.st_size == 0) continue;
        segments.push_back({entries->path(), *begin, info.st_size, info.st_blocks * 512});
    }
    if (code) return open_error(dir, code.value());
    std::ranges::sort(segments, {}, &Segment::begin);
    return segments;
}

Result<ScanFile> ScanFile::open(const std::filesystem::path& path) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return open_error(path, errno);
    struct stat info {};
    if (::fstat(fd, &info) != 0) {
        const int why = errno;
        ::close(fd);
        return errno_error(path.native(), why);
    }
    const auto size = static_cast<std::size_t>(info.st_size);
    if (size == 0) return ScanFile(fd, nullptr, 0);
    void* data = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd, 0);
    if (data == MAP_FAILED) {
        const int why = errno;
        ::close(fd);
        return errno_error(path.native(), why);
    }
    return ScanFile(fd, static_cast<const std::byte*>(data), size);
}

ScanFile::ScanFile(ScanFile&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

ScanFile& ScanFile::operator=(ScanFile&& other) noexcept {
    std::swap(fd_, other.fd_);
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
}

ScanFile::~ScanFile() {
    if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
    if (fd_ >= 0) ::close(fd_);
}

namespace {

bool all_zero(const std::byte* from, std::size_t n) {
    return n == 0 || (*from == std::byte{0} && std::memcmp(from, from + 1, n - 1) == 0);
}

}  // namespace

std::size_t ScanFile::first_nonzero(std::size_t from) const {
    constexpr std::size_t block = 4096;
    while (from < size_) {
        const auto data = ::lseek(fd_, static_cast<off_t>(from), SEEK_DATA);
        if (data < 0 && errno == ENXIO) return size_;  // only a hole is left
        if (data > 0) from = std::max(from, static_cast<std::size_t>(data));
        const auto hole = ::lseek(fd_, static_cast<off_t>(from), SEEK_HOLE);
        const auto end = hole > 0 ? std::min(size_, static_cast<std::size_t>(hole)) : size_;
        while (from < end) {
            const auto n = std::min(block, end - from);
            if (!all_zero(data_ + from, n)) {
                while (data_[from] == std::byte{0}) ++from;
                return from;
            }
            from += n;
        }
    }
    return size_;
}

std::size_t ScanFile::last_nonzero_end(std::size_t from) const {
    // Holes are stepped over forwards, the stretches between them looked at from their ends.
    std::size_t end = from;
    for (auto begin = first_nonzero(from); begin < size_; begin = first_nonzero(begin)) {
        const auto hole = ::lseek(fd_, static_cast<off_t>(begin), SEEK_HOLE);
        const auto stop = hole > 0 ? std::min(size_, static_cast<std::size_t>(hole)) : size_;
        end = stop;
        while (data_[end - 1] == std::byte{0}) --end;  // begin is not zero
        begin = stop;
    }
    return end;
}

std::optional<int> store_user(const std::filesystem::path& store) {
    const int fd = ::open((store / "lock").c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return std::nullopt;
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    lock.l_start = 0;
    lock.l_len = 1;
    const bool asked = ::fcntl(fd, F_GETLK, &lock) == 0;
    ::close(fd);
    if (!asked || lock.l_type == F_UNLCK) return std::nullopt;
    return lock.l_pid;
}

}  // namespace mqd::store
