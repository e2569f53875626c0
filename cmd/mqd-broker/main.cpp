// mqd-broker: stores messages and serves them. Man page mqd-broker(8).

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

    auto store = store::Store::open(store::posix_files(), system_clock(), settings.store_options());
    if (!store) return daemon.fail(store.error());
    auto broker = broker::Broker::open(store::posix_files(), system_clock(), **store, settings);
    if (!broker) return daemon.fail(broker.error());
    front::rocketmq::Service service(**broker);
    service.config_text = config.properties();

    net::IoThreads threads(settings.io_threads, "mqd-io");
    std::unique_ptr<Standalone> standalone;
    if (with_namesrv) {
        auto opened = Standalone::open(threads, settings);
        if (!opened) return daemon.fail(opened.error());
        standalone = std::move(*opened);
    }
    remoting::ServerOptions server_options;
    server_options.stream.idle_ms = settings.idle_s * 1000;
    auto server =
        remoting::Server::listen(threads, settings.listen_address(), service, server_options);
    if (!server) return daemon.fail(server.error());
    settings.listen_port = (*server)->port();
    if (const auto known = service.set_address(settings.broker_ip, settings.listen_port); !known)
        return daemon.fail(known.error());
    front::rocketmq::Registrar registrar(**broker, threads.at(0), service.address(),
                                         name_servers_of(settings, standalone.get()));
    (*broker)->on_topic_change([&registrar](const std::string& topic, const broker::TopicRef&) {
        registrar.changed(topic);
    });
    service.open();
    registrar.start(first_registration_ms);
    log::info("listening", {{"role", "broker"},
                            {"address", settings.listen_address()},
                            {"name", settings.name},
                            {"store", settings.store_root}});
    daemon.ready();

    while (daemon.wait() == cli::Daemon::Event::reload) {
        broker::Settings next;
        config::Config next_config;
        broker::describe(next_config, next);
        const auto settle_next = [&next](config::Config& c) { broker::settle(c, next); };
        // Nothing can be changed while it runs; this says which keys would need a restart.
        daemon.reload(next_config, config, settle_next);
    }

    (*server)->stop_accepting();
    if (standalone != nullptr) standalone->stop_accepting();
    registrar.stop(last_registration_ms);
    threads.stop();
    const auto saved = (*broker)->close();
    server->reset();
    broker->reset();
    const auto closed = (*store)->close();
    if (!saved) return daemon.fail(saved.error());
    if (!closed) return daemon.fail(closed.error());
    return daemon.stopped();
}
