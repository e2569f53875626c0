#pragma once
// Pulls from many queues at once, one request a queue under way, and hands out the answers' blocks
// of records (spec remoting.md 3.2, semantics.md 4.2). A queue's next request leaves when its last
// answer is taken, so a slow caller holds one block a queue and no more.
//
// Threads: the tool's one thread; answers come to it through a Mailbox.
// Owner:   the tool's main.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/client.h"
#include "client/ledger.h"
#include "client/mailbox.h"
#include "client/queues.h"
#include "client/start.h"

namespace mqd::client {

/// One queue being read. Whoever still works on its messages when it is dropped keeps it by
/// shared_from_this().
struct PulledQueue : std::enable_shared_from_this<PulledQueue> {
    Queue queue;
    std::int64_t start = 0;          ///< where its reading began
    std::int64_t next = 0;           ///< offset of the next request
    std::int64_t stop = offset_max;  ///< read no further
    std::int64_t taken = 0;          ///< behind the last message handed on
    Ledger ledger;                   ///< of those handed on, what is done
    std::int64_t committed = -1;
    bool is_pulling = false;
    bool is_done = false;
    bool is_dropped = false;  ///< read no more: what has begun may end, and nothing new begins
    bool is_lost = false;     ///< another member's, which gets again what is not committed
    int failures = 0;
    std::int64_t failing_since_ms = 0;
    std::int64_t retry_at_ms = 0;
};

struct Block {
    PulledQueue* queue = nullptr;
    std::string records;    ///< one behind the other, spec remoting.md 6.1
    std::int64_t next = 0;  ///< where the queue goes on behind them
};

class Puller {
public:
    struct Options {
        std::string group;
        std::string subscription = "*";
        std::string expression_type = "TAG";      ///< or SQL92
        bool suspends = true;                     ///< at a queue's end, wait for the next message
        std::int64_t give_up_ms = -1;             ///< of failing on end; -1: never
        std::size_t blocks_bytes_max = 16 << 20;  ///< of all queues together
        bool asks_ahead = true;  ///< take() sends the queue's next request, else only ask()
    };
    Puller(Client& client, Options options) : client_(client), options_(std::move(options)) {}
    Puller(const Puller&) = delete;
    Puller& operator=(const Puller&) = delete;

    PulledQueue& add(Queue queue, std::int64_t start, std::int64_t stop);
    void drop(PulledQueue& queue);
    /// All that are read, in no order.
    std::vector<PulledQueue*> queues() const;

    /// Sends the queue's next request, without asks_ahead, once its block is done with.
    void ask(PulledQueue& queue);

    /// The next block that has come, its queue's next request sent; false: none now. With records
    /// or without: filtered stretches and gaps have none, but a `next` further on.
    /// not_found, refused, invalid: a broker said so. unavailable: failed for give_up_ms.
    Result<bool> take(Block& into);

    /// Readable when take() may have something.
    int fd() const { return mailbox_->fd(); }
    /// When take() should be called at the latest, in monotonic ms; -1: never.
    std::int64_t due_ms() const;
    bool all_done() const;
    std::uint64_t retries() const { return retries_; }

private:
    struct Answered {
        PulledQueue* queue;
        Result<remoting::Answer> answer;
    };
    void pull(PulledQueue& queue);
    void pull_due();
    Result<bool> accept(PulledQueue& queue, Result<remoting::Answer> answer, Block& into);
    void find_again(const std::string& topic);
    Result<> failed(PulledQueue& queue, const Error& error);
    void forget_dropped();

    Client& client_;
    const Options options_;
    std::vector<std::shared_ptr<PulledQueue>> queues_;
    std::shared_ptr<Mailbox<Answered>> mailbox_ = std::make_shared<Mailbox<Answered>>();
    std::vector<Answered> answers_;  ///< taken from the mailbox, not yet looked at, from next_ on
    std::size_t next_ = 0;
    std::uint64_t retries_ = 0;
    std::int64_t routed_ms_ = 0;  ///< when the name servers were last asked where brokers are
};

}  // namespace mqd::client
