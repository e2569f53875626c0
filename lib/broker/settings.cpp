#include "broker/settings.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <unistd.h>

#include <cstdlib>
#include <map>
#include <tuple>

#include "base/parse.h"
#include "broker/names.h"
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

void describe_identity(config::Config& c, Settings& s) {
    c.text("brokerClusterName", s.cluster, "the cluster it belongs to");
    c.text("brokerName", s.name, "shared by a master and its slaves");
    c.integer("brokerId", s.id, 0, 0, "0: the master");
    c.choice("brokerRole", s.sync_master, {{"ASYNC_MASTER", false}, {"SYNC_MASTER", true}},
             "SYNC_MASTER: sends wait for inSyncReplicas copies");
    c.integer("inSyncReplicas", s.in_sync_replicas, 0, 100,
              "copies that sends to a SYNC_MASTER wait for, its own included");
    c.duration("slaveTimeout", s.slave_timeout_ms, 1, 600'000,
               "how long they wait for replicas; there are none yet");
    c.text("namesrvAddr", s.namesrv, "name servers, HOST:PORT;HOST:PORT")
        .from_environment("NAMESRV_ADDR");
    c.text("brokerIP1", s.broker_ip, "the address that clients are told");
    c.text("bindAddress", s.bind_address, "address to listen on");
    c.integer("listenPort", s.listen_port, 0, 65535, "port to listen on; 0: any that is free");
    c.integer("fastListenPort", s.vip_port, 0, 65535,
              "the VIP port of clients up to 4.4, listenPort - 2 by default; 0: none");
    c.integer("namesrvListenPort", s.namesrv_port, 0, 65535,
              "with --standalone: the name server's port");
    c.text("regionId", s.region, "stamped on each message as MSG_REGION");
    c.boolean("traceOn", s.trace_on, "tells clients that they may trace");
    c.integer("brokerPermission", s.permission, 0, 7, "2 write, 4 read; 4 drains the broker");
    c.integer("serverSelectorThreads", s.io_threads, 0, 1024, "I/O threads; 0: one per core");
    c.integer("serverChannelMaxIdleTimeSeconds", s.idle_s, 0, 86'400,
              "a connection without traffic for so long is closed; 0: never");
    c.boolean("enableShutdownGracefully", s.sends_away,
              "a stop first sends clients away that know how to go");
    c.integer("shutdownWaitTimeSeconds", s.leave_s_max, 0, 3600,
              "how long it waits for all clients to have gone");
    c.duration("registerNameServerPeriod", s.register_interval_ms, 10'000, 60'000,
               "how often it tells the name servers");
    c.duration("registerBrokerTimeoutMills", s.register_timeout_ms, 100, 600'000,
               "how long a name server may take to answer");
}

void describe_tables(config::Config& c, Settings& s) {
    c.boolean("autoCreateTopicEnable", s.auto_create_topic, "a send makes a missing topic");
    c.boolean("autoCreateSubscriptionGroup", s.auto_create_group,
              "heartbeats and pulls make a missing group");
    c.integer("defaultTopicQueueNums", s.default_topic_queues, 1, 65'536,
              "queues of the template TBW102: the most that a send makes");
    c.boolean("clusterTopicEnable", s.cluster_topic, "the cluster's name is a topic to send to");
    c.boolean("brokerTopicEnable", s.broker_topic, "the broker's name is a topic to send to");
    c.boolean("traceTopicEnable", s.trace_topic, "makes the trace topic");
    c.text("msgTraceTopicName", s.trace_topic_name, "the trace topic's name");
    c.boolean("validateSystemTopicWhenUpdateTopic", s.check_system_topics,
              "administrators cannot touch system topics");
}

