#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include "store/files.h"

namespace mqd::store {
namespace {

namespace fs = std::filesystem;

/// A lack of room or of rights refuses, and may pass; anything else is the disk's no.
Error file_error(const char* doing, const fs::path& path, int error) {
    Error out = errno_error(fmt::format("{} {}", doing, path.string()), error);
    for (const int refusal : {ENOSPC, EDQUOT, EACCES, EPERM, EROFS})
        if (error == refusal) out.code = Errc::refused;
    if (error == ENOENT) out.code = Errc::not_found;
    return out;
}

class PosixMapping final : public Mapping {
public:
    PosixMapping(void* at, std::size_t size) : at_(at), size_(size) {}
    ~PosixMapping() override {
        if (size_ > 0) ::munmap(at_, size_);
    }
    Bytes bytes() const override { return {static_cast<const std::byte*>(at_), size_}; }
    void release(std::int64_t at, std::int64_t bytes) const override {
        // Whole pages, so that nobody's half goes.
        static const auto page = static_cast<std::int64_t>(::sysconf(_SC_PAGESIZE));
        const std::int64_t from = (at + page - 1) / page * page;
        const std::int64_t to =
            std::min(at + bytes, static_cast<std::int64_t>(size_)) / page * page;
        if (from >= to) return;
        // Advice: what it fails to do costs memory and nothing else.
        static_cast<void>(::madvise(static_cast<std::byte*>(at_) + from,
                                    static_cast<std::size_t>(to - from), MADV_DONTNEED));
    }

private:
    void* at_;
    std::size_t size_;
};

class PosixFile final : public File {
public:
    PosixFile(int fd, fs::path path) : fd_(fd), path_(std::move(path)) {}
    ~PosixFile() override { ::close(fd_); }

    Result<std::size_t> read(std::int64_t at, MutableBytes into) const override {
        std::size_t done = 0;
        while (done < into.size()) {
            const auto n = ::pread(fd_, into.data() + done, into.size() - done,
                                   at + static_cast<std::int64_t>(done));
            if (n < 0 && errno == EINTR) continue;
            if (n < 0) return file_error("read", path_, errno);
            if (n == 0) break;
            done += static_cast<std::size_t>(n);
        }
        return done;
    }

    Result<std::size_t> read_now(std::int64_t at, MutableBytes into) const override {
        std::size_t done = 0;
        while (done < into.size()) {
            ::iovec rest{into.data() + done, into.size() - done};
            const auto n =
                ::preadv2(fd_, &rest, 1, at + static_cast<std::int64_t>(done), RWF_NOWAIT);
            if (n < 0 && errno == EINTR) continue;
            if (n < 0 && errno == EAGAIN) break;
            // File systems that do not know the flag are asked as usual.
            if (n < 0 && (errno == EOPNOTSUPP || errno == EINVAL || errno == ENOSYS)) {
                TRY(const std::size_t got,
                    read(at + static_cast<std::int64_t>(done), into.subspan(done)));
                return done + got;
            }
            if (n < 0) return file_error("read", path_, errno);
            if (n == 0) break;
            done += static_cast<std::size_t>(n);
        }
        return done;
    }
    void will_need(std::int64_t at, std::int64_t bytes) const override {
        static_cast<void>(::posix_fadvise(fd_, at, bytes, POSIX_FADV_WILLNEED));
    }
    void wont_need(std::int64_t at, std::int64_t bytes) const override {
        static_cast<void>(::posix_fadvise(fd_, at, bytes, POSIX_FADV_DONTNEED));
    }

    Result<> write(std::int64_t at, Bytes bytes) override {
        while (!bytes.empty()) {
            const auto n = ::pwrite(fd_, bytes.data(), bytes.size(), at);
            if (n < 0 && errno == EINTR) continue;
            if (n <= 0) return file_error("write", path_, n < 0 ? errno : ENOSPC);
            bytes = bytes.subspan(static_cast<std::size_t>(n));
            at += n;
        }
        return {};
    }

    Result<> write_all(std::int64_t at, std::span<const Bytes> pieces) override {
        constexpr std::size_t pieces_max = 256;
        std::array<::iovec, pieces_max> vectors;
        while (!pieces.empty()) {
            const std::size_t count = std::min(pieces.size(), pieces_max);
            std::int64_t wanted = 0;
            for (std::size_t i = 0; i < count; ++i) {
                vectors[i] = {const_cast<std::byte*>(pieces[i].data()), pieces[i].size()};
                wanted += static_cast<std::int64_t>(pieces[i].size());
            }
            const auto n = ::pwritev(fd_, vectors.data(), static_cast<int>(count), at);
            if (n < 0 && errno == EINTR) continue;
            if (n <= 0) return file_error("write", path_, n < 0 ? errno : ENOSPC);
            if (n < wanted) TRY_OK(write_rest(at, pieces.first(count), n));
            pieces = pieces.subspan(count);
            at += wanted;
        }
        return {};
    }

