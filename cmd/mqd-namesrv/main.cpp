// mqd-namesrv: tells clients which brokers have which topics. Man page mqd-namesrv(8).

#include "access/gate.h"
#include "base/log.h"
#include "cli/daemon.h"
#include "namesrv/namesrv.h"
#include "net/io_threads.h"

using namespace mqd;

int main(int argc, char** argv) {
    cli::Daemon daemon("mqd-namesrv", "tell clients which brokers have which topics");
    daemon.listen_option("bindAddress", "listenPort");
    daemon.parser().example("mqd-namesrv", "listen on port 9876 of every address");
    daemon.parser().example("mqd-namesrv -c /etc/mqd/namesrv.conf --check",
                            "check a configuration file");
    daemon.parser().example("mqd-namesrv --listen 127.0.0.1:0 -v",
                            "listen on any free port, which the log names");
    if (const auto status = daemon.parse(argc, argv)) return *status;

    namesrv::Options options;
    config::Config config;
    namesrv::describe(config, options);
    // What UPDATE_NAMESRV_CONFIG sets is kept where the next start reads it.
    const auto settle = [&daemon](const namesrv::Options& with) {
        return [&daemon, &with](config::Config& c) {
            if (!daemon.config_file().empty())
                c.set_default("configStorePath", daemon.config_file(), "the configuration file");
            namesrv::settle(c, with);
        };
    };
    if (const auto status = daemon.configure(config, settle(options))) return *status;

    access::OpenGate gate;
    auto namesrv = namesrv::Namesrv::open(options, gate);
    if (!namesrv) return daemon.fail(namesrv.error());
    net::IoThreads threads(options.io_threads, "mqd-io");
    remoting::ServerOptions server_options;
    server_options.stream.idle_ms = options.connection_idle_s * 1000;
    auto server =
        remoting::Server::listen(threads, options.listen_address(), **namesrv, server_options);
    if (!server) return daemon.fail(server.error());
    options.listen_port = (*server)->port();
    log::info("listening", {{"role", "namesrv"}, {"address", options.listen_address()}});
    daemon.ready();

    while (daemon.wait() == cli::Daemon::Event::reload) {
        namesrv::Options next;
        config::Config next_config;
        namesrv::describe(next_config, next);
        if (daemon.reload(next_config, config, settle(next))) (*namesrv)->reload(next);
    }
    (*server)->stop_accepting();
    threads.stop();
    return daemon.stopped();
}
