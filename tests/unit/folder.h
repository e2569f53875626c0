#pragma once
// A folder of the test's own, and files in it that fail when they are told to.

#include <doctest/doctest.h>
#include <stdlib.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "passing_files.h"
#include "store/files.h"

namespace mqd::testing {

class Folder {
public:
    Folder() {
        std::string name = (std::filesystem::temp_directory_path() / "mqd-send-XXXXXX").string();
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        path_ = name;
    }
    ~Folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    const std::filesystem::path& path() const { return path_; }
    bool has(std::string_view name) const { return std::filesystem::exists(path_ / name); }

private:
    std::filesystem::path path_;
};

/// The real files; every call that changes something asks first. A refused write may be half done.
class GuardedFiles final : public mqd::test::PassingFiles {
public:
    enum class Call { write, remove };  ///< what makes or changes something, and what takes it away
    using Guard = std::function<Result<>(Call)>;
    explicit GuardedFiles(Guard guard, bool tears = false)
        : guard_(std::move(guard)), tears_(tears) {}

    Result<std::unique_ptr<store::File>> open(const std::filesystem::path& path,
                                              store::OpenMode mode) override {
        if (mode == store::OpenMode::create) TRY_OK(guard_(Call::write));
        TRY(auto file, real_.open(path, mode));
        return std::unique_ptr<store::File>(std::make_unique<Guarded>(*this, std::move(file)));
    }
    Result<> make_directories(const std::filesystem::path& dir) override {
        TRY_OK(guard_(Call::write));
        return real_.make_directories(dir);
    }
    Result<> rename(const std::filesystem::path& from, const std::filesystem::path& to) override {
        TRY_OK(guard_(Call::write));
        return real_.rename(from, to);
    }
    Result<> remove(const std::filesystem::path& path) override {
        TRY_OK(guard_(Call::remove));
        return real_.remove(path);
    }
    Result<> remove_all(const std::filesystem::path& dir) override {
        TRY_OK(guard_(Call::remove));
        return real_.remove_all(dir);
    }
    Result<> sync_directory(const std::filesystem::path&) override { return {}; }
    Result<> sync_filesystem(const std::filesystem::path&) override { return {}; }

private:
    class Guarded final : public store::File {
    public:
        Guarded(GuardedFiles& of, std::unique_ptr<store::File> real)
            : of_(of), real_(std::move(real)) {}
        Result<std::size_t> read(std::int64_t at, MutableBytes into) const override {
            return real_->read(at, into);
        }
        Result<> write(std::int64_t at, Bytes bytes) override {
            if (auto allowed = of_.guard_(Call::write); !allowed) {
                if (of_.tears_ && !std::exchange(of_.has_torn_, true))
                    REQUIRE(real_->write(at, bytes.first(bytes.size() / 2)));
                return allowed;
            }
            return real_->write(at, bytes);
        }
        Result<> sync() override { return {}; }
        Result<std::int64_t> size() const override { return real_->size(); }
        Result<> resize(std::int64_t bytes) override {
            TRY_OK(of_.guard_(Call::write));
            return real_->resize(bytes);
        }
        Result<std::unique_ptr<store::Mapping>> map() const override { return real_->map(); }

    private:
        GuardedFiles& of_;
        std::unique_ptr<store::File> real_;
    };

    const Guard guard_;
    const bool tears_;
    bool has_torn_ = false;
};

}  // namespace mqd::testing
