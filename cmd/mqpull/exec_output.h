#pragma once
// --exec: each message, or up to so many of one queue, on the standard input of a command. Its
// status says whether they are done; a group's messages that are not go back to the broker, which
// delivers them again (mqpull(1)).
//
// Threads: one.
// Owner:   main.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "cli/parser.h"
#include "cli/process.h"
#include "client/client.h"
#include "client/replies.h"
#include "client/send_back.h"
#include "output.h"
#include "record/encoder.h"
#include "record/fields.h"

namespace mqd::mqpull {

class ExecOutput final : public Output {
public:
    struct Options {
        std::string command;
        std::string group;              ///< empty: a failure is counted and no more
        std::int32_t jobs = 1;          ///< at once
        std::int32_t messages_max = 1;  ///< to one run
        bool is_orderly = false;        ///< one run a queue; one that fails is tried again
        bool replies = false;           ///< what it prints is the reply to the message
    };
    ExecOutput(const cli::Parser& cli, client::Client& client, record::Format format,
               Options options);

    bool accepts(const client::PulledQueue& queue) const override;
    bool is_busy(const client::PulledQueue& queue) const override;
    Result<> put(const Delivery& delivery) override;
    Result<> flush() override;
    Result<> settle() override { return advance(); }
    Result<> advance() override;
    void add_fds(std::vector<pollfd>& fds) const override;
    std::int64_t due_ms() const override;
    Result<> end() override;
    void hurry() override;
    bool is_idle() const override;
    bool is_working() const override;
    bool wants_commit() override;
    bool has_failed() const override;
    std::optional<std::string> report() const override;

private:
    struct Item {
        std::int64_t offset;  ///< in the queue
        PhysicalOffset at;
        std::optional<client::SendBack::Part> part;  ///< what could be sent back of it
    };
    /// What one run of the command gets, all of one queue.
    struct Batch {
        std::shared_ptr<client::PulledQueue> queue;
        Buffer input;
        std::vector<std::string> environment;
        std::vector<Item> items;
        std::optional<client::ReplyTo> reply_to;
        std::int32_t failures_before = 0;  // of its first message, elsewhere
        std::int32_t failures = 0;         // here
    };
    struct Run {
        cli::Process process;
        Batch batch;  // its input only where it may be tried again
    };
    struct Suspended {
        Batch batch;
        std::int64_t again_at_ms;
    };
    struct Returned {
        std::shared_ptr<client::PulledQueue> queue;
        std::int64_t offset;
    };
    bool has_free_job() const { return runs_.size() < static_cast<std::size_t>(options_.jobs); }
    bool is_full() const;
    bool has_begun(const client::PulledQueue& queue) const;
    bool is_under_way() const;
    Result<> start_next();
    Result<> start(Batch batch);
    Result<> start_suspended();
    void drop_batch();
    void finished(Run& run, int status);
    void settle(client::PulledQueue& queue, std::int64_t offset);
    Result<> reply(Run& run);
    void lose_reply(const Error& error);
    void take_replied();
    void take_returned();
    void give_up();

    const cli::Parser& cli_;
    const Options options_;
    record::Encoder encoder_;
    record::FieldReader fields_;
    client::SendBack send_back_;
    client::Replies replies_;
    std::unordered_map<std::uint64_t, Returned> replied_;  // by what Replies calls them
    Batch batch_;                                          // the next run's
    std::vector<Run> runs_;
    std::vector<Suspended> suspended_;  // orderly: failed, and tried again before all others
    std::unordered_map<std::uint64_t, Returned> returned_;  // by what SendBack calls them
    bool has_settled_ = false;                              // since the last commit
    bool has_warned_ = false;
    std::int64_t ended_at_ms_ = -1;  // when nothing more was left to run; -1: more may come
    std::int64_t give_up_ms_;        // of sending back, after that
    std::uint64_t commands_ = 0, commands_failed_ = 0, messages_returned_ = 0, messages_lost_ = 0;
    std::uint64_t replies_lost_ = 0;
    std::optional<Error> reply_error_;
};

}  // namespace mqd::mqpull
