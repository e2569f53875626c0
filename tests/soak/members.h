#pragma once
// Members of both groups that come and go: each thread is one after the other, some of which leave
// in an orderly way and some just vanish.
//
// Threads: main's; it starts and joins its own.
// Owner:   main.

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "member.h"

namespace mqd::soak {

class Members {
public:
    Members(Books books, const std::string& namesrv, std::uint64_t seed);
    ~Members() { stop(); }
    Members(const Members&) = delete;
    Members& operator=(const Members&) = delete;

    /// From now on everybody stays.
    void settle_down() { stays_ = true; }
    void stop();
    int lives() const { return lives_; }

private:
    void run(const Member::Options& options);
    void live(Member& member, std::int64_t life_ms);

    Books books_;
    std::atomic<bool> stays_ = false;
    std::atomic<bool> stops_ = false;
    std::atomic<int> lives_ = 0;
    std::vector<std::thread> threads_;
};

}  // namespace mqd::soak
