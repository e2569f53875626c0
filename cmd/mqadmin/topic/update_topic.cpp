// updateTopic: UPDATE_AND_CREATE_TOPIC 17 on each master; with -o true also the order
// configuration of the name servers, 101 and 100 (mqadmin(1), TOPICS).

#include <fmt/format.h>

#include "../admin.h"
#include "../commands.h"
#include "base/parse.h"
#include "wire/bodies/topic.h"
#include "wire/codes.h"
#include "wire/headers/namesrv.h"
#include "wire/headers/topics.h"

namespace mqd::admin {
namespace {

std::string perm_text(std::int32_t perm) {
    return fmt::format("{}{}{}", (perm & 4) != 0 ? 'R' : '-', (perm & 2) != 0 ? 'W' : '-',
                       (perm & 1) != 0 ? 'X' : '-');
}

void add_config(json::Value& object, const wire::TopicConfig& config) {
    auto attributes = json::Value::object();
    for (const auto& [name, value] : config.attributes) attributes.set(name, value);
    object.set("readQueueNums", config.read_queue_nums);
    object.set("writeQueueNums", config.write_queue_nums);
    object.set("perm", config.perm);
    object.set("order", config.order);
    object.set("attributes", std::move(attributes));
}

// Nothing: the broker has no such topic. Brokers that do not know the request give an error.
Result<std::optional<wire::TopicConfig>> config_at(Admin& admin, const std::string& address,
                                                   std::string_view topic) {
    auto answer =
        admin.call(address, wire::request_code::get_topic_config, wire::TopicHeader{topic});
    if (!answer) {
        if (answer.error().remote_code == wire::response_code::topic_not_exist)
            return std::optional<wire::TopicConfig>();
        return std::move(answer).error();
    }
    TRY(auto config, wire::TopicConfig::read(answer->body));
    return std::optional(std::move(config));
}

struct Options {
    Where where;
    std::string topic, attributes;
    std::int32_t read_queues = 8, write_queues = 8, perm = 6;
    bool order = false, unit = false, has_unit_sub = false;
};

Result<> create(Admin& admin, const Options& options, const Target& target, cli::Rows& rows) {
    const auto before = config_at(admin, target.address, options.topic);
    wire::CreateTopic header;
    header.topic = options.topic;
    header.default_topic = "TBW102";
    header.read_queue_nums = options.read_queues;
    header.write_queue_nums = options.write_queues;
    header.perm = options.perm;
    header.topic_sys_flag = (options.unit ? 1 : 0) | (options.has_unit_sub ? 2 : 0);
    header.order = options.order;
    if (!options.attributes.empty()) header.attributes = options.attributes;
    TRY_OK(admin.call(target.address, wire::request_code::update_and_create_topic, header));

    wire::TopicConfig config;
    config.topic_name = options.topic;
    config.read_queue_nums = options.read_queues;
    config.write_queue_nums = options.write_queues;
    config.perm = options.perm;
    config.topic_sys_flag = header.topic_sys_flag;
    config.order = options.order;
    // Attributes are merged by the broker: what it has now is what it says.
    if (const auto now = config_at(admin, target.address, options.topic); now && *now)
        config = **now;
    std::string attributes;
    for (const auto& [name, value] : config.attributes)
        attributes += fmt::format("{}{}={}", attributes.empty() ? "" : ", ", name, value);

    auto object = json::Value::object({{"broker", target.address}, {"topic", options.topic}});
    add_config(object, config);
    if (before) {
        object.set("created", !*before);
        if (*before) {
            auto previous = json::Value::object();
            add_config(previous, **before);
            object.set("previous", std::move(previous));
        }
    }
    rows.add({fmt::format("create topic to {} success.", target.address),
              fmt::format("TopicConfig [topicName={}, readQueueNums={}, writeQueueNums={}, "
                          "perm={}, topicFilterType={}, topicSysFlag={}, order={}, "
                          "attributes={{{}}}]",
                          config.topic_name, config.read_queue_nums, config.write_queue_nums,
                          perm_text(config.perm), wire::name_of(config.topic_filter_type),
                          config.topic_sys_flag, config.order, attributes)},
             std::move(object));
    return {};
}

// `broker-a:8;broker-b:8`. A single broker's entry is merged into what is there.
Result<> set_order(Admin& admin, const Options& options, std::vector<Target> targets) {
    if (!options.where.broker.empty()) {
        TRY(const auto info, admin.clusters());
        for (const auto& [name, broker] : info.brokers)
            if (broker.master_address() == options.where.broker) targets[0].name = name;
        if (targets[0].name.empty())
            return Error{Errc::not_found, fmt::format("{} is not a master that {} knows",
                                                      options.where.broker, admin.namesrv())};
    }
    std::map<std::string, std::string> entries;
    if (!options.where.broker.empty()) {
        wire::KvConfigKey get;
        get.name_space = order_namespace;
        get.key = options.topic;
        const auto old = admin.call_namesrv(wire::request_code::get_kv_config, get);
        if (!old && old.error().remote_code != wire::response_code::query_not_found)
            return old.error();
        if (old)
            for (const auto entry : split(old->find("value"), ';'))
                if (const auto colon = entry.find(':'); colon != std::string_view::npos)
                    entries[std::string(entry.substr(0, colon))] = entry.substr(colon + 1);
    }
    for (const auto& target : targets) entries[target.name] = std::to_string(options.write_queues);
    std::string value;
    for (const auto& [name, queues] : entries)
        value += fmt::format("{}{}:{}", value.empty() ? "" : ";", name, queues);
    wire::PutKvConfig put;
    put.name_space = order_namespace;
    put.key = options.topic;
    put.value = value;
    for (const auto& address : admin.namesrvs())
        TRY_OK(admin.call(address, wire::request_code::put_kv_config, put));
    return {};
}

}  // namespace

int update_topic(const Arguments& arguments) {
    Options options;
    Admin admin("updateTopic",
                "create a topic, or overwrite its configuration; options that are not given set "
                "their default again");
    auto& cli = admin.cli;
    admin.where(options.where);
    cli.required("-t,--topic", options.topic, "TOPIC", "name of the topic");
    cli.option("-r,--readQueueNums", options.read_queues, "N",
               "number of queues to read from (default: 8)");
    cli.option("-w,--writeQueueNums", options.write_queues, "N",
               "number of queues to write to (default: 8)");
    cli.option("-p,--perm", options.perm, "2|4|6", "2 write, 4 read, 6 both (default: 6)");
    cli.option("-o,--order", options.order, parse_bool, "true|false",
               "queues keep their order when a broker is away");
    cli.option("-a,--attributes", options.attributes, "+K=V,-K",
               "set or remove attributes, like +message.type=FIFO; others stay");
    cli.option("-u,--unit", options.unit, parse_bool, "true|false", "make it a unit topic, or not");
    cli.option("-s,--hasUnitSub", options.has_unit_sub, parse_bool, "true|false",
               "allow unit subscriptions, or not");
    cli.example("mqadmin updateTopic -c DefaultCluster -t orders", "8 queues on each master");
    cli.example("mqadmin updateTopic -b 10.0.0.5:10911 -t orders -r 16 -w 16", "on one broker");
    cli.example("mqadmin updateTopic -c DefaultCluster -t pay -a +message.type=FIFO",
                "a topic for ordered messages");
    if (const auto status = admin.start(arguments)) return *status;
    if (options.read_queues < 1 || options.write_queues < 1)
        return cli.usage_error("a topic needs at least one queue");

    const auto targets = admin.masters(options.where);
    if (!targets) return cli.fail(targets.error());
    cli::Rows rows(admin.out, {});
    int status = admin.each(
        *targets, [&](const Target& target) { return create(admin, options, target, rows); });
    if (status == 0 && options.order) status = cli.finish(set_order(admin, options, *targets));
    return admin.print(status, rows);
}

}  // namespace mqd::admin
