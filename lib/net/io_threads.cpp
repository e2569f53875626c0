#include "net/io_threads.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "net/loop.h"
#include "base/named_thread.h"

namespace mqd::net {

struct IoThreads::State {
    std::vector<std::unique_ptr<AsioLoop>> loops;
    std::vector<std::thread> threads;
    std::atomic<std::size_t> turn = 0;
};

IoThreads::IoThreads(std::size_t count, std::string_view name) : state_(std::make_unique<State>()) {
    if (count == 0) count = std::max(1U, std::thread::hardware_concurrency());
    // Signals are main's: the new threads inherit this mask.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    check(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
    for (std::size_t i = 0; i < count; ++i) {
        AsioLoop& loop = *state_->loops.emplace_back(std::make_unique<AsioLoop>());
        const std::string full = std::string(name) + '-' + std::to_string(i);
        state_->threads.push_back(named_thread(full, [&loop] { loop.run(); }));
    }
    check(pthread_sigmask(SIG_SETMASK, &before, nullptr) == 0);
}

IoThreads::~IoThreads() {
    stop();
}

std::size_t IoThreads::size() const {
    return state_->loops.size();
}

Loop& IoThreads::at(std::size_t i) {
    return *state_->loops.at(i);
}

Loop& IoThreads::next() {
    return at(state_->turn.fetch_add(1, std::memory_order_relaxed) % size());
}

void IoThreads::stop() {
    if (state_->threads.empty()) return;
    for (auto& loop : state_->loops) loop->end();
    for (auto& thread : state_->threads) thread.join();
    state_->threads.clear();
    for (auto& loop : state_->loops) loop->ended();
}

}  // namespace mqd::net
