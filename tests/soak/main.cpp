// Producers, members of groups that come and go, delays, retries and transactions on a broker that
// is killed with -9 over and over; what was promised is then looked for:
//
//   mqd-soak BROKER DIR SECONDS KILL_EVERY_SECONDS [SEED]
//
// BROKER is the program; DIR an empty folder for its store, which is whole and at rest at the end.
// The last fifth of the time nobody kills it, and its memory must not grow. Prints what was done,
// and every promise that was broken; the status is 1 if there was one.

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "audit.h"
#include "base/clock.h"
#include "base/parse.h"
#include "broker_process.h"
#include "members.h"
#include "sender.h"
#include "transactions.h"
#include "wire/codes.h"
#include "wire/headers/topics.h"

namespace {

using namespace mqd;
using namespace mqd::soak;

/// Of the broker's own; half as much again was never seen. Sanitizers take what they like.
constexpr std::int64_t memory_kb_max = 64 << 10;
constexpr std::int64_t growth_kb_max = 8 << 10;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool counts_memory = false;
#else
constexpr bool counts_memory = true;
#endif

/// All that was delayed, retried or open comes to its end within this, by the timeline.
constexpr std::int64_t end_within_ms = 90'000;
/// What was given back twice may be under way once more: longer than any delay level of a retry.
constexpr std::int64_t at_rest_ms = 1500;

struct Settings {
    std::string broker;
    std::string dir;
    std::int64_t run_ms = 0;
    std::int64_t kill_every_ms = 0;
    std::uint64_t seed = 0;
};

/// As the broker's user sees it, from second to second.
class MemoryWatch {
public:
    explicit MemoryWatch(Problems& problems) : problems_(problems) {}
    void look(const BrokerProcess& broker) {
        const auto kb = broker.memory_kb();
        last_kb_ = kb;
        most_kb_ = std::max(most_kb_, kb);
    }
    void begin_quiet() { quiet_begin_kb_ = last_kb_; }
    void finish() {
        growth_kb_ = last_kb_ - quiet_begin_kb_;
        if (!counts_memory) return;
        if (most_kb_ > memory_kb_max)
            problems_.add("memory", fmt::format("the broker had {} kB", most_kb_));
        if (growth_kb_ > growth_kb_max)
            problems_.add("memory",
                          fmt::format("it grew by {} kB while nobody killed it", growth_kb_));
    }
    std::int64_t most_kb() const { return most_kb_; }
    std::int64_t growth_kb() const { return growth_kb_; }

private:
    Problems& problems_;
    std::int64_t last_kb_ = 0, most_kb_ = 0, quiet_begin_kb_ = 0, growth_kb_ = 0;
};

Result<> make_topics(client::Client& client, const std::string& broker) {
    for (const auto* const topic : topics) {
        wire::CreateTopic header;
        header.topic = topic;
        header.default_topic = "TBW102";
        header.read_queue_nums = header.write_queue_nums = queues_of_a_topic;
        header.perm = 6;
        TRY_OK(client.call(broker, wire::request_code::update_and_create_topic, header));
    }
    return {};
}

void nap() {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
}

/// The time of the kills, and the quiet one behind it.
Result<int> rage(const Settings& settings, BrokerProcess& broker, const Timeline& timeline,
                 MemoryWatch& memory) {
    const auto begin_ms = timeline.now_ms();
    const auto quiet_ms = begin_ms + settings.run_ms * 4 / 5;
    // A life's first seconds fill what fills.
    const auto measure_ms = quiet_ms + settings.run_ms / 15;
    int kills = 0;
    bool is_measured = false;
    auto kill_at_ms = begin_ms + settings.kill_every_ms;
    while (timeline.now_ms() < begin_ms + settings.run_ms) {
        nap();
        if (broker.has_died()) return Error{Errc::io, "the broker has ended by itself"};
        memory.look(broker);
        if (!is_measured && timeline.now_ms() >= measure_ms) {
            memory.begin_quiet();
            is_measured = true;
        }
        if (timeline.now_ms() < kill_at_ms || timeline.now_ms() >= quiet_ms) continue;
        broker.kill();
        TRY_OK(broker.start());
        ++kills;
        kill_at_ms = timeline.now_ms() + settings.kill_every_ms;
    }
    memory.finish();
    return kills;
}

/// What the shared group must have come to an end with.
std::vector<std::int64_t> promised(const SentBook& sent, Stream stream) {
    std::vector<std::int64_t> numbers;
    std::int64_t number = 0;
    for (const auto& one : sent.all(stream)) {
        const bool is_promised =
            stream != Stream::transactions || decision_of(number) == Decision::commit;
        if (one.acknowledged && is_promised) numbers.push_back(number);
        ++number;
    }
    return numbers;
}

/// Until everything that was promised has been consumed.
Result<> come_to_an_end(client::Client& client, const Timeline& timeline, const SentBook& sent,
                        const GroupBook& groups, const RetryBook& retries) {
    const auto until_ms = timeline.now_ms() + end_within_ms;
    const auto plain = promised(sent, Stream::plain);
    const auto delayed = promised(sent, Stream::delayed);
    const auto committed = promised(sent, Stream::transactions);
    Progress last;
    auto changed_ms = timeline.now_ms();
    for (;;) {
        const auto open_plain = retries.unfinished(Stream::plain, plain);
        const auto open_delayed = retries.unfinished(Stream::delayed, delayed);
        const auto open_committed = retries.unfinished(Stream::transactions, committed);
        TRY(const auto now, progress(client, groups));
        if (now != last) changed_ms = timeline.now_ms();
        last = now;
        if (open_plain + open_delayed + open_committed == 0 && now.left == 0 &&
            timeline.now_ms() - changed_ms > at_rest_ms)
            return {};
        if (timeline.now_ms() > until_ms)
            return Error{Errc::unavailable,
                         fmt::format("{} of {} plain messages, {} of {} delayed, {} of {} "
                                     "committed ones have not come to an end; {} in the queues are "
                                     "not done with",
                                     open_plain, plain.size(), open_delayed, delayed.size(),
                                     open_committed, committed.size(), now.left)};
        nap();
    }
}

Result<> run(const Settings& settings, Problems& problems) {
    Timeline timeline;
    SentBook sent;
    GroupBook groups(timeline, problems);
    RetryBook retries;
    BrokerProcess broker(settings.broker, settings.dir, timeline);
    TRY_OK(broker.start());
    TRY(const auto client, client::Client::open({.namesrv = {broker.namesrv()}}));
    TRY_OK(make_topics(*client, broker.address()));

    const auto begin_ms = monotonic_ms();
    Members members({timeline, problems, groups, retries}, broker.namesrv(), settings.seed);
    Transactions transactions(sent, problems, broker.namesrv(), broker.address(), 40);
    std::vector<std::unique_ptr<Sender>> senders;
    const auto start = [&](Stream stream, int per_second) {
        senders.push_back(
            std::make_unique<Sender>(sent, problems, broker.namesrv(), stream, per_second));
    };
    start(Stream::ordered, 400);
    start(Stream::plain, 400);
    start(Stream::delayed, 100);

    MemoryWatch memory(problems);
    TRY(const int kills, rage(settings, broker, timeline, memory));
    for (auto& sender : senders) sender->stop();
    transactions.begin_no_more();
    // Once more, with all that is still delayed, open or given back.
    broker.kill();
    TRY_OK(broker.start());
    members.settle_down();
    const auto ended = come_to_an_end(*client, timeline, sent, groups, retries);
    if (!ended) problems.add("no end", ended.error().what);
    transactions.stop();
    members.stop();

    TRY(const auto found, audit(*client, sent, retries, problems));
    const auto counts = groups.counts();
    fmt::print("{} s, seed {}: {} kills, {} members' lives\n", (monotonic_ms() - begin_ms) / 1000,
               settings.seed, kills + 1, members.lives());
    fmt::print("stored {} messages, {} sent again; delayed ones late by {} ms (p99, outages too)\n",
               found.messages, found.sent_again, found.late_ms_p99);
    fmt::print(
        "delivered {}, {} again, in {} readings of queues; {} retries, {} dead letters; {} "
        "questions about transactions\n",
        counts.delivered, counts.again, counts.readings, found.retries, found.dead_letters,
        transactions.questions());
    fmt::print("memory of the broker: {} kB at most, {:+} kB in the quiet time\n", memory.most_kb(),
               memory.growth_kb());
    if (const int status = broker.stop(); status != 0)
        problems.add("the broker", fmt::format("ended with status {}", status));
    return {};
}

bool parse(int argc, char** argv, Settings& settings) {
    if (argc != 5 && argc != 6) return false;
    settings.broker = argv[1];
    settings.dir = argv[2];
    settings.run_ms = parse_int<std::int64_t>(argv[3]).value_or(0) * 1000;
    settings.kill_every_ms = parse_int<std::int64_t>(argv[4]).value_or(0) * 1000;
    settings.seed =
        argc == 6 ? parse_int<std::uint64_t>(argv[5]).value_or(0) : std::random_device{}();
    return settings.run_ms > 0 && settings.kill_every_ms > 0;
}

}  // namespace

int main(int argc, char** argv) {
    Settings settings;
    if (!parse(argc, argv, settings)) {
        fmt::print(stderr, "usage: mqd-soak BROKER DIR SECONDS KILL_EVERY_SECONDS [SEED]\n");
        return 2;
    }
    Problems problems;
    if (const auto done = run(settings, problems); !done)
        problems.add("stopped", done.error().what);
    for (const auto& text : problems.texts()) fmt::print("{}\n", text);
    return problems.empty() ? 0 : 1;
}
