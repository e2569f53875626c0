// producerConnection: GET_PRODUCER_CONNECTION_LIST 204 of each broker of a topic; producer:
// GET_ALL_PRODUCER_INFO 328 of one broker.

#include <fmt/format.h>

#include "../admin.h"
#include "../commands.h"
#include "wire/bodies/connections.h"
#include "wire/bodies/consumers.h"
#include "wire/codes.h"
#include "wire/headers/clients.h"

namespace mqd::admin {

int producer_connection(const Arguments& arguments) {
    std::string group, topic;
    Admin admin("producerConnection", "print the members of a producer group");
    auto& cli = admin.cli;
    cli.required("-g,--producerGroup", group, "GROUP", "the group");
    cli.required("-t,--topic", topic, "TOPIC", "a topic that it sends to");
    cli.example("mqadmin producerConnection -g payments -t orders", "a line for each member");
    cli.example("mqadmin producerConnection -g payments -t orders --out jsonl", "the same as JSON");
    cli.example("mqadmin producerConnection -g payments -t orders --out json | jq length",
                "how many there are");
    if (const auto status = admin.start(arguments)) return *status;
    const auto brokers = admin.brokers_of(topic);
    if (!brokers) return cli.fail(brokers.error());
    cli::Rows rows(admin.out,
                   {"#Broker Name", "#ClientId", "#ClientAddr", "#Language", "#Version"});
    const int status =
        admin.ask(*brokers, wire::request_code::get_producer_connection_list,
                  wire::ProducerGroupHeader{group}, {},
                  [&](const Target& broker, const remoting::Answer& answer) -> Result<> {
                      TRY(const auto members, wire::ProducerConnection::read(answer.body));
                      for (const auto& is : members.connections)
                          rows.add({broker.name, is.client_id, is.client_addr,
                                    std::string(wire::language_name(is.language)),
                                    std::to_string(is.version)},
                                   json::Value::object(
                                       {{"broker", broker.name},
                                        {"clientId", is.client_id},
                                        {"addr", is.client_addr},
                                        {"language", std::string(wire::language_name(is.language))},
                                        {"version", is.version}}));
                      return {};
                  });
    return admin.print(status, rows);
}

int producer(const Arguments& arguments) {
    std::string broker;
    Admin admin("producer", "print all producer groups of a broker with their members");
    auto& cli = admin.cli;
    cli.required("-b,--broker", broker, "HOST:PORT", "this broker");
    cli.example("mqadmin producer -b 127.0.0.1:10911", "all of them");
    cli.example("mqadmin producer -b 127.0.0.1:10911 --out jsonl", "the same as JSON");
    cli.example("mqadmin producer -b 127.0.0.1:10911 --out json | jq -r '.[].group' | sort -u",
                "the groups");
    if (const auto status = admin.start(arguments)) return *status;
    cli::Rows rows(admin.out,
                   {"#Group", "#ClientId", "#ClientAddr", "#Language", "#Version", "#Last Update"});
    const int status = admin.ask(
        {{{}, {}, broker, 0}}, wire::request_code::get_all_producer_info, NoHeader{}, {},
        [&](const Target&, const remoting::Answer& answer) -> Result<> {
            TRY(const auto table, wire::ProducerTable::read(answer.body));
            for (const auto& [group, members] : table.groups)
                for (const auto& is : members)
                    rows.add({group, is.client_id, is.remote_ip,
                              std::string(wire::language_name(is.language)),
                              std::to_string(is.version), time_cell(is.last_update_timestamp)},
                             json::Value::object(
                                 {{"group", group},
                                  {"clientId", is.client_id},
                                  {"addr", is.remote_ip},
                                  {"language", std::string(wire::language_name(is.language))},
                                  {"version", is.version},
                                  {"lastUpdate", is.last_update_timestamp}}));
            return {};
        });
    return admin.print(status, rows);
}

}  // namespace mqd::admin
