#pragma once
// The timer log: units of waiting messages in the order of their coming, in equally large files
// R/timerlog/<offset> (mqd-store(5), TIMER FILES). A unit's position is its byte offset over all
// files.
//
// Threads: one at a time, sync() beside the others.
// Owner:   the broker's timers.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "store/files.h"
#include "store/timer/timer_format.h"

namespace mqd::store {

class TimerLog {
public:
    /// Takes in the files. corrupt: a file of another length than `file_bytes`, or a gap between
    /// two; an empty last one is removed.
    static Result<std::unique_ptr<TimerLog>> open(Files& files, std::filesystem::path dir,
                                                  std::int64_t file_bytes);

    std::int64_t begin() const { return begin_; }
    std::int64_t end() const { return end_; }  ///< where the next unit goes, or further on

    /// Where the next `count` units will lie.
    std::vector<std::int64_t> positions(std::size_t count) const;
    /// Appends all of them, at positions(). refused: no space; io. After an error none counts.
    Result<> append(std::span<const TimerUnit> units, std::span<const std::int64_t> positions);

    /// Nothing: no unit lies there.
    std::optional<TimerUnit> read(std::int64_t position) const;

    /// Goes over the units from `from` (rounded up to where one can begin) as far as `take` and
    /// the bytes allow; the log ends there: what is after is zeroed or removed. io
    template <class Take>
    Result<> replay(std::int64_t from, Take take) {
        std::int64_t at = first_at_or_behind(from);
        while (const auto unit = unit_at_or_behind(at)) {
            if (!take(at, *unit)) break;
            at += TimerUnit::bytes_each;
        }
        return end_at(at);
    }

    /// Brings what was appended before the call to disk. io
    Result<> sync();
    /// Removes files, but never the last, while their units' records lie before `log_begin`.
    Result<> remove_expired(std::int64_t log_begin);
    /// All of it.
    Result<> remove_all();

private:
    struct Part {
        std::int64_t base = 0;
        std::shared_ptr<File> file;
        std::unique_ptr<Mapping> mapping;
    };
    TimerLog(Files& files, std::filesystem::path dir, std::int64_t file_bytes)
        : os_(files), dir_(std::move(dir)), file_bytes_(file_bytes) {}

    Result<> load();
    Result<> add_file(std::int64_t base);
    Result<Part> open_part(std::int64_t base, bool create);
    std::int64_t units_a_file() const {
        return (file_bytes_ - TimerUnit::blank_bytes) / TimerUnit::bytes_each;
    }
    std::int64_t next_position(std::int64_t at) const;
    std::int64_t first_at_or_behind(std::int64_t at) const;
    std::optional<TimerUnit> unit_at_or_behind(std::int64_t& at) const;
    const Part* part_of(std::int64_t position) const;
    Result<> end_at(std::int64_t position);

    Files& os_;
    const std::filesystem::path dir_;
    const std::int64_t file_bytes_;
    std::int64_t begin_ = 0;
    std::int64_t end_ = 0;
    std::vector<Part> parts_;  // in order, without gaps

    Mutex lock_;  // what sync() has to do
    std::vector<std::shared_ptr<File>> dirty_ GUARDED_BY(lock_);
};

}  // namespace mqd::store
