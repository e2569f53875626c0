// A load generator that speaks the protocol with many requests in flight and costs next to nothing
// itself: frames are built once and only their opaque and queue id are patched.
//
//   mqd-load --broker HOST:PORT [--mode send|batch|oneway|pull] [--encoding json|binary] ...
//
// Prints one JSON line: messages/s, latency p50/p99/p99.9 in microseconds, and of the broker (with
// --pid) CPU microseconds a message and RSS.

#include <sys/epoll.h>

#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/parse.h"
#include "client.h"
#include "message/record.h"
#include "wire/codes.h"

namespace {

using namespace mqd;
using namespace mqd::bench;

struct Settings {
    std::string broker = "127.0.0.1:10911";
    std::string mode = "send";
    std::string topic = "bench";
    wire::Encoding encoding = wire::Encoding::json;
    int connections = 8;
    int window = 8;
    int size = 128;
    int batch = 32;
    int queues = 8;
    int topics = 1;
    double seconds = 5;
    int messages = 0;  // in all, 0: as many as the time allows
    int rate = 0;      // messages a second in all, 0: as fast as they are answered
    int create = 1;    // 0: the first sends make the topics
    int keys = 0;      // 1: every message of a batch has a key of its own, k00000000 and on
    long pid = 0;
};

/// In few calls: a broker saves all its topics for each.
void create_topics(Caller& caller, const std::vector<std::string>& topics, int queues) {
    constexpr std::size_t together = 1000;
    for (std::size_t i = 0; i < topics.size(); i += together) {
        std::string list;
        for (std::size_t k = i; k < std::min(i + together, topics.size()); ++k)
            list += fmt::format(
                R"({}{{"topicName":"{}","readQueueNums":{},"writeQueueNums":{},"perm":6}})",
                k == i ? "" : ",", topics[k], queues, queues);
        const auto answer = caller.call(
            wire::request_code::update_and_create_topic_list, [](wire::Encoder&) {},
            fmt::format(R"({{"topicConfigList":[{}]}})", list));
        if (answer.code != 0) die(fmt::format("cannot create topics: {}", answer.remark));
    }
}

std::int64_t offset_of(Caller& caller, std::int32_t code, const std::string& topic, int queue) {
    const auto answer = caller.call(code, [&](wire::Encoder& e) {
        e.field("topic", std::string_view(topic));
        e.field("queueId", static_cast<std::int64_t>(queue));
    });
    const auto offset = answer.find("offset");
    return offset ? parse_int<std::int64_t>(*offset).value_or(0) : 0;
}

std::int64_t readable(Caller& caller, const Settings& s, const std::vector<std::string>& topics) {
    std::int64_t sum = 0;
    for (const auto& topic : topics)
        for (int q = 0; q < s.queues; ++q)
            sum += offset_of(caller, wire::request_code::get_max_offset, topic, q);
    return sum;
}

// The opaque has eight digits from the start, so that a frame's length never changes.
constexpr std::int32_t first_opaque = 10'000'000;

/// One prepared request and where its opaque lies.
struct Frame {
    Buffer bytes;
    std::size_t opaque_at = 0;
    bool binary = false;
    std::vector<std::size_t> numbers_at;  // two of eight digits a message: its id's end, its key

