#pragma once
// What the sources of Timers share.
//
// Threads: values; Timers says for the rest.

#include <cstdint>
#include <string_view>

#include "broker/timers.h"

namespace mqd::broker {

namespace timing {
/// A unit may lie so many slots ahead; one that is to wait longer goes through the queue again.
inline constexpr std::int64_t ahead_slots_max = store::TimerWheel::slots / 2;
/// How the log names it.
inline constexpr std::string_view reader = "timers";
}  // namespace timing

/// The slot's units that have not been delivered, newest first.
template <class Take>
void Timers::for_each_waiting(const store::TimerSlot& slot, Take take) const {
    for (std::int64_t position = slot.last; position >= 0;) {
        const auto unit = log_->read(position);
        // The chain leads into files that have been deleted, or somebody has broken it.
        if (!unit || slot_of(unit->due_ms()) != slot.time) return;
        const Entry entry{unit->due_ms(), position, unit->at, unit->written_ms, unit->magic};
        if (!is_done(entry)) take(entry);
        position = unit->previous;
    }
}

}  // namespace mqd::broker
