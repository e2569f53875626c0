#include "sender.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/clock.h"
#include "message/properties.h"

namespace mqd::soak {
namespace {

constexpr int turn_ms = 4;
/// As in Member.
constexpr std::int64_t timeout_ms = 60'000;

/// The broker's first three delay levels, broker_process.cpp.
constexpr std::array<std::int64_t, 3> level_ms = {300, 1000, 2000};

/// A third by level, by delay and by time each.
std::string delay_of(std::int64_t turn, std::int64_t now_ms, std::int64_t& due_ms) {
    namespace property = message::property;
    std::string properties;
    const auto wait_ms = level_ms[static_cast<std::size_t>(turn / 3 % 3)] + turn % 100;
    switch (turn % 3) {
        case 0: {
            const auto level = static_cast<std::size_t>(turn / 3 % 3);
            due_ms = now_ms + level_ms[level];
            message::append_property(properties, property::delay, std::to_string(level + 1));
            break;
        }
        case 1:
            due_ms = now_ms + wait_ms;
            message::append_property(properties, property::timer_delay_ms, std::to_string(wait_ms));
            break;
        default:
            due_ms = now_ms + wait_ms;
            message::append_property(properties, property::timer_deliver_ms,
                                     std::to_string(due_ms));
            break;
    }
    return properties;
}

}  // namespace

Sender::Sender(SentBook& book, Problems& problems, std::string namesrv, Stream stream,
               int per_second)
    : book_(book),
      problems_(problems),
      namesrv_(std::move(namesrv)),
      stream_(stream),
      per_second_(per_second),
      thread_([this] { run(); }) {}

void Sender::stop() {
    stops_ = true;
    if (thread_.joinable()) thread_.join();
}

void Sender::run() {
    auto client = client::Client::open({.namesrv = {namesrv_}, .timeout_ms = timeout_ms});
    if (!client) return problems_.add("a sender did not start", client.error().what);
    client::Producer::Options options;
    options.group = fmt::format("soak-sender-{}", topic_of(stream_));
    options.window = 16;
    options.attempt_ms = timeout_ms;
    options.never_gives_up = true;
    options.on_settled = [this](const client::Settled& s) { settled(s); };
    client::Producer producer(**client, std::move(options));
    std::int64_t next_us = monotonic_us();
    while (!stops_) {
        // What an outage has held up is not made up for.
        next_us = std::max(next_us, monotonic_us() - 1'000'000);
        for (; next_us < monotonic_us() && !stops_; next_us += 1'000'000 / per_second_)
            send(producer);
        producer.flush_some();
        client::wait_for_either(producer.fd(), -1, turn_ms);
        producer.pump();
    }
    producer.finish();
    if (producer.first_error())
        problems_.add("a message was refused", producer.first_error()->what);
}

void Sender::send(client::Producer& producer) {
    client::Message message;
    message.topic = topic_of(stream_);
    std::int64_t due_ms = 0;
    std::string properties;
    if (stream_ == Stream::delayed) {
        properties = delay_of(turn_++, wall_ms(), due_ms);
        message.properties = properties;
        message.alone = true;
    }
    const auto number = book_.begin(stream_, due_ms);
    const auto body = text_of(stream_, number);
    const auto shard = fmt::format("shard {}", number % shards);
    message.body = body;
    if (stream_ == Stream::ordered) message.shard = shard;
    // One that there is no room for now waits here: its number is given out.
    for (;;) {
        const auto taken = producer.try_send(message);
        if (!taken && taken.error().code != Errc::unavailable)
            return problems_.add("a message was not taken", taken.error().what);
        if (taken && *taken) return;
        client::wait_for_either(producer.fd(), -1, turn_ms);
        producer.pump();
    }
}

void Sender::settled(const client::Settled& settled) {
    std::int64_t offset = settled.first_offset;
    settled.batch.for_each([&](std::string_view, std::string_view body) {
        const auto text = parse_text(body);
        if (settled.verdict == client::Verdict::stored)
            book_.acknowledged(stream_, text->number, settled.batch.attempts, settled.queue_id,
                               offset++);
        else
            problems_.add("a message was not stored", std::string(body));
    });
}

}  // namespace mqd::soak
