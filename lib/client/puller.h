#pragma once
// Pulls from many queues at once, one request a queue under way, and hands out the answers' blocks
// of records (mqd-remoting(7), PULLING and PULL LOOP). A queue's next request leaves when its last
// answer is taken, so a slow caller holds one block a queue and no more.
//
// Threads: the tool's one thread; answers come to it through a Mailbox.
// Owner:   the tool's main.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/client.h"
#include "message/ledger.h"
#include "client/mailbox.h"
#include "client/queues.h"
#include "client/start.h"
#include "client/waiting.h"

namespace mqd::client {

/// One queue being read. Whoever still works on its messages when it is dropped keeps it by
/// shared_from_this().
struct PulledQueue : std::enable_shared_from_this<PulledQueue> {
    Queue queue;
    std::int64_t start = 0;          ///< where its reading began
    std::int64_t next = 0;           ///< offset of the next request
    std::int64_t stop = offset_max;  ///< read no further
    std::int64_t taken = 0;          ///< after the last message handed on
    message::Ledger ledger;          ///< of those handed on, what is done
    std::int64_t committed = -1;
    std::int64_t arrival = -1;  ///< merging with other queues ends there; -1: never
    std::int64_t end = 0;       ///< of the broker's queue when it last answered
    std::int64_t since = 0;     ///< of the broker's queue: wire::PullMessageResponse
    bool is_missing = false;    ///< its topic is not there, and waited for
    bool is_pulling = false;
    bool is_done = false;
    bool is_dropped = false;  ///< read no more: what has begun may end, and nothing new begins
    bool is_lost = false;     ///< another member's, which gets again what is not committed
    int failures = 0;
    std::int64_t failing_since_ms = 0;
    std::optional<Error> why;  ///< it was given up
    std::int64_t retry_at_ms = 0;
};

struct Block {
    PulledQueue* queue = nullptr;
    std::string records;    ///< one after the other, mqd-store(5), RECORD
    std::int64_t next = 0;  ///< where the queue goes on after them
    /// What the broker told instead of records.
    enum class News {
        none,
        passed_over,  ///< of what lay from `from` to `next` nothing is there any more
        moved,        ///< the group was, by an operator
        shortened,    ///< the queue has lost its end, or is another one: `next` lies before `from`
        made_anew,    ///< its topic was deleted and made anew, and begins at `next`
        missing,      ///< its topic is not there: waited for, or the queue is done
        removed,      ///< its topic has no queue of that number any more; it is done
        given_up,     ///< it failed for give_up_ms, PulledQueue::why; it is done
    };
    News news = News::none;
    std::int64_t from = 0;  ///< what was asked for

    /// The numbers that go on at `next` are others than those before: the queue is done, and to be
    /// dropped and added again from there.
    bool begins_again() const {
        return news == News::moved || news == News::shortened || news == News::made_anew;
    }
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
        bool asks_ahead = true;         ///< take() sends the queue's next request, else only ask()
        bool waits_for_topics = false;  ///< that are deleted, until they are made anew
        Waiting waiting;                ///< for brokers that fail
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
    /// or without: filtered stretches and gaps have none, but a `next` further on, or news.
    /// refused, invalid: a broker said so.
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
    Result<bool> refused(PulledQueue& queue, const remoting::Answer& answer, Block& into);
    Result<bool> goes_on(PulledQueue& queue, remoting::Answer& answer, Block& into);
    bool is_anew(PulledQueue& queue, const remoting::Answer& answer);
    void find_again(const std::string& topic);
    Result<bool> failed(PulledQueue& queue, const Error& error, Block& into);
    void tell_trouble(const std::string& broker, const Error& error);
    void tell_answer(const std::string& broker);
    void forget_dropped();

    Client& client_;
    const Options options_;
    std::vector<std::shared_ptr<PulledQueue>> queues_;
    std::shared_ptr<Mailbox<Answered>> mailbox_ = std::make_shared<Mailbox<Answered>>();
    std::vector<Answered> answers_;  ///< taken from the mailbox, not yet looked at, from next_ on
    std::size_t next_ = 0;
    std::uint64_t retries_ = 0;
    std::map<std::string, WaitLine> troubled_;  ///< by the names of brokers that fail
    std::int64_t routed_ms_ = 0;  ///< when the name servers were last asked where brokers are
};

}  // namespace mqd::client
