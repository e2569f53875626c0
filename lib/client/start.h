#pragma once
// Where reading a queue begins and ends (mqpull(1); mqd-remoting(7), WHERE A GROUP BEGINS).
//
// Threads: pure functions, and calls that are waited for.

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "client/client.h"
#include "client/mailbox.h"
#include "client/queues.h"

namespace mqd::client {

struct From {
    enum class Kind { beginning, end, offset, last, time };
    Kind kind = Kind::end;
    std::int64_t value = 0;  ///< offset, number of messages, or ms since the epoch
};

/// `beginning`, `end`, OFFSET, -N, @TIME. invalid: anything else.
Result<From> parse_from(std::string_view text);

struct Until {
    std::optional<std::int64_t> offset;   ///< not this one any more
    std::optional<std::int64_t> time_ms;  ///< nor what was stored then or later
};

/// OFFSET or @TIME.
Result<Until> parse_until(std::string_view text);

struct Bounds {
    std::int64_t min = 0;
    std::int64_t max = 0;                 ///< one past the last
    std::optional<std::int64_t> by_time;  ///< of From::Kind::time
    std::int64_t since = 0;               ///< which queue of that name: wire::OffsetResponse
};

/// Without a stored offset; always within [min, max].
std::int64_t start_offset(const From& from, const Bounds& bounds);

/// What a group's member begins with: `stored` is what the broker answered to 14. Without one, a
/// group that is new to the topic begins where `from` says; a queue that a topic got later, and
/// the group's retries, are read from their first message on.
std::int64_t group_start_offset(const From& from, const Bounds& bounds,
                                std::optional<std::int64_t> stored, bool is_new_group);

/// The bounds of queues, all asked for at once, and each with an answer of its own.
class BoundsQuestion {
public:
    BoundsQuestion(Client& client, std::vector<Queue> queues, const From& from);

    const std::vector<Queue>& queues() const { return queues_; }
    /// Readable when is_answered() may be true.
    int fd() const { return mailbox_->fd(); }
    /// All have answered, or failed.
    bool is_answered();
    /// Once, when is_answered(): in the order of the queues.
    std::vector<Result<Bounds>> answers();
    /// The same, after a wait. unavailable, for all: the tool is to stop.
    std::vector<Result<Bounds>> wait(Client& client);

private:
    friend Result<std::vector<std::int64_t>> offsets_by_time(Client& client,
                                                             const std::vector<Queue>& queues,
                                                             std::int64_t time_ms);
    enum class What { min, max, by_time };
    struct Asked {
        std::size_t queue;
        What what;
        Result<remoting::Answer> answer;
    };
    BoundsQuestion() = default;
    static BoundsQuestion by_time(Client& client, std::vector<Queue> queues, std::int64_t time_ms);
    template <class H>
    void ask(Client& client, std::size_t queue, What what, std::int32_t code, const H& header);
    void ask_by_time(Client& client, std::size_t queue, std::int64_t time_ms);
    void settle(const Asked& asked);

    std::vector<Queue> queues_;
    std::vector<Result<Bounds>> bounds_;
    std::size_t waiting_ = 0;
    std::shared_ptr<Mailbox<Asked>> mailbox_ = std::make_shared<Mailbox<Asked>>();
};

/// Of each queue, in the same order; all are asked at once, and all must answer.
Result<std::vector<Bounds>> queue_bounds(Client& client, const std::vector<Queue>& queues,
                                         const From& from);
/// The same: the first message that was stored then or later.
Result<std::vector<std::int64_t>> offsets_by_time(Client& client, const std::vector<Queue>& queues,
                                                  std::int64_t time_ms);

/// In whose name those read who are no group: brokers have it from the start, so that reading
/// leaves no trace.
inline constexpr std::string_view tools_group = "TOOLS_CONSUMER";

inline constexpr std::int64_t offset_max = std::numeric_limits<std::int64_t>::max();

}  // namespace mqd::client
