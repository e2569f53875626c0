#pragma once
// Which of this machine's addresses others are told, where nobody says.
//
// Threads: any; asks the system each time.

#include <span>
#include <string>

namespace mqd::net {

/// An IPv4 address of an interface, as the system lists them.
struct InterfaceAddress {
    std::string ip;
    bool is_usable = false;  ///< up, no loopback, no bridge, no alias, no end of a tunnel
};

/// RocketMQ's choice: a public address, the last one listed, else the first private one; "" when
/// none is usable.
std::string choose_address(std::span<const InterfaceAddress> addresses);

/// The same of this machine; 127.0.0.1 without any.
std::string own_address();

}  // namespace mqd::net
