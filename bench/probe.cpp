// What the benchmarks ask for one at a time:
//
//   mqd-probe first HOST:PORT TOPIC          waits until a send is answered
//   mqd-probe query HOST:PORT TOPIC KEYS S   random keys of k00000000.. for S seconds
//   mqd-probe key HOST:PORT TOPIC N          whether key N is found
//   mqd-probe disk FILE BYTES S              a bare loop of pwrite and fdatasync for S seconds
//   mqd-probe served FILE BYTES S            the same, each asked for and answered over TCP
//   mqd-probe evict DIR                      syncs the files below and drops them from the cache
//
// Prints one JSON line.

#include <fcntl.h>

#include <cmath>
#include <filesystem>
#include <functional>
#include <optional>
#include <random>
#include <string_view>
#include <thread>

#include "base/clock.h"
#include "base/parse.h"
#include "client.h"
#include "wire/codes.h"

namespace {

using namespace mqd;
using namespace mqd::bench;
namespace fs = std::filesystem;

message::Host host_of(const char* text) {
    const auto host = message::Host::parse(text);
    if (!host) die(fmt::format("'{}' is not IP:PORT", text));
    return *host;
}

double seconds_of(const char* text) {
    const double seconds = std::atof(text);
    if (!(seconds > 0)) die(fmt::format("'{}' is no time", text));
    return seconds;
}

void first(const char* address, std::string_view topic) {
    const auto host = host_of(address);
    const auto deadline_ms = monotonic_ms() + 120'000;
    int fd = -1;
    while ((fd = connect_to(host)) < 0) {
        if (monotonic_ms() > deadline_ms) die("nobody listens");
        usleep(500);
    }
    Caller caller(fd);
    const auto answer = caller.call(wire::request_code::send_message_v2, [&](wire::Encoder& e) {
        e.field("a", std::string_view("bench"));
        e.field("b", topic);
        e.field("c", std::string_view("TBW102"));
        e.field("d", std::int64_t{4});
        e.field("e", std::int64_t{0});
        e.field("f", std::int64_t{0});
        e.field("g", wall_ms());
        e.field("h", std::int64_t{0});
        e.field("i", std::string_view());
        e.field("j", std::int64_t{0});
        e.field("k", false);
        e.field("m", false);
    });
    if (answer.code != 0) die(fmt::format("the send was refused: {}", answer.remark));
    fmt::print("{{\"answered\":1}}\n");
}

bool has_key(Caller& caller, std::string_view topic, std::int64_t number) {
    const std::string key = fmt::format("k{:08}", number);
    const auto answer = caller.call(wire::request_code::query_message, [&](wire::Encoder& e) {
        e.field("topic", topic);
        e.field("key", std::string_view(key));
        e.field("maxNum", std::int64_t{32});
        e.field("beginTimestamp", std::int64_t{0});
        e.field("endTimestamp", std::numeric_limits<std::int64_t>::max());
    });
    return answer.code == 0 && !answer.body.empty();
}

void query(const char* address, std::string_view topic, const char* keys, double seconds) {
    const auto count = parse_int<std::int64_t>(keys).value_or(0);
    if (count <= 0) die("no keys");
    Caller caller(connect_or_die(host_of(address)));
    std::mt19937_64 random(1);
    std::uniform_int_distribution<std::int64_t> any(0, count - 1);
    Histogram latency;
    std::int64_t asked = 0;
    std::int64_t missed = 0;
    const auto end_us = monotonic_us() + std::llround(seconds * 1e6);
    for (auto now_us = monotonic_us(); now_us < end_us; ++asked) {
        if (!has_key(caller, topic, any(random))) ++missed;
        const auto then_us = std::exchange(now_us, monotonic_us());
        latency.add(now_us - then_us);
    }
    fmt::print("{{\"asked\":{},\"missed\":{},\"p50_us\":{},\"p99_us\":{},\"p999_us\":{}}}\n", asked,
               missed, latency.quantile(0.5), latency.quantile(0.99), latency.quantile(0.999));
}

/// A thread that calls `work` for each message that comes over a connection, and answers it.
class Served {
public:
    explicit Served(std::function<void()> work) {
        const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in any{};
        any.sin_family = AF_INET;
        any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof any;
        auto* const address = reinterpret_cast<sockaddr*>(&any);
        if (listener < 0 || bind(listener, address, size) != 0 || listen(listener, 1) != 0 ||
            getsockname(listener, address, &size) != 0)
            die(fmt::format("no listener: {}", std::strerror(errno)));
        message::Host host;
        std::memcpy(host.ip.data(), &any.sin_addr, 4);
        host.port = ntohs(any.sin_port);
        asker_ = connect_or_die(host);
        const int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
        if (fd < 0) die(fmt::format("accept: {}", std::strerror(errno)));
        const int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        close(listener);
        thread_ = std::thread([fd, work = std::move(work)] {
            char request[frame_bytes];
            while (recv(fd, request, sizeof request, MSG_WAITALL) == frame_bytes) {
                work();
                if (send(fd, request, sizeof request, MSG_NOSIGNAL) != frame_bytes) break;
            }
            close(fd);
        });
    }
    ~Served() {
        shutdown(asker_, SHUT_RDWR);
        thread_.join();
        close(asker_);
    }
    Served(const Served&) = delete;
    Served& operator=(const Served&) = delete;

