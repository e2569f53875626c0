#pragma once
// A row of equally sized files full of equally sized units, each file named by its first byte's
// place in the row. Unit n lies at byte n * unit_bytes; one is unused while the i32 at its byte 8,
// the size of the record it names, is zero. Consume queues of both kinds are made of these
// (mqd-store(5), UNITS and BATCH QUEUES).
//
// Threads: read() and first_of() from any; the writing half from one, sync() and remove_before()
//          from one other.
// Owner:   a queue.

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "store/open_files.h"

namespace mqd::store {

class UnitFiles {
public:
    /// `dir` is R/<kind>/<topic>/<queue>; `file_bytes` is a multiple of `unit_bytes`. With `mend`,
    /// after a crash, any file may be too short and units may lie after an unused one: what is
    /// missing comes from the log.
    UnitFiles(Files& files, OpenFiles& open_files, std::filesystem::path dir,
              std::int64_t unit_bytes, std::int64_t file_bytes, bool mend);

    /// Lists the files and gives the index after the last unit in use, on the word that no unused
    /// one comes before it; with `mend` nothing is left behind it. What has no name of a file is
    /// passed over. 0 when files are missing, or have names or lengths of another geometry: see
    /// misfit(). io
    Result<std::int64_t> load();
    /// Why they cannot be used before reshape(); empty: they can.
    std::string misfit() const { return misfit_ ? *misfit_ : std::string(); }
    bool fits() const { return misfit_ == nullptr; }

    // For who makes a queue fit to be used again, when nobody else knows it yet.

    /// Every unit where its number says, in files of the right names and lengths without a gap.
    /// With files of another geometry the folder is made anew beside the old one, which a crash
    /// leaves. refused, io
    Result<> reshape();
    /// After the last unit in use, whatever lies before it. io
    Result<std::int64_t> used_end() const;
    /// The files begin with the one that holds `index`, made empty as far as missing. refused, io
    Result<> extend_front(std::int64_t index);
    /// Removes all files. io
    Result<> remove_all();

    bool any() const { return first() >= 0; }
    std::int64_t first() const {
        return first_.load(std::memory_order_acquire);
    }  ///< of the first file's units, -1: no file
    /// The files begin with the one that holds `index`.
    void begin_at(std::int64_t index) {
        first_.store(file_begin(index), std::memory_order_release);
    }
    /// First unit of the file that holds `index`, and of the one after it.
    std::int64_t file_begin(std::int64_t index) const { return base_of(index) / unit_bytes_; }
    std::int64_t file_end(std::int64_t index) const {
        return (base_of(index) + file_bytes_) / unit_bytes_;
    }

    /// Whole units from `first` on, as many as fit, are there and lie below `limit`. not_found:
    /// the file is gone; io; unavailable, with `now`: the disk would have to be waited for.
    Result<std::size_t> read(std::int64_t first, std::int64_t limit, MutableBytes into,
                             bool now = false) const;
    /// The file that holds `index`, and the byte in it.
    std::pair<std::filesystem::path, std::int64_t> place_of(std::int64_t index) const {
        const std::int64_t base = base_of(index);
        return {path_of(base), index * unit_bytes_ - base};
    }

    /// The first unit in [from, to) whose record lies at `log_begin` or after, `to` when there is
    /// none: in the log's order, but for units that only fill a gap, and files that are gone. io
    Result<std::int64_t> first_of(std::int64_t log_begin, std::int64_t from, std::int64_t to) const;

    /// Removes the files before the one that holds `index`. io; may be repeated.
    Result<> remove_before(std::int64_t index);

    /// Makes files as they are needed. refused: no space; io. May be repeated.
    Result<> write(std::int64_t first, Bytes units);
    /// Drops the units from `from` on; there are none at or after `to`.
    Result<> truncate(std::int64_t from, std::int64_t to);
    /// Overwrites units of files that are there, and brings them to disk. not_found, refused, io.
    Result<> mend(std::int64_t first, Bytes units);
    /// Brings what was written in [from, to) to disk. io
    Result<> sync(std::int64_t from, std::int64_t to);
    /// No descriptor stays open.
    void close() { open_files_.forget(this, 0); }

private:
    std::filesystem::path path_of(std::int64_t base) const;
    /// not_found: there is none; io.
    Result<std::shared_ptr<File>> opened(std::int64_t base) const;
    std::int64_t base_of(std::int64_t index) const {
        return index * unit_bytes_ / file_bytes_ * file_bytes_;
    }
    Result<std::shared_ptr<File>> file_for(std::int64_t base, bool create);
    Result<std::vector<std::int64_t>> list() const;
    Result<> settle_lengths(std::vector<std::int64_t>& bases);
    Result<> settle_gaps(std::vector<std::int64_t>& bases);
    Result<> copy_to(const std::filesystem::path& into, const std::vector<std::int64_t>& bases);
    Result<> make_between(std::int64_t first_base, std::int64_t last_base);
    Result<> cut(std::int64_t from, std::int64_t last_base);
    Result<> zero(std::int64_t from, std::int64_t to);
    Result<bool> is_used(std::int64_t index) const;
    struct Place {
        std::int64_t index = 0;
        std::int64_t record_at = 0;
    };
    Result<std::optional<Place>> next_record(std::int64_t from, std::int64_t to) const;
    Result<std::int64_t> used_in_file(std::int64_t base) const;

    Files& os_;
    OpenFiles& open_files_;
    const std::filesystem::path dir_;
    const std::int64_t unit_bytes_;
    const std::int64_t file_bytes_;
    const bool mend_;
    std::atomic<std::int64_t> first_ = -1;  // once there is one, remove_before() alone moves it
    std::atomic<bool> made_files_ = false;
    std::unique_ptr<const std::string> misfit_;  // few have one
};

}  // namespace mqd::store
