#pragma once
// Who is connected: consumer groups with their members and subscriptions, producer groups
// (mqd-remoting(7), SUBSCRIPTIONS and HEARTBEATS). The key of a registration is the connection; the
// client id is data.
//
// Threads: any.
// Owner:   Broker.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "broker/table_file.h"
#include "filter/sql.h"
#include "filter/tags.h"
#include "store/store.h"

namespace mqd::broker {

/// A producer is asked how a transaction ended (mqd-remoting(7), TRANSACTIONS).
struct HalfCheck {
    std::int64_t queue_offset = 0;  ///< of the half message's newest copy
    PhysicalOffset at;
    std::string unique_key, transaction_id, offset_id;
    std::string record;  ///< the half message as it would be delivered
};

/// A client's connection, whatever its protocol. Calls come from any thread and must not block.
class Peer {
public:
    virtual ~Peer() = default;
    virtual const std::string& address() const = 0;
    virtual void close() = 0;
    // Only a protocol whose clients share out their queues themselves, or send half messages, has
    // something to tell them.
    virtual void members_changed(const std::string& /*group*/) {}
    virtual void check_transaction(const std::shared_ptr<const HalfCheck>& /*check*/) {}
};
using PeerRef = std::shared_ptr<Peer>;

/// What a group wants of a topic; a filter for reads too.
class Subscription final : public store::ReadFilter {
public:
    std::string topic;
    std::string expression;
    std::string type = "TAG";
    std::int64_t version = 0;
    filter::Tags tags;
    std::optional<filter::Sql> sql;

    bool is_tag() const { return type == "TAG"; }
    bool is_sql() const { return type == "SQL92"; }
    bool matches_all() const { return tags.matches_all() && !sql; }
    bool code_matches(std::int64_t code) const override { return tags.code_matches(code); }
    bool needs_record() const override { return sql.has_value(); }
    bool record_matches(const message::RecordView& record) const override {
        return !sql || sql->matches(record.properties);
    }
    bool same_text(const Subscription& other) const {
        return expression == other.expression && type == other.type;
    }
    /// Of another type than TAG and SQL92 it is kept but is no filter. invalid: the expression.
    static Result<std::shared_ptr<const Subscription>> make(std::string topic,
                                                            std::string expression,
                                                            std::string type, std::int64_t version);
    /// What a group wants though it cannot be understood: kept for those who ask, no filter.
    static std::shared_ptr<const Subscription> unusable(std::string topic, std::string expression,
                                                        std::string type, std::int64_t version);
};
using SubscriptionRef = std::shared_ptr<const Subscription>;

enum class Model { broadcasting, clustering };

struct ClientInfo {
    std::string id;
    std::uint8_t language = 0;
    std::int32_t version = 0;
};

/// What a heartbeat says about one group.
struct Membership {
    std::string group;
    Model model = Model::clustering;
    std::string consume_type;  ///< as named on the wire, for those who ask
    std::string consume_from;
    std::vector<SubscriptionRef> subscriptions;
    bool has_retry_topic = false;  ///< its members send failed messages back
    bool unit_mode = false;        ///< of that topic
};

class Clients {
public:
    explicit Clients(const Clock& clock) : clock_(clock) {}

    /// True when the group's other members should hear of it: a new member or subscription.
    bool join(const PeerRef& peer, const ClientInfo& client, Membership membership);
    void join_producers(const PeerRef& peer, const ClientInfo& client, std::string_view group);
    /// True when it was a member.
    bool leave(const Peer& peer, std::string_view group);
    void leave_producers(const Peer& peer, std::string_view group);
    /// The connection is gone; the groups that lost a member.
    std::vector<std::string> leave_all(const Peer& peer);
    /// Connections without a heartbeat for `expiry_ms`: to be closed by the caller.
    std::vector<PeerRef> expired(std::int64_t expiry_ms) const;

    struct Standing {
        bool online = false;
        Model model = Model::clustering;
        SubscriptionRef subscription;  ///< null: the topic is not among the group's
    };
    Standing standing(std::string_view group, std::string_view topic) const;
    std::vector<std::string> member_ids(std::string_view group) const;
    std::vector<PeerRef> members(std::string_view group) const;
    struct Online {
        PeerRef peer;
        ClientInfo client;
    };
    /// The members, as members() has them, with what they are.
    std::vector<Online> online(std::string_view group) const;
    std::vector<std::string> groups_subscribed(std::string_view topic) const;

    struct Connection {
        ClientInfo client;
        std::string address;
        std::int64_t last_beat_ms = 0;
    };
    struct View {
        Membership membership;
        std::vector<Connection> connections;
    };
    std::optional<View> consumers(std::string_view group) const;
    std::vector<Connection> producers(std::string_view group) const;
    /// All producer groups, by name.
    std::map<std::string, std::vector<Connection>> all_producers() const;
    /// One of them, each in its turn; null: there is none.
    PeerRef any_producer(std::string_view group);
    /// The connection that this client's producers were last seen on; null: there is none.
    PeerRef producer_of(std::string_view client_id) const;

private:
    struct Member {
        PeerRef peer;
        ClientInfo client;
        std::int64_t last_beat_ms = 0;  // monotonic
    };
    using Members = std::unordered_map<const Peer*, Member>;
    struct Held {
        SubscriptionRef subscription;
        std::string set_by;              // the client id
        const Peer* set_over = nullptr;  // its connection, compared only: it may be gone
    };
    struct ConsumerGroup {
        Membership about;  // without the subscriptions
        Members members;
        std::map<std::string, Held, std::less<>> subscriptions;
    };
    struct PeerGroups {
        std::vector<std::string> consuming, producing;
        std::string producer_id;  // "": none of the producers' ids leads here
    };
    void forget_producer_id(PeerGroups& of, const Peer& peer) REQUIRES(mutex_);
    bool leave_locked(const Peer& peer, std::string_view group) REQUIRES(mutex_);
    static bool merge(ConsumerGroup& group, const Member& from,
                      const std::vector<SubscriptionRef>& subscriptions);
    static std::vector<Connection> connections_of(const Members& members);

    const Clock& clock_;
    mutable Mutex mutex_;
    ByName<ConsumerGroup> consumers_ GUARDED_BY(mutex_);
    ByName<Members> producers_ GUARDED_BY(mutex_);
    ByName<PeerRef> producer_ids_ GUARDED_BY(mutex_);
    std::size_t turn_ GUARDED_BY(mutex_) = 0;  // of producers that are asked
    std::unordered_map<const Peer*, PeerGroups> peers_ GUARDED_BY(mutex_);
};

}  // namespace mqd::broker
