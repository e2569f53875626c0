#include "front/rocketmq/settings.h"

#include "config/config.h"

namespace mqd::front::rocketmq {

void Settings::describe(config::Config& c) {
    c.boolean("validateSystemTopicWhenUpdateTopic", check_system_topics,
              "administrators cannot touch system topics");
    c.boolean("longPollingEnable", long_polling, "pulls wait as long as they ask to");
    c.duration("shortPollingTimeMills", short_polling_ms, 0, 600'000,
               "how long pulls wait without longPollingEnable");
    c.boolean("litePullMessageEnable", lite_pull, "answers request 361");
    c.boolean("enablePropertyFilter", property_filter, "consumers may filter by SQL92");
    c.boolean("useServerSideResetOffset", resets_offsets,
              "resets of offsets are the broker's, whether consumers are connected or not");
    c.boolean("storeReplyMessageEnable", store_replies,
              "replies to requests are stored too, in CLUSTER_REPLY_TOPIC");
    c.integer("maxTransferCountOnMessageInMemory", pull_messages_max, 1, 1'000'000,
              "most messages of one pull, if it asks for so many");
    c.size("maxTransferBytesOnMessageInMemory", pull_bytes, 1024, 16'000'000,
           "most bytes of one pull that does not ask for more");
    c.size("maxPullMessageSize", pull_bytes_max, 1024, 16'000'000,
           "most bytes of one pull that asks for more");
    c.integer("maxFilterMessageSize", filter_bytes_scanned, 20, 16'000'000,
              "most bytes of consume queue that one filtered pull looks through");
    c.integer("accessMessageInMemoryMaxRatio", in_memory_percent, 0, 100,
              "a queue whose first message lies no farther from the log's end than this percentage "
              "of the memory is read from its beginning by new groups");
    c.boolean("recallMessageEnable", recall, "producers can call such messages back");
}

}  // namespace mqd::front::rocketmq
