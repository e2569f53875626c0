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
        {"topicList", "all topics", admin::topic_list},
        {"topicRoute", "where the name server says a topic lies", admin::topic_route},
        {"topicStatus", "offsets of each queue of a topic", admin::topic_status},
        {"clusterList", "clusters and brokers with their load", admin::cluster_list},
        {"brokerStatus", "all runtime values of a broker", admin::broker_status},
        {"cleanExpiredCQ", "delete consume queue files whose messages are gone",
         admin::clean_expired_cq},
        {"cleanUnusedTopic", "drop what is left of topics that are in no table",
         admin::clean_unused_topic},
        {"deleteExpiredCommitLog", "delete expired log files at once",
         admin::delete_expired_commit_log},
        {"consumerProgress", "how far consumer groups are behind", admin::consumer_progress},
    });
    cli::install_signals();
    cli::watch_standard_output();
    cli::interrupt_again();
    const int status = cli::run_program(
        {"mqadmin",
         "administers name servers and brokers; commands and options are those of RocketMQ",
         commands,
         {{"mqadmin updateTopic -n 127.0.0.1:9876 -c DefaultCluster -t orders", "makes a topic"},
          {"mqadmin consumerProgress -g billing", "what the group still has to consume"},
          {"mqadmin clusterList --out json | jq -r '.[].addr'", "addresses of all brokers"}}},
        argc, argv);
    return cli::end_of_main(status);
}
