#pragma once
// Sends messages in batches, many at once, and knows every message's fate (mqd-remoting(7),
// RETRYING SENDS and SENDING).
//
// Threads: the tool's one thread; answers come to it through a Mailbox.
// Owner:   the tool's main.

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "client/batch.h"
#include "client/client.h"
#include "client/mailbox.h"
#include "client/oneways.h"
#include "client/retry.h"
#include "client/send_topics.h"
#include "client/size_limits.h"
#include "client/waiting.h"

namespace mqd::client {

/// Every message is in exactly one of the four.
struct Totals {
    std::uint64_t acknowledged = 0;
    std::uint64_t handed_over = 0;  ///< one-way: its broker has read it
    std::uint64_t refused = 0;
    std::uint64_t unknown = 0;  ///< sent, and nobody said what became of it
    std::uint64_t payload_bytes = 0;
    std::uint64_t retries = 0;  ///< messages sent once more
    std::uint64_t settled() const { return acknowledged + handed_over + refused + unknown; }
};

/// A batch whose fate is known.
struct Settled {
    const Batch& batch;
    Verdict verdict = Verdict::stored;
    std::int64_t first_offset = -1;  ///< of the first message; -1: not told
    std::int32_t queue_id = -1;
    const Error* error = nullptr;     ///< why not, unless stored
    std::string_view offset_id = {};  ///< the broker's, of all messages; empty: not told
};

class Producer {
public:
    struct Options {
        std::string group = "MQSEND";
        bool oneway = false;
        Ack ack = Ack::one;  ///< of those that are not one-way
        int window = 64;     ///< requests in flight
        std::size_t batch_bytes_max = 256 << 10;
        int retries = 16;
        /// What never left this machine is no attempt: only the time ends it.
        bool counts_unreached = false;
        std::int64_t timeout_ms = 10'000;  ///< for all attempts together, and for a first route
        std::int64_t attempt_ms = 3000;    ///< for one
        std::int64_t stop_ms = 5000;       ///< what is left to do once stop_fd is readable
        int stop_fd = -1;
        std::int64_t route_every_ms = RouteWatch::look_every_ms;  ///< looked whether queues came
        bool keeps_messages = false;  ///< Settled is to have ordinals and ids
        /// Retries and time have no end; only a broker's word settles a message.
        bool never_gives_up = false;
        /// Who is told of waits, and when; its other fields are the ones here.
        Waiting waiting = {};
        std::function<void(const Settled&)> on_settled;
    };
    Producer(Client& client, Options options);
    ~Producer();
    Producer(const Producer&) = delete;
    Producer& operator=(const Producer&) = delete;

    /// Puts the message into its batch; full batches leave. Waits while the window is full.
    /// Not taken, and in no total: invalid (too long; alone, and not UTF-8), not_found (its topic,
    /// its queue), unavailable (no name server answers or knows a broker in time), unsupported (a
    /// broker that does not wait for Options::ack).
    Result<> send(const Message& message);
    /// The same without a wait for room: false, and not taken, when there is none. Then something
    /// is under way, whose answer or deadline fd() and due_ms() tell of: there is room after
    /// pump().
    Result<bool> try_send(const Message& message);
    /// invalid: what no broker can take, as send().
    static Result<> check_message(const Message& message);
    /// Open batches leave.
    void flush();
    /// The same without a wait for room: those that have none leave in pump(), as soon as they do.
    void flush_some();
    /// Takes in the answers that have come, and does what is due. Never waits for a broker; while
    /// one is away it asks the name servers every 2 s where it is, for Client's timeout at most.
    void pump();
    /// flush(), then waits until every message's fate is known, and the name servers know the
    /// topics that were made by the way.
    void finish();

    /// Readable when pump() has something to do.
    int fd() const;
    /// When pump() must be called at the latest, in monotonic ms; -1: never.
    std::int64_t due_ms() const;
    /// When the oldest batch was begun that is open and has not been told to leave; -1: none is.
    std::int64_t open_since_ms() const { return open_since_ms_; }

    /// Whether the last that was heard of a broker is that it cannot be reached, or does not work.
    bool is_failing() const { return is_failing_; }
    /// And something waits for it.
    bool is_held() const { return is_failing_ && !flying_.empty(); }

