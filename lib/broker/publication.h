#pragma once
// A message that a client sends, in the words of no protocol, and the outcome.
//
// Threads: values; their views are read during the call that they are given to.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "broker/topics.h"
#include "message/types.h"
#include "store/store.h"

namespace mqd::broker {

/// Where a client wants to send.
struct Destination {
    std::string_view topic;
    std::int32_t queue_id = -1;  ///< below 0: one of those that are written
    Topics::Wish wish;           ///< how a topic is made that is not there yet
    bool is_batch = false;
    std::size_t body_bytes = 0;
};

struct Publication {
    const Topic* topic = nullptr;
    std::int32_t queue_id = 0;  ///< one of the topic's
    std::string_view body;
    std::string_view properties;  ///< as a record has them
    std::int32_t flag = 0;        ///< the application's own
    std::int32_t sys_flag = 0;    ///< of the body and of where it comes from
    std::int64_t born_ts_ms = 0;
    message::Host born_host;
    /// How often a consumer's client has sent it to its retry topic, and how often it may do so (by
    /// default as often as the group's configuration says). After that it is a dead letter.
    std::int32_t reconsume_times = 0;
    std::optional<std::int32_t> retry_max = {};

    enum class Kind : std::uint8_t {
        plain,
        half,     ///< waits for the end of its transaction
        delayed,  ///< by `delay_level`
        timed,    ///< until `due_ms`; if that has passed it is plain
    } kind = Kind::plain;
    std::int64_t delay_level = 0;
    std::int64_t due_ms = 0;  ///< wall clock

    std::string_view unique_key;  ///< the one in `properties`; empty: the broker makes one
    bool is_durable = true;       ///< acknowledge it when it is as safe as the configuration says
    std::uint64_t token = 0;      ///< the publisher's
};

/// What came of a publication. Views are good during the call.
struct Published {
    std::uint64_t token = 0;
    const store::Append& unit;  ///< stored or why not, where, and its records
    bool waits = false;         ///< acknowledge it when it is safe, see Intake::flush()
    std::string_view unique_key;
    std::int32_t queue_id = 0;     ///< the queue that it was sent to, also if it waits elsewhere
    bool is_inner_batch = false;   ///< one record for all messages of a batch
    std::int64_t due_ms = 0;       ///< of a timed message, else 0
    std::string_view timed_topic;  ///< where that goes
};

/// A front end's part that acknowledges sends.
class Publisher {
public:
    virtual ~Publisher() = default;
    virtual void published(const Published& is) = 0;
};

}  // namespace mqd::broker
