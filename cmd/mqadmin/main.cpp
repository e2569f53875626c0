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
        {"updateTopicPerm", "change who may use a topic, and nothing else of it",
         admin::update_topic_perm},
        {"topicClusterList", "print the clusters that have a topic", admin::topic_cluster_list},
        {"updateOrderConf", "print, set or delete which queues an ordered topic has",
         admin::update_order_conf},
        {"allocateMQ", "print which members would have which queues of a topic",
         admin::allocate_mq},
        {"updateSubGroup", "create a consumer group, or overwrite its configuration",
         admin::update_sub_group},
        {"deleteSubGroup", "delete a consumer group, with its retries and dead letters",
         admin::delete_sub_group},
        {"setConsumeMode", "say whether a group pulls a topic or pops from it",
         admin::set_consume_mode},
        {"getConsumerConfig", "print the configuration of a consumer group on each broker",
         admin::get_consumer_config},
        {"consumerConnection", "print the members of a consumer group, and what they want",
         admin::consumer_connection},
        {"brokerConsumeStats", "print how far all groups are on one broker",
         admin::broker_consume_stats},
        {"resetOffsetByTime", "move a group to a time, or to an offset of one queue",
         admin::reset_offset_by_time},
        {"skipAccumulatedMessage", "move a group to the end: it skips what it has not read",
         admin::skip_accumulated_message},
        {"cloneGroupOffset", "give a group the offsets that another one has",
         admin::clone_group_offset},
        {"queryCq", "print units of a consume queue: where its messages lie in the log",
         admin::query_cq},
        {"getBrokerConfig", "print the configuration of brokers", admin::get_broker_config},
        {"updateBrokerConfig", "change a key of brokers while they run",
         admin::update_broker_config},
        {"haStatus", "print how far the slaves of brokers are", admin::ha_status},
        {"wipeWritePerm", "take a broker out of all routes for writing", admin::wipe_write_perm},
        {"addWritePerm", "let a broker be written to again", admin::add_write_perm},
        {"producerConnection", "print the members of a producer group", admin::producer_connection},
        {"producer", "print all producer groups of a broker with their members", admin::producer},
        {"getNamesrvConfig", "print the configuration of the name servers",
         admin::get_namesrv_config},
        {"updateNamesrvConfig", "change a key of the name servers while they run",
         admin::update_namesrv_config},
        {"updateKvConfig", "set a value in the table of the name servers", admin::update_kv_config},
        {"deleteKvConfig", "delete a value from the table of the name servers",
         admin::delete_kv_config},
        {"queryMsgById", "print a message by either kind of id", admin::query_msg_by_id},
        {"queryMsgByUniqueKey", "print a message by the id that its sender made",
         admin::query_msg_by_unique_key},
        {"queryMsgByKey", "find the messages of a topic that have a key", admin::query_msg_by_key},
        {"queryMsgByOffset", "print the message at an offset of a queue",
         admin::query_msg_by_offset},
        {"queryMsgTraceById", "print what clients have traced about a message",
         admin::query_msg_trace_by_id},
        {"printMsg", "print the messages of a topic", admin::print_msg},
        {"printMsgByQueue", "print the messages of a queue, or count their tags",
         admin::print_msg_by_queue},
        {"consumeMessage", "print some messages of a topic", admin::consume_message},
        {"sendMessage", "send one message", admin::send_message},
        {"sendMsgStatus", "send probes to a broker", admin::send_msg_status},
        {"checkMsgSendRT", "send probes to the queues of a topic", admin::check_msg_send_rt},
        {"lag", "print what a group has left to read, or check it", admin::lag},
        {"offset", "show, set, export and import the offsets of a group", admin::offset},
        {"dlq", "list, export, resend and purge dead letters", admin::dlq},
        {"consumerStatus", "print what the members of a group say of themselves",
         admin::consumer_status},
        {"updateSubGroupList", "create or overwrite the consumer groups of a file",
         admin::update_sub_group_list},
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
