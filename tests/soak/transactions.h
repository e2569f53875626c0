#pragma once
// A transaction producer: half messages, their ends, and answers to the broker's questions. What it
// decides about a message follows from the message, so that any answer is the same.
//
// Threads: one of its own; questions come on its client's.
// Owner:   main.

#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "client/client.h"
#include "message/id.h"
#include "problems.h"
#include "sent_book.h"

namespace mqd::soak {

class Transactions {
public:
    Transactions(SentBook& book, Problems& problems, std::string namesrv, std::string broker,
                 int per_second);
    ~Transactions() { stop(); }
    Transactions(const Transactions&) = delete;
    Transactions& operator=(const Transactions&) = delete;

    /// It begins no new one, but is there for questions.
    void begin_no_more() { begins_ = false; }
    void stop();
    int questions() const { return questions_; }

private:
    void run();
    void beat();
    void one();
    void end(std::int64_t number, std::int64_t queue_offset, std::int64_t at, std::string_view key,
             bool was_asked);
    void asked(const wire::Command& question);

    SentBook& book_;
    Problems& problems_;
    const std::string namesrv_;
    const std::string broker_;
    const int per_second_;
    std::unique_ptr<client::Client> client_;
    message::UniqueKeys keys_;
    std::atomic<bool> begins_ = true;
    std::atomic<bool> stops_ = false;
    std::atomic<int> questions_ = 0;
    std::thread thread_;
};

}  // namespace mqd::soak
