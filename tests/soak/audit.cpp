#include "audit.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <unordered_map>
#include <utility>
#include <vector>

#include "client/puller.h"
#include "client/queues.h"
#include "client/start.h"
#include "message/record.h"
#include "text.h"

namespace mqd::soak {
namespace {

const std::string retry_topic = std::string("%RETRY%") + shared_group;
const std::string dead_topic = std::string("%DLQ%") + shared_group;

Result<std::vector<client::Queue>> queues_of(client::Client& client, const std::string& topic) {
    const auto route = client.route(topic);
    // Nobody has ever given back anything, or nothing has died.
    if (!route && route.error().code == Errc::not_found) return std::vector<client::Queue>();
    if (!route) return route.error();
    auto queues = client::subscribe_queues(topic, *route);
    // Dead letters are not for reading; administrators do.
    if (queues.empty() && !route->brokers.empty()) {
        const auto& broker = route->brokers.front();
        queues.push_back({topic, broker.broker_name, 0, broker.broker_addrs.begin()->second});
    }
    return queues;
}

Result<> read_all(client::Client& client, const std::string& topic,
                  const std::function<void(const message::RecordView&)>& see) {
    TRY(const auto queues, queues_of(client, topic));
    if (queues.empty()) return {};
    TRY(const auto bounds,
        client::queue_bounds(client, queues, {.kind = client::From::Kind::beginning}));
    client::Puller::Options options;
    options.group = "TOOLS_CONSUMER";
    options.suspends = false;
    client::Puller puller(client, options);
    for (std::size_t i = 0; i < queues.size(); ++i)
        puller.add(queues[i], bounds[i].min, bounds[i].max);
    while (!puller.all_done()) {
        client::Block block;
        TRY(const bool has_come, puller.take(block));
        if (!has_come) {
            client::wait_for_either(puller.fd(), -1, 1000);
            continue;
        }
        Bytes rest = as_bytes(block.records);
        while (!rest.empty()) {
            TRY(const auto record, message::RecordView::parse(rest));
            rest = rest.subspan(record.bytes.size());
            see(record);
        }
    }
    return {};
}

class StreamAudit {
public:
    StreamAudit(Stream stream, std::vector<Sent> sent, Problems& problems)
        : stream_(stream), sent_(std::move(sent)), copies_(sent_.size()), problems_(problems) {}

    void see(const message::RecordView& record) {
        const auto text = parse_text(record.body);
        if (!text || text->stream != stream_ || !record.body_crc_ok() ||
            static_cast<std::size_t>(text->number) >= sent_.size())
            return problems_.add("not what was sent", place(record));
        const auto number = static_cast<std::size_t>(text->number);
        const Sent& sent = sent_[number];
        const bool is_told_place =
            record.queue_id == sent.queue && record.queue_offset.value == sent.offset;
        Copies& copies = copies_[number];
        copies.is_where_told |= is_told_place;
        if (++copies.count > sent.attempts)
            problems_.add("twice", fmt::format("{} at {}, sent {} times", text->number,
                                               place(record), sent.attempts));
        if (copies.count > 1) ++again_;
        if (record.store_ts_ms < sent.due_ms)
            problems_.add("too early", fmt::format("{} by {} ms", place(record),
                                                   sent.due_ms - record.store_ts_ms));
        if (sent.due_ms > 0) late_ms_.push_back(record.store_ts_ms - sent.due_ms);
        if (stream_ == Stream::ordered && copies.count == 1) in_order(text->number, record);
    }

