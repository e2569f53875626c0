#pragma once
// A broker with its store and the front end in small.

#include <memory>
#include <string>
#include <thread>

#include "plain_front.h"
#include "support.h"

namespace mqd::test {

struct Running {
    Folder folder;
    broker::Settings settings = settings_in(folder);
    std::unique_ptr<OpenStore> store;
    std::unique_ptr<broker::Broker> broker;
    std::unique_ptr<net::IoThreads> threads;
    std::unique_ptr<PlainFront> front;
    bool leads = true;

    Running() { settings.delays.levels = "50ms 1h"; }
    ~Running() { stop(); }
    void start() {
        store = std::make_unique<OpenStore>(settings);
        auto made =
            broker::Broker::open(store::posix_files(), system_clock(), *store->is, settings, leads);
        REQUIRE(made);
        broker = std::move(*made);
        broker->set_store_host(*message::Host::make("127.0.0.1", 10911));
        threads = std::make_unique<net::IoThreads>(1, "plain");
        front = std::make_unique<PlainFront>(*broker, threads->at(0));
    }
    void stop() {
        front.reset();
        if (threads != nullptr) threads->stop();
        if (broker != nullptr) CHECK(broker->close());
        broker.reset();
        threads.reset();
        store.reset();
    }
    std::string operator()(const std::string& line) { return front->answer_to(line); }
    /// Until all that was put can be read.
    void until_dispatched() const {
        const auto give_up = monotonic_ms() + 30'000;
        while (store->is->dispatched() < store->is->end() && monotonic_ms() < give_up)
            std::this_thread::yield();
        REQUIRE(store->is->dispatched() == store->is->end());
    }
    /// Until `wanted` waits, so that what comes next finds it parked.
    void until_waiting(std::size_t wanted) {
        const auto give_up = monotonic_ms() + 30'000;
        while (broker->arrivals().waiting() != wanted && monotonic_ms() < give_up)
            std::this_thread::yield();
        REQUIRE(broker->arrivals().waiting() == wanted);
    }
};

}  // namespace mqd::test
