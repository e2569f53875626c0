#include "broker/settings/delays.h"

#include "config/config.h"

namespace mqd::broker {

void DelaySettings::describe(config::Config& c) {
    c.duration("flushDelayOffsetInterval", offsets_interval_ms, 100, 600'000,
               "how often the delay levels' offsets are saved");
    c.text("messageDelayLevel", levels, "the delay levels, from 1");
    c.boolean("timerWheelEnable", timers, "messages can be delivered at any time");
    c.integer("timerMaxDelaySec", timer_max_s, 1, 1'000'000, "how far ahead at the most");
    c.integer("timerPrecisionMs", timer_precision_ms, 100, 60'000,
              "how much time a slot of R/timerwheel spans; delivery is to the millisecond");
    c.size("mappedFileSizeTimerLog", timer_log_file_bytes, 1024, 1LL << 30,
           "size of a timer log file");
}

}  // namespace mqd::broker
