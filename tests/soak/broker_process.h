#pragma once
// The mqd-broker under test, with a name server inside, at the same ports over all its lives.
//
// Threads: kill() and start() main's; address() and namesrv() any.
// Owner:   main.

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "base/result.h"
#include "timeline.h"

namespace mqd::soak {

class BrokerProcess {
public:
    /// `dir` gets the store, its configuration and the log of all lives. Does not start it.
    BrokerProcess(std::string program, std::string dir, Timeline& timeline);
    ~BrokerProcess();
    BrokerProcess(const BrokerProcess&) = delete;
    BrokerProcess& operator=(const BrokerProcess&) = delete;

    /// Returns when it answers. io: it does not; what it said last stands in its log.
    Result<> start();
    /// kill -9, and waits for its end.
    void kill();
    /// SIGTERM; its exit status, 128+N if a signal has ended it.
    int stop();
    bool has_died() const;

    std::string namesrv() const { return "127.0.0.1:" + std::to_string(port_ + 1); }
    std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
    /// Memory of its own, RssAnon.
    std::int64_t memory_kb() const;

private:
    Result<> await_answer();
    int reap();

    const std::string program_;
    const std::string dir_;
    Timeline& timeline_;
    int port_ = 0;
    pid_t pid_ = -1;
    int starts_ = 0;
};

}  // namespace mqd::soak
