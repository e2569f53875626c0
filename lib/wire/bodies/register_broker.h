#pragma once
// The body of REGISTER_BROKER 103, plain or compressed (mqd-remoting(7), REGISTRATION and
// COMPRESSED REGISTRATIONS).

#include "wire/bodies/topic.h"

namespace mqd::wire {

struct RegisterBrokerBody {
    DataVersion data_version;
    std::vector<TopicConfig> topics;
    std::vector<std::string> filter_servers;

    static RegisterBrokerBody from(const json::Value& value);
    /// Either form: the first byte tells, as 5.3.3 brokers say nothing of having compressed it.
    /// Without a body (3.0 brokers) there are no topics. invalid: neither form. corrupt: it does
    /// not decompress, or to more than 64 MiB.
    static Result<RegisterBrokerBody> read(std::string_view body);
    /// The plain form.
    void write(json::Writer& out) const;
};

}  // namespace mqd::wire
