#include "client/ack.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/parse.h"
#include "client/config_lines.h"
#include "wire/codes.h"

namespace mqd::client {
namespace {

constexpr std::int64_t flush_wait_ms = 5000;
constexpr std::int64_t replica_wait_ms = 3000;

std::int64_t number_of(std::string_view config, std::string_view key, std::int64_t otherwise) {
    return parse_int<std::int64_t>(config_value(config, key)).value_or(otherwise);
}

std::string_view said(std::string_view config, std::string_view key) {
    const auto value = config_value(config, key);
    return value.empty() ? "not said" : value;
}

bool waits_for_replicas(std::string_view config) {
    if (config_value(config, "brokerRole") != "SYNC_MASTER") return false;
    // Up to version 4 there is no such key, and a SYNC_MASTER waits for a slave.
    if (number_of(config, "inSyncReplicas", 2) > 1) return true;
    return config_value(config, "allAckInSyncStateSet") == "true" &&
           number_of(config, "minInSyncReplicas", 1) > 1;
}

Result<std::int64_t> flush_ms(std::string_view address, std::string_view config) {
    if (config_value(config, "flushDiskType") == "SYNC_FLUSH")
        return number_of(config, "syncFlushTimeout", flush_wait_ms);
    return Error{Errc::unsupported,
                 fmt::format("{} does not wait for its disk before it answers: its "
                             "flushDiskType is {}, not SYNC_FLUSH",
                             address, said(config, "flushDiskType"))};
}

Result<std::int64_t> replicas_ms(std::string_view address, std::string_view config) {
    if (waits_for_replicas(config)) return number_of(config, "slaveTimeout", replica_wait_ms);
    return Error{Errc::unsupported,
                 fmt::format("{} does not wait for replicas before it answers: its "
                             "brokerRole is {} and inSyncReplicas {}, not SYNC_MASTER and "
                             "2 or more",
                             address, said(config, "brokerRole"), said(config, "inSyncReplicas"))};
}

}  // namespace

Result<std::int64_t> ack_wait_ms(Ack ack, std::string_view address, std::string_view config) {
    std::int64_t ms = 0;
    if (wants_replicas(ack)) {
        TRY(ms, replicas_ms(address, config));
    }
    if (wants_disk(ack)) {
        TRY(const auto disk_ms, flush_ms(address, config));
        ms = std::max(ms, disk_ms);
    }
    return ms;
}

std::string_view missing_ack(Ack ack, std::int32_t response_code) {
    namespace code = wire::response_code;
    const bool lacks_replica =
        response_code == code::flush_slave_timeout || response_code == code::slave_not_available;
    // Where both are missing the answer only tells of the replica.
    if (wants_replicas(ack) && lacks_replica)
        return "stored by the master, but not by its replicas in time";
    if (wants_disk(ack) && (lacks_replica || response_code == code::flush_disk_timeout))
        return "stored, but not known to be on disk";
    return {};
}

}  // namespace mqd::client
