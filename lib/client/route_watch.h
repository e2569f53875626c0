#pragma once
// Asks the name servers again and again for the routes of topics, without ever waiting for the
// answers: whoever sends or reads goes on meanwhile, also while no name server answers.
//
// Threads: the tool's one thread; answers come to it through a Mailbox.
// Owner:   who sends or reads. The client outlives it.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/client.h"
#include "client/mailbox.h"

namespace mqd::client {

class RouteWatch {
public:
    static constexpr std::int64_t look_every_ms = 5000;
    explicit RouteWatch(Client& client, std::int64_t every_ms = look_every_ms)
        : client_(client), every_ms_(every_ms) {}
    RouteWatch(const RouteWatch&) = delete;
    RouteWatch& operator=(const RouteWatch&) = delete;

    /// The first question leaves after the interval.
    void watch(std::string_view topic);

    struct Seen {
        std::string topic;
        wire::TopicRouteData route;
    };
    /// The next route that is not as it was, the first one of each topic too; the questions that
    /// are due leave. A topic that nobody knows any more stays as it was.
    std::optional<Seen> take();

    /// Readable when take() may have something; when it should be called at the latest, in
    /// monotonic ms, -1: never.
    int fd() const { return mailbox_->fd(); }
    std::int64_t due_ms() const { return due_ms_; }

private:
    struct Watched {
        std::string topic;
        std::string body;  ///< of the last answer
        std::int64_t ask_at_ms = 0;
        bool is_asked = false;
    };
    struct Answered {
        std::size_t watched;
        std::string namesrv;
        Result<remoting::Answer> answer;
    };
    void ask(std::size_t index);
    void settle_due();

    Client& client_;
    const std::int64_t every_ms_;
    std::vector<Watched> watched_;
    std::size_t asked_ = 0;  ///< questions under way
    std::size_t turn_ = 0;   ///< whose it was last
    std::int64_t due_ms_ = -1;
    std::shared_ptr<Mailbox<Answered>> mailbox_ = std::make_shared<Mailbox<Answered>>();
    std::vector<Answered> answers_;
};

}  // namespace mqd::client