    /// The addresses of all that was sent to.
    std::vector<std::string> brokers() const;
    /// Where a broker is now, by its name; "" for one that is not known.
    std::string address_of(std::string_view broker) const;

    const Totals& totals() const { return totals_; }
    /// Of the first message that was refused or lost.
    const std::optional<Error>& first_error() const { return first_error_; }
    static constexpr std::size_t body_bytes_max = SizeLimits::bytes_max;

private:
    /// One open batch and what has been sent of it before: where order matters, one at a time.
    struct Lane {
        SendTopic* topic;
        bool is_shards;                    ///< of some shards, else of what has none
        std::optional<std::size_t> queue;  ///< index in its topic's queues
        std::int32_t sys_flag;
        std::unique_ptr<Batch> open;
        int flying = 0;
        bool is_leaving = false;    ///< `open` is to leave when there is room
        std::deque<Batch*> pieces;  ///< of flying_, of a batch that was split: not sent yet
    };
    struct Answered {
        Batch* batch;
        Result<remoting::Answer> answer;
    };
    using Post = Mailbox<Answered>;

    Result<Lane*> lane_of(const Message& message);
    Result<Lane*> wait_for_lane(const Message& message);
    Result<Lane*> lane_now(const Message& message);
    Waiting waiting() const;
    void add(Lane& lane, const Message& message);
    void open_batch(Lane& lane, const Message& message);
    bool is_full_for(const Batch& open, const Message& message) const;
    void close(Lane& lane);
    std::unique_ptr<Batch> take_open(Lane& lane);
    void depart(Lane& lane);
    void launch_leaving();
    bool has_room(const Lane& lane, std::size_t bytes) const;
    std::int64_t attempt_ms() const;
    std::int64_t retry_due_ms() const;
    bool wait_for_room(const Lane& lane, std::size_t bytes);
    void wait();
    bool stopping();
    void launch(Batch& batch);
    void launch_due();
    void fly(std::unique_ptr<Batch> batch, bool is_first);
    bool is_too_long(const Batch& batch) const;
    bool shorten(Batch& batch);
    void split(Batch& batch, std::size_t bytes_max);
    const Queue* queue_for(const Batch& batch);
    void ask_limit(const std::string& address);
    bool mend_illegal(Batch& batch);
    void send_oneway(std::unique_ptr<Batch> batch);
    void write_oneway(std::unique_ptr<Batch> batch);
    bool reach(Batch& batch);
    bool is_reached(const std::string& address);
    const Queue& next_queue(const Batch& batch);
    void redirect(Batch& batch, const Queue& queue);
    void tell_of_wait();
    void answered(Batch& batch, const Result<remoting::Answer>& answer);
    void again(Batch& batch, std::string why, bool busy);
    const Talk& talk() const { return client_.options().talk; }
    void settle(Batch& batch, Verdict verdict, const remoting::Answer* answer, const Error* error);
    void count(const Batch& batch, Verdict verdict);
    void note(const Error& error);

    Client& client_;
    const Options options_;
    const Envelope envelope_;
    message::UniqueKeys keys_;
    SendTopics topics_;
    std::vector<std::unique_ptr<Lane>> lanes_;
    Lane* last_lane_ = nullptr;
    std::unordered_map<Batch*, std::unique_ptr<Batch>> flying_;
    SizeLimits limits_;
    /// Of each address: connections that had broken before a broker there was asked for its limit.
    std::map<std::string, std::uint64_t> asked_limit_;
    std::size_t flying_bytes_ = 0;
    std::size_t open_bytes_ = 0;
    int window_;
    int waiting_ = 0;  // of flying_, those that wait for another attempt
    std::int64_t open_since_ms_ = -1;
    std::int64_t stop_at_ms_ = -1;
    bool is_leaving_ = false;  // a lane is
    bool lost_hope_ = false;
    bool is_failing_ = false;
    WaitLine line_;
    std::string trouble_;               // why nothing is acknowledged
    std::int64_t silent_since_ms_ = 0;  // the last acknowledgement, or the first batch in flight
    Totals totals_;
    std::optional<Error> first_error_;
    std::shared_ptr<Post> post_ = std::make_shared<Post>();
    std::vector<Answered> taken_;
    Oneways oneways_;
};

}  // namespace mqd::client
