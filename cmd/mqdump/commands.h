#pragma once
// The commands of mqdump, one file each; main.cpp has their table.

#include <string>
#include <vector>

namespace mqd::dump {

int log_command(const std::vector<std::string>& arguments);
int stat_command(const std::vector<std::string>& arguments);
int verify_command(const std::vector<std::string>& arguments);

}  // namespace mqd::dump
