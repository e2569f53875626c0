#include "client/ack.h"

#include <fmt/format.h>

#include "base/parse.h"
#include "wire/codes.h"

namespace mqd::client {
namespace {

constexpr std::int64_t flush_wait_ms = 5000;
constexpr std::int64_t replica_wait_ms = 3000;

/// The value of a key in lines of `key=value`; empty: it is not there.
std::string_view value_of(std::string_view config, std::string_view key) {
    for (const auto line : split(config, '\n')) {
        const auto equals = line.find('=');
        if (equals != std::string_view::npos && line.substr(0, equals) == key)
            return trimmed(line.substr(equals + 1));
    }
    return {};
}

std::int64_t number_of(std::string_view config, std::string_view key, std::int64_t otherwise) {
    return parse_int<std::int64_t>(value_of(config, key)).value_or(otherwise);
}

std::string_view said(std::string_view config, std::string_view key) {
    const auto value = value_of(config, key);
    return value.empty() ? "not said" : value;
}

bool waits_for_replicas(std::string_view config) {
    if (value_of(config, "brokerRole") != "SYNC_MASTER") return false;
    // Up to version 4 there is no such key, and a SYNC_MASTER waits for a slave.
    if (number_of(config, "inSyncReplicas", 2) > 1) return true;
    return value_of(config, "allAckInSyncStateSet") == "true" &&
           number_of(config, "minInSyncReplicas", 1) > 1;
}

}  // namespace

Result<std::int64_t> ack_wait_ms(Ack ack, std::string_view address, std::string_view config) {
    switch (ack) {
        case Ack::one:
            break;
        case Ack::flush:
            if (value_of(config, "flushDiskType") == "SYNC_FLUSH")
                return number_of(config, "syncFlushTimeout", flush_wait_ms);
            return Error{Errc::unsupported,
                         fmt::format("{} does not wait for its disk before it answers: its "
                                     "flushDiskType is {}, not SYNC_FLUSH",
                                     address, said(config, "flushDiskType"))};
        case Ack::all:
            if (waits_for_replicas(config))
                return number_of(config, "slaveTimeout", replica_wait_ms);
            return Error{
                Errc::unsupported,
                fmt::format("{} does not wait for replicas before it answers: its "
                            "brokerRole is {} and inSyncReplicas {}, not SYNC_MASTER and "
                            "2 or more",
                            address, said(config, "brokerRole"), said(config, "inSyncReplicas"))};
    }
    return 0;
}

std::string_view missing_ack(Ack ack, std::int32_t response_code) {
    namespace code = wire::response_code;
    const bool lacks_replica =
        response_code == code::flush_slave_timeout || response_code == code::slave_not_available;
    switch (ack) {
        case Ack::one:
            break;
        case Ack::all:
            if (lacks_replica) return "stored by the master, but not by its replicas in time";
            break;
        case Ack::flush:
            // Where both are missing the answer only tells of the replica.
            if (lacks_replica || response_code == code::flush_disk_timeout)
                return "stored, but not known to be on disk";
            break;
    }
    return {};
}

}  // namespace mqd::client
