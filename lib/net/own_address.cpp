#include "net/own_address.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <unistd.h>

#include <cstdint>
#include <vector>

namespace mqd::net {
namespace {

/// 10/8, 172.16/12, 192.168/16 and 127/8.
bool is_private(const std::string& ip) {
    in_addr parsed{};
    if (::inet_pton(AF_INET, ip.c_str(), &parsed) != 1) return true;
    const std::uint32_t bits = ntohl(parsed.s_addr);
    return bits >> 24 == 10 || bits >> 24 == 127 || bits >> 20 == 0xAC1 || bits >> 16 == 0xC0A8;
}

bool is_usable(const ifaddrs& is) {
    const std::string name(is.ifa_name);
    const bool is_alias = name.find(':') != std::string::npos;
    if (is_alias || (is.ifa_flags & IFF_UP) == 0) return false;
    if ((is.ifa_flags & (IFF_LOOPBACK | IFF_POINTOPOINT)) != 0) return false;
    return ::access(("/sys/class/net/" + name + "/bridge").c_str(), F_OK) != 0;
}

}  // namespace

std::string choose_address(std::span<const InterfaceAddress> addresses) {
    std::string first, last_public;
    for (const auto& address : addresses) {
        if (!address.is_usable) continue;
        if (first.empty()) first = address.ip;
        if (!is_private(address.ip)) last_public = address.ip;
    }
    return last_public.empty() ? first : last_public;
}

std::string own_address() {
    std::vector<InterfaceAddress> all;
    ifaddrs* list = nullptr;
    if (::getifaddrs(&list) != 0) return "127.0.0.1";
    for (const ifaddrs* is = list; is != nullptr; is = is->ifa_next) {
        if (is->ifa_addr == nullptr || is->ifa_addr->sa_family != AF_INET) continue;
        char text[INET_ADDRSTRLEN] = {};
        const auto* in = reinterpret_cast<const sockaddr_in*>(is->ifa_addr);
        if (::inet_ntop(AF_INET, &in->sin_addr, text, sizeof text) != nullptr)
            all.push_back({text, is_usable(*is)});
    }
    ::freeifaddrs(list);
    const auto chosen = choose_address(all);
    return chosen.empty() ? "127.0.0.1" : chosen;
}

}  // namespace mqd::net
