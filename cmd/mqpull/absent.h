#pragma once
// Queues whose brokers have not answered yet, while others are being read: asked again and again
// without anybody waiting for it, and told of (mqd(7), WAITING).
//
// Threads: one.
// Owner:   Pulling. The client outlives it.

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "client/client.h"
#include "client/start.h"
#include "client/waiting.h"

namespace mqd::mqpull {

class Absent {
public:
    /// `from`: see client::queue_bounds().
    Absent(client::Client& client, client::From from, const client::Waiting& waiting)
        : client_(client), from_(from), line_(waiting) {}

    const client::From& from() const { return from_; }
    void add(std::vector<client::Queue> queues, Error why);
    bool any() const { return !queues_.empty() || question_.has_value(); }

    struct Come {
        client::Queue queue;
        client::Bounds bounds;
    };
    /// Those whose broker has answered by now; the questions that are due leave.
    std::vector<Come> take();
    /// Nobody asks any more: what is still missing, and why.
    std::pair<std::vector<client::Queue>, Error> give_up();

    /// Readable when take() may have something, -1: not now; and when it is to be called at the
    /// latest, in monotonic ms, -1: never.
    int fd() const { return question_ ? question_->fd() : -1; }
    std::int64_t due_ms() const;

private:
    void settle(std::vector<Come>& come);

    client::Client& client_;
    const client::From from_;
    std::vector<client::Queue> queues_;  // not asked at the moment
    std::optional<client::BoundsQuestion> question_;
    std::int64_t ask_at_ms_ = 0;
    Error why_;
    client::WaitLine line_;
};

}  // namespace mqd::mqpull