void describe_clients(config::Config& c, Settings& s) {
    c.boolean("longPollingEnable", s.long_polling, "pulls wait as long as they ask to");
    c.duration("shortPollingTimeMills", s.short_polling_ms, 0, 600'000,
               "how long pulls wait without longPollingEnable");
    c.boolean("litePullMessageEnable", s.lite_pull, "answers request 361");
    c.boolean("enablePropertyFilter", s.property_filter, "consumers may filter by SQL92");
    c.boolean("notifyConsumerIdsChangedEnable", s.notify_members,
              "members hear at once when their group changes");
    c.integer("startAcceptSendRequestTimeStamp", s.accept_sends_from_ms, 0, 1LL << 52,
              "sends are refused before this time, milliseconds since 1970");
    c.boolean("useServerSideResetOffset", s.resets_offsets,
              "resets of offsets are the broker's, whether consumers are connected or not");
    c.boolean("storeReplyMessageEnable", s.store_replies,
              "replies to requests are stored too, in CLUSTER_REPLY_TOPIC");
    c.boolean("rejectTransactionMessage", s.reject_transactions, "half messages are refused");
    c.duration("transactionTimeOut", s.transaction_timeout_ms, 0, 86'400'000,
               "how long producers have to end a transaction before they are asked");
    c.integer("transactionCheckMax", s.transaction_check_max, 0, 1'000'000,
              "how often they are asked before it is given up");
    c.duration("transactionCheckInterval", s.transaction_check_interval_ms, 10, 86'400'000,
               "and how much time lies between");
    c.duration("transactionMetricFlushInterval", s.transaction_counts_interval_ms, 100, 600'000,
               "how often the counts of open transactions are saved");
    c.duration("flushConsumerOffsetInterval", s.offsets_interval_ms, 100, 600'000,
               "how often consumer offsets are saved");
    c.duration("flushDelayOffsetInterval", s.delay_offsets_interval_ms, 100, 600'000,
               "how often the delay levels' offsets are saved");
    c.duration("channelExpiredTimeout", s.client_expiry_ms, 1000, 86'400'000,
               "a client without heartbeat for so long is closed");
    c.integer("maxTransferCountOnMessageInMemory", s.pull_messages_max, 1, 1'000'000,
              "most messages of one pull, if it asks for so many");
    c.size("maxTransferBytesOnMessageInMemory", s.pull_bytes, 1024, 16'000'000,
           "most bytes of one pull that does not ask for more");
    c.size("maxPullMessageSize", s.pull_bytes_max, 1024, 16'000'000,
           "most bytes of one pull that asks for more");
    c.integer("maxFilterMessageSize", s.filter_bytes_scanned, 20, 16'000'000,
              "most bytes of consume queue that one filtered pull looks through");
    c.integer("accessMessageInMemoryMaxRatio", s.in_memory_percent, 0, 100,
              "a queue whose first message lies no farther from the log's end than this percentage "
              "of the memory is read from its beginning by new groups");
    c.integer("pullMessageThreadPoolNums", s.read_threads, 1, 1024,
              "threads that read what has to be fetched from the disk");
    c.integer("maxHoldPullRequests", s.held_pulls_max, 0, 100'000'000,
              "most pulls that wait at a time");
}

void describe_store(config::Config& c, Settings& s) {
    c.text("storePathRootDir", s.store_root, "the store's directory");
    c.text("storePathCommitLog", s.commit_log_path, "the commit log's, if it lies elsewhere");
    c.text("storePathConsumeQueue", s.queues_path, "the consume queues'");
    c.text("storePathBatchConsumeQueue", s.batch_queues_path, "the batch consume queues'");
    c.text("storePathIndex", s.index_path, "the index's");
    c.text("storeCheckpoint", s.checkpoint_path, "the checkpoint, which stays in the store");
    c.text("abortFile", s.abort_path, "the mark of a crash, which stays in the store");
    c.size("maxMessageSize", s.message_bytes_max, 1, 16'000'000, "largest body");
    c.size("mappedFileSizeCommitLog", s.commit_log_file_bytes, 1 << 16, 1LL << 40,
           "size of a commit log file");
    c.size("mappedFileSizeConsumeQueue", s.consume_queue_file_bytes, 20, 1LL << 30,
           "size of a consume queue file");
    c.size("mapperFileSizeBatchConsumeQueue", s.batch_queue_file_bytes, 46, 1LL << 30,
           "the same for topics with queue.type=BatchCQ");
    c.choice("flushDiskType", s.flush_sync, {{"ASYNC_FLUSH", false}, {"SYNC_FLUSH", true}},
             "SYNC_FLUSH: a send is answered when it is on disk");
    c.duration("syncFlushTimeout", s.sync_flush_timeout_ms, 1, 600'000,
               "how long a send waits for the disk");
    c.duration("flushIntervalCommitLog", s.flush_interval_ms, 10, 600'000,
               "with ASYNC_FLUSH, how often the log is synced");
    c.duration("flushCommitLogThoroughInterval", s.flush_thorough_ms, 10, 3'600'000,
               "and how often however little there is");
    c.duration("flushIntervalConsumeQueue", s.flush_queues_ms, 10, 600'000,
               "how often the consume queues are synced");
    c.boolean("enabledAppendPropCRC", s.append_crc,
              "each record ends with a CRC over all of it, so that no flipped bit goes unnoticed");
    c.boolean("forceVerifyPropCRC", s.demand_crc,
              "records without such a CRC are taken for damaged");
    c.boolean("checkCRCOnRecover", s.check_crc, "after a crash the bodies' CRCs are looked at");
    c.boolean("messageIndexEnable", s.index, "messages can be found by their keys");
    c.integer("maxHashSlotNum", s.index_slots, 1, 100'000'000, "hash slots of an index file");
    c.integer("maxIndexNum", s.index_entries, 2, 100'000'000, "keys of an index file, and one");
}

