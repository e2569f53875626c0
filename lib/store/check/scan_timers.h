#pragma once
// What a store still has to deliver by time, from its files alone: messages that wait in a delay
// level, and those with a time of their own (mqd-store(5), DELAYED MESSAGES). After a crash or
// while a broker runs, what it did in the last seconds may be told as still to do.
//
// Threads: one at a time.
// Owner:   the tool's command.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "store/check/scan.h"
#include "store/timer/timer_format.h"

namespace mqd::store {

inline constexpr std::string_view timer_topic_name = "rmq_sys_wheel_timer";

/// config/timercheck; nothing when there is none. io
Result<std::optional<TimerCheck>> scan_timer_check(const std::filesystem::path& store);

/// A timer log's units, in the order of their positions, up to the first that is none.
class TimerLogScan {
public:
    struct Item {
        std::int64_t position = 0;
        TimerUnit unit;
    };
    /// A store's, which may have none. io
    static Result<TimerLogScan> open(const std::filesystem::path& store);
    /// The units of one file's bytes, the first at `begin`.
    TimerLogScan(Bytes file, std::int64_t begin) : bytes_(file), begin_(begin) {}

    /// Nothing at the end. io
    Result<std::optional<Item>> next();

private:
    TimerLogScan() = default;
    /// True: there is one in these bytes; false: they are over, and `ended_` if the log is too.
    bool take(Item& into);

    std::vector<Segment> segments_;
    std::size_t segment_ = 0;  ///< the file that comes next
    std::optional<ScanFile> file_;
    Bytes bytes_;
    std::int64_t begin_ = 0;
    std::size_t at_ = 0;
    bool ended_ = false;
};

struct Pending {
    std::int64_t due_ms = 0;
    std::int32_t level = 0;    ///< of the delay levels; 0: it has a time of its own
    std::int64_t offset = -1;  ///< in the level's queue; -1: known to the timer log alone
    PhysicalOffset at;         ///< of the record that waits
};

/// By time due. Of a message that is further ahead than the wheel reaches, it is the time asked
/// for, if its record in `log` can be read. Recalled messages are left out. corrupt, io
Result<std::vector<Pending>> scan_pending(const std::filesystem::path& store, LogScan& log);

}  // namespace mqd::store
