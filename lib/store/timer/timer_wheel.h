#pragma once
// The timer wheel: which units of the timer log fall into which slot of time, R/timerwheel
// (mqd-store(5), TIMER FILES). Slot n stands for all times that are n modulo their number; memory
// is used for the pages that hold one.
//
// Threads: one at a time.
// Owner:   the broker's timers.

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "base/result.h"
#include "store/files.h"
#include "store/timer/timer_format.h"

namespace mqd::store {

class TimerWheel {
public:
    static constexpr std::int64_t slots = 2LL * 7 * 86'400;
    static constexpr std::int64_t file_bytes = slots * TimerSlot::bytes_each;

    /// Empty when there is no file. corrupt: it has another length.
    static Result<TimerWheel> load(Files& files, const std::filesystem::path& path);

    /// The slot of `time` (in units of the precision); empty unless it was put.
    TimerSlot find(std::int64_t time) const;
    void put(const TimerSlot& slot);
    /// The first slot with units in [from, to), in time.
    std::optional<TimerSlot> next(std::int64_t from, std::int64_t to) const;

    struct Page {
        static constexpr std::int64_t bytes_each = 4096;
        std::int64_t at = 0;
        std::array<std::byte, bytes_each> bytes{};
    };
    /// Copies of what has changed since the last call.
    std::vector<Page> take_changes();
    /// To be written again after all.
    void put_back(const std::vector<Page>& pages);
    /// Into the file, made if need be, and to disk. refused: no space; io.
    static Result<> write(Files& files, const std::filesystem::path& path,
                          const std::vector<Page>& pages);

private:
    static constexpr std::int64_t slots_a_page = Page::bytes_each / TimerSlot::bytes_each;
    static constexpr std::int64_t pages_all = slots / slots_a_page;

    struct Slots {
        std::array<TimerSlot, slots_a_page> slots{};
        bool changed = false;
    };
    static std::size_t page_of(std::int64_t index) {
        return static_cast<std::size_t>(index / slots_a_page);
    }
    TimerWheel() : pages_(pages_all) {}

    std::vector<std::unique_ptr<Slots>> pages_;  // null: no slot in use
};

}  // namespace mqd::store
