#pragma once
// For parsers that read files: the input as a file, in a folder that goes with the process.

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "base/bytes.h"
#include "base/check.h"

namespace mqd::fuzz {

class TempFile {
public:
    /// `path` is where the file lies in the folder: some readers go by their directories.
    explicit TempFile(const std::string& path) {
        std::string name = (std::filesystem::temp_directory_path() / "mqd-fuzz-XXXXXX").string();
        check(::mkdtemp(name.data()) != nullptr);
        folder_ = name;
        path_ = folder_ / path;
        std::filesystem::create_directories(path_.parent_path());
    }
    ~TempFile() {
        std::error_code ignored;
        std::filesystem::remove_all(folder_, ignored);
    }
    TempFile(const TempFile&) = delete;
    TempFile& operator=(const TempFile&) = delete;

    const std::filesystem::path& write(Bytes bytes) const {
        const int fd = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        check(fd >= 0);
        check(::write(fd, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
        check(::close(fd) == 0);
        return path_;
    }

private:
    std::filesystem::path folder_;
    std::filesystem::path path_;
};

}  // namespace mqd::fuzz
