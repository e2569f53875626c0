#include "front/rocketmq/send_properties.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/parse.h"
#include "message/properties.h"

namespace mqd::front::rocketmq {

SendProperties SendProperties::read(std::string_view properties) {
    using namespace message;
    SendProperties out;
    PropertyReader reader(properties);
    while (const auto is = reader.next()) {
        // Most names are the application's own: one character tells.
        switch (is->name.front()) {
            case 'U':
                if (is->name == property::uniq_key) out.unique_key = is->value;
                break;
            case 'W':
                if (is->name == property::wait) out.waits = is->value != "false";
                break;
            case 'P':
                if (is->name == property::pop_ck) out.has_pop_check = true;
                break;
            case 'I':
                if (is->name == property::inner_num) out.has_inner_num = true;
                break;
            case 'D':
                if (is->name == property::delay) {
                    const auto level = parse_int<std::int32_t>(is->value);
                    out.delay_level = level.value_or(0);
                    out.delay_unreadable = !level;
                }
                break;
            case 'T':
                if (is->name == property::tran_msg)
                    out.is_half = is->value == "true";
                else if (is->name == property::timer_delay_sec)
                    out.timer_delay_sec = is->value;
                else if (is->name == property::timer_delay_ms)
                    out.timer_delay_ms = is->value;
                else if (is->name == property::timer_deliver_ms)
                    out.timer_deliver_ms = is->value;
                break;
            default:
                break;
        }
    }
    return out;
}

Result<std::int64_t> SendProperties::deliver_ms(std::int64_t now_ms) const {
    constexpr std::int64_t far = 1LL << 52;  // sums of such numbers fit
    const bool is_absolute = timer_delay_sec.empty() && timer_delay_ms.empty();
    const bool in_seconds = !timer_delay_sec.empty();
    const auto text = in_seconds    ? timer_delay_sec
                      : is_absolute ? timer_deliver_ms
                                    : timer_delay_ms;
    const auto value = parse_int<std::int64_t>(text);
    if (!value)
        return Error{Errc::invalid, fmt::format("the timer property '{}' is not a number", text)};
    const std::int64_t near = std::clamp(*value, -far, far);
    return is_absolute ? near : now_ms + near * (in_seconds ? 1000 : 1);
}

}  // namespace mqd::front::rocketmq
