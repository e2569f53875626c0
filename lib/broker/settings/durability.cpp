#include "broker/settings/durability.h"

#include "config/config.h"

namespace mqd::broker {

void DurabilitySettings::describe(config::Config& c) {
    c.choice("brokerRole", sync_master, {{"ASYNC_MASTER", false}, {"SYNC_MASTER", true}},
             "SYNC_MASTER: sends wait for inSyncReplicas copies");
    c.integer("inSyncReplicas", in_sync_replicas, 0, 100,
              "copies that sends to a SYNC_MASTER wait for, its own included");
    c.duration("slaveTimeout", slave_timeout_ms, 1, 600'000,
               "how long they wait for replicas; there are none yet");
    c.choice("flushDiskType", flush_sync, {{"ASYNC_FLUSH", false}, {"SYNC_FLUSH", true}},
             "SYNC_FLUSH: a send is answered when it is on disk");
    c.duration("syncFlushTimeout", flush_timeout_ms, 1, 600'000,
               "how long a send waits for the disk");
}

}  // namespace mqd::broker
