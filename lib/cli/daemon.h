#pragma once
// What the daemons share: options, configuration, log style, readiness and signals (mqd-broker(8),
// CONFIGURATION and SIGNALS).
//
//     cli::Daemon daemon("mqd-namesrv", "the name server of RocketMQ clients and brokers");
//     daemon.key_option("--kv", "kvConfigPath", "FILE", "where ...");
//     if (const auto status = daemon.parse(argc, argv)) return *status;
//     Options options;
//     config::Config config;
//     describe(config, options);
//     if (const auto status = daemon.configure(config)) return *status;
//     ... build, bottom up ...
//     daemon.ready();
//     while (daemon.wait() == cli::Daemon::Event::reload) { ... daemon.reload(next, config) ... }
//     ... stop, top down ...
//     return daemon.stopped();
//
// Threads: the main one. parse() comes before the first thread is made: it blocks the signals that
//          wait() takes.
// Owner:   main.

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/parser.h"
#include "config/config.h"

namespace mqd::cli {

class Daemon {
public:
    Daemon(std::string_view program, std::string_view purpose);

    /// For options of the daemon's own, positional arguments and examples.
    Parser& parser() { return parser_; }
    /// An option that sets a configuration key, over file and environment.
    void key_option(std::string_view names, std::string_view key, std::string_view value,
                    std::string_view help);
    /// --listen ADDR:PORT, which sets two keys.
    void listen_option(std::string_view address_key, std::string_view port_key);
    /// The same from code, after parse(): --standalone and its like.
    void set(std::string_view key, std::string_view value, std::string_view flag);

    /// Nothing: go on. Else the status to end with. SIGTERM, SIGINT and SIGHUP wait for wait()
    /// from here on.
    std::optional<int> parse(int argc, char** argv);

    /// File, environment and options into the described fields. `settle` sets the defaults that
    /// follow from other keys and complains about values that do not go together. All problems are
    /// printed, one line each: status 2. --check and --print-config end here.
    using Settle = std::function<void(config::Config&)>;
    std::optional<int> configure(config::Config& config, const Settle& settle = {});

    /// Reads it all again, into another config with the same table. False: it is wrong, was logged
    /// (`reload_failed`), and the old values are to be kept. Keys that differ from `current` and
    /// cannot be changed while running are logged (`reload_ignored`).
    bool reload(config::Config& next, const config::Config& current,
                const Settle& settle = {}) const;

    /// The file of -c, or "".
    const std::string& config_file() const { return config_file_; }

    /// Tells systemd (or whoever set $NOTIFY_SOCKET) that requests are answered now.
    void ready() const;
    /// And how it is meanwhile, in a line. Any thread.
    void status(const std::string& line) const;

    enum class Event { stop, reload };
    /// Blocks until SIGTERM or SIGINT (stop), or SIGHUP (reload). After a stop the next signal of
    /// that kind ends the process at once.
    Event wait();

    /// For what failed at the start: one line; 2 for what the user can mend (a port in use, a
    /// locked store, a bad value), 1 for the rest.
    int fail(const Error& error) const;
    /// The status after an orderly stop: 0.
    int stopped() const;

private:
    struct Setting {
        std::string key, value, flag;
    };
    void load(config::Config& config, const Settle& settle) const;
    void notify(std::string_view state) const;

    std::string program_;
    Parser parser_;
    std::string config_file_;
    std::string log_format_;
    bool check_only_ = false;
    bool print_config_ = false;
    std::vector<Setting> settings_;
};

}  // namespace mqd::cli