void describe_delays(config::Config& c, Settings& s) {
    c.text("messageDelayLevel", s.delay_levels, "the delay levels, from 1");
    c.boolean("timerWheelEnable", s.timers, "messages can be delivered at any time");
    c.integer("timerMaxDelaySec", s.timer_max_s, 1, 1'000'000, "how far ahead at the most");
    c.integer("timerPrecisionMs", s.timer_precision_ms, 100, 60'000,
              "how much time a slot of R/timerwheel spans; delivery is to the millisecond");
    c.size("mappedFileSizeTimerLog", s.timer_log_file_bytes, 1024, 1LL << 30,
           "size of a timer log file");
    c.boolean("recallMessageEnable", s.recall, "producers can call such messages back");
}

void describe_retention(config::Config& c, Settings& s) {
    c.integer("fileReservedTime", s.keep_hours, 0, 1'000'000,
              "hours that a log file is kept since it was last written");
    c.text("deleteWhen", s.delete_hours, "local hours in which expired files go, HH;HH");
    c.integer("diskMaxUsedSpaceRatio", s.disk_begin_percent, 10, 100,
              "percentage of the disk above which expired files go at any hour");
    c.integer("diskSpaceCleanForciblyRatio", s.disk_force_percent, 10, 100,
              "percentage above which files go before their time");
    c.boolean("cleanFileForciblyEnable", s.delete_forcibly, "or do not");
    c.integer("diskSpaceWarningLevelRatio", s.disk_full_percent, 10, 100,
              "percentage above which sends are refused");
    c.duration("cleanResourceInterval", s.retention_interval_ms, 100, 86'400'000,
               "how often it looks for files to delete");
    c.integer("deleteFileBatchMax", s.delete_files_max, 1, 1'000'000,
              "most log files that go at a time");
    c.duration("deleteCommitLogFilesInterval", s.delete_pause_ms, 0, 60'000,
               "pause between two of them");
}

/// `04`, or `04;16`. invalid: not hours.
Result<std::vector<int>> parse_hours(std::string_view text) {
    std::vector<int> out;
    for (const auto word : split(text, ';')) {
        if (word.empty()) continue;
        const auto hour = parse_int<int>(word);
        if (!hour || *hour < 0 || *hour > 23)
            return Error{Errc::invalid, fmt::format("'{}' is no hour from 00 to 23", word)};
        out.push_back(*hour);
    }
    return out;
}

}  // namespace

Settings::Settings() : name(host_name()) {
    const char* home = std::getenv("HOME");
    if (home != nullptr && *home != '\0') store_root = fmt::format("{}/store", home);
}

std::string Settings::address_of(std::uint16_t port) const {
    const bool is_ipv6 = bind_address.find(':') != std::string::npos;
    return fmt::format("{}{}{}:{}", is_ipv6 ? "[" : "", bind_address, is_ipv6 ? "]" : "", port);
}

store::Places Settings::places() const {
    store::Places out(store_root);
    for (const auto& [part, path] : {std::pair{"commitlog", &commit_log_path},
                                     {"consumequeue", &queues_path},
                                     {"batchconsumequeue", &batch_queues_path},
                                     {"index", &index_path}})
        if (!path->empty()) out.put(part, *path);
    return out;
}

