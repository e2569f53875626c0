#include "message/types.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include "base/parse.h"

namespace mqd::message {

std::string Host::to_string() const {
    char text[INET6_ADDRSTRLEN] = "?";
    inet_ntop(is_v6 ? AF_INET6 : AF_INET, ip.data(), text, sizeof text);
    return is_v6 ? fmt::format("[{}]:{}", text, port) : fmt::format("{}:{}", text, port);
}

std::optional<Host> Host::make(std::string_view address, std::int32_t port) {
    if (address.size() >= 2 && address.front() == '[' && address.back() == ']')
        address = address.substr(1, address.size() - 2);
    const std::string text(address);
    Host host;
    host.port = port;
    if (inet_pton(AF_INET, text.c_str(), host.ip.data()) == 1) return host;
    if (inet_pton(AF_INET6, text.c_str(), host.ip.data()) == 1) {
        host.is_v6 = true;
        return host;
    }
    return std::nullopt;
}

std::optional<Host> Host::parse(std::string_view ip_colon_port) {
    const auto colon = ip_colon_port.rfind(':');
    if (colon == std::string_view::npos) return std::nullopt;
    const auto port = parse_int<std::int32_t>(ip_colon_port.substr(colon + 1));
    if (!port || *port < 0 || *port > 65535) return std::nullopt;
    return make(ip_colon_port.substr(0, colon), *port);
}

}  // namespace mqd::message
