#pragma once
// The commands, one file each. Each gets the arguments after its name and gives the exit status.

#include <string>
#include <vector>

namespace mqd::admin {

using Arguments = std::vector<std::string>;

int add_write_perm(const Arguments& arguments);
int allocate_mq(const Arguments& arguments);
int broker_consume_stats(const Arguments& arguments);
int broker_status(const Arguments& arguments);
int check_msg_send_rt(const Arguments& arguments);
int clean_expired_cq(const Arguments& arguments);
int clean_unused_topic(const Arguments& arguments);
int clone_group_offset(const Arguments& arguments);
int cluster_list(const Arguments& arguments);
int consume_message(const Arguments& arguments);
int consumer_connection(const Arguments& arguments);
int consumer_progress(const Arguments& arguments);
int consumer_status(const Arguments& arguments);
int delete_expired_commit_log(const Arguments& arguments);
int delete_kv_config(const Arguments& arguments);
int delete_sub_group(const Arguments& arguments);
int delete_topic(const Arguments& arguments);
int dlq(const Arguments& arguments);
int get_broker_config(const Arguments& arguments);
int get_consumer_config(const Arguments& arguments);
int get_namesrv_config(const Arguments& arguments);
int ha_status(const Arguments& arguments);
int lag(const Arguments& arguments);
int offset(const Arguments& arguments);
int print_msg(const Arguments& arguments);
int print_msg_by_queue(const Arguments& arguments);
int producer(const Arguments& arguments);
int producer_connection(const Arguments& arguments);
int query_cq(const Arguments& arguments);
int query_msg_by_id(const Arguments& arguments);
int query_msg_by_key(const Arguments& arguments);
int query_msg_by_offset(const Arguments& arguments);
int query_msg_by_unique_key(const Arguments& arguments);
int query_msg_trace_by_id(const Arguments& arguments);
int reset_offset_by_time(const Arguments& arguments);
int send_message(const Arguments& arguments);
int send_msg_status(const Arguments& arguments);
int set_consume_mode(const Arguments& arguments);
int skip_accumulated_message(const Arguments& arguments);
int topic_cluster_list(const Arguments& arguments);
int topic_list(const Arguments& arguments);
int topic_route(const Arguments& arguments);
int topic_status(const Arguments& arguments);
int update_broker_config(const Arguments& arguments);
int update_kv_config(const Arguments& arguments);
int update_namesrv_config(const Arguments& arguments);
int update_order_conf(const Arguments& arguments);
int update_sub_group(const Arguments& arguments);
int update_sub_group_list(const Arguments& arguments);
int update_topic(const Arguments& arguments);
int update_topic_list(const Arguments& arguments);
int update_topic_perm(const Arguments& arguments);
int wipe_write_perm(const Arguments& arguments);

}  // namespace mqd::admin
