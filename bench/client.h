#pragma once
// What the benchmarks' programs share: a blocking connection, latencies, and the end of it all.

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "message/types.h"
#include "wire/command.h"

namespace mqd::bench {

[[noreturn]] inline void die(const std::string& why) {
    fmt::print(stderr, "{}: {}\n", program_invocation_short_name, why);
    std::exit(1);
}

/// A connected socket, -1 when nobody listens there.
inline int connect_to(const message::Host& host) {
    const int fd = socket(host.is_v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(host.port));
    std::memcpy(&address.sin_addr, host.ip.data(), 4);
    if (fd < 0) die(fmt::format("no socket: {}", std::strerror(errno)));
    if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
        close(fd);
        return -1;
    }
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

inline int connect_or_die(const message::Host& host) {
    const int fd = connect_to(host);
    if (fd < 0)
        die(fmt::format("cannot connect to {}: {}", host.to_string(), std::strerror(errno)));
    return fd;
}

/// One call on a blocking connection, for setting up and for counting.
class Caller {
public:
    /// Takes the socket over.
    explicit Caller(int fd) : fd_(fd) {}
    ~Caller() { close(fd_); }
    Caller(const Caller&) = delete;
    Caller& operator=(const Caller&) = delete;

    template <class Fields>
    wire::Command call(std::int32_t code, Fields fields, std::string_view body = {}) {
        Buffer out;
        wire::Encoder encoder(out, wire::Encoding::json, code, 1, 0);
        fields(encoder);
        encoder.finish(as_bytes(body));
        if (write(fd_, out.data(), out.size()) != static_cast<ssize_t>(out.size())) die("write");
        in_.clear();
        for (;;) {
            const auto frame = wire::frame_bytes(in_.bytes());
            if (!frame) die(frame.error().what);
            if (*frame > 0 && in_.size() >= *frame) {
                auto command = decoder_.decode(in_.bytes().first(*frame));
                if (!command) die(command.error().what);
                return *command;
            }
            const auto room = in_.room(65536);
            const auto n = read(fd_, room.data(), room.size() - wire::Decoder::padding_bytes);
            if (n <= 0) die("the broker closed the connection");
            in_.commit(static_cast<std::size_t>(n));
        }
    }

private:
    int fd_;
    Buffer in_;
    wire::Decoder decoder_;
};

/// Processor time of a process so far, and its memory; 0 without a process.
inline double process_cpu_us(long pid) {
    if (pid == 0) return 0;
    std::ifstream in(fmt::format("/proc/{}/stat", pid));
    std::string text((std::istreambuf_iterator<char>(in)), {});
    const auto end = text.rfind(')');
    if (end == std::string::npos) return 0;
    std::istringstream fields(text.substr(end + 2));
    std::string skipped;
    for (int i = 0; i < 11; ++i) fields >> skipped;
    double user = 0;
    double system = 0;
    fields >> user >> system;
    return (user + system) * 1e6 / static_cast<double>(sysconf(_SC_CLK_TCK));
}

inline long process_rss_kb(long pid) {
    if (pid == 0) return 0;
    std::ifstream in(fmt::format("/proc/{}/status", pid));
    for (std::string line; std::getline(in, line);)
        if (line.starts_with("VmRSS:")) return std::strtol(line.c_str() + 6, nullptr, 10);
    return 0;
}

/// Latencies in microseconds, to some 3 percent.
class Histogram {
public:
    void add(std::int64_t us) {
        ++counts_[bucket(static_cast<std::uint64_t>(std::max<std::int64_t>(us, 0)))];
        ++total_;
    }
    std::int64_t quantile(double q) const {
        const auto wanted = static_cast<std::int64_t>(q * static_cast<double>(total_));
        std::int64_t seen = 0;
        for (std::size_t i = 0; i < counts_.size(); ++i)
            if ((seen += counts_[i]) > wanted) return upper(i);
        return 0;
    }

private:
    static constexpr unsigned fine_bits = 5;
    static std::size_t bucket(std::uint64_t us) {
        if (us < (1U << fine_bits)) return us;
        const unsigned shift = 63U - static_cast<unsigned>(__builtin_clzll(us)) - fine_bits;
        return std::min<std::size_t>(
            (shift + 1) * (1U << fine_bits) + ((us >> shift) - (1U << fine_bits)), 1023);
    }
    static std::int64_t upper(std::size_t i) {
        const std::size_t fine = 1U << fine_bits;
        if (i < fine) return static_cast<std::int64_t>(i);
        return static_cast<std::int64_t>((i % fine + fine + 1) << (i / fine - 1));
    }
    std::vector<std::int64_t> counts_ = std::vector<std::int64_t>(1024);
    std::int64_t total_ = 0;
};

}  // namespace mqd::bench
