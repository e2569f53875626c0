// mqd-broker: stores messages and serves them. Man page mqd-broker(8).

#include <sys/resource.h>

#include <chrono>
#include <thread>

#include "base/clock.h"
#include "base/log.h"
#include "base/parse.h"
#include "broker/broker.h"
#include "broker/settings.h"
#include "cli/daemon.h"
#include "cli/server.h"
#include "front/rocketmq/registrar.h"
#include "front/rocketmq/service.h"
#include "net/io_threads.h"
#include "standalone.h"
#include "store/store.h"

using namespace mqd;

namespace {

constexpr std::int64_t first_registration_ms = 3000;
constexpr std::int64_t last_registration_ms = 2000;

void describe_options(cli::Daemon& daemon, bool& standalone) {
    daemon.key_option("-n,--namesrv", "namesrvAddr", "HOST:PORT[;HOST:PORT...]",
                      "name servers to register at");
    daemon.key_option("--store", "storePathRootDir", "DIR", "the store's directory");
    daemon.listen_option("bindAddress", "listenPort");
    daemon.parser().flag("--standalone", standalone, "run the name server in this process too");
    daemon.key_option("--namesrv-port", "namesrvListenPort", "PORT",
                      "with --standalone: the name server's port (9876)");
    daemon.parser().example("mqd-broker --standalone",
                            "a whole RocketMQ: name server 9876, broker 10911, store ~/store");
    daemon.parser().example("mqd-broker -c broker.conf", "with RocketMQ's own configuration file");
    daemon.parser().example("mqd-broker -c broker.toml -p", "what is in effect, and from where");
}

/// Connections and files are many; the soft limit is low for the sake of select(), unused here.
void raise_descriptor_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        log::warn("descriptor_limit", {{"error", errno_error("setrlimit").what}});
}

/// Wrong addresses are said before anything is opened.
void check_name_servers(config::Config& config, const broker::Settings& settings) {
    if (settings.namesrv.empty()) return;
    if (const auto servers = cli::parse_namesrv(settings.namesrv); !servers)
        config.complain("namesrvAddr", servers.error().what);
}

std::vector<std::string> name_servers_of(const broker::Settings& settings,
                                         const Standalone* standalone) {
    std::vector<std::string> out;
    if (standalone != nullptr) out.push_back(standalone->address());
    if (!settings.namesrv.empty()) {
        const auto servers = cli::parse_namesrv(settings.namesrv);
        if (servers) out.insert(out.end(), servers->begin(), servers->end());
    }
    return out;
}

/// Waits for the end; nothing that concerns the broker can be changed while it runs, so a reload
/// only says which keys would need a restart.
void wait_for_stop(cli::Daemon& daemon, const config::Config& config) {
    while (daemon.wait() == cli::Daemon::Event::reload) {
        broker::Settings next;
        config::Config next_config;
        broker::describe(next_config, next);
        daemon.reload(next_config, config, [&next](config::Config& c) { broker::settle(c, next); });
    }
}

/// Until every client has gone or the time is over; a second signal ends the process.
void send_clients_away(front::rocketmq::Service& service, const remoting::Server& server,
                       std::int64_t seconds) {
    service.send_away();
    log::info("leaving", {{"connections", server.connections()}, {"seconds", seconds}});
    const auto give_up = monotonic_ms() + seconds * 1000;
    while (server.connections() > 0 && monotonic_ms() < give_up)
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
}

/// Recovery has to know what kind of queues each topic has.
Result<std::unique_ptr<store::Store>> open_store(const broker::Settings& settings) {
    auto options = settings.store_options();
    TRY(options.batch_topics, broker::Topics::batch_topics(store::posix_files(), settings));
    return store::Store::open(store::posix_files(), system_clock(), std::move(options));
}

/// From the store upwards, and down again.
Result<> serve(cli::Daemon& daemon, const config::Config& config, broker::Settings& settings,
               store::Store& store, bool with_namesrv) {
    TRY(const auto broker,
        broker::Broker::open(store::posix_files(), system_clock(), store, settings));
    front::rocketmq::Service service(*broker);
    service.config_text = config.properties();

    net::IoThreads threads(settings.io_threads, "mqd-io");
    std::unique_ptr<Standalone> standalone;
    if (with_namesrv) {
        TRY(standalone, Standalone::open(threads, settings));
    }
    remoting::ServerOptions server_options;
    server_options.stream.idle_ms = settings.idle_s * 1000;
    TRY(const auto server,
        remoting::Server::listen(threads, settings.listen_address(), service, server_options));
    settings.listen_port = server->port();
    TRY_OK(service.set_address(settings.broker_ip, settings.listen_port));
    front::rocketmq::Registrar registrar(*broker, threads.at(0), service.address(),
                                         name_servers_of(settings, standalone.get()));
    broker->on_topic_change([&registrar](const std::string& topic, const broker::TopicRef&) {
        registrar.changed(topic);
    });
    service.open();
    registrar.start(first_registration_ms);
    log::info("listening", {{"role", "broker"},
                            {"address", settings.listen_address()},
                            {"name", settings.name},
                            {"store", settings.store_root}});
    daemon.ready();
    wait_for_stop(daemon, config);

    server->stop_accepting();
    if (standalone != nullptr) standalone->stop_accepting();
    registrar.stop(last_registration_ms);
    if (settings.sends_away) send_clients_away(service, *server, settings.leave_s_max);
    threads.stop();
    return broker->close();
}

}  // namespace

int main(int argc, char** argv) {
    cli::Daemon daemon("mqd-broker", "store messages and serve them to RocketMQ clients");
    bool with_namesrv = false;
    describe_options(daemon, with_namesrv);
    if (const auto status = daemon.parse(argc, argv)) return *status;

    broker::Settings settings;
    config::Config config;
    broker::describe(config, settings);
    const auto settle = [&settings](config::Config& c) {
        broker::settle(c, settings);
        check_name_servers(c, settings);
    };
    if (const auto status = daemon.configure(config, settle)) return *status;

    raise_descriptor_limit();
    auto store = open_store(settings);
    if (!store) return daemon.fail(store.error());
    const auto served = serve(daemon, config, settings, **store, with_namesrv);
    const auto closed = (*store)->close();
    if (!served) return daemon.fail(served.error());
    if (!closed) return daemon.fail(closed.error());
    return daemon.stopped();
}