    void finish(Found& found) {
        for (std::size_t number = 0; number < sent_.size(); ++number) {
            const auto& copies = copies_[number];
            const auto& sent = sent_[number];
            found.messages += copies.count;
            if (stream_ == Stream::transactions) {
                const auto n = static_cast<std::int64_t>(number);
                if (decision_of(n) == Decision::roll_back && copies.count > 0)
                    problems_.add("rolled back, and delivered", describe(number));
                if (decision_of(n) == Decision::commit && sent.acknowledged && copies.count == 0)
                    problems_.add("lost", describe(number));
                continue;
            }
            if (sent.acknowledged && copies.count == 0) problems_.add("lost", describe(number));
            if (!sent.acknowledged) problems_.add("never answered", describe(number));
            // Delayed messages are acknowledged for where they wait.
            if (stream_ != Stream::delayed && sent.acknowledged && copies.count > 0 &&
                !copies.is_where_told)
                problems_.add("not where it was said to be", describe(number));
        }
        found.sent_again += again_;
        if (late_ms_.empty()) return;
        const auto p99 = late_ms_.begin() + static_cast<std::ptrdiff_t>(late_ms_.size() * 99 / 100);
        std::nth_element(late_ms_.begin(), p99, late_ms_.end());
        found.late_ms_p99 = *p99;
    }

private:
    struct Copies {
        int count = 0;
        bool is_where_told = false;
    };
    std::string describe(std::size_t number) const {
        const auto& sent = sent_[number];
        return fmt::format("{} {} (queue {} offset {}, {} attempts)", topic_of(stream_), number,
                           sent.queue, sent.offset, sent.attempts);
    }
    static std::string place(const message::RecordView& record) {
        return fmt::format("{} queue {} offset {}", record.topic, record.queue_id,
                           record.queue_offset.value);
    }
    void in_order(std::int64_t number, const message::RecordView& record) {
        auto& next = next_of_shard_.try_emplace(number % shards, number % shards).first->second;
        if (number != next)
            problems_.add("out of order",
                          fmt::format("{} instead of {} at {}", number, next, place(record)));
        next = number + shards;
    }

    const Stream stream_;
    const std::vector<Sent> sent_;
    std::vector<Copies> copies_;
    Problems& problems_;
    std::unordered_map<std::int64_t, std::int64_t> next_of_shard_;
    std::vector<std::int64_t> late_ms_;
    std::int64_t again_ = 0;
};

/// How often each message came back as its so manieth delivery.
using Again = std::map<std::pair<std::int64_t, int>, int>;

Result<Again> read_again(client::Client& client, const std::string& topic, bool by_delivery,
                         Problems& problems, std::int64_t& count) {
    Again again;
    TRY_OK(read_all(client, topic, [&](const message::RecordView& record) {
        const auto text = parse_text(record.body);
        if (!text) return problems.add("not what was sent", std::string(record.topic));
        ++again[{text->number, by_delivery ? record.reconsume_times : always}];
        ++count;
    }));
    return again;
}

Result<> audit_retries(client::Client& client, const RetryBook& retries, Problems& problems,
                       Found& found) {
    TRY(auto again, read_again(client, retry_topic, true, problems, found.retries));
    TRY(const auto dead, read_again(client, dead_topic, false, problems, found.dead_letters));
    again.insert(dead.begin(), dead.end());
    for (const auto& [number, deliveries] : retries.all()) {
        for (int delivery = 0; delivery < always; ++delivery) {
            const auto& returned = deliveries[static_cast<std::size_t>(delivery)];
            const auto came = again.find({number, delivery + 1});
            const int copies = came == again.end() ? 0 : came->second;
            if (copies < returned.taken || copies > returned.possible)
                problems.add(
                    "given back",
                    fmt::format("{} as delivery {}: came {} times, the broker took it {} "
                                "times, may have {} times",
                                number, delivery, copies, returned.taken, returned.possible));
            if (came != again.end()) again.erase(came);
        }
    }
    for (const auto& [which, copies] : again)
        problems.add("given back by nobody",
                     fmt::format("{} as delivery {}", which.first, which.second));
    return {};
}

}  // namespace

Result<Progress> progress(client::Client& client, const GroupBook& groups) {
    Progress all;
    std::vector<std::string> consumed(topics.begin(), topics.end());
    consumed.push_back(retry_topic);
    for (const auto& topic : consumed) {
        TRY(const auto queues, queues_of(client, topic));
        if (queues.empty()) continue;
        TRY(const auto bounds,
            client::queue_bounds(client, queues, {.kind = client::From::Kind::beginning}));
        const auto* const group = topic == topic_of(Stream::ordered) ? ordered_group : shared_group;
        for (std::size_t i = 0; i < queues.size(); ++i) {
            all.stored += bounds[i].max;
            all.left += bounds[i].max - groups.done(group, topic, queues[i].id);
        }
    }
    return all;
}

Result<Found> audit(client::Client& client, const SentBook& sent, const RetryBook& retries,
                    Problems& problems) {
    Found found;
    for (std::size_t i = 0; i < stream_count; ++i) {
        const auto stream = static_cast<Stream>(i);
        StreamAudit one(stream, sent.all(stream), problems);
        TRY_OK(read_all(client, topic_of(stream),
                        [&](const message::RecordView& record) { one.see(record); }));
        one.finish(found);
    }
    TRY_OK(audit_retries(client, retries, problems, found));
    return found;
}

}  // namespace mqd::soak
