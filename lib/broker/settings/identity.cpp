#include "broker/settings/identity.h"

#include "config/config.h"

namespace mqd::broker {

void IdentitySettings::describe(config::Config& c) {
    c.text("brokerClusterName", cluster, "the cluster it belongs to");
    c.text("brokerName", name, "shared by a master and its slaves");
    c.integer("brokerId", id, 0, 0, "0: the master");
    c.text("regionId", region, "stamped on each message as MSG_REGION");
    c.boolean("traceOn", trace_on, "tells clients that they may trace");
    c.integer("brokerPermission", permission, 0, 7, "2 write, 4 read; 4 drains the broker");
}

}  // namespace mqd::broker
