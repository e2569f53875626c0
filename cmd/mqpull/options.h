#pragma once
// mqpull's command line (mqpull(1)).
//
// Threads: one.
// Owner:   main.

#include <cstdint>
#include <optional>
#include <string>

#include "cli/parser.h"
#include "dir_output.h"
#include "exec_output.h"
#include "pulling.h"

namespace mqd::mqpull {

struct Options {
    cli::Server server;
    Settings settings;
    std::optional<std::string> topics_in_place;
    std::string topics;
    bool waits = false;
    std::string tags;
    std::string sql;
    bool json_body = false;
    bool lag = false;
    ExecOutput::Options exec;
    std::optional<std::int32_t> ack_fd;
    DirOutput::Options to_dir;
};

void describe(cli::Parser& cli, Options& o);
/// What parse() has found, put together; a usage error's status, which has been printed. Nothing:
/// go on.
std::optional<int> settle(cli::Parser& cli, Options& o);

}  // namespace mqd::mqpull
