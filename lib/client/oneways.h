#pragma once
// One-way batches that have been written to a connection. What the system takes is not yet what a
// broker gets: only a question after them that is answered on the same connection tells that all
// before it have arrived. What was written to a connection that broke is unknown, whatever a later
// one says (mqsend(1)).
//
// Threads: the tool's one thread; answers come to it through a Mailbox.
// Owner:   the Producer. The client outlives it.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "client/batch.h"
#include "client/client.h"
#include "client/mailbox.h"
#include "client/retry.h"

namespace mqd::client {

class Oneways {
public:
    struct Options {
        std::int64_t last_answer_ms = 3000;  ///< the question at the end waits so long
        /// A batch whose fate is known: stored, refused (it never left this machine, or its broker
        /// says that it stored none) or unknown.
        std::function<void(Batch&, Verdict, const Error*)> settle;
        /// A broker says that so many of those that are settled as stored are not.
        std::function<void(std::uint64_t, const Error&)> not_stored;
        /// There is something to look at; from another thread.
        std::function<void()> wake;
    };
    Oneways(Client& client, Options options) : client_(client), options_(std::move(options)) {}

    /// Before a batch is written to that queue's broker, and after it was; `bytes`: what it still
    /// holds of its messages.
    void begin(const Queue& queue);
    void written(std::unique_ptr<Batch> batch, std::size_t bytes);
    /// Takes in what has come: answers, and connections that have gone. Questions that are due
    /// leave.
    void look();
    /// Asks after the last batch of each connection and waits: then the fate of all is known.
    void finish();

    /// When look() must be called at the latest, in monotonic ms; -1: never.
    std::int64_t due_ms() const;
    /// Whether so many wait for an answer that no more should be written before it.
    bool is_full() const { return count_ >= count_max || bytes_ >= bytes_max; }

private:
    static constexpr std::size_t count_max = 16'384;
    static constexpr std::size_t bytes_max = 8 << 20;
    struct Written {
        std::unique_ptr<Batch> batch;
        std::size_t bytes;
    };
    /// To one address.
    struct Link {
        Queue queue;               ///< one there, to ask about
        std::uint64_t breaks = 0;  ///< connections that had broken before `waiting` was written
        std::deque<Written> waiting;
        std::uint64_t first = 0;     ///< number of waiting.front()
        std::uint64_t asked_to = 0;  ///< the question stands after those before this number
        bool is_asked = false;
        std::int64_t asked_ms = 0;
        std::uint64_t lost = 0;  ///< as far as its broker has told, of this connection
    };
    struct Answered {
        std::string address;
        std::uint64_t breaks, asked_to;
        bool is_same;  ///< connection as that which `breaks` counts to
        Result<remoting::Answer> answer;
    };
    void take_answers();

    void look_for_break(const std::string& address, Link& link);
    void ask(const std::string& address, Link& link);
    void answered(Link& link, std::uint64_t asked_to, const remoting::Answer& answer);
    void settle_front(Link& link, Verdict verdict, const Error* error);
    void give_up(const std::string& address, Link& link, const Error& unknown);

    Client& client_;
    const Options options_;
    std::map<std::string, Link> links_;
    std::size_t count_ = 0;
    std::size_t bytes_ = 0;
    std::shared_ptr<Mailbox<Answered>> mailbox_ = std::make_shared<Mailbox<Answered>>();
    std::vector<Answered> answers_;
};

}  // namespace mqd::client
