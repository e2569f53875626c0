// mqadmin: RocketMQ's administration commands, so that scripts written for its own run unchanged
// (mqadmin(1)).

#include <array>

#include "cli/commands.h"
#include "cli/far_end.h"
#include "cli/signals.h"
#include "commands.h"

int main(int argc, char** argv) {
    using namespace mqd;
    static constexpr std::array commands = std::to_array<cli::Command>({
        {"updateTopic", "create a topic, or overwrite its configuration", admin::update_topic},
        {"deleteTopic", "delete a topic from a cluster", admin::delete_topic},
        {"topicList", "print all topics", admin::topic_list},
        {"topicRoute", "print the route of a topic", admin::topic_route},
        {"topicStatus", "print the offsets of each queue of a topic", admin::topic_status},
        {"clusterList", "print clusters and brokers with their load", admin::cluster_list},
        {"brokerStatus", "print all runtime values of a broker", admin::broker_status},
        {"cleanExpiredCQ", "delete consume queue files whose messages are gone",
         admin::clean_expired_cq},
        {"cleanUnusedTopic", "delete what is left of topics that no longer exist",
         admin::clean_unused_topic},
        {"deleteExpiredCommitLog", "delete expired log files at once",
         admin::delete_expired_commit_log},
        {"consumerProgress", "print how many messages consumer groups have left to read",
         admin::consumer_progress},
    });
    cli::install_signals();
    cli::watch_standard_output();
    cli::interrupt_again();
    const int status = cli::run_program(
        {"mqadmin",
         "administer name servers and brokers, with RocketMQ's commands and options",
         commands,
         {{"mqadmin updateTopic -n 127.0.0.1:9876 -c DefaultCluster -t orders", "create a topic"},
          {"mqadmin consumerProgress -g billing",
           "print how many messages a group has left to read"},
          {"mqadmin clusterList --out json | jq -r '.[].addr'",
           "print the addresses of all brokers"}}},
        argc, argv);
    return cli::end_of_main(status);
}