    Result<std::int64_t> next_data(std::int64_t at) const override {
        const auto found = ::lseek(fd_, at, SEEK_DATA);
        if (found >= 0) return found;
        return errno == ENXIO ? size() : Result<std::int64_t>(at);
    }
    Result<> sync() override {
        return ::fdatasync(fd_) == 0 ? Result<>{} : file_error("sync", path_, errno);
    }
    Result<std::int64_t> size() const override {
        struct ::stat info {};
        if (::fstat(fd_, &info) != 0) return file_error("stat", path_, errno);
        return info.st_size;
    }
    Result<> resize(std::int64_t bytes) override {
        return ::ftruncate(fd_, bytes) == 0 ? Result<>{} : file_error("resize", path_, errno);
    }
    Result<std::unique_ptr<Mapping>> map() const override {
        TRY(const std::int64_t bytes, size());
        if (bytes == 0) return std::unique_ptr<Mapping>(std::make_unique<PosixMapping>(nullptr, 0));
        void* at = ::mmap(nullptr, static_cast<std::size_t>(bytes), PROT_READ, MAP_SHARED, fd_, 0);
        if (at == MAP_FAILED) return file_error("map", path_, errno);
        return std::unique_ptr<Mapping>(
            std::make_unique<PosixMapping>(at, static_cast<std::size_t>(bytes)));
    }

private:
    /// What a short pwritev left, of which `skip` bytes are done.
    Result<> write_rest(std::int64_t at, std::span<const Bytes> pieces, std::int64_t skip) {
        for (const Bytes piece : pieces) {
            const auto size = static_cast<std::int64_t>(piece.size());
            const std::int64_t done = std::min(skip, size);
            skip -= done;
            TRY_OK(write(at + done, piece.subspan(static_cast<std::size_t>(done))));
            at += size;
        }
        return {};
    }

    int fd_;
    fs::path path_;
};

int flags_of(OpenMode mode) {
    switch (mode) {
        case OpenMode::read_only:
            return O_RDONLY | O_CLOEXEC;
        case OpenMode::read_write:
            return O_RDWR | O_CLOEXEC;
        case OpenMode::create:
            break;
    }
    return O_RDWR | O_CREAT | O_CLOEXEC;
}

Error file_error(const char* doing, const fs::path& path, const std::error_code& error) {
    return file_error(doing, path, error.value());
}

class PosixFiles final : public Files {
public:
    Result<std::unique_ptr<File>> open(const fs::path& path, OpenMode mode) override {
        const int fd = ::open(path.c_str(), flags_of(mode), 0644);
        if (fd < 0) return file_error("open", path, errno);
        return std::unique_ptr<File>(std::make_unique<PosixFile>(fd, path));
    }

    Result<std::vector<std::string>> list(const fs::path& dir) override {
        std::vector<std::string> names;
        std::error_code error;
        fs::directory_iterator it(dir, error);
        if (error == std::errc::no_such_file_or_directory) return names;
        for (; !error && it != fs::directory_iterator(); it.increment(error))
            names.push_back(it->path().filename().string());
        if (error) return file_error("list", dir, error);
        std::sort(names.begin(), names.end());
        return names;
    }

    Result<bool> exists(const fs::path& path) override {
        struct ::stat info {};
        if (::stat(path.c_str(), &info) == 0) return true;
        if (errno == ENOENT || errno == ENOTDIR) return false;
        return file_error("stat", path, errno);
    }
    Result<bool> is_directory(const fs::path& path) override {
        struct ::stat info {};
        if (::stat(path.c_str(), &info) == 0) return S_ISDIR(info.st_mode);
        if (errno == ENOENT || errno == ENOTDIR) return false;
        return file_error("stat", path, errno);
    }

    Result<std::int64_t> modified_ms(const fs::path& path) override {
        struct ::stat info {};
        if (::stat(path.c_str(), &info) != 0) return file_error("stat", path, errno);
        return static_cast<std::int64_t>(info.st_mtim.tv_sec) * 1000 +
               info.st_mtim.tv_nsec / 1'000'000;
    }

    Result<std::int64_t> changed_ns(const fs::path& path) override {
        struct ::stat info {};
        if (::stat(path.c_str(), &info) != 0) return file_error("stat", path, errno);
        return static_cast<std::int64_t>(info.st_ctim.tv_sec) * 1'000'000'000 +
               info.st_ctim.tv_nsec;
    }
    std::string boot_id() override {
        const auto file = open("/proc/sys/kernel/random/boot_id", OpenMode::read_only);
        if (!file) return {};
        std::string id(36, '\0');
        const auto got = (*file)->read(0, std::as_writable_bytes(std::span(id)));
        return got && *got == id.size() ? id : std::string();
    }

