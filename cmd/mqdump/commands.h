#pragma once
// The commands of mqdump, one file each; main.cpp has their table.

#include <string>
#include <vector>

namespace mqd::dump {

int get_command(const std::vector<std::string>& arguments);
int groups_command(const std::vector<std::string>& arguments);
int index_command(const std::vector<std::string>& arguments);
int log_command(const std::vector<std::string>& arguments);
int queue_command(const std::vector<std::string>& arguments);
int repair_command(const std::vector<std::string>& arguments);
int stat_command(const std::vector<std::string>& arguments);
int timers_command(const std::vector<std::string>& arguments);
int topics_command(const std::vector<std::string>& arguments);
int verify_command(const std::vector<std::string>& arguments);

}  // namespace mqd::dump
