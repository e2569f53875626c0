#pragma once
// The intake checks messages, adds the broker's own properties, and encodes them. It moves delayed,
// timed and half messages to the queues where they wait, and messages that were retried too often
// to the dead letters. One append stores all messages of one read.
//
// Threads: one; each I/O thread has its own.
// Owner:   the front end's thread.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "broker/broker.h"
#include "broker/publication.h"
#include "broker/refusal.h"
#include "broker/traffic.h"
#include "message/record.h"

namespace mqd::broker {

/// The record of a publication in the queue that it is sent to.
message::Draft draft_of(const Broker& broker, const Publication& is);

class Intake {
public:
    Intake(Broker& broker, TopicCache& topics, TrafficCache& traffic)
        : broker_(broker), topics_(topics), traffic_(traffic) {}

    /// The checks that all sends share, before the message is read. Without a refusal, `topic` is
    /// the topic, which is created if the configuration allows it. It is valid until the next
    /// look-up in the cache.
    Refusal find(const Destination& to, const Topic*& topic);

    /// Accepts a message; flush() stores it.
    Refusal add(const Publication& is);

    /// A message of a batch. It gets the properties of the batch that it lacks.
    struct Item {
        std::int32_t flag = 0;
        std::string_view body;
        std::string_view properties;
        std::string_view unique_key;
    };
    /// Gives the next one, or none at the end.
    using Items = std::function<Refusal(std::optional<Item>& next)>;
    /// Accepts all messages of the batch, or none. `shared.body` is the batch in the form that
    /// message::BatchReader reads: a topic of the batch kind stores it as one record.
    Refusal add_batch(const Publication& shared, const Items& items);

    bool is_large() const { return records_.size() > bytes_max; }
    /// Stores the accepted messages, and calls `to` once for each. If some of them are to be
    /// acknowledged only when they are safe, returns the end of the log that Durability::when()
    /// has to wait for.
    std::optional<PhysicalOffset> flush(Publisher& to);

private:
    static constexpr std::size_t bytes_max = 1 << 20;
    struct Pending {
        std::uint64_t token = 0;
        bool waits = false;
        bool is_inner_batch = false;
        std::size_t records_begin = 0, records_end = 0;
        std::size_t key_begin = 0, key_end = 0, topic_end = 0;  // in texts_
        std::int32_t queue_id = 0;
        std::int64_t due_ms = 0;
    };
    struct Aside;
    Refusal check(const Destination& to, const Topic*& topic);
    Refusal find_topic(const Destination& to, const Topic*& topic);
    Refusal add_one(const Publication& is);
    bool is_dead(const Publication& is) const;
    Refusal put_with_dead_letters(Aside& aside, message::Draft& draft);
    Refusal put_aside(const Publication& is, Publication::Kind kind, Aside& aside,
                      message::Draft& draft) const;
    Refusal check_due(const Publication& is, Publication::Kind& kind) const;
    Refusal check_length(const message::Draft& draft, bool is_half) const;
    Refusal add_items(const Publication& shared, const Items& items, std::uint32_t& count);
    Refusal add_inner_batch(const Publication& shared, const Items& items);
    void note(const Publication& is, store::Queue& queue, std::size_t begin, std::uint32_t count,
              std::string_view unique_key, bool is_inner_batch);
    void clear();
    std::string_view text(std::size_t begin, std::size_t end) const {
        return std::string_view(texts_).substr(begin, end - begin);
    }

    Broker& broker_;
    TopicCache& topics_;
    TrafficCache& traffic_;
    Lease lease_;  // from find() until the messages are stored or refused
    Buffer records_;
    std::string texts_;
    std::vector<Pending> pending_;
    std::vector<store::Append> units_;
};

}  // namespace mqd::broker
