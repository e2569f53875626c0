#pragma once
// The route table: which brokers there are, and which topics each has (mqd-remoting(7), NAME
// SERVERS). In memory only: brokers tell it again every 30 s.
//
// Threads: any; one short lock inside. Registrations are read before it is taken, and an encoded
//          route is kept until something in it changes.
// Owner:   Namesrv.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/mutex.h"
#include "wire/bodies/register_broker.h"
#include "wire/bodies/route.h"
#include "wire/bodies/topic.h"
#include "base/by_name.h"

namespace mqd::namesrv {

/// The connection that a registration came over: when it closes, the broker is gone.
using ConnectionId = std::uint64_t;

struct Registration {
    std::string cluster;
    std::string broker;
    std::int64_t id = 0;  ///< 0: the master
    std::string address;
    std::string ha_address;
    std::int64_t timeout_ms = 120'000;         ///< without a sign of life
    std::optional<bool> enable_acting_master;  ///< there at all: a 5.x broker
    std::string store;  ///< the uuid of an mqd broker's store; empty: another's
    ConnectionId connection = 0;
    // Of the body as sent: the same again means that nothing has changed.
    std::uint32_t body_crc = 0;
    std::size_t body_bytes = 0;
};

/// A broker that went away.
struct Removed {
    std::string broker;
    std::int64_t id = 0;
    std::string address;
};

class Routes {
public:
    struct Options {
        /// A broker without master, with acting masters enabled and nothing writeable, is answered
        /// with its lowest id as the master.
        bool support_acting_master = false;
        /// A registration takes away the topics it does not name.
        bool delete_topic_with_registration = false;
    };
    explicit Routes(Options options) : options_(options) {}
    void configure(Options options) EXCLUDES(mutex_);

    struct Registered {
        bool is_new = false;
        bool is_ignored = false;  ///< a live broker with a newer state holds that id
        /// That of a live broker with another store, which holds that id: this one is refused.
        std::optional<std::string> holder;
        bool is_first_refusal = false;  ///< since the holder was told
        /// That of one that was refused, since this one registered the last time.
        std::optional<std::string> refused;
        // For a slave whose master is here.
        std::optional<std::string> master_address, master_ha_address;
    };
    /// 103 with a body that is known already: a sign of life, and all there is to do. Nothing
    /// when the body has to be read.
    std::optional<Registered> refresh(const Registration& who, std::int64_t now_ms);
    Registered add(const Registration& who, const wire::RegisterBrokerBody& body,
                   std::int64_t now_ms);

    /// 104. Not there is fine, and so is another broker of that name and id, which stays.
    std::vector<Removed> unregister(std::string_view broker, std::int64_t id,
                                    std::string_view address);
    std::vector<Removed> connection_closed(ConnectionId connection);
    std::vector<Removed> expire(std::int64_t now_ms);

    /// 904: only for a broker that is known.
    void heartbeat(std::string_view broker, std::string_view address,
                   std::optional<std::int64_t> timeout_ms, std::int64_t now_ms);
    /// 322: the version on file, nothing for an unknown broker. A sign of life too.
    std::optional<wire::DataVersion> version(std::string_view broker, std::string_view address,
                                             std::int64_t now_ms);

    /// 105: the topic's TopicRouteData as JSON; null when no live broker has it.
    std::shared_ptr<const std::string> route(std::string_view topic);

    wire::ClusterInfo cluster_info() const;
    /// 901; nobody in it when unknown.
    wire::BrokerMembers members(std::string_view cluster, std::string_view broker) const;
    // Names, sorted.
    std::vector<std::string> topics() const;
    std::vector<std::string> topics_of_cluster(std::string_view cluster) const;
    /// Whose topicSysFlag has all of the first bits and none of the second.
    std::vector<std::string> topics_with_flag(std::int32_t all_of, std::int32_t none_of) const;

    /// 205: writing is masked out of the answers, whatever is registered meanwhile, until it is
    /// given back (327) or the broker unregisters. Both give the number of topics.
    std::size_t wipe_write(std::string_view broker);
    std::size_t restore_write(std::string_view broker);
    /// 216: from all brokers, or from those of one cluster. False: nothing was there.
    bool delete_topic(std::string_view topic, std::optional<std::string_view> cluster);
    /// 217. False: ignored, since the broker is not known.
    bool add_queue(std::string_view topic, const wire::QueueData& queue);

private:
    struct Live {
        std::string address;
        std::string ha_address;
        std::string store;
        std::string refused;  // the address of one that wanted to be this one
        ConnectionId connection = 0;
        std::int64_t seen_ms = 0;
        std::int64_t timeout_ms = 0;
        wire::DataVersion version;
        std::uint32_t body_crc = 0;
        std::size_t body_bytes = 0;  // 0: read the next body whatever it is
    };
    struct Broker {
        std::string cluster;
        bool acting_master_enabled = false;
        std::map<std::int64_t, Live> members;
        bool has_master() const { return members.contains(0); }
    };
    struct Topic {
        std::map<std::string, wire::QueueData, std::less<>> by_broker;
        std::shared_ptr<const std::string> encoded;
        std::uint64_t encoded_revision = 0;
    };
    using Gone = std::function<bool(std::string_view broker, std::int64_t id, const Live&)>;

    Broker* find(std::string_view name) REQUIRES(mutex_);
    Live* find_live(std::string_view broker, std::string_view address) REQUIRES(mutex_);
    static void seen(Live& live, const Registration& who, std::int64_t now_ms);
    static Registered answer(Broker& broker, std::int64_t id);
    static std::optional<Registered> refusal(Live& holder, const Registration& who,
                                             std::int64_t state_version, std::int64_t now_ms);
    void set_queue(std::string_view topic, wire::QueueData queue) REQUIRES(mutex_);
    void drop_topics(std::string_view broker, const std::set<std::string_view>& keep)
        REQUIRES(mutex_);
    bool is_write_masked(std::string_view name, const Broker& broker) const REQUIRES(mutex_);
    std::string encode(const Topic& topic) REQUIRES(mutex_);
    std::size_t count_topics(std::string_view broker) const REQUIRES(mutex_);
    std::vector<Removed> remove(const Gone& gone) REQUIRES(mutex_);

    mutable Mutex mutex_;
    Options options_ GUARDED_BY(mutex_);
    std::map<std::string, Broker, std::less<>> brokers_ GUARDED_BY(mutex_);
    ByName<Topic> topics_ GUARDED_BY(mutex_);
    std::set<std::string, std::less<>> wiped_ GUARDED_BY(mutex_);
    // Counts changes of brokers, masks and options: a route encoded before the last is stale.
    std::uint64_t revision_ GUARDED_BY(mutex_) = 0;
};

}  // namespace mqd::namesrv
