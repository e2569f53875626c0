#include "client/errors.h"

#include <fmt/format.h>

#include "wire/codes.h"

namespace mqd::client {

Errc errc_of(std::int32_t response_code) {
    namespace code = wire::response_code;
    switch (response_code) {
        case code::topic_not_exist:
        case code::query_not_found:
        case code::subscription_group_not_exist:
        case code::consumer_not_online:
            return Errc::not_found;
        case code::no_permission:
            return Errc::refused;
        case code::system_error:
        case code::system_busy:
        case code::service_not_available:
        case code::go_away:
            return Errc::unavailable;
        case code::request_code_not_supported:
            return Errc::unsupported;
        default:
            return Errc::invalid;
    }
}

Error error_of(std::string_view server, std::int32_t response_code, std::string_view remark) {
    const auto name = wire::response_name(response_code);
    const std::string code =
        name.empty() ? fmt::format("code {}", response_code) : std::string(name);
    // Remarks of official brokers go on with a link to their FAQ on further lines.
    remark = remark.substr(0, remark.find('\n'));
    return {errc_of(response_code),
            remark.empty() ? fmt::format("{}: {}", server, code)
                           : fmt::format("{}: {} ({})", server, remark, code),
            response_code};
}

}  // namespace mqd::client
