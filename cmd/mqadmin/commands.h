#pragma once
// The commands, one file each. Each gets the arguments behind its name and gives the exit status.

#include <string>
#include <vector>

namespace mqd::admin {

using Arguments = std::vector<std::string>;

int broker_status(Arguments arguments);
int cluster_list(Arguments arguments);
int consumer_progress(Arguments arguments);
int delete_topic(Arguments arguments);
int topic_list(Arguments arguments);
int topic_route(Arguments arguments);
int topic_status(Arguments arguments);
int update_topic(Arguments arguments);

}  // namespace mqd::admin
