#pragma once
// Consumer offsets 14 and 15, queue offsets 29 to 32 (mqd-remoting(7), OFFSETS).

#include "wire/header.h"

namespace mqd::wire {

/// Of the answer to GET_MAX_OFFSET 30, see MaxOffsetResponse.
inline constexpr std::string_view oneways_lost_field = "mqdOnewaysNotStored";

/// QUERY_CONSUMER_OFFSET 14; answered by OffsetResponse.
struct QueryConsumerOffset {
    std::string_view consumer_group;
    std::string_view topic;
    std::int32_t queue_id = 0;
    std::optional<bool> set_zero_if_not_found;

    static constexpr auto fields() {
        using H = QueryConsumerOffset;
        return std::tuple{required("consumerGroup", &H::consumer_group),
                          required("topic", &H::topic), required("queueId", &H::queue_id),
                          optional("setZeroIfNotFound", &H::set_zero_if_not_found)};
    }
};

/// UPDATE_CONSUMER_OFFSET 15. What begins with mqd is between mqd's clients and its broker;
/// RocketMQ's passes over it.
struct UpdateConsumerOffset {
    std::string_view consumer_group;
    std::string_view topic;
    std::int32_t queue_id = 0;
    std::int64_t commit_offset = 0;
    std::optional<bool> held = {};     ///< only if the queue is locked over this connection
    std::optional<bool> first = {};    ///< only where the group has no offset yet
    std::optional<bool> durable = {};  ///< answered when it is on disk

    static constexpr auto fields() {
        using H = UpdateConsumerOffset;
        return std::tuple{required("consumerGroup", &H::consumer_group),
                          required("topic", &H::topic),
                          required("queueId", &H::queue_id),
                          required("commitOffset", &H::commit_offset),
                          optional("mqdHeld", &H::held),
                          optional("mqdFirst", &H::first),
                          optional("mqdDurable", &H::durable)};
    }
};

/// SEARCH_OFFSET_BY_TIMESTAMP 29; answered by OffsetResponse.
struct SearchOffset {
    std::string_view topic;
    std::int32_t queue_id = 0;
    std::int64_t timestamp = 0;
    std::optional<std::string_view> boundary_type;  ///< lower (the default) or upper, any case

    static constexpr auto fields() {
        using H = SearchOffset;
        return std::tuple{required("topic", &H::topic), required("queueId", &H::queue_id),
                          required("timestamp", &H::timestamp),
                          optional("boundaryType", &H::boundary_type)};
    }
};

/// GET_MAX_OFFSET 30, answered by MaxOffsetResponse, and GET_MIN_OFFSET 31, by OffsetResponse;
/// GET_EARLIEST_MSG_STORETIME 32, answered by TimestampResponse.
struct QueueHeader {
    std::string_view topic;
    std::int32_t queue_id = 0;

    static constexpr auto fields() {
        using H = QueueHeader;
        return std::tuple{required("topic", &H::topic), required("queueId", &H::queue_id)};
    }
};

struct OffsetResponse {
    std::int64_t offset = 0;
    /// mqd's own, to 31: as in PullMessageResponse.
    std::optional<std::int64_t> queue_since = std::nullopt;

    static constexpr auto fields() {
        using H = OffsetResponse;
        return std::tuple{required("offset", &H::offset),
                          optional("mqdQueueSince", &H::queue_since)};
    }
};

/// Of GET_MAX_OFFSET 30.
struct MaxOffsetResponse {
    std::int64_t offset = 0;
    /// Ours: so many one-way messages of this connection were not stored, if any were not.
    std::optional<std::int64_t> oneways_lost;

    static constexpr auto fields() {
        using H = MaxOffsetResponse;
        return std::tuple{required("offset", &H::offset),
                          optional(oneways_lost_field, &H::oneways_lost)};
    }
};

struct TimestampResponse {
    std::int64_t timestamp = -1;

    static constexpr auto fields() {
        return std::tuple{required("timestamp", &TimestampResponse::timestamp)};
    }
};

}  // namespace mqd::wire
