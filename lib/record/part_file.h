#pragma once
// A file that is there whole or not at all: written as NAME.part beside its place, synced, renamed,
// and the folder synced. A kill leaves a .part, which nobody takes for the file.
//
// Threads: one at a time.
// Owner:   DirOutput.

#include <cstdint>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/compress_stream.h"
#include "base/result.h"
#include "record/file_names.h"

namespace mqd::record {

/// A folder that files are put in.
class Folder {
public:
    /// Makes it, and those above it that are missing, on disk when this returns. refused, io: it
    /// cannot be made or opened.
    static Result<std::unique_ptr<Folder>> open(std::string path);
    ~Folder();
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;

    int fd() const { return fd_; }
    const std::string& path() const { return path_; }
    /// The .part files of such names that no running process writes; `remove`: they are gone
    /// then. Gives their number.
    Result<int> abandoned(const FileNames& names, bool remove) const;

private:
    Folder(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
    const std::string path_;
    const int fd_;
};

class PartFile {
public:
    /// Under the first name of that time that is free. The folder outlives the file.
    static Result<std::unique_ptr<PartFile>> create(const Folder& folder, const FileNames& names,
                                                    std::int64_t time_ms);
    /// One that was not finished is removed.
    ~PartFile();
    PartFile(const PartFile&) = delete;
    PartFile& operator=(const PartFile&) = delete;

    /// io: nothing can be written any more, and finish() must not be called.
    Result<> write(Bytes bytes);
    /// It is whole, on disk and has its name when this returns. Once.
    Result<> finish();
    /// Written so far, as packed.
    std::uint64_t bytes() const { return bytes_; }

private:
    PartFile(const Folder& folder, const FileNames& names, std::int64_t time_ms)
        : folder_(folder), names_(names), time_ms_(time_ms) {}
    /// False: the number is taken.
    Result<bool> create_numbered();
    Result<> put_out();
    Result<> rename_to_free_name();

    const Folder& folder_;
    const FileNames names_;
    const std::int64_t time_ms_;
    int number_ = 0;
    std::string part_name_;  // empty: there is none (any more)
    int fd_ = -1;
    std::unique_ptr<CompressStream> stream_;
    Buffer packed_;
    std::uint64_t bytes_ = 0;
};

}  // namespace mqd::record
