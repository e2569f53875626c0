#pragma once
// The name server inside the broker's process, with --standalone (mqd-broker(8)).
//
// Threads: main's.
// Owner:   main; the I/O threads outlive it.

#include <memory>
#include <string>

#include "access/gate.h"
#include "base/result.h"
#include "broker/settings.h"
#include "namesrv/namesrv.h"
#include "net/io_threads.h"
#include "remoting/session.h"

namespace mqd {

class Standalone {
public:
    /// Listens on the broker's address and namesrvListenPort. Errors as Server::listen().
    static Result<std::unique_ptr<Standalone>> open(net::IoThreads& threads,
                                                    const broker::Settings& settings,
                                                    access::Gate& gate);
    /// Where the broker finds it.
    std::string address() const;
    void stop_accepting() { server_->stop_accepting(); }

private:
    namesrv::Options options_;
    std::unique_ptr<namesrv::Namesrv> namesrv_;
    std::unique_ptr<remoting::Server> server_;
};

}  // namespace mqd