    void ask() const {
        char frame[frame_bytes] = {};
        if (send(asker_, frame, sizeof frame, MSG_NOSIGNAL) != frame_bytes ||
            recv(asker_, frame, sizeof frame, MSG_WAITALL) != frame_bytes)
            die(fmt::format("over TCP: {}", std::strerror(errno)));
    }

private:
    static constexpr ssize_t frame_bytes = 300;
    int asker_ = -1;
    std::thread thread_;
};

/// As the commit log is written: one behind the other, into a file that has its length already.
void disk(const char* path, const char* size, double seconds, bool served) {
    const auto bytes = parse_int<std::int64_t>(size).value_or(0);
    if (bytes <= 0) die("no size");
    constexpr off_t file_bytes = 1 << 30;
    const int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0 || ftruncate(fd, file_bytes) != 0 || fsync(fd) != 0)
        die(fmt::format("{}: {}", path, std::strerror(errno)));
    const std::string record(static_cast<std::size_t>(bytes), 'x');
    off_t at = 0;
    const auto put = [&] {
        if (pwrite(fd, record.data(), record.size(), at) != bytes || fdatasync(fd) != 0)
            die(fmt::format("{}: {}", path, std::strerror(errno)));
    };
    std::optional<Served> server;
    if (served) server.emplace(put);
    Histogram latency;
    std::int64_t count = 0;
    const auto begin_us = monotonic_us();
    const auto end_us = begin_us + std::llround(seconds * 1e6);
    auto now_us = begin_us;
    for (; now_us < end_us && at + bytes <= file_bytes; at += bytes, ++count) {
        if (server)
            server->ask();
        else
            put();
        const auto then_us = std::exchange(now_us, monotonic_us());
        latency.add(now_us - then_us);
    }
    server.reset();
    close(fd);
    fs::remove(path);
    fmt::print("{{\"per_second\":{:.0f},\"p50_us\":{},\"p99_us\":{}}}\n",
               static_cast<double>(count) * 1e6 / static_cast<double>(now_us - begin_us),
               latency.quantile(0.5), latency.quantile(0.99));
}

void evict(const char* dir) {
    std::int64_t files = 0;
    for (const auto& entry : fs::recursive_directory_iterator(dir)) {
        if (!entry.is_regular_file()) continue;
        const int fd = open(entry.path().c_str(), O_RDONLY | O_CLOEXEC);
        if (fd < 0 || fdatasync(fd) != 0 || posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) != 0)
            die(fmt::format("{}: {}", entry.path().string(), std::strerror(errno)));
        close(fd);
        ++files;
    }
    fmt::print("{{\"files\":{}}}\n", files);
}

}  // namespace

int main(int argc, char** argv) {
    const std::string_view what = argc > 1 ? argv[1] : "";
    if (what == "first" && argc == 4)
        first(argv[2], argv[3]);
    else if (what == "query" && argc == 6)
        query(argv[2], argv[3], argv[4], seconds_of(argv[5]));
    else if (what == "key" && argc == 5) {
        Caller caller(connect_or_die(host_of(argv[2])));
        const auto number = parse_int<std::int64_t>(argv[4]).value_or(-1);
        fmt::print("{{\"found\":{}}}\n", has_key(caller, argv[3], number) ? 1 : 0);
    } else if ((what == "disk" || what == "served") && argc == 5)
        disk(argv[2], argv[3], seconds_of(argv[4]), what == "served");
    else if (what == "evict" && argc == 3)
        evict(argv[2]);
    else
        die("first HOST:PORT TOPIC | key HOST:PORT TOPIC N | query HOST:PORT TOPIC KEYS SECONDS | "
            "disk|served FILE BYTES SECONDS | evict DIR");
    return 0;
}
