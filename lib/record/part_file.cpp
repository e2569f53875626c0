#include "record/part_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <utility>
#include <vector>

#include "base/path_error.h"
#include "record/writer.h"

namespace mqd::record {
namespace {

constexpr std::string_view part = ".part";
constexpr int numbers_max = 1'000'000;

Error failed(const Folder& folder, std::string_view name) {
    auto error = errno_error(fmt::format("{}/{}", folder.path(), name));
    return {Errc::io, std::move(error.what)};
}

bool is_there(const Folder& folder, const std::string& name) {
    return ::faccessat(folder.fd(), name.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

constexpr int folder_flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;

/// A new name is there after a crash when the folder that it stands in is on disk.
Result<> sync_folder_of(const std::filesystem::path& path) {
    const auto parent = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
    const int fd = ::open(parent.c_str(), folder_flags);
    if (fd < 0) return path_error(parent.string());
    const bool is_synced = ::fsync(fd) == 0;
    auto error = is_synced ? Error{} : errno_error(parent.string());
    ::close(fd);
    if (!is_synced) return error;
    return {};
}

/// Those of the path that are missing, from the top down.
Result<> make_folders(const std::filesystem::path& path) {
    std::filesystem::path so_far;
    for (const auto& name : path) {
        so_far /= name;
        if (name.empty() || name == "/") continue;
        if (::mkdir(so_far.c_str(), 0777) == 0) {
            TRY_OK(sync_folder_of(so_far));
        } else if (errno != EEXIST) {
            return path_error(so_far.string());
        }
    }
    return {};
}

struct CloseList {
    void operator()(DIR* list) const { ::closedir(list); }
};

Result<std::vector<std::string>> names_in(const Folder& folder) {
    const std::unique_ptr<DIR, CloseList> list(::opendir(folder.path().c_str()));
    if (!list) return failed(folder, "");
    std::vector<std::string> names;
    while (errno = 0, true) {
        const dirent* const entry = ::readdir(list.get());
        if (entry == nullptr) break;
        names.emplace_back(entry->d_name);
    }
    if (errno != 0) return failed(folder, "");
    return names;
}

}  // namespace

// Folder

Result<std::unique_ptr<Folder>> Folder::open(std::string path) {
    int fd = ::open(path.c_str(), folder_flags);
    if (fd < 0 && errno == ENOENT && !path.empty()) {
        TRY_OK(make_folders(path));
        fd = ::open(path.c_str(), folder_flags);
    }
    if (fd < 0) return path_error(path);
    return std::unique_ptr<Folder>(new Folder(std::move(path), fd));
}

Folder::~Folder() {
    ::close(fd_);
}

Result<int> Folder::abandoned(const FileNames& names, bool remove) const {
    TRY(const auto all, names_in(*this));
    int count = 0;
    for (const auto& name : all) {
        if (!name.ends_with(part)) continue;
        if (!names.matches(std::string_view(name).substr(0, name.size() - part.size()))) continue;
        const int fd = ::openat(fd_, name.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0) continue;  // it is gone, or not ours
        // Whoever writes one holds its lock.
        const bool is_free = ::flock(fd, LOCK_EX | LOCK_NB) == 0;
        const bool is_removed = is_free && remove && ::unlinkat(fd_, name.c_str(), 0) == 0;
        ::close(fd);
        if (is_removed || (is_free && !remove)) ++count;
    }
    return count;
}

// PartFile

Result<std::unique_ptr<PartFile>> PartFile::create(const Folder& folder, const FileNames& names,
                                                   std::int64_t time_ms) {
    std::unique_ptr<PartFile> file(new PartFile(folder, names, time_ms));
    TRY(file->stream_, CompressStream::open(names.packing()));
    for (; file->number_ < numbers_max; ++file->number_) {
        TRY(const bool is_created, file->create_numbered());
        if (is_created) return file;
    }
    return Error{Errc::io, fmt::format("{}: too many files with the same name", folder.path())};
}

Result<bool> PartFile::create_numbered() {
    const auto name = names_.name(time_ms_, number_);
    if (is_there(folder_, name)) return false;
    const std::string part_name = name + std::string(part);
    const int fd =
        ::openat(folder_.fd(), part_name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0 && errno == EEXIST) return false;
    if (fd < 0) return failed(folder_, part_name);
    struct stat is {};
    // Another process may have looked for abandoned files in between, and taken it for one.
    const bool is_ours =
        ::flock(fd, LOCK_EX | LOCK_NB) == 0 && ::fstat(fd, &is) == 0 && is.st_nlink > 0;
    if (!is_ours) {
        ::close(fd);
        return false;
    }
    fd_ = fd;
    part_name_ = part_name;
    return true;
}

PartFile::~PartFile() {
    if (!part_name_.empty()) ::unlinkat(folder_.fd(), part_name_.c_str(), 0);
    if (fd_ >= 0) ::close(fd_);
}

Result<> PartFile::write(Bytes bytes) {
    TRY_OK(stream_->append(bytes, packed_));
    return put_out();
}

Result<> PartFile::put_out() {
    bytes_ += packed_.size();
    auto written = write_all(fd_, folder_.path() + "/" + part_name_, packed_.bytes());
    packed_.clear();
    return written;
}

Result<> PartFile::finish() {
    TRY_OK(stream_->finish(packed_));
    TRY_OK(put_out());
    if (::fsync(fd_) != 0) return failed(folder_, part_name_);
    TRY_OK(rename_to_free_name());
    part_name_.clear();
    if (::fsync(folder_.fd()) != 0) return failed(folder_, "");
    return {};
}

Result<> PartFile::rename_to_free_name() {
    for (; number_ < numbers_max; ++number_) {
        const auto name = names_.name(time_ms_, number_);
        if (::renameat2(folder_.fd(), part_name_.c_str(), folder_.fd(), name.c_str(),
                        RENAME_NOREPLACE) == 0)
            return {};
        if (errno == EEXIST) continue;
        if (errno != EINVAL) return failed(folder_, name);
        // A file system that cannot do it in one step: a second name, and then only that.
        if (::linkat(folder_.fd(), part_name_.c_str(), folder_.fd(), name.c_str(), 0) == 0) {
            if (::unlinkat(folder_.fd(), part_name_.c_str(), 0) != 0)
                return failed(folder_, part_name_);
            return {};
        }
        if (errno != EEXIST) return failed(folder_, name);
    }
    return Error{Errc::io, fmt::format("{}: too many files with the same name", folder_.path())};
}

}  // namespace mqd::record