    void put_digits(std::size_t at, std::int64_t value) {
        auto* digits = reinterpret_cast<char*>(bytes.data() + at);
        for (int i = 7; i >= 0; --i) {
            digits[i] = static_cast<char>('0' + value % 10);
            value /= 10;
        }
    }
    void set_opaque(std::int32_t opaque) {
        if (binary)
            store_be(bytes.data() + opaque_at, opaque);
        else
            put_digits(opaque_at, opaque);
    }
    void set_keys(std::int64_t first) {
        for (std::size_t i = 0; i < numbers_at.size(); ++i)
            put_digits(numbers_at[i], first + static_cast<std::int64_t>(i / 2));
    }
};

template <class Fields>
Frame make_frame(const Settings& s, std::int32_t code, std::int32_t flag, Fields fields,
                 Bytes body) {
    Frame frame;
    frame.binary = s.encoding == wire::Encoding::binary;
    wire::Encoder encoder(frame.bytes, s.encoding, code, first_opaque, flag);
    fields(encoder);
    encoder.finish(body);
    if (frame.binary) {
        frame.opaque_at = 8 + 2 + 1 + 2;
    } else {
        const auto at = frame.bytes.text().find("\"opaque\":10000000");
        if (at == std::string_view::npos) die("no opaque in the prepared frame");
        frame.opaque_at = at + 9;
    }
    return frame;
}

Frame send_frame(const Settings& s, const std::string& topic, int queue) {
    const bool batch = s.mode == "batch" || s.batch > 1;
    const std::string body(static_cast<std::size_t>(s.size), 'x');
    std::string properties =
        "UNIQ_KEY\x01"
        "7F0000010E3C4E0E2F2A6717DE7C0000\x02"
        "WAIT\x01"
        "true\x02";
    const std::string_view key = "KEYS\x01k00000000\x02";
    if (s.keys > 0) properties += key;
    Buffer packed;
    if (batch)
        for (int i = 0; i < s.batch; ++i)
            message::append_batch_item(packed, {.flag = 0, .body = body, .properties = properties});
    const auto code =
        batch ? wire::request_code::send_batch_message : wire::request_code::send_message_v2;
    const std::int32_t flag = s.mode == "oneway" ? wire::flag_oneway : 0;
    Frame frame = make_frame(
        s, code, flag,
        [&](wire::Encoder& e) {
            e.field("a", std::string_view("bench"));
            e.field("b", std::string_view(topic));
            e.field("c", std::string_view("TBW102"));
            e.field("d", std::int64_t{4});
            e.field("e", static_cast<std::int64_t>(queue));
            e.field("f", std::int64_t{0});
            e.field("g", wall_ms());
            e.field("h", std::int64_t{0});
            e.field("i", std::string_view(batch ? "WAIT\x01true\x02" : properties));
            e.field("j", std::int64_t{0});
            e.field("k", false);
            e.field("m", batch);
            e.field("n", std::string_view("broker"));
        },
        batch ? packed.bytes() : as_bytes(body));
    if (s.keys == 0 || !batch) return frame;
    const auto text = frame.bytes.text();
    for (auto at = text.find(key); at != text.npos; at = text.find(key, at + 1)) {
        frame.numbers_at.push_back(at - std::strlen("0000\x02WAIT\x01true\x02") - 4);
        frame.numbers_at.push_back(at + key.size() - 9);
    }
    return frame;
}

Frame pull_frame(const Settings& s, const std::string& topic, int queue, std::int64_t offset) {
    return make_frame(s, wire::request_code::pull_message, 0,
                      [&](wire::Encoder& e) {
                          e.field("consumerGroup", std::string_view("TOOLS_CONSUMER"));
                          e.field("topic", std::string_view(topic));
                          e.field("queueId", static_cast<std::int64_t>(queue));
                          e.field("queueOffset", offset);
                          e.field("maxMsgNums", static_cast<std::int64_t>(s.batch));
                          e.field("sysFlag", std::int64_t{4});
                          e.field("commitOffset", std::int64_t{0});
                          e.field("suspendTimeoutMillis", std::int64_t{0});
                          e.field("subscription", std::string_view("*"));
                          e.field("subVersion", std::int64_t{0});
                          e.field("expressionType", std::string_view("TAG"));
                      },
                      {});
}

struct Connection {
    int fd = -1;
    Buffer out, in;
    std::size_t sent = 0;
    std::vector<Frame> frames;  // one a queue and topic, taken in turn
    std::size_t turn = 0;
    std::int32_t opaque = first_opaque;
    std::vector<std::int64_t> started_us;  // by opaque, modulo its size
    int in_flight = 0;
    std::int64_t pull_offset = 0;
    std::string pull_topic;
    int pull_queue = 0;
    bool done = false;
};

struct Totals {
    std::int64_t messages = 0;
    std::int64_t bytes = 0;
    std::int64_t errors = 0;
    Histogram latency;
};

class Load {
public:
    Load(const Settings& s, const message::Host& host, std::vector<std::string> topics)
        : s_(s), topics_(std::move(topics)), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
        connections_.resize(static_cast<std::size_t>(s.connections));
        for (std::size_t i = 0; i < connections_.size(); ++i) open(i, host);
    }

