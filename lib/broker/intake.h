#pragma once
// Messages on their way into the store: checks them, stamps them, puts those that are not delivered
// yet where they wait and those that were retried too often with the dead letters, and encodes
// them. All of one read are stored by one append.
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

/// The record that a publication becomes where it is sent to.
message::Draft draft_of(const Broker& broker, const Publication& is);

class Intake {
public:
    Intake(Broker& broker, TopicCache& topics, TrafficCache& traffic)
        : broker_(broker), topics_(topics), traffic_(traffic) {}

    /// What holds for all sends, before the message is looked at. If nothing is refused, `topic` is
    /// where it goes, made now if it may be, until the next call of the cache.
    Refusal find(const Destination& to, const Topic*& topic);

    /// Takes a message in; flush() stores it.
    Refusal add(const Publication& is);

    /// A message of a batch. What it does not say, the batch says.
    struct Item {
        std::int32_t flag = 0;
        std::string_view body;
        std::string_view properties;
        std::string_view unique_key;
    };
    /// Gives the next one, or none at the end.
    using Items = std::function<Refusal(std::optional<Item>& next)>;
    /// All of its messages or none. `shared.body` is the batch as message::BatchReader reads it:
    /// topics of the batch kind keep that as one record.
    Refusal add_batch(const Publication& shared, const Items& items);

    bool is_large() const { return records_.size() > bytes_max; }
    /// Stores what was added, and tells `to` what came of each. When some of those `wait`, gives
    /// the end of the log up to which Durability::promised() is to be waited for.
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
    std::string_view text(std::size_t begin, std::size_t end) const {
        return std::string_view(texts_).substr(begin, end - begin);
    }

    Broker& broker_;
    TopicCache& topics_;
    TrafficCache& traffic_;
    Lease lease_;  // from find() on, until what it was for is stored
    Buffer records_;
    std::string texts_;
    std::vector<Pending> pending_;
    std::vector<store::Append> units_;
};

}  // namespace mqd::broker
