// What it costs to wait for messages, and how soon they come:
//
//   mqd-wait polls HOST:PORT TOPIC QUEUES POLLS SECONDS PID [MATCHING]
//                     so many long polls over all queues of the topic; idle for SECONDS, then
//                     messages for SECONDS, each of which wakes all that wait at its queue, or
//                     those of the first MATCHING
//   mqd-wait latency HOST:PORT TOPIC QUEUES RATE SECONDS
//                     one producer, one consumer as clients are: a long poll a queue; from before
//                     the send to behind the answer
//
// Prints one JSON line.

#include <poll.h>
#include <sys/epoll.h>

#include <cmath>
#include <memory>
#include <string_view>

#include "base/clock.h"
#include "base/parse.h"
#include "client.h"
#include "message/record.h"
#include "wire/codes.h"

namespace {

using namespace mqd;
using namespace mqd::bench;

constexpr std::int64_t suspend_ms = 600'000;
constexpr int pulls_of_a_connection = 1000;

/// Writes wait for room, reads take what is there.
class Connection {
public:
    explicit Connection(int fd) : fd_(fd) {}
    ~Connection() { close(fd_); }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    int fd() const { return fd_; }
    void write(const Buffer& out) const {
        for (std::size_t done = 0; done < out.size();) {
            const auto n = send(fd_, out.data() + done, out.size() - done, MSG_NOSIGNAL);
            if (n <= 0) die(fmt::format("write: {}", std::strerror(errno)));
            done += static_cast<std::size_t>(n);
        }
    }
    /// Calls `take` for each command that has come.
    template <class Take>
    void read(Take take) {
        const auto room = in_.room(256 << 10);
        const auto n =
            recv(fd_, room.data(), room.size() - wire::Decoder::padding_bytes, MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN) return;
        if (n <= 0) die("the broker closed the connection");
        in_.commit(static_cast<std::size_t>(n));
        std::size_t done = 0;
        for (;;) {
            const auto rest = std::as_const(in_).bytes().subspan(done);
            const auto bytes = wire::frame_bytes(rest);
            if (!bytes) die(bytes.error().what);
            if (*bytes == 0 || rest.size() < *bytes) break;
            const auto command = decoder_.decode(rest.first(*bytes));
            if (!command) die(command.error().what);
            take(*command);
            done += *bytes;
        }
        std::memmove(in_.data(), in_.data() + done, in_.size() - done);
        in_.truncate(in_.size() - done);
    }

private:
    int fd_;
    Buffer in_;
    wire::Decoder decoder_;
};

struct Settings {
    message::Host broker;
    std::string topic;
    int queues = 0;
    int count = 0;     ///< polls, or messages a second
    int matching = 0;  ///< so many of the polls want what comes, the others another tag; 0: all
    double seconds = 0;
    long pid = 0;
};

struct Pull {
    Connection* connection = nullptr;
    int queue = 0;
    std::int64_t offset = 0;
};

constexpr std::int32_t send_opaque = 1 << 30;

/// The body is the time.
void put_send(Buffer& out, std::string_view topic, int queue) {
    wire::Encoder e(out, wire::Encoding::json, wire::request_code::send_message_v2, send_opaque, 0);
    e.field("a", std::string_view("bench"));
    e.field("b", topic);
    e.field("c", std::string_view("TBW102"));
    e.field("d", std::int64_t{4});
    e.field("e", std::int64_t{queue});
    e.field("f", std::int64_t{0});
    e.field("g", wall_ms());
    e.field("h", std::int64_t{0});
    e.field("i", std::string_view());
    e.field("j", std::int64_t{0});
    e.field("k", false);
    e.field("m", false);
    const auto body = std::to_string(monotonic_us());
    if (!e.finish(as_bytes(body))) die("a frame is too long");
}

/// A message to each queue: the first one makes its files, which is no part of waking.
void begin_queues(const Settings& s) {
    Connection connection(connect_or_die(s.broker));
    for (int queue = 0; queue < s.queues; ++queue) {
        Buffer out;
        put_send(out, s.topic, queue);
        connection.write(out);
        for (bool is_answered = false; !is_answered;) {
            pollfd one{connection.fd(), POLLIN, 0};
            poll(&one, 1, -1);
            connection.read([&](const wire::Command& answer) {
                if (answer.code != 0) die(fmt::format("a send was refused: {}", answer.remark));
                is_answered = true;
            });
        }
    }
}

class Waiting {
public:
    Waiting(const Settings& settings, int pulls)
        : s_(settings), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
        if (epoll_ < 0) die("no epoll");
        const auto ends = queue_ends();
        producer_ = connect();
        for (int i = 0; i < pulls; ++i) {
            if (i % pulls_of_a_connection == 0) consumers_.push_back(connect());
            const int queue = i % s_.queues;
            pulls_.push_back(
                {consumers_.back().get(), queue, ends[static_cast<std::size_t>(queue)]});
        }
        for (std::size_t i = 0; i < pulls_.size(); ++i) ask(i);
    }
    ~Waiting() { close(epoll_); }
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;

