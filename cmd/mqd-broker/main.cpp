// mqd-broker: stores messages and serves them. Man page mqd-broker(8).

#include <sys/resource.h>

#include <chrono>
#include <thread>

#include "access/gate.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/parse.h"
#include "broker/broker.h"
#include "broker/identity.h"
#include "cli/daemon.h"
#include "cli/server.h"
#include "front/rocketmq/registrar.h"
#include "front/rocketmq/service.h"
#include "net/io_threads.h"
#include "standalone.h"
#include "store/store.h"

using namespace mqd;

namespace {

struct Settings : broker::Settings {
    front::rocketmq::Settings rocketmq;
};

void describe(config::Config& config, Settings& settings) {
    broker::describe(config, settings);
    settings.rocketmq.describe(config);
}

constexpr std::int64_t first_registration_ms = 3000;
constexpr std::int64_t last_registration_ms = 2000;

void describe_options(cli::Daemon& daemon, bool& standalone) {
    daemon.key_option("-n,--namesrv", "namesrvAddr", "HOST:PORT[;HOST:PORT...]",
                      "register with these name servers");
    daemon.key_option("--store", "storePathRootDir", "DIR", "directory of the store");
    daemon.listen_option("bindAddress", "listenPort");
    daemon.parser().flag("--standalone", standalone, "run a name server in the same process");
    daemon.key_option("--namesrv-port", "namesrvListenPort", "PORT",
                      "with --standalone: port of the name server (default: 9876)");
    daemon.parser().example("mqd-broker --standalone",
                            "name server on port 9876, broker on port 10911, store in ~/store");
    daemon.parser().example("mqd-broker -c broker.conf", "use RocketMQ's own configuration file");
    daemon.parser().example("mqd-broker -c broker.toml -p",
                            "print what is in effect, and from where");
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
void check_name_servers(config::Config& config, const Settings& settings) {
    if (settings.network.namesrv.empty()) return;
    if (const auto servers = cli::parse_namesrv(settings.network.namesrv); !servers)
        config.complain("namesrvAddr", servers.error().what);
}

cli::Daemon::Settle settled(Settings& settings, bool standalone) {
    return [&settings, standalone](config::Config& config) {
        broker::settle(config, settings, standalone);
        check_name_servers(config, settings);
    };
}

std::vector<std::string> name_servers_of(const Settings& settings, const Standalone* standalone) {
    if (standalone != nullptr) return {standalone->address()};
    if (settings.network.namesrv.empty()) return {};
    return cli::parse_namesrv(settings.network.namesrv).value_or(std::vector<std::string>());
}

/// Waits for the end; nothing that concerns the broker can be changed while it runs, so a reload
/// only says which keys would need a restart.
void wait_for_stop(cli::Daemon& daemon, const config::Config& config, bool standalone) {
    while (daemon.wait() == cli::Daemon::Event::reload) {
        Settings next;
        config::Config next_config;
        describe(next_config, next);
        daemon.reload(next_config, config, settled(next, standalone));
    }
}

/// The port that clients know, and that of clients up to 4.4 which send to the one 2 below it.
struct Ports {
    std::unique_ptr<remoting::Server> main, vip;

    std::size_t connections() const {
        return main->connections() + (vip == nullptr ? 0 : vip->connections());
    }
    void stop_accepting() const {
        main->stop_accepting();
        if (vip != nullptr) vip->stop_accepting();
    }
};

/// A VIP port that nobody has asked for by its number may be another program's.
Result<Ports> listen(net::IoThreads& threads, const Settings& settings,
                     front::rocketmq::Service& service, bool vip_is_derived) {
    remoting::ServerOptions options;
    options.stream.idle_ms = settings.network.idle_s * 1000;
    Ports out;
    TRY(out.main,
        remoting::Server::listen(threads, settings.network.listen_address(), service, options));
    if (settings.network.vip_port == 0) return out;
    auto vip = remoting::Server::listen(
        threads, settings.network.address_of(settings.network.vip_port), service, options);
    if (vip) {
        out.vip = std::move(*vip);
    } else if (vip_is_derived) {
        log::warn("vip_port_closed", {{"why", vip.error().what}, {"key", "fastListenPort"}});
    } else {
        return vip.error();
    }
    return out;
}

/// Until every client has gone or the time is over; a second signal ends the process.
void send_clients_away(front::rocketmq::Service& service, const Ports& ports,
                       std::int64_t seconds) {
    service.send_away();
    log::info("leaving", {{"connections", ports.connections()}, {"seconds", seconds}});
    const auto give_up = monotonic_ms() + seconds * 1000;
    while (ports.connections() > 0 && monotonic_ms() < give_up)
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
}

/// Recovery has to know what kind of queues each topic has.
Result<std::unique_ptr<store::Store>> open_store(const Settings& settings) {
    auto options = settings.store_options();
    TRY(options.batch_topics, broker::Topics::batch_topics(store::posix_files(), settings));
    return store::Store::open(store::posix_files(), system_clock(), std::move(options));
}

/// From the store upwards, and down again.
Result<> serve(cli::Daemon& daemon, const config::Config& config, Settings& settings,
               store::Store& store, bool with_namesrv) {
    access::OpenGate gate;
    TRY(const auto broker,
        broker::Broker::open(store::posix_files(), system_clock(), store, settings));
    front::rocketmq::Service service(*broker, settings.rocketmq, gate);
    service.config_text = config.properties();

    net::IoThreads threads(settings.network.io_threads, "mqd-io");
    std::unique_ptr<Standalone> standalone;
    if (with_namesrv) {
        TRY(standalone, Standalone::open(threads, settings, gate));
    }
    TRY(const auto ports, listen(threads, settings, service, !config.is_set("fastListenPort")));
    settings.network.listen_port = ports.main->port();
    TRY_OK(service.set_address(settings.network.ip, settings.network.listen_port));
    TRY(const auto uuid, broker::store_uuid(store::posix_files(), settings));
    front::rocketmq::Registrar registrar(*broker, threads.at(0), {service.address(), uuid},
                                         name_servers_of(settings, standalone.get()));
    broker->on_topic_change([&registrar](const std::string& topic, const broker::TopicRef&) {
        registrar.changed(topic);
    });
    service.open();
    registrar.on_refusal([&daemon, &service](const std::string& why) {
        service.set_active(why.empty());
        daemon.status(why.empty() ? "registered" : "refused: " + why);
    });
    if (const auto registered = registrar.start(first_registration_ms); !registered) {
        threads.stop();
        TRY_OK(broker->close());
        return registered.error();
    }
    log::info("listening", {{"role", "broker"},
                            {"address", settings.network.listen_address()},
                            {"name", settings.identity.name},
                            {"store", settings.store.root}});
    daemon.ready();
    wait_for_stop(daemon, config, with_namesrv);

    ports.stop_accepting();
    if (standalone != nullptr) standalone->stop_accepting();
    registrar.stop(last_registration_ms);
    if (settings.network.sends_away)
        send_clients_away(service, ports, settings.network.leave_s_max);
    threads.stop();
    return broker->close();
}

}  // namespace

int main(int argc, char** argv) {
    cli::Daemon daemon("mqd-broker", "store messages and serve them to RocketMQ clients");
    bool with_namesrv = false;
    describe_options(daemon, with_namesrv);
    if (const auto status = daemon.parse(argc, argv)) return *status;

    Settings settings;
    config::Config config;
    describe(config, settings);
    if (const auto status = daemon.configure(config, settled(settings, with_namesrv)))
        return *status;

    raise_descriptor_limit();
    const auto places = settings.store.places();
    if (const auto fit = places.settle(store::posix_files()); !fit) return daemon.fail(fit.error());
    const auto apart = places.lock(store::posix_files());
    if (!apart) return daemon.fail(apart.error());
    auto store = open_store(settings);
    if (!store) return daemon.fail(store.error());
    const auto served = serve(daemon, config, settings, **store, with_namesrv);
    const auto closed = (*store)->close();
    if (!served) return daemon.fail(served.error());
    if (!closed) return daemon.fail(closed.error());
    return daemon.stopped();
}
