#pragma once
// A member of a consumer group, as clustering consumers of RocketMQ are: it beats, learns which
// queues are its own, and keeps the group's offsets (mqd-remoting(7), CLIENTS, SHARING QUEUES,
// HEARTBEATS and OFFSETS).
//
// Threads: the tool's one thread; the heartbeats go out on the client's.
// Owner:   the tool's main. The client outlives it.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/client.h"
#include "client/heartbeats.h"
#include "client/mailbox.h"
#include "client/patience.h"
#include "client/queues.h"
#include "client/start.h"
#include "filter/tags.h"
#include "wire/headers/offsets.h"

namespace mqd::client {

class Membership {
public:
    struct Options {
        std::string group;
        std::vector<std::string> topics;
        std::string subscription = "*";
        std::string expression_type = "TAG";  ///< or SQL92
        filter::Tags tags;
        From from;
        bool broadcasts = false;  ///< every member has all queues, and keeps its own offsets
        bool needs_all = false;   ///< brokers: else one that does not answer comes later
    };
    /// The brokers of the topics that are there know the member when this returns, but for those
    /// that do not answer. unavailable: no name server, or no broker.
    static Result<std::unique_ptr<Membership>> join(Client& client, Options options,
                                                    Patience& patience);
    ~Membership();
    Membership(const Membership&) = delete;
    Membership& operator=(const Membership&) = delete;

    const std::string& client_id() const { return client_id_; }
    const std::string& retry_topic() const { return retry_topic_; }

    /// Whether the queues are to be shared out anew: every 20 s, and when a broker says that the
    /// members have changed. True once for each cause.
    bool wants_rebalance();
    /// Our queues. unavailable: nobody can tell at the moment; keep what you have.
    Result<std::vector<Queue>> assigned();
    /// Why nothing is to be asked of the broker with that address now: it did not answer the last
    /// heartbeat. Nothing: it did. When it answers again, wants_rebalance() says so.
    std::optional<Error> absence(const std::string& broker) const {
        return heartbeats_.absence(broker);
    }

    /// As soon as may be: a topic's queues are not what they were.
    void rebalance_now() { rebalance_at_ms_ = 0; }
    /// Not before long, since something is still to be settled.
    void rebalance_soon();

    /// What the group has committed, in the order of the queues; nothing: it never did. What a
    /// broker would choose for it does not count.
    Result<std::vector<std::optional<std::int64_t>>> stored_offsets(
        const std::vector<Queue>& queues);
    Result<std::optional<std::int64_t>> stored_offset(const Queue& queue);

    struct Commit {
        Queue queue;
        std::int64_t offset = 0;
        /// A broker of mqd: it counts only while we hold the queue's lock over this connection.
        bool only_if_held = false;
    };
    /// Tells nobody whether it arrived.
    void commit(const Commit& commit);
    void commit(const Queue& queue, std::int64_t offset) { commit({queue, offset, false}); }
    /// Where a new group begins. At a broker of mqd it changes nothing where there is an offset
    /// already, so that of several members who see a new group the first one says where.
    Result<> commit_first(const std::vector<Commit>& commits);
    /// All at once, each answered. `is_durable`: by a broker of mqd when it is on disk. refused:
    /// the queue is not ours any more.
    std::vector<Result<>> commit_and_wait(const std::vector<Commit>& commits, bool is_durable);
    /// After the last commit; the others take over at once.
    void leave();

    /// Readable when wants_rebalance() may be true.
    int fd() const { return wishes_->fd(); }
    std::int64_t due_ms() const { return rebalance_at_ms_; }

private:
    Membership(Client& client, Options options);

    Result<> learn_brokers();
    Result<remoting::Answer> ask_for_members(const std::vector<Queue>& queues);
    Result<> keep_share(std::vector<Queue>& queues);
    std::string heartbeat() const;
    wire::UpdateConsumerOffset header_of(const Commit& commit) const;

    Client& client_;
    const Options options_;
    const std::string client_id_;
    const std::string retry_topic_;
    const std::int64_t joined_ms_;
    std::shared_ptr<Mailbox<int>> wishes_ = std::make_shared<Mailbox<int>>();
    std::vector<int> taken_;
    std::int64_t rebalance_at_ms_ = 0;
    bool has_joined_ = false;
    int looks_for_retry_ = 10;  ///< so often before it is looked for with the others
    std::map<std::string, std::vector<Queue>> shares_;  ///< what was ours of each topic
    Heartbeats heartbeats_;
};

}  // namespace mqd::client
