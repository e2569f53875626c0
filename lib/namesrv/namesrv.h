#pragma once
// The name server as something that a process can hold: mqd-namesrv does, and mqd-broker with
// --standalone (mqd-broker(8)).
//
//     TRY(auto namesrv, namesrv::Namesrv::open(options, gate));
//     net::IoThreads threads(0, "mqd-io");
//     TRY(auto server, remoting::Server::listen(threads, options.listen_address(), *namesrv));
//
// Threads: requests come on the sessions' threads; one of its own, mqd-ns-expiry, looks for
//          brokers that have gone silent.
// Owner:   main; outlives the Server.

#include <memory>
#include <thread>

#include "access/gate.h"
#include "base/mutex.h"
#include "base/result.h"
#include "namesrv/kv_config.h"
#include "namesrv/options.h"
#include "namesrv/requests.h"
#include "namesrv/routes.h"
#include "namesrv/settings.h"
#include "remoting/session.h"

namespace mqd::namesrv {

class Namesrv final : public remoting::Service {
public:
    /// corrupt, io: the KV configuration cannot be read.
    static Result<std::unique_ptr<Namesrv>> open(const Options& options, access::Gate& gate);
    ~Namesrv() override;

    void on_request(remoting::Session& session, const wire::Command& request) override;
    void on_close(remoting::Session& session) override;

    /// Takes over the reloadable keys.
    void reload(const Options& next);

private:
    Namesrv(const Options& options, std::unique_ptr<KvConfig> kv, access::Gate& gate);
    void expire_until_stopped();

    Settings settings_;
    Routes routes_;
    std::unique_ptr<KvConfig> kv_;
    Context context_;
    Mutex mutex_;
    Condition wake_;
    bool is_stopping_ GUARDED_BY(mutex_) = false;
    std::thread expiry_;
};

}  // namespace mqd::namesrv