    void send(int queue) {
        Buffer out;
        put_send(out, s_.topic, queue);
        producer_->write(out);
        ++sent_;
    }

    /// Takes in what comes until then. It is asked for more once nothing more is there: what our
    /// own asking takes is not the broker's time.
    void run_until(std::int64_t until_us) {
        for (;;) {
            const auto left_us = std::max<std::int64_t>(until_us - monotonic_us(), 0);
            const auto wait_us = asks_.empty() ? left_us : 0;
            epoll_event events[128];
            const timespec timeout{wait_us / 1'000'000, wait_us % 1'000'000 * 1000};
            const int n = epoll_pwait2(epoll_, events, 128, &timeout, nullptr);
            for (int i = 0; i < n; ++i) {
                auto& connection = *static_cast<Connection*>(events[i].data.ptr);
                connection.read([&](const wire::Command& command) { take(command); });
            }
            if (n <= 0) {
                for (const auto number : asks_) ask(number);
                asks_.clear();
            }
            if (left_us == 0 && asks_.empty()) return;
        }
    }

    const Histogram& latency() const { return latency_; }
    std::int64_t sent() const { return sent_; }
    std::int64_t received() const { return received_; }

private:
    std::unique_ptr<Connection> connect() const {
        auto connection = std::make_unique<Connection>(connect_or_die(s_.broker));
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.ptr = connection.get();
        if (epoll_ctl(epoll_, EPOLL_CTL_ADD, connection->fd(), &event) != 0) die("epoll_ctl");
        return connection;
    }

    bool is_matching(std::size_t number) const {
        return s_.matching == 0 || number < static_cast<std::size_t>(s_.matching);
    }

    std::vector<std::int64_t> queue_ends() const {
        Caller caller(connect_or_die(s_.broker));
        std::vector<std::int64_t> ends;
        for (int queue = 0; queue < s_.queues; ++queue) {
            const auto answer =
                caller.call(wire::request_code::get_max_offset, [&](wire::Encoder& e) {
                    e.field("topic", std::string_view(s_.topic));
                    e.field("queueId", std::int64_t{queue});
                });
            const auto end = parse_int<std::int64_t>(answer.find("offset").value_or(""));
            if (answer.code != 0 || !end) die(fmt::format("no queue {} of {}", queue, s_.topic));
            ends.push_back(*end);
        }
        return ends;
    }

    void ask(std::size_t number) const {
        const Pull& pull = pulls_[number];
        Buffer out;
        wire::Encoder e(out, wire::Encoding::json, wire::request_code::pull_message,
                        static_cast<std::int32_t>(number), 0);
        e.field("consumerGroup", std::string_view("bench"));
        e.field("topic", std::string_view(s_.topic));
        e.field("queueId", std::int64_t{pull.queue});
        e.field("queueOffset", pull.offset);
        e.field("maxMsgNums", std::int64_t{32});
        e.field("sysFlag", std::int64_t{2 | 4});  // may wait, and says what it wants
        e.field("commitOffset", std::int64_t{0});
        e.field("suspendTimeoutMillis", suspend_ms);
        e.field("subscription", std::string_view(is_matching(number) ? "*" : "never"));
        e.field("subVersion", std::int64_t{0});
        e.field("expressionType", std::string_view("TAG"));
        if (!e.finish({})) die("a frame is too long");
        pull.connection->write(out);
    }

    void take(const wire::Command& answer) {
        if (answer.opaque == send_opaque) {
            if (answer.code != 0) die(fmt::format("a send was refused: {}", answer.remark));
            return;
        }
        const auto number = static_cast<std::size_t>(answer.opaque);
        const auto next = parse_int<std::int64_t>(answer.find("nextBeginOffset").value_or(""));
        if (number >= pulls_.size() || !next)
            die(fmt::format("a pull's answer {}: {}", answer.code, answer.remark));
        const auto now_us = monotonic_us();
        Bytes rest = answer.body;
        while (answer.code == 0 && !rest.empty()) {
            const auto record = message::RecordView::parse(rest);
            if (!record) die(record.error().what);
            latency_.add(now_us - parse_int<std::int64_t>(record->body).value_or(0));
            ++received_;
            rest = rest.subspan(record->bytes.size());
        }
        pulls_[number].offset = *next;
        asks_.push_back(number);
    }

