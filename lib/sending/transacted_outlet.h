#pragma once
// --transaction: each message is stored half, then a command says whether it counts (mqsend(1),
// TRANSACTIONS; mqd-remoting(7), TRANSACTIONS). While this runs, brokers that ask about half
// messages, an earlier run's too, are answered by the command as well.
//
// Threads: one at a time.
// Owner:   main.

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "cli/process.h"
#include "client/transactions.h"
#include "sending/outlet.h"
#include "record/fields.h"
#include "sending/watched.h"

namespace mqd::sending {

class TransactedOutlet final : public Outlet {
public:
    struct Options {
        std::string command;
        std::size_t jobs = 1;              ///< commands at once
        std::int64_t timeout_ms = 10'000;  ///< at the end, without anything being decided
        std::int64_t stop_ms = 5000;       ///< at the end, after an interrupt
    };
    TransactedOutlet(client::Client& client, client::Producer::Options producer,
                     client::Transactions& transactions, Fates& fates, Options options);

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
    const std::optional<Error>& first_error() const override;

private:
    /// A message on its way to its decision.
    struct Open {
        bool is_ours = true;  ///< else of an earlier run, which has counted it
        std::uint64_t fate = 0;
        std::string topic, body, properties;
        std::int32_t sys_flag = 0;
        int questions = 0;  ///< of the broker
        client::Half half;
        std::string broker;      ///< its name; it may move
        bool is_queued = false;  ///< for the command, or it runs
        bool is_ending = false;  ///< the broker has been told, and has not answered
        std::optional<bool> commits;
        int ends = 0;                       ///< how often the broker was told in vain
        std::int64_t first_end_ms = -1;     ///< the broker was told first
        std::int64_t end_at_ms = -1;        ///< it is told again then
        std::int64_t undecided_at_ms = -1;  ///< if no broker asks by then, none will
    };
    struct Run {
        cli::Process process;
        std::uint64_t number;
    };

    bool has_room() const { return ours_ < open_max_; }
    void half_settled(const client::Settled& settled);
    void asked(client::Transactions::Question question);
    void ended(const client::Transactions::Ended& ended);
    void decide(std::uint64_t number);
    Result<> start_commands();
    void reap();
    void end(std::uint64_t number, bool is_answer);
    void do_due();
    std::int64_t end_ms() const;
    void settle(std::uint64_t number, const Error* why_not);
    void forget(std::uint64_t number);
    void give_up();

    Fates& fates_;
    client::Transactions& transactions_;
    const Options options_;
    const std::size_t open_max_;
    client::Producer producer_;
    record::FieldReader fields_;

    std::uint64_t next_number_ = 0;
    std::map<std::uint64_t, Open> open_;
    std::unordered_map<std::string, std::uint64_t> by_id_;  ///< of those that are stored half
    std::size_t ours_ = 0;
    std::deque<std::uint64_t> to_decide_;
    std::vector<Run> runs_;

    std::int64_t look_at_ms_ = 0;   ///< whether brokers have moved
    std::int64_t progress_ms_ = 0;  ///< a decision has arrived
    bool is_out_of_time_ = false;   ///< at the end: only commands that run are waited for
    std::int64_t finishing_ms_ = -1;
    std::int64_t stop_at_ms_ = -1;
    Tally tally_;
    std::optional<Error> first_error_;
    Watched watched_;
};

}  // namespace mqd::sending