store::Options Settings::store_options() const {
    store::Options out;
    out.root = store_root;
    out.commit_log_file_bytes = commit_log_file_bytes;
    out.consume_queue_file_bytes = consume_queue_file_bytes;
    out.batch_queue_file_bytes = batch_queue_file_bytes;
    out.message_bytes_max = message_bytes_max;
    out.flush_sync = flush_sync;
    out.flush_interval_ms = flush_interval_ms;
    out.flush_thorough_ms = flush_thorough_ms;
    out.flush_queues_ms = flush_queues_ms;
    out.disk_full_percent = disk_full_percent;
    out.check_crc = check_crc;
    out.demand_crc = demand_crc;
    auto& keep = out.retention;
    keep.hours = parse_hours(delete_hours).value_or(std::vector<int>());  // settle() has checked
    keep.keep_ms = keep_hours * 3'600'000;
    keep.begin_percent = disk_begin_percent;
    keep.force_percent = disk_force_percent;
    keep.force = delete_forcibly;
    keep.interval_ms = retention_interval_ms;
    keep.files_a_round = delete_files_max;
    keep.pause_ms = delete_pause_ms;
    out.index = index;
    out.index_slots = index_slots;
    out.index_entries = index_entries;
    for (const auto level : split(delay_levels, ' ')) {
        if (!level.empty()) out.delay_levels.emplace_back(level);
    }
    return out;
}

void describe(config::Config& config, Settings& settings) {
    describe_identity(config, settings);
    describe_tables(config, settings);
    describe_clients(config, settings);
    describe_store(config, settings);
    describe_retention(config, settings);
    describe_delays(config, settings);
}

namespace {

/// Nothing is settled for those of which nothing is known yet.
void settle_store(config::Config& config, const Settings& settings) {
    if (settings.store_root.empty())
        return config.complain("storePathRootDir",
                               "there is no HOME to put a store in: write it, or give --store");
    store::Places files(settings.store_root);
    for (const auto& [name, key, path] :
         {std::tuple{"abort", "abortFile", &settings.abort_path},
          {"checkpoint", "storeCheckpoint", &settings.checkpoint_path}}) {
        if (!path->empty()) files.put(name, *path);
        if (files.is_apart(name))
            config.complain(
                key, fmt::format("it lies in storePathRootDir, as {}: remove the line", name));
    }
    const auto places = settings.places();
    std::map<std::filesystem::path, std::string_view> taken;
    for (const auto& part : store::Places::parts()) {
        const auto [other, is_free] = taken.emplace(places / part.name, part.key);
        if (!is_free)
            config.complain(part.key, fmt::format("{} has the same directory", other->second));
    }
}

void settle_ports(config::Config& config, Settings& settings) {
    if (settings.listen_port > 2)
        config.set_default("fastListenPort", std::to_string(settings.listen_port - 2),
                           "listenPort - 2");
    if (settings.vip_port != 0 && settings.vip_port == settings.listen_port)
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
    if (settings.sync_master && settings.in_sync_replicas <= 1)
        config.note("brokerRole",
                    "SYNC_MASTER waits for no other copy while inSyncReplicas is 1, "
                    "as in RocketMQ 5; with 2 or more each send is answered "
                    "FLUSH_SLAVE_TIMEOUT, since there are no slaves yet");
    if (settings.broker_ip.empty()) {
        if (!is_any(settings.bind_address)) {
            config.set_default("brokerIP1", settings.bind_address, "bindAddress");
        } else {
            config.set_default("brokerIP1", net::own_address(), "this machine's address");
        }
    }
    for (const auto& [key, name] : {std::pair{"brokerClusterName", settings.cluster},
                                    std::pair{"brokerName", settings.name}}) {
        if (const auto fits = check_topic_name(name); !fits)
            config.complain(key, fits.error().what);
    }
    if (!message::Host::make(settings.broker_ip, settings.listen_port))
        config.complain("brokerIP1", "not an IP address");
    // Not for the properties too: a record that no file can hold is refused by itself.
    if (settings.commit_log_file_bytes <= settings.message_bytes_max)
        config.complain("mappedFileSizeCommitLog", "a file must hold maxMessageSize");
    if (settings.consume_queue_file_bytes % 20 != 0)
        config.complain("mappedFileSizeConsumeQueue", "not a multiple of 20");
    if (settings.batch_queue_file_bytes % 46 != 0)
        config.complain("mapperFileSizeBatchConsumeQueue", "not a multiple of 46");
    if (const auto hours = parse_hours(settings.delete_hours); !hours)
        config.complain("deleteWhen", hours.error().what);
}

}  // namespace mqd::broker
