#include "net/address.h"

#include <fmt/format.h>

#include "base/parse.h"

namespace mqd::net {

Result<HostPort> parse_host_port(std::string_view text) {
    const auto bad = [&] {
        return Error{Errc::invalid, fmt::format("'{}' is not an address (HOST:PORT)", text)};
    };
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) return bad();
    const auto port = parse_int<std::uint16_t>(text.substr(colon + 1));
    auto host = text.substr(0, colon);
    if (!port) return bad();
    if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
        host = host.substr(1, host.size() - 2);
    } else if (host.find(':') != std::string_view::npos) {
        return bad();
    }
    return HostPort{std::string(host), *port};
}

std::string to_text(const asio::ip::tcp::endpoint& endpoint) {
    auto ip = endpoint.address();
    if (ip.is_v6() && ip.to_v6().is_v4_mapped())
        ip = asio::ip::make_address_v4(asio::ip::v4_mapped, ip.to_v6());
    return fmt::format(fmt::runtime(ip.is_v6() ? "[{}]:{}" : "{}:{}"), ip.to_string(),
                       endpoint.port());
}

}  // namespace mqd::net
