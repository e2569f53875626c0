#pragma once
// --request: each message asks for a reply, and is done when that has come (mqsend(1)).
//
// Threads: one at a time.
// Owner:   main.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>

#include "client/requests.h"
#include "message/id.h"
#include "sending/outlet.h"
#include "sending/watched.h"

namespace mqd::sending {

class RequestingOutlet final : public Outlet {
public:
    struct Options {
        std::int64_t timeout_ms = 10'000;  ///< for a reply, from when the request is stored
        std::int64_t stop_ms = 5000;       ///< at the end, after an interrupt
    };
    RequestingOutlet(client::Client& client, client::Producer::Options producer,
                     client::Requests& requests, Fates& fates, Options options);

    Result<> send(const client::Message& message, std::uint64_t fate) override;
    void flush() override {}
    Result<bool> may_read() override { return has_room(); }
    Result<> work() override;
    Result<bool> finish(bool is_interrupted) override;
    int fd() const override { return watched_.fd(); }
    std::int64_t due_ms() const override;
    std::uint64_t kept() const override { return fates_.kept(); }
    void count(Tally& tally) const override;
    std::uint64_t failed() const override;
    const std::optional<Error>& first_error() const override { return first_error_; }

private:
    struct Open {
        std::uint64_t fate = 0;
        std::string correlation_id;
        std::uint64_t bytes = 0;
        std::int64_t deadline_ms = -1;  ///< -1: not stored yet
    };
    bool has_room() const { return open_.size() < open_max_; }
    void settled(const client::Settled& settled);
    void replied(const client::Requests::Reply& reply);
    void unanswered(std::uint64_t number, const Error& why);
    void forget(std::uint64_t number);

    Fates& fates_;
    client::Requests& requests_;
    const Options options_;
    const std::size_t open_max_;
    client::Producer producer_;
    message::UniqueKeys ids_;
    std::uint64_t next_number_ = 0;
    std::map<std::uint64_t, Open> open_;
    std::unordered_map<std::string, std::uint64_t> by_id_;  ///< correlation ids
    std::int64_t look_at_ms_ = 0;
    std::int64_t stop_at_ms_ = -1;
    Tally tally_;
    std::optional<Error> first_error_;
    Watched watched_;
};

}  // namespace mqd::sending