    Result<> make_directories(const fs::path& dir) override {
        std::error_code error;
        fs::create_directories(dir, error);
        return error ? file_error("make directory", dir, error) : Result<>{};
    }
    Result<> rename(const fs::path& from, const fs::path& to) override {
        if (::rename(from.c_str(), to.c_str()) == 0) return {};
        return file_error("rename", from, errno);
    }
    Result<> remove(const fs::path& path) override {
        if (::unlink(path.c_str()) == 0 || errno == ENOENT) return {};
        return file_error("remove", path, errno);
    }
    Result<> remove_all(const fs::path& dir) override {
        std::error_code error;
        fs::remove_all(dir, error);
        return error ? file_error("remove", dir, error) : Result<>{};
    }

    Result<> sync_directory(const fs::path& dir) override {
        return with_directory(dir, "sync", [](int fd) { return ::fsync(fd); });
    }
    Result<> sync_filesystem(const fs::path& path) override {
        return with_directory(path, "sync", [](int fd) { return ::syncfs(fd); });
    }

    Result<Space> space(const fs::path& path) override {
        struct ::statvfs info {};
        if (::statvfs(path.c_str(), &info) != 0) return file_error("space of", path, errno);
        const auto block = static_cast<std::int64_t>(info.f_frsize);
        Space space;
        space.total_bytes = static_cast<std::int64_t>(info.f_blocks) * block;
        space.available_bytes = static_cast<std::int64_t>(info.f_bavail) * block;
        const std::int64_t used = static_cast<std::int64_t>(info.f_blocks - info.f_bfree) * block;
        const std::int64_t sum = used + space.available_bytes;
        if (sum > 0) space.used_percent = (used * 100 + sum - 1) / sum;
        return space;
    }

    Result<std::unique_ptr<File>> lock(const fs::path& path) override {
        const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
        if (fd < 0) return file_error("open", path, errno);
        auto file = std::make_unique<PosixFile>(fd, path);
        struct ::flock range {};
        range.l_type = F_WRLCK;
        range.l_whence = SEEK_SET;
        range.l_len = 1;
        if (::fcntl(fd, F_SETLK, &range) != 0) {
            if (errno != EACCES && errno != EAGAIN) return file_error("lock", path, errno);
            const bool known = ::fcntl(fd, F_GETLK, &range) == 0 && range.l_type != F_UNLCK;
            return Error{Errc::refused, fmt::format("{} is held by process {}", path.string(),
                                                    known ? fmt::to_string(range.l_pid) : "?")};
        }
        TRY_OK(file->write(0, as_bytes("lock")));
        return std::unique_ptr<File>(std::move(file));
    }

private:
    template <class Function>
    static Result<> with_directory(const fs::path& dir, const char* doing, Function function) {
        const int fd = ::open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0) return file_error("open", dir, errno);
        const int status = function(fd);
        const int error = errno;
        ::close(fd);
        return status == 0 ? Result<>{} : file_error(doing, dir, error);
    }
};

}  // namespace

Result<> File::write_all(std::int64_t at, std::span<const Bytes> pieces) {
    for (const Bytes piece : pieces) {
        TRY_OK(write(at, piece));
        at += static_cast<std::int64_t>(piece.size());
    }
    return {};
}

Result<std::string> read_text(Files& files, const fs::path& path) {
    TRY(const auto file, files.open(path, OpenMode::read_only));
    TRY(const std::int64_t size, file->size());
    std::string text(static_cast<std::size_t>(size), '\0');
    TRY(const std::size_t got, file->read(0, std::as_writable_bytes(std::span(text))));
    text.resize(got);
    return text;
}

Result<> make_synced_directories(Files& files, const fs::path& dir) {
    std::vector<fs::path> parents;
    fs::path topmost;
    for (fs::path made = dir; made.has_relative_path(); made = made.parent_path()) {
        TRY(const bool there, files.exists(made));
        if (there) break;
        topmost = made;
        parents.push_back(made.has_parent_path() ? made.parent_path() : fs::path("."));
    }
    TRY_OK(files.make_directories(dir));
    for (const auto& parent : parents) {
        auto synced = files.sync_directory(parent);
        if (synced) continue;
        // Whoever finds them next time would take them for safe.
        static_cast<void>(files.remove_all(topmost));
        return synced;
    }
    return {};
}

Result<std::int64_t> Files::changed_ns(const fs::path& path) {
    return Error{Errc::not_found, fmt::format("nobody knows when {} changed", path.string())};
}

// Advice is advice: files of other kinds need not take it.
void Mapping::release(std::int64_t, std::int64_t) const {}
void File::will_need(std::int64_t, std::int64_t) const {}
void File::wont_need(std::int64_t, std::int64_t) const {}

Files& posix_files() {
    static PosixFiles files;
    return files;
}

}  // namespace mqd::store
