#pragma once
// Brokers at their name server: 103, 104, 322, 901, 904 (mqd-remoting(7), NAME SERVERS), and the
// name server's administration: 100, 101, 102, 205, 219, 327 (mqd-remoting(7), ADMINISTRATION).

#include "wire/header.h"

namespace mqd::wire {

/// REGISTER_BROKER 103; its body is in bodies/register_broker.h.
struct RegisterBroker {
    std::string_view broker_name;
    std::string_view broker_addr;  ///< what clients shall connect to
    std::string_view cluster_name;
    std::string_view ha_server_addr;
    std::int64_t broker_id = 0;  ///< 0: the master
    std::optional<std::int64_t> heartbeat_timeout_ms;
    std::optional<bool> enable_acting_master;
    bool compressed = false;                ///< never to be believed: the body's first byte tells
    std::int32_t body_crc32 = 0;            ///< crc31() of the body as sent; 0: not to be checked
    std::optional<std::string_view> store;  ///< mqd's: the uuid of the broker's store

    static constexpr auto fields() {
        using H = RegisterBroker;
        return std::tuple{required("brokerName", &H::broker_name),
                          required("brokerAddr", &H::broker_addr),
                          required("clusterName", &H::cluster_name),
                          required("haServerAddr", &H::ha_server_addr),
                          required("brokerId", &H::broker_id),
                          optional("heartbeatTimeoutMillis", &H::heartbeat_timeout_ms),
                          optional("enableActingMaster", &H::enable_acting_master),
                          optional("compressed", &H::compressed),
                          optional("bodyCrc32", &H::body_crc32),
                          optional("mqdStore", &H::store)};
    }
};

/// The first two only for a slave whose master is registered.
struct RegisterBrokerResponse {
    std::optional<std::string_view> ha_server_addr;
    std::optional<std::string_view> master_addr;
    /// mqd's: the address of another broker with this name and id. With code 1 it holds them and
    /// this one is refused; with 0 it was refused.
    std::optional<std::string_view> same_name;

    static constexpr auto fields() {
        using H = RegisterBrokerResponse;
        return std::tuple{optional("haServerAddr", &H::ha_server_addr),
                          optional("masterAddr", &H::master_addr),
                          optional("mqdSameName", &H::same_name)};
    }
};

/// UNREGISTER_BROKER 104 and QUERY_DATA_VERSION 322.
struct BrokerHeader {
    std::string_view broker_name;
    std::string_view broker_addr;
    std::string_view cluster_name;
    std::int64_t broker_id = 0;

    static constexpr auto fields() {
        using H = BrokerHeader;
        return std::tuple{
            required("brokerName", &H::broker_name), required("brokerAddr", &H::broker_addr),
            required("clusterName", &H::cluster_name), required("brokerId", &H::broker_id)};
    }
};

/// Answers 322.
struct QueryDataVersionResponse {
    bool changed = true;

    static constexpr auto fields() {
        return std::tuple{required("changed", &QueryDataVersionResponse::changed)};
    }
};

/// GET_BROKER_MEMBER_GROUP 901.
struct BrokerMemberGroup {
    std::string_view cluster_name;
    std::string_view broker_name;

    static constexpr auto fields() {
        using H = BrokerMemberGroup;
        return std::tuple{required("clusterName", &H::cluster_name),
                          required("brokerName", &H::broker_name)};
    }
};

/// BROKER_HEARTBEAT 904.
struct BrokerHeartbeat {
    std::string_view cluster_name;
    std::string_view broker_name;
    std::string_view broker_addr;
    std::optional<std::int64_t> broker_id;
    std::optional<std::int64_t> heartbeat_timeout_ms;

    static constexpr auto fields() {
        using H = BrokerHeartbeat;
        return std::tuple{
            required("clusterName", &H::cluster_name), required("brokerName", &H::broker_name),
            required("brokerAddr", &H::broker_addr), optional("brokerId", &H::broker_id),
            optional("heartbeatTimeoutMills", &H::heartbeat_timeout_ms)};
    }
};

/// WIPE_WRITE_PERM_OF_BROKER 205 and ADD_WRITE_PERM_OF_BROKER 327.
struct BrokerNameHeader {
    std::string_view broker_name;

    static constexpr auto fields() {
        return std::tuple{required("brokerName", &BrokerNameHeader::broker_name)};
    }
};

struct WipeWritePermResponse {
    std::int32_t wipe_topic_count = 0;

    static constexpr auto fields() {
        return std::tuple{required("wipeTopicCount", &WipeWritePermResponse::wipe_topic_count)};
    }
};

struct AddWritePermResponse {
    std::int32_t add_topic_count = 0;

    static constexpr auto fields() {
        return std::tuple{required("addTopicCount", &AddWritePermResponse::add_topic_count)};
    }
};

/// PUT_KV_CONFIG 100.
struct PutKvConfig {
    std::string_view name_space;
    std::string_view key;
    std::string_view value;

    static constexpr auto fields() {
        using H = PutKvConfig;
        return std::tuple{required("namespace", &H::name_space), required("key", &H::key),
                          required("value", &H::value)};
    }
};

/// GET_KV_CONFIG 101 (answered by KvConfigResponse) and DELETE_KV_CONFIG 102.
struct KvConfigKey {
    std::string_view name_space;
    std::string_view key;

    static constexpr auto fields() {
        using H = KvConfigKey;
        return std::tuple{required("namespace", &H::name_space), required("key", &H::key)};
    }
};

struct KvConfigResponse {
    std::string_view value;

    static constexpr auto fields() {
        return std::tuple{optional("value", &KvConfigResponse::value)};
    }
};

/// GET_KVLIST_BY_NAMESPACE 219.
struct KvNamespaceHeader {
    std::string_view name_space;

    static constexpr auto fields() {
        return std::tuple{required("namespace", &KvNamespaceHeader::name_space)};
    }
};

}  // namespace mqd::wire
