#include "standalone.h"

#include <fmt/format.h>

#include "base/log.h"

namespace mqd {

Result<std::unique_ptr<Standalone>> Standalone::open(net::IoThreads& threads,
                                                     const broker::Settings& settings,
                                                     access::Gate& gate) {
    auto out = std::make_unique<Standalone>();
    auto& options = out->options_;
    options.bind_address = settings.network.bind_address;
    options.listen_port = settings.network.namesrv_port;
    options.connection_idle_s = settings.network.idle_s;
    // One directory holds all that this process keeps.
    options.kv_config_path = settings.store.config_dir() / "kvConfig.json";
    options.config_store_path = settings.store.config_dir() / "namesrv.properties";
    TRY(out->namesrv_, namesrv::Namesrv::open(options, gate));
    remoting::ServerOptions server_options;
    server_options.stream.idle_ms = settings.network.idle_s * 1000;
    TRY(out->server_, remoting::Server::listen(threads, options.listen_address(), *out->namesrv_,
                                               server_options));
    options.listen_port = out->server_->port();
    log::info("listening", {{"role", "namesrv"}, {"address", options.listen_address()}});
    return out;
}

std::string Standalone::address() const {
    const bool any = options_.bind_address == "0.0.0.0" || options_.bind_address == "::";
    return any ? fmt::format("127.0.0.1:{}", options_.listen_port) : options_.listen_address();
}

}  // namespace mqd
