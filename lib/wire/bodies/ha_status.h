#pragma once
// GET_BROKER_HA_STATUS 907 (mqd-remoting(7), BROKERS). A broker without replication is a master
// that nobody follows.

#include "wire/bodies/body.h"

namespace mqd::wire {

struct HaStatus {
    bool is_master = true;
    std::int64_t log_end = 0;  ///< bytes

    static HaStatus from(const json::Value& value);
    static Result<HaStatus> read(std::string_view body);
    void write(json::Writer& out) const;
};

}  // namespace mqd::wire
