#include "wire/bodies/ha_status.h"

namespace mqd::wire {

HaStatus HaStatus::from(const json::Value& value) {
    return {value["master"].as_bool(), value["masterCommitLogMaxOffset"].as_int()};
}

Result<HaStatus> HaStatus::read(std::string_view body) {
    return read_body<HaStatus>(body);
}

void HaStatus::write(json::Writer& out) const {
    // Its readers want the empty object of a slave's own values, too.
    out.begin_object()
        .key("haClientRuntimeInfo")
        .begin_object()
        .member("activated", false)
        .member("lastReadTimestamp", std::int64_t{0})
        .member("lastWriteTimestamp", std::int64_t{0})
        .member("masterFlushOffset", std::int64_t{0})
        .member("maxOffset", std::int64_t{0})
        .member("transferredByteInSecond", std::int64_t{0})
        .end_object()
        .key("haConnectionInfo")
        .begin_array()
        .end_array()
        .member("inSyncSlaveNums", 0)
        .member("master", is_master)
        .member("masterCommitLogMaxOffset", log_end)
        .end_object();
}

}  // namespace mqd::wire
