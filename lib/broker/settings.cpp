#include "broker/settings.h"

#include <fmt/format.h>
#include <unistd.h>

#include <map>
#include <tuple>

#include "base/parse.h"
#include "broker/names.h"
#include "config/config.h"
#include "message/types.h"
#include "net/own_address.h"

namespace mqd::broker {
namespace {

std::string host_name() {
    char name[256] = {};
    if (gethostname(name, sizeof name - 1) != 0 || name[0] == '\0') return "mqd";
    std::string out(name);
    // It becomes a topic's name too, which may not have every character of a host's.
    for (char& c : out) {
        if (!check_topic_name(std::string_view(&c, 1))) c = '_';
    }
    return out;
}

bool is_any(std::string_view address) {
    return address.empty() || address == "0.0.0.0" || address == "::" || address == "*";
}

}  // namespace

Settings::Settings() {
    identity.name = host_name();
}

store::Options Settings::store_options() const {
    store::Options out;
    out.root = store.root;
    out.commit_log_file_bytes = store.commit_log_file_bytes;
    out.consume_queue_file_bytes = store.consume_queue_file_bytes;
    out.batch_queue_file_bytes = store.batch_queue_file_bytes;
    out.message_bytes_max = sends.message_bytes_max;
    out.flush_sync = durability.flush_sync;
    out.flush_interval_ms = store.flush_interval_ms;
    out.flush_thorough_ms = store.flush_thorough_ms;
    out.flush_queues_ms = store.flush_queues_ms;
    out.disk_full_percent = retention.disk_full_percent;
    out.check_crc = store.check_crc;
    out.demand_crc = store.demand_crc;
    out.retention = retention.options();
    out.index = store.index;
    out.index_slots = store.index_slots;
    out.index_entries = store.index_entries;
    for (const auto level : split(delays.levels, ' ')) {
        if (!level.empty()) out.delay_levels.emplace_back(level);
    }
    return out;
}

void describe(config::Config& config, Settings& settings) {
    settings.identity.describe(config);
    settings.network.describe(config);
    settings.topics.describe(config);
    settings.groups.describe(config);
    settings.sends.describe(config);
    settings.durability.describe(config);
    settings.transactions.describe(config);
    settings.reads.describe(config);
    settings.store.describe(config);
    settings.retention.describe(config);
    settings.delays.describe(config);
}

namespace {

/// Nothing is settled for those of which nothing is known yet.
void settle_store(config::Config& config, const Settings& settings) {
    if (settings.store.root.empty())
        return config.complain("storePathRootDir",
                               "there is no HOME to put a store in: write it, or give --store");
    store::Places files(settings.store.root);
    for (const auto& [name, key, path] :
         {std::tuple{"abort", "abortFile", &settings.store.abort_path},
          {"checkpoint", "storeCheckpoint", &settings.store.checkpoint_path}}) {
        if (!path->empty()) files.put(name, *path);
        if (files.is_apart(name))
            config.complain(
                key, fmt::format("it lies in storePathRootDir, as {}: remove the line", name));
    }
    const auto places = settings.store.places();
    std::map<std::filesystem::path, std::string_view> taken;
    for (const auto& part : store::Places::parts()) {
        const auto [other, is_free] = taken.emplace(places / part.name, part.key);
        if (!is_free)
            config.complain(part.key, fmt::format("{} has the same directory", other->second));
    }
}

void settle_ports(config::Config& config, Settings& settings) {
    if (settings.network.listen_port > 2)
        config.set_default("fastListenPort", std::to_string(settings.network.listen_port - 2),
                           "listenPort - 2");
    if (settings.network.vip_port != 0 && settings.network.vip_port == settings.network.listen_port)
        config.complain("fastListenPort", "it is listenPort's; 0 turns it off");
}

}  // namespace

void settle(config::Config& config, Settings& settings, bool standalone) {
    if (standalone) {
        config.set_default("bindAddress", "127.0.0.1", "--standalone");
        const auto* namesrv = config.find("namesrvAddr");
        if (namesrv->origin.strength == config::Origin::option)
            config.complain("namesrvAddr", "--standalone registers nowhere but at itself");
        if (namesrv->origin.strength == config::Origin::file)
            config.note("namesrvAddr", "not told: --standalone registers nowhere but at itself");
        if (config.is_set("brokerIP1") && !config.is_set("bindAddress"))
            config.note("brokerIP1",
                        "clients are told it, but 127.0.0.1 alone is listened on: "
                        "write bindAddress too");
        // The environment's is for tools.
        config.set_option("namesrvAddr", "", "--standalone");
    }
    settle_store(config, settings);
    settle_ports(config, settings);
    if (settings.durability.sync_master && settings.durability.in_sync_replicas <= 1)
        config.note("brokerRole",
                    "SYNC_MASTER waits for no other copy while inSyncReplicas is 1, "
                    "as in RocketMQ 5; with 2 or more each send is answered "
                    "FLUSH_SLAVE_TIMEOUT, since there are no slaves yet");
    if (settings.network.ip.empty()) {
        if (!is_any(settings.network.bind_address)) {
            config.set_default("brokerIP1", settings.network.bind_address, "bindAddress");
        } else {
            config.set_default("brokerIP1", net::own_address(), "this machine's address");
        }
    }
    for (const auto& [key, name] : {std::pair{"brokerClusterName", settings.identity.cluster},
                                    std::pair{"brokerName", settings.identity.name}}) {
        if (const auto fits = check_topic_name(name); !fits)
            config.complain(key, fits.error().what);
    }
    if (!message::Host::make(settings.network.ip, settings.network.listen_port))
        config.complain("brokerIP1", "not an IP address");
    // Not for the properties too: a record that no file can hold is refused by itself.
    if (settings.store.commit_log_file_bytes <= settings.sends.message_bytes_max)
        config.complain("mappedFileSizeCommitLog", "a file must hold maxMessageSize");
    if (settings.store.consume_queue_file_bytes % 20 != 0)
        config.complain("mappedFileSizeConsumeQueue", "not a multiple of 20");
    if (settings.store.batch_queue_file_bytes % 46 != 0)
        config.complain("mapperFileSizeBatchConsumeQueue", "not a multiple of 46");
    if (const auto hours = settings.retention.hours(); !hours)
        config.complain("deleteWhen", hours.error().what);
}

}  // namespace mqd::broker
