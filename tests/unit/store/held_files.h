#pragma once
// The real files, but a queue that is made anew with files of another size is not made before the
// test lets it: what has to wait for it does, and what must not is seen not to.

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "store/files.h"

namespace mqd::store::test {

class HeldFiles final : public Files {
public:
    void let() {
        const Lock lock(mutex_);
        held_ = false;
        changed_.notify_all();
    }
    Result<std::unique_ptr<File>> open(const std::filesystem::path& path, OpenMode mode) override {
        return real_.open(path, mode);
    }
    Result<std::vector<std::string>> list(const std::filesystem::path& dir) override {
        return real_.list(dir);
    }
    Result<bool> exists(const std::filesystem::path& path) override { return real_.exists(path); }
    Result<bool> is_directory(const std::filesystem::path& path) override {
        return real_.is_directory(path);
    }
    Result<std::int64_t> modified_ms(const std::filesystem::path& path) override {
        return real_.modified_ms(path);
    }
    Result<> make_directories(const std::filesystem::path& dir) override {
        const Lock lock(mutex_);
        while (held_ && dir.extension() == ".mqd-new") changed_.wait(mutex_);
        return real_.make_directories(dir);
    }
    Result<> rename(const std::filesystem::path& a, const std::filesystem::path& b) override {
        return real_.rename(a, b);
    }
    Result<> remove(const std::filesystem::path& path) override { return real_.remove(path); }
    Result<> remove_all(const std::filesystem::path& dir) override { return real_.remove_all(dir); }
    Result<> sync_directory(const std::filesystem::path& dir) override {
        return real_.sync_directory(dir);
    }
    Result<> sync_filesystem(const std::filesystem::path& path) override {
        return real_.sync_filesystem(path);
    }
    Result<Space> space(const std::filesystem::path& path) override { return real_.space(path); }
    Result<std::unique_ptr<File>> lock(const std::filesystem::path& path) override {
        return real_.lock(path);
    }

private:
    Files& real_ = posix_files();
    Mutex mutex_;
    Condition changed_;
    bool held_ GUARDED_BY(mutex_) = true;
};

}  // namespace mqd::store::test
