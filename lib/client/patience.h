#pragma once
// Servers that have only just been started, or are away for a moment: what they failed is tried
// again until the time is over, and the wait is told (mqd(7), WAITING).
//
//     Patience patience(client, client.options().waiting);
//     TRY(const auto route, patience.until_settled([&] { return client.route(topic); }));
//
// Threads: the tool's one thread; it blocks.
// Owner:   whoever waits. The client outlives it.

#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>

#include "client/client.h"
#include "client/waiting.h"

namespace mqd::client {

class Patience {
public:
    /// For Waiting::timeout_ms from now on. Without a Waiting nothing is tried again.
    Patience(Client& client, std::optional<Waiting> waiting);
    ~Patience();
    Patience(const Patience&) = delete;
    Patience& operator=(const Patience&) = delete;

    /// The value of `attempt`, a call that gives a Result, or its first error that does not pass
    /// by itself, or its last one when the time is over. These pass: a server that cannot be
    /// reached, does not answer, is busy or goes away; and whatever does not exist while no name
    /// server knows a broker, which is unavailable and not not_found.
    template <class Attempt>
    std::invoke_result_t<Attempt&> until_settled(Attempt&& attempt) {
        for (;;) {
            auto result = attempt();
            if (result) {
                goes_on();
                return result;
            }
            if (!wait_after(result.error())) return result;
        }
    }
    /// The same by hand: whether what failed so is to be tried now, after a wait. False: `error`
    /// is to be told.
    bool wait_after(Error& error);
    /// It has been settled, or will not be.
    void goes_on();
    void gives_up() { line_.gives_up(); }

private:
    bool passes(Error& error);
    bool pause(const Error& error);

    Client& client_;
    int stop_fd_ = -1;
    std::int64_t deadline_ms_ = 0;  ///< -1: never
    std::int64_t pause_ms_ = 0;
    bool has_brokers_ = false;  ///< before the last attempt
    WaitLine line_;
};

}  // namespace mqd::client
