#pragma once
// --spool: what is read goes into the spool, and from there to the brokers (mqsend(1), THE SPOOL).
// While they take it the input waits for them, as without a spool; while they do not, it goes on
// until the spool is full.
//
// Threads: one at a time.
// Owner:   main.

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sending/outlet.h"
#include "spool/spool.h"

namespace mqd::sending {

class SpooledOutlet final : public Outlet {
public:
    struct Options {
        std::int64_t linger_ms = 5;
        std::int64_t timeout_ms = 10'000;        ///< at the end, without a sign of a broker
        std::int64_t stop_ms = 5000;             ///< at the end, after an interrupt
        std::optional<std::int64_t> rate;        ///< sent a second
        client::Ack ack = client::Ack::one;      ///< that the producer waits for
        bool skips_errors = false;               ///< else nothing is sent after a refused message
        std::function<Result<>()> before_first;  ///< makes the topic
        client::Waiting waiting;                 ///< who is told of waits, and when
    };
    SpooledOutlet(client::Client& client, client::Producer::Options producer, spool::Spool& spool,
                  Fates& fates, Options options);

    Result<> send(const client::Message& message, std::uint64_t fate) override;
    void flush() override { producer_.flush_some(); }
    Result<bool> may_read() override;
    Result<> work() override;
    Result<bool> finish(bool is_interrupted) override;
    int fd() const override { return producer_.fd(); }
    std::int64_t due_ms() const override;
    std::uint64_t kept() const override { return kept_; }
    void count(Tally& tally) const override;
    std::uint64_t failed() const override { return failed_; }
    const std::optional<Error>& first_error() const override { return first_error_; }

private:
    bool is_failing() const { return producer_.is_failing() || route_due_ms_ >= 0; }
    Result<> secure();
    Result<> feed();
    Result<bool> feed_one(spool::Spool::Next& next);
    void settled(const client::Settled& settled);
    void not_delivered(const spool::Spool::Given& given, client::Verdict verdict,
                       const Error& error);
    void tell_waiting();
    void tell_of_wait();
    Result<> give_up();
    std::int64_t rate_due_ms() const;

    spool::Spool& spool_;
    Fates& fates_;
    const Options options_;
    client::Producer producer_;
    Result<> broken_;  ///< what a callback has met

    // Numbers in Fates, where that keeps messages, in the order of the spool.
    std::vector<std::uint64_t> staged_fates_;
    std::deque<std::uint64_t> waiting_fates_;  ///< not given out; the first told_ ones are missing
    std::uint64_t told_ = 0;
    std::uint64_t kept_ = 0;         ///< after the last one in the files
    std::int64_t untold_given_ = 0;  ///< given out
    std::vector<std::uint64_t> settled_fates_;

    bool is_ready_ = false;  ///< before_first has been
    bool is_halted_ = false;
    std::int64_t route_due_ms_ = -1;  ///< no route could be had: to be asked for again
    std::int64_t space_due_ms_ = -1;  ///< the disk had no space: to be tried again
    std::string why_no_space_;
    client::WaitLine input_line_;  ///< the input waits for the disk, or room in the spool
    client::WaitLine route_line_;
    std::string why_no_route_;
    const std::int64_t begin_ms_;
    std::int64_t sent_ = 0;           ///< for the rate
    std::int64_t rate_wait_ms_ = -1;  ///< the rate allows the next message then
    std::int64_t progress_ms_ = -1;   ///< a broker has acknowledged something
    std::int64_t finishing_ms_ = -1;
    std::int64_t stop_at_ms_ = -1;

    Tally tally_;
    std::uint64_t failed_ = 0;
    std::optional<Error> first_error_;
};

}  // namespace mqd::sending
