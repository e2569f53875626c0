#pragma once
// The commands, one file each. Each gets the arguments after its name and gives the exit status.

#include <string>
#include <vector>

namespace mqd::admin {

using Arguments = std::vector<std::string>;

int broker_status(const Arguments& arguments);
int clean_expired_cq(const Arguments& arguments);
int clean_unused_topic(const Arguments& arguments);
int cluster_list(const Arguments& arguments);
int consumer_progress(const Arguments& arguments);
int delete_expired_commit_log(const Arguments& arguments);
int delete_topic(const Arguments& arguments);
int topic_list(const Arguments& arguments);
int topic_route(const Arguments& arguments);
int topic_status(const Arguments& arguments);
int update_topic(const Arguments& arguments);

}  // namespace mqd::admin
