#pragma once
// A program that sends one stream of messages at a steady rate, and never gives one up.
//
// Threads: one of its own.
// Owner:   main.

#include <atomic>
#include <string>
#include <thread>

#include "client/producer.h"
#include "problems.h"
#include "sent_book.h"

namespace mqd::soak {

class Sender {
public:
    Sender(SentBook& book, Problems& problems, std::string namesrv, Stream stream, int per_second);
    ~Sender() { stop(); }
    Sender(const Sender&) = delete;
    Sender& operator=(const Sender&) = delete;

    /// Returns when every message's fate is known.
    void stop();

private:
    void run();
    void send(client::Producer& producer);
    void settled(const client::Settled& settled);

    SentBook& book_;
    Problems& problems_;
    const std::string namesrv_;
    const Stream stream_;
    const int per_second_;
    std::int64_t turn_ = 0;  // of the delayed stream
    std::atomic<bool> stops_ = false;
    std::thread thread_;
};

}  // namespace mqd::soak
