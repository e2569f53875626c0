#pragma once
// Where the servers are and how to speak to them, as a tool's options, the environment and the
// configuration file say (mqd(7), CONFIGURATION).
//
// Threads: a value type.

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mqd::cli {

/// What `-n`, `--profile` and `--config` settle. Filled by Parser::parse().
struct Server {
    std::vector<std::string> namesrv;  ///< HOST:PORT each, never empty after parse()
    bool is_default = false;           ///< nobody said anything
};

inline constexpr std::string_view namesrv_default = "127.0.0.1:9876";

/// What the command line says about servers; empty: nothing.
struct ServerOptions {
    std::string namesrv, profile, config_file;
};

/// Option, then environment, then the profile or the top of the configuration file, then the
/// default. The file is the first of --config, $MQD_CONFIG, $XDG_CONFIG_HOME/mqd/config.toml
/// (~/.config/...) and /etc/mqd/config.toml:
///
///     default_profile = "here"      # when neither --profile nor $MQD_PROFILE names one
///     [profile.here]
///     namesrv = "10.0.0.1:9876"     # or an array
///
/// invalid: a file, key, profile or address that is wrong; `what` names it. refused: the file may
/// not be read.
Result<Server> settle_server(const ServerOptions& options);

/// Splits `HOST:PORT[;HOST:PORT...]`; a missing port is 9876. invalid: no host, or no such port.
Result<std::vector<std::string>> parse_namesrv(std::string_view text);

}  // namespace mqd::cli
