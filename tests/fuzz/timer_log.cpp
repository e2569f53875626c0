// A timer log file of any bytes: its units are inside it, one behind the other.

#include "store/check/scan_timers.h"
#include "base/check.h"

using namespace mqd;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Bytes input = std::as_bytes(std::span(data, size));
    for (const std::int64_t begin : {std::int64_t{0}, std::int64_t{1} << 40U}) {
        store::TimerLogScan scan(input, begin);
        std::int64_t expected = begin;
        for (;;) {
            const auto item = scan.next();
            check(item.has_value());
            if (!*item) break;
            check((*item)->position == expected && (*item)->unit.previous < expected);
            check((*item)->unit.at >= 0 && (*item)->unit.due_ms() > -(1LL << 32U));
            expected += store::TimerUnit::bytes_each;
            check(expected - begin <= static_cast<std::int64_t>(size));
        }
    }
    return 0;
}
