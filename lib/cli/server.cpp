#include "cli/server.h"

#include <fmt/format.h>

#include "base/parse.h"

namespace mqd::cli {

Result<std::vector<std::string>> parse_namesrv(std::string_view text) {
    std::vector<std::string> addresses;
    for (const auto piece : split(text, ';')) {
        const auto address = trimmed(piece);
        if (address.empty()) continue;
        // A port stands behind the last colon, unless that belongs to a bare IPv6 address.
        const auto colon = address.rfind(':');
        const bool v6 = address.starts_with('[');
        const bool has_port = colon != std::string_view::npos &&
                              (v6 ? address[colon - 1] == ']' : address.find(':') == colon);
        if (!has_port) {
            addresses.push_back(v6 || colon == std::string_view::npos
                                    ? fmt::format("{}:9876", address)
                                    : fmt::format("[{}]:9876", address));
            continue;
        }
        const auto port = parse_int<int>(address.substr(colon + 1));
        if (colon == 0 || !port || *port < 1 || *port > 65535)
            return Error{Errc::invalid, fmt::format("'{}' is not HOST:PORT", address)};
        addresses.emplace_back(address);
    }
    if (addresses.empty()) return Error{Errc::invalid, fmt::format("'{}' names no server", text)};
    return addresses;
}

}  // namespace mqd::cli