    const Settings s_;
    const int epoll_;
    std::unique_ptr<Connection> producer_;
    std::vector<std::unique_ptr<Connection>> consumers_;
    std::vector<Pull> pulls_;
    std::vector<std::size_t> asks_;
    Histogram latency_;
    std::int64_t sent_ = 0, received_ = 0;
};

void polls(const Settings& s) {
    begin_queues(s);
    Waiting waiting(s, s.count);
    // The broker has parked the last one when its queue of requests is empty: some moments later.
    waiting.run_until(monotonic_us() + 2'000'000);
    const auto rss_kb = process_rss_kb(s.pid);
    const double cpu_us = process_cpu_us(s.pid);
    const std::int64_t span_us = std::llround(s.seconds * 1e6);
    waiting.run_until(monotonic_us() + span_us);
    const double idle = (process_cpu_us(s.pid) - cpu_us) / static_cast<double>(span_us) * 100;
    // In 5 s enough of them for a p99, and each queue is sent to once.
    constexpr std::int64_t every_us = 5000;
    int queue = 0;
    for (auto at_us = monotonic_us(), end_us = at_us + span_us; at_us < end_us; at_us += every_us) {
        waiting.send(queue);
        queue = (queue + 1) % s.queues;
        waiting.run_until(at_us + every_us);
    }
    waiting.run_until(monotonic_us() + 1'000'000);
    const auto& latency = waiting.latency();
    fmt::print(
        "{{\"polls\":{},\"rss_kb\":{},\"idle_percent\":{:.2f},\"sent\":{},\"woken\":{},\"p50_us\":{"
        "},"
        "\"p99_us\":{},\"rss_after_kb\":{}}}\n",
        s.count, rss_kb, idle, waiting.sent(), waiting.received(), latency.quantile(0.5),
        latency.quantile(0.99), process_rss_kb(s.pid));
}

void latency(const Settings& s) {
    begin_queues(s);
    Waiting waiting(s, s.queues);
    waiting.run_until(monotonic_us() + 500'000);
    const auto every_us = 1'000'000 / s.count;
    const std::int64_t span_us = std::llround(s.seconds * 1e6);
    int queue = 0;
    for (auto at_us = monotonic_us(), end_us = at_us + span_us; at_us < end_us; at_us += every_us) {
        waiting.send(queue);
        queue = (queue + 1) % s.queues;
        waiting.run_until(at_us + every_us);
    }
    waiting.run_until(monotonic_us() + 500'000);
    const auto& latency = waiting.latency();
    fmt::print("{{\"sent\":{},\"received\":{},\"p50_us\":{},\"p99_us\":{},\"p999_us\":{}}}\n",
               waiting.sent(), waiting.received(), latency.quantile(0.5), latency.quantile(0.99),
               latency.quantile(0.999));
}

bool parse(int argc, char** argv, Settings& s) {
    if (argc < 7 || argc > 9) return false;
    const auto host = message::Host::parse(argv[2]);
    if (!host) return false;
    s.broker = *host;
    s.topic = argv[3];
    s.queues = parse_int<int>(argv[4]).value_or(0);
    s.count = parse_int<int>(argv[5]).value_or(0);
    s.seconds = std::atof(argv[6]);
    s.pid = argc >= 8 ? parse_int<long>(argv[7]).value_or(0) : 0;
    s.matching = argc == 9 ? parse_int<int>(argv[8]).value_or(0) : 0;
    return s.queues > 0 && s.count > 0 && s.seconds > 0;
}

}  // namespace

int main(int argc, char** argv) {
    const std::string_view what = argc > 1 ? argv[1] : "";
    Settings settings;
    const bool is_known = what == "polls" || what == "latency";
    if (!is_known || !parse(argc, argv, settings))
        die("polls HOST:PORT TOPIC QUEUES POLLS SECONDS PID [MATCHING] | latency HOST:PORT TOPIC "
            "QUEUES RATE SECONDS");
    if (what == "polls")
        polls(settings);
    else
        latency(settings);
    return 0;
}
