#pragma once
// The files of a spool: messages in the form of a commit log (mqd-store(5), COMMIT LOG), so that
// mqdump reads them. Unlike a broker's, they are gone as soon as nobody needs them, and nothing
// waits for the disk but sync(): what was written outlives the process, not the machine's power.
// One of those that are done with is kept under the name "spare", to become the next: writing into
// memory that the file has already costs a fraction of what new memory does.
//
// Threads: one at a time.
// Owner:   Spool.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "message/types.h"
#include "store/files.h"

namespace mqd::spool {

class SpoolLog {
public:
    /// The files of DIR/commitlog, of `file_bytes` each; what lies before `begin` is removed.
    /// `end` is behind the last whole record, and nothing is left behind it. io
    static Result<std::unique_ptr<SpoolLog>> open(store::Files& files,
                                                  const std::filesystem::path& dir,
                                                  std::int64_t file_bytes, PhysicalOffset begin,
                                                  PhysicalOffset end);

    /// Where a block of so many bytes will begin: a record never spans two files.
    PhysicalOffset place_for(std::size_t bytes) const;
    /// Writes a block of whole records, placed one after the other from place_for() on, at most a
    /// file less 8 bytes. After an error it is as if it had not been called. refused: no space; io
    Result<> append(Bytes records);

    /// Lets go of the files that end at or before `at`. io
    Result<> drop_before(PhysicalOffset at);
    /// Removes the files, all of which is settled; end() stays where it is. io
    Result<> drop_all();
    /// Brings all of it to disk. io
    Result<> sync();
    /// Removes the files and their folder. io
    Result<> remove();

    PhysicalOffset end() const { return {end_}; }
    /// On disk, as far as it is used; the spare file is not.
    std::int64_t used_bytes() const { return files_.empty() ? 0 : end_ - files_.front().base; }

private:
    struct Range {
        std::int64_t base, limit;
    };
    SpoolLog(store::Files& files, std::filesystem::path dir, std::int64_t file_bytes)
        : os_(files), dir_(std::move(dir)), file_bytes_(file_bytes) {}

    std::filesystem::path path_of(std::int64_t base) const;
    Result<> load(std::int64_t begin, std::int64_t end);
    Result<> cut();
    bool fits(std::size_t bytes) const;
    Result<> roll();
    Result<std::unique_ptr<store::File>> make(std::int64_t base);
    Result<std::unique_ptr<store::File>> use_spare(std::int64_t base);
    Result<> drop_spare();

    store::Files& os_;
    const std::filesystem::path dir_;
    const std::int64_t file_bytes_;
    std::vector<Range> files_;  ///< in order
    std::unique_ptr<store::File> tail_;
    std::int64_t end_ = 0;
    bool has_spare_ = false;
};

}  // namespace mqd::spool
