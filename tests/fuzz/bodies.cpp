// Bodies: each input is tried as every kind; what was read is written, and is then stable.

#include <string>

#include "base/check.h"
#include "wire/bodies/connections.h"
#include "wire/bodies/groups.h"
#include "wire/bodies/heartbeat.h"
#include "wire/bodies/register_broker.h"
#include "wire/bodies/route.h"
#include "wire/bodies/stats.h"

using namespace mqd;

namespace {

template <class T>
void read_and_write(std::string_view body) {
    const auto first = T::read(body);
    if (!first) return;
    // Twice, since writing repairs what is no UTF-8 and drops what nobody knows.
    const auto once = T::read(wire::to_body(*first));
    check(once.has_value());
    const auto text = wire::to_body(*once);
    const auto twice = T::read(text);
    check(twice.has_value() && wire::to_body(*twice) == text);
}

template <class... T>
void read_and_write_each(std::string_view body) {
    (read_and_write<T>(body), ...);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto body = as_text(std::as_bytes(std::span(data, size)));
    using namespace wire;
    read_and_write_each<RegisterBrokerBody, HeartbeatData, TopicRouteData, ClusterInfo,
                        BrokerMembers, TopicConfigTable, TopicConfigList, TopicList, KvTable,
                        LockBatchBody, LockBatchAnswer, TopicStatsTable, ConsumeStats,
                        CheckClientBody, ConsumerIdList, ConsumerConnection, ProducerConnection,
                        SubscriptionGroupConfig, SubscriptionGroupTable, GroupList,
                        ConsumerOffsetTable, MessageQueue, DataVersion>(body);
    return 0;
}
