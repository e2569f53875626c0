#pragma once
// `HOST:PORT` and socket addresses.
//
// Threads: pure functions.

#include <asio/ip/tcp.hpp>

#include <string>
#include <string_view>

#include "base/result.h"

namespace mqd::net {

struct HostPort {
    std::string host;  ///< without the brackets of [::1]; may be empty
    std::uint16_t port = 0;
};

/// invalid: no port, or not a number below 65536.
Result<HostPort> parse_host_port(std::string_view text);

/// `127.0.0.1:10911`, `[::1]:10911`; an IPv4 peer of an IPv6 socket is shown as IPv4.
std::string to_text(const asio::ip::tcp::endpoint& endpoint);

}  // namespace mqd::net
