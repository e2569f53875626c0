// updateTopicList: UPDATE_AND_CREATE_TOPIC_LIST 18 with the topics of a file. They go through as
// JSON, so that members that nobody here knows are kept. A broker takes all of them or none.

#include <fmt/format.h>

#include "../admin.h"
#include "../commands.h"
#include "../json_file.h"
#include "wire/codes.h"

namespace mqd::admin {

int update_topic_list(const Arguments& arguments) {
    Where where;
    std::string file;
    Admin admin("updateTopicList", "create or overwrite the topics of a file, all or none");
    auto& cli = admin.cli;
    admin.where(where);
    cli.required("-f,--filename", file, "FILE",
                 "a JSON array of objects with topicName, readQueueNums, writeQueueNums, perm");
    cli.example("mqadmin updateTopicList -c DefaultCluster -f topics.json", "on all masters");
    cli.example("mqadmin updateTopicList -b 127.0.0.1:10911 -f topics.json", "on one broker");
    cli.example("mqadmin updateTopicList -c DefaultCluster -f topics.json --out jsonl",
                "say what was done as JSON");
    if (const auto status = admin.start(arguments)) return *status;
    const auto topics = objects_in(file, "topicName");
    if (!topics) return cli.fail(topics.error());
    const auto targets = admin.masters(where);
    if (!targets) return cli.fail(targets.error());
    const auto body = json::to_text(json::Value::object({{"topicConfigList", *topics}}));
    cli::Rows rows(admin.out, {});
    const int status =
        admin.ask(*targets, wire::request_code::update_and_create_topic_list, NoHeader{},
                  as_bytes(body), [&](const Target& broker, const remoting::Answer&) {
                      for (const auto& topic : topics->items())
                          rows.add({fmt::format("submit topic {} to {} success.",
                                                topic["topicName"].as_text(), broker.address)},
                                   json::Value::object({{"broker", broker.address},
                                                        {"topic", topic["topicName"].as_text()}}));
                      return Result<>();
                  });
    return admin.print(status, rows);
}

}  // namespace mqd::admin
