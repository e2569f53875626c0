// updateTopicPerm: the topic's configuration on each broker of its route, 351, with another
// permission, 17.

#include <fmt/format.h>

#include "../admin.h"
#include "../commands.h"
#include "wire/bodies/topic.h"
#include "wire/codes.h"
#include "wire/headers/topics.h"

namespace mqd::admin {
namespace {

Result<std::int32_t> parse_perm(std::string_view text) {
    if (text == "2" || text == "4" || text == "6") return text.front() - '0';
    return Error{Errc::invalid, fmt::format("'{}' is none of 2, 4 and 6", text)};
}

Result<> change(Admin& admin, const Target& broker, const std::string& topic, std::int32_t perm,
                cli::Rows& rows) {
    TRY(const auto answer,
        admin.call(broker.address, wire::request_code::get_topic_config, wire::TopicHeader{topic}));
    TRY(const auto config, wire::TopicConfig::read(answer.body));
    wire::CreateTopic header;
    header.topic = topic;
    header.default_topic = "TBW102";
    header.read_queue_nums = config.read_queue_nums;
    header.write_queue_nums = config.write_queue_nums;
    header.perm = perm;
    header.topic_filter_type = wire::name_of(config.topic_filter_type);
    header.topic_sys_flag = config.topic_sys_flag;
    header.order = config.order;
    if (config.perm != perm)
        TRY_OK(admin.call(broker.address, wire::request_code::update_and_create_topic, header));
    rows.add({fmt::format("update topic perm from {} to {} in {} success.", config.perm, perm,
                          broker.address)},
             json::Value::object({{"broker", broker.address},
                                  {"topic", topic},
                                  {"perm", perm},
                                  {"previous", config.perm}}));
    return {};
}

}  // namespace

int update_topic_perm(const Arguments& arguments) {
    Where where;
    std::string topic;
    std::int32_t perm = 0;
    Admin admin("updateTopicPerm", "change who may use a topic, and nothing else of it");
    auto& cli = admin.cli;
    admin.where(where);
    cli.required("-t,--topic", topic, "TOPIC", "name of the topic");
    cli.required("-p,--perm", perm, parse_perm, "2|4|6", "2 write, 4 read, 6 both");
    cli.example("mqadmin updateTopicPerm -c DefaultCluster -t orders -p 4",
                "no more sends to the topic");
    cli.example("mqadmin updateTopicPerm -b 127.0.0.1:10911 -t orders -p 6", "on one broker");
    cli.example("mqadmin updateTopicPerm -c DefaultCluster -t orders -p 6 --out jsonl",
                "say what it was before");
    if (const auto status = admin.start(arguments)) return *status;
    const auto targets = admin.masters(where);
    if (!targets) return cli.fail(targets.error());
    cli::Rows rows(admin.out, {});
    const int status = admin.each(
        *targets, [&](const Target& broker) { return change(admin, broker, topic, perm, rows); });
    return admin.print(status, rows);
}

}  // namespace mqd::admin
