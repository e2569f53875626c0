#pragma once
// What a command that reads a store or one file is given: a store (find_store.h), a file as it is,
// one packed by gzip or Zstandard, or `-`, standard input. What cannot be mapped as it is goes into
// a file without a name in $TMPDIR.
//
// Threads: one at a time.
// Owner:   the command; what was opened by path() may outlive it.

#include <filesystem>
#include <string>

#include "base/result.h"
#include "store/table/places.h"

namespace mqd::dump {

class Input {
public:
    /// not_found, refused, io: as the file says. invalid, corrupt: find_store(). corrupt: packed,
    /// and damaged.
    static Result<Input> open(const std::string& argument);
    Input(Input&& other) noexcept;
    Input& operator=(Input&&) = delete;
    ~Input();

    /// What is opened: a store's folders, or a file, which is then their root.
    const store::Places& places() const { return places_; }
    const std::filesystem::path& path() const { return places_.root(); }
    /// What stands in messages, and what it was called before it was packed.
    const std::string& name() const { return name_; }
    bool is_folder() const { return is_folder_; }
    /// It will never grow.
    bool is_copy() const { return fd_ >= 0; }

private:
    Input(store::Places places, std::string name)
        : places_(std::move(places)), name_(std::move(name)) {}
    store::Places places_;
    std::string name_;
    bool is_folder_ = false;
    int fd_ = -1;
};

}  // namespace mqd::dump
