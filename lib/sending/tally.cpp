#include "sending/tally.h"

#include <fmt/format.h>

#include "wire/codes.h"

namespace mqd::sending {

std::string reason_of(const Error& error) {
    if (error.remote_code >= 0) {
        const auto name = wire::response_name(error.remote_code);
        return name.empty() ? fmt::format("code_{}", error.remote_code) : std::string(name);
    }
    return std::string(error.code == Errc::corrupt ? "malformed" : to_string(error.code));
}

}  // namespace mqd::sending
