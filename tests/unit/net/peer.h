#pragma once
// The other end for tests: a plain blocking socket, and waiting for a condition.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "base/check.h"

namespace mqd::testing {

/// True as soon as the condition holds; false when it does not within 10 s.
inline bool eventually(const std::function<bool()>& holds) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!holds()) {
        if (std::chrono::steady_clock::now() > end) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return true;
}

class Peer {
public:
    explicit Peer(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        check(fd_ >= 0);
        const int yes = 1;
        check(::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) == 0);
        timeval timeout{10, 0};
        check(::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) == 0);
        address_.sin_family = AF_INET;
        address_.sin_port = htons(port);
        address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    }
    ~Peer() {
        if (fd_ >= 0) ::close(fd_);
    }
    Peer(const Peer&) = delete;
    Peer& operator=(const Peer&) = delete;
    Peer(Peer&& other) noexcept : fd_(std::exchange(other.fd_, -1)), address_(other.address_) {}

    static Peer connected(std::uint16_t port) {
        Peer peer(port);
        peer.connect();
        return peer;
    }
    void connect() {
        check(::connect(fd_, reinterpret_cast<const sockaddr*>(&address_), sizeof address_) == 0);
    }
    void send(std::string_view bytes) {
        while (!bytes.empty()) {
            const auto n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            check(n > 0);
            bytes.remove_prefix(static_cast<std::size_t>(n));
        }
    }
    /// As many as the kernel takes at once; 0 when it takes none.
    std::size_t send_some(std::string_view bytes) {
        const auto n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        return n > 0 ? static_cast<std::size_t>(n) : 0;
    }
    /// `count` bytes, fewer when the other side closed or nothing came for 10 s.
    std::string receive(std::size_t count) {
        std::string bytes(count, '\0');
        std::size_t have = 0;
        while (have < count) {
            const auto n = ::recv(fd_, bytes.data() + have, count - have, 0);
            if (n <= 0) break;
            have += static_cast<std::size_t>(n);
        }
        bytes.resize(have);
        return bytes;
    }
    /// The other side has closed, and sent nothing before.
    bool is_closed() {
        char byte = 0;
        const auto n = ::recv(fd_, &byte, 1, 0);
        return n == 0 || (n < 0 && errno == ECONNRESET);
    }
    int fd() const { return fd_; }

private:
    int fd_;
    sockaddr_in address_{};
};

}  // namespace mqd::testing