    void run() {
        const std::int64_t begin = begin_us_ = monotonic_us();
        const std::int64_t stop = begin + static_cast<std::int64_t>(s_.seconds * 1e6);
        for (auto& c : connections_) fill(c, monotonic_us());
        std::vector<epoll_event> events(connections_.size());
        for (;;) {
            const auto now = monotonic_us();
            stopping_ = stopping_ || now >= stop || all_given() || all_read();
            if (stopping_ && idle()) break;
            if (now > stop + 30'000'000) die("requests are not answered");
            const timespec wait = time_to_wait(now);
            const int n = epoll_pwait2(epoll_, events.data(), static_cast<int>(events.size()),
                                       &wait, nullptr);
            for (int i = 0; i < n; ++i) {
                auto& c = connections_[events[static_cast<std::size_t>(i)].data.u64];
                if ((events[static_cast<std::size_t>(i)].events & EPOLLIN) != 0) take(c);
                if (s_.rate == 0) fill(c, monotonic_us());
            }
            // What was due first, from wherever there is room.
            for (std::size_t i = 0; s_.rate > 0 && i < connections_.size(); ++i)
                fill(connections_[first_++ % connections_.size()], monotonic_us());
        }
        elapsed_us_ = monotonic_us() - begin;
    }

    const Totals& totals() const { return totals_; }
    double seconds() const { return static_cast<double>(elapsed_us_) / 1e6; }

private:
    /// When the next messages are to be sent; with no rate, at once.
    std::int64_t due_us(std::int64_t now) const {
        return s_.rate == 0 ? now : begin_us_ + given_ * 1'000'000 / s_.rate;
    }
    timespec time_to_wait(std::int64_t now) const {
        const std::int64_t us = s_.rate == 0 || stopping_ ? 100'000 : due_us(now) - now;
        return {0, std::clamp<std::int64_t>(us, 20, 100'000) * 1000};
    }
    bool all_given() const { return s_.messages > 0 && given_ >= s_.messages; }
    bool all_read() const {
        return std::ranges::all_of(connections_, [](const Connection& c) { return c.done; });
    }
    bool oneway() const { return s_.mode == "oneway"; }
    bool idle() const {
        return std::ranges::all_of(connections_, [](const Connection& c) {
            return c.done || (c.in_flight == 0 && c.out.empty());
        });
    }

    void open(std::size_t i, const message::Host& host) {
        auto& c = connections_[i];
        c.fd = connect_or_die(host);
        c.started_us.resize(static_cast<std::size_t>(s_.window) * 4);
        for (std::size_t t = 0; t < topics_.size(); ++t) {
            if (s_.mode == "pull") break;
            for (int q = 0; q < s_.queues; ++q)
                c.frames.push_back(send_frame(s_, topics_[(t + i) % topics_.size()],
                                              (q + static_cast<int>(i)) % s_.queues));
        }
        c.pull_topic = topics_[i % topics_.size()];
        c.pull_queue = static_cast<int>(i) % s_.queues;
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.u64 = i;
        epoll_ctl(epoll_, EPOLL_CTL_ADD, c.fd, &event);
    }

    void fill(Connection& c, std::int64_t now) {
        if (c.done) return;
        const int window = s_.mode == "pull" ? 1 : s_.window;
        while (!stopping_ && !all_given() && c.in_flight < window && c.out.size() < 1 << 20 &&
               due_us(now) <= now) {
            if (s_.mode == "pull") {
                c.frames.clear();
                c.frames.push_back(pull_frame(s_, c.pull_topic, c.pull_queue, c.pull_offset));
                c.turn = 0;
            }
            auto& frame = c.frames[c.turn++ % c.frames.size()];
            frame.set_opaque(c.opaque);
            frame.set_keys(given_);
            // From when it was due: what waits for room waits.
            c.started_us[static_cast<std::size_t>(c.opaque) % c.started_us.size()] = due_us(now);
            given_ += s_.batch;
            if (++c.opaque == 99'999'999) c.opaque = first_opaque;
            c.out.put(frame.bytes.bytes());
            if (oneway()) {
                totals_.messages += s_.batch;
            } else {
                ++c.in_flight;
            }
        }
        push(c);
    }

    void push(Connection& c) {
        while (c.sent < c.out.size()) {
            const auto n = send(c.fd, c.out.data() + c.sent, c.out.size() - c.sent,
                                MSG_DONTWAIT | MSG_NOSIGNAL);
            if (n < 0 && errno == EAGAIN) break;
            if (n <= 0) die("the broker closed the connection");
            c.sent += static_cast<std::size_t>(n);
        }
        if (c.sent == c.out.size()) {
            c.out.clear();
            c.sent = 0;
        }
        epoll_event event{};
        event.events = EPOLLIN;
        if (!c.out.empty() || (oneway() && !stopping_)) event.events |= EPOLLOUT;
        event.data.u64 = static_cast<std::uint64_t>(&c - connections_.data());
        epoll_ctl(epoll_, EPOLL_CTL_MOD, c.fd, &event);
    }

    void take(Connection& c) {
        const auto room = c.in.room(1 << 18);
        const auto n = recv(c.fd, room.data(), room.size(), MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN) return;
        if (n <= 0) die("the broker closed the connection");
        c.in.commit(static_cast<std::size_t>(n));
        const auto now = monotonic_us();
        Bytes rest = c.in.bytes();
        for (;;) {
            const auto frame = wire::frame_bytes(rest);
            if (!frame) die(frame.error().what);
            if (*frame == 0 || rest.size() < *frame) break;
            answered(c, rest.first(*frame), now);
            rest = rest.subspan(*frame);
        }
        const std::size_t left = rest.size();
        std::memmove(c.in.data(), rest.data(), left);
        c.in.truncate(left);
    }

    void answered(Connection& c, Bytes frame, std::int64_t now) {
        const std::size_t header_bytes = load_be<std::uint32_t>(frame.data() + 4) & 0xffffffU;
        const auto header = as_text(frame.subspan(8, header_bytes));
        std::int32_t opaque = 0;
        std::int32_t code = 0;
        if (frame[4] == std::byte{0}) {
            opaque = number_behind(header, "\"opaque\":");
            code = number_behind(header, "\"code\":");
        } else {
            code = load_be<std::int16_t>(header.data());
            opaque = load_be<std::int32_t>(header.data() + 5);
        }
        totals_.latency.add(now -
                            c.started_us[static_cast<std::size_t>(opaque) % c.started_us.size()]);
        --c.in_flight;
        if (s_.mode == "pull") return pulled(c, code, frame.subspan(8 + header_bytes));
        if (code != 0) {
            if (++totals_.errors < 4) fmt::print(stderr, "mqd-load: {}\n", header);
            return;
        }
        totals_.messages += s_.batch;
    }

    void pulled(Connection& c, std::int32_t code, Bytes body) {
        if (code != 0) {  // the end of this queue: on to the next one, if any connection is short
            c.pull_queue += s_.connections;
            c.pull_offset = 0;
            c.done = c.pull_queue >= s_.queues;
            return;
        }
        totals_.bytes += static_cast<std::int64_t>(body.size());
        while (body.size() >= message::record_bytes_min) {
            const auto head = message::RecordHead::read(body.data());
            if (head.total_bytes <= 0 || static_cast<std::size_t>(head.total_bytes) > body.size())
                die("a pull answered with a broken record");
            c.pull_offset = load_be<std::int64_t>(body.data() + 20) + 1;
            ++totals_.messages;
            body = body.subspan(static_cast<std::size_t>(head.total_bytes));
        }
    }

    static std::int32_t number_behind(std::string_view text, std::string_view name) {
        const auto at = text.find(name);
        return at == std::string_view::npos ? -1
                                            : static_cast<std::int32_t>(std::strtol(
                                                  text.data() + at + name.size(), nullptr, 10));
    }

    const Settings& s_;
    std::vector<std::string> topics_;
    int epoll_;
    std::vector<Connection> connections_;
    Totals totals_;
    bool stopping_ = false;
    std::int64_t given_ = 0;
    std::int64_t begin_us_ = 0;
    std::int64_t elapsed_us_ = 0;
    std::size_t first_ = 0;
};

Settings parse(int argc, char** argv) {
    Settings s;
    s.batch = 0;
    const std::map<std::string_view, int*> numbers{{"--connections", &s.connections},
                                                   {"--window", &s.window},
                                                   {"--size", &s.size},
                                                   {"--batch", &s.batch},
                                                   {"--queues", &s.queues},
                                                   {"--topics", &s.topics},
                                                   {"--messages", &s.messages},
                                                   {"--rate", &s.rate},
                                                   {"--create", &s.create},
                                                   {"--keys", &s.keys}};
    const std::map<std::string_view, std::string*> texts{
        {"--broker", &s.broker}, {"--mode", &s.mode}, {"--topic", &s.topic}};
    for (int i = 1; i + 1 < argc; i += 2) {
        const std::string_view name = argv[i];
        const std::string_view value = argv[i + 1];
        if (const auto n = numbers.find(name); n != numbers.end()) {
            *n->second = parse_int<int>(value).value_or(-1);
            const bool may_be_0 = name == "--create";
            if (*n->second < (may_be_0 ? 0 : 1))
                die(fmt::format("{} takes a number above 0", name));
        } else if (const auto t = texts.find(name); t != texts.end()) {
            *t->second = value;
        } else if (name == "--encoding") {
            s.encoding = value == "binary" ? wire::Encoding::binary : wire::Encoding::json;
        } else if (name == "--seconds") {
            s.seconds = std::atof(argv[i + 1]);
        } else if (name == "--pid") {
            s.pid = std::atol(argv[i + 1]);
        } else {
            die(fmt::format("unknown option {}", name));
        }
    }
    if (argc % 2 == 0) die("an option has no value");
    if (s.batch == 0) s.batch = s.mode == "batch" || s.mode == "pull" ? 32 : 1;
    return s;
}

}  // namespace

int main(int argc, char** argv) {
    const Settings s = parse(argc, argv);
    const auto host = message::Host::parse(s.broker);
    if (!host) die(fmt::format("'{}' is not IP:PORT", s.broker));
    std::vector<std::string> topics;
    for (int i = 0; i < s.topics; ++i)
        topics.push_back(s.topics == 1 ? s.topic : fmt::format("{}-{}", s.topic, i));

    Caller caller(connect_or_die(*host));
    if (s.mode != "pull" && s.create > 0) create_topics(caller, topics, s.queues);
    const std::int64_t before = s.mode == "oneway" ? readable(caller, s, topics) : 0;

    const double cpu = process_cpu_us(s.pid);
    Load load(s, *host, topics);
    const std::int64_t begin = monotonic_us();
    load.run();
    double seconds = load.seconds();
    std::int64_t lost = 0;
    if (s.mode == "oneway") {  // over when all can be read, or when nothing more arrives
        std::int64_t seen = -1;
        std::int64_t moved_us = monotonic_us();
        for (;;) {
            const std::int64_t now = readable(caller, s, topics) - before;
            if (now != seen) moved_us = monotonic_us();
            seen = now;
            if (seen >= load.totals().messages || monotonic_us() - moved_us > 3'000'000) break;
        }
        seconds = static_cast<double>(moved_us - begin) / 1e6;
        lost = load.totals().messages - seen;
    }
    const auto& t = load.totals();
    const double messages = static_cast<double>(std::max<std::int64_t>(t.messages, 1));
    fmt::print(
        R"({{"mode":"{}","encoding":"{}","connections":{},"window":{},"size":{},"batch":{},"topics":{},)"
        R"("messages":{},"errors":{},"lost":{},"seconds":{:.3f},"per_second":{:.0f},"p50_us":{},"p99_us":{},)"
        R"("p999_us":{},"broker_cpu_us":{:.2f},"broker_rss_kb":{}}})"
        "\n",
        s.mode, s.encoding == wire::Encoding::json ? "json" : "binary", s.connections, s.window,
        s.size, s.batch, s.topics, t.messages, t.errors, lost, seconds, messages / seconds,
        t.latency.quantile(0.5), t.latency.quantile(0.99), t.latency.quantile(0.999),
        (process_cpu_us(s.pid) - cpu) / messages, process_rss_kb(s.pid));
    return t.errors == 0 && lost == 0 ? 0 : 1;
}
