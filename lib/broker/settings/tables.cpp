#include "broker/settings/tables.h"

#include "config/config.h"

namespace mqd::broker {

void TopicSettings::describe(config::Config& c) {
    c.boolean("autoCreateTopicEnable", auto_create, "a send makes a missing topic");
    c.integer("defaultTopicQueueNums", default_queues, 1, 65'536,
              "queues of the template TBW102: the most that a send makes");
    c.boolean("clusterTopicEnable", of_cluster, "the cluster's name is a topic to send to");
    c.boolean("brokerTopicEnable", of_broker, "the broker's name is a topic to send to");
    c.boolean("traceTopicEnable", of_traces, "makes the trace topic");
    c.text("msgTraceTopicName", trace_name, "the trace topic's name");
}

void GroupSettings::describe(config::Config& c) {
    c.boolean("autoCreateSubscriptionGroup", auto_create,
              "heartbeats and pulls make a missing group");
    c.boolean("notifyConsumerIdsChangedEnable", notify_members,
              "members hear at once when their group changes");
    c.duration("flushConsumerOffsetInterval", offsets_interval_ms, 100, 600'000,
               "how often consumer offsets are saved");
    c.duration("channelExpiredTimeout", client_expiry_ms, 1000, 86'400'000,
               "a client without heartbeat for so long is closed");
}

}  // namespace mqd::broker
