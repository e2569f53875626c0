#include "namesrv/namesrv.h"

#include <fmt/format.h>

#include <chrono>

#include "base/clock.h"
#include "base/log.h"
#include "base/named_thread.h"

namespace mqd::namesrv {

Result<std::unique_ptr<Namesrv>> Namesrv::open(const Options& options, access::Gate& gate) {
    TRY(auto kv, KvConfig::open(options.kv_config_path));
    return std::unique_ptr<Namesrv>(new Namesrv(options, std::move(kv), gate));
}

Namesrv::Namesrv(const Options& options, std::unique_ptr<KvConfig> kv, access::Gate& gate)
    : settings_(options),
      routes_(routes_options(options)),
      kv_(std::move(kv)),
      context_{settings_, routes_, *kv_, gate, monotonic_ms()},
      expiry_(named_thread("mqd-ns-expiry", [this] { expire_until_stopped(); })) {}

Namesrv::~Namesrv() {
    {
        Lock lock(mutex_);
        is_stopping_ = true;
    }
    wake_.notify_all();
    expiry_.join();
}

void Namesrv::on_request(remoting::Session& session, const wire::Command& request) {
    if (const auto* known = find_request(request.code))
        return known->serve(context_, session, request);
    session.reply(request, wire::response_code::request_code_not_supported,
                  fmt::format(" request type {} not supported", request.code));
}

void Namesrv::on_close(remoting::Session& session) {
    if (const auto connection = connection_of(session))
        log_removed(routes_.connection_closed(*connection), "connection_closed");
}

void Namesrv::reload(const Options& next) {
    settings_.reload(next);
    routes_.configure(routes_options(*settings_.get()));
    wake_.notify_all();
}

void Namesrv::expire_until_stopped() {
    for (;;) {
        const auto interval = std::chrono::milliseconds(settings_.get()->scan_interval_ms);
        {
            Lock lock(mutex_);
            if (!is_stopping_) wake_.wait_for(mutex_, interval);
            if (is_stopping_) return;
        }
        log_removed(routes_.expire(monotonic_ms()), "expired");
    }
}

}  // namespace mqd::namesrv
