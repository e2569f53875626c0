#pragma once
// The real files, for tests that change what some calls do: everything else is passed on.

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "store/files.h"

namespace mqd::test {

/// But for changed_ns() and boot_id(), which say nothing, as where they are not known.
class PassingFiles : public store::Files {
public:
    Result<std::unique_ptr<store::File>> open(const std::filesystem::path& path,
                                              store::OpenMode mode) override {
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
        return real_.make_directories(dir);
    }
    Result<> rename(const std::filesystem::path& from, const std::filesystem::path& to) override {
        return real_.rename(from, to);
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
    Result<std::unique_ptr<store::File>> lock(const std::filesystem::path& path) override {
        return real_.lock(path);
    }

protected:
    store::Files& real_ = store::posix_files();
};

}  // namespace mqd::test
