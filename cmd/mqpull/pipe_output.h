#pragma once
// A group's messages into a pipe, FIFO or socket (mqpull(1), --group). A message is done when
// the reader has taken it out and lived on: what lies in the pipe of a reader that dies, and what
// came with its last read, is the group's again. No write waits: while the reader takes nothing,
// queues are still given away, and an end is an end.
//
// Threads: one.
// Owner:   main.

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "cli/far_end.h"
#include "output.h"
#include "record/encoder.h"
#include "taken.h"

namespace mqd::mqpull {

class PipeOutput final : public Output {
public:
    /// `fd` has a far end.
    PipeOutput(int fd, const record::Format& format) : far_end_(fd), encoder_(format) {}

    bool accepts(const client::PulledQueue& queue) const override;
    Result<> put(const Delivery& delivery) override;
    void pass(client::PulledQueue& queue, std::int64_t next) override;
    Result<> flush() override;
    Result<> settle() override;
    bool is_busy(const client::PulledQueue& queue) const override;
    /// io: nobody reads the output any more.
    Result<> advance() override;
    void add_fds(std::vector<pollfd>& fds) const override;
    std::int64_t due_ms() const override;
    bool wants_commit() override;
    /// io: as advance().
    Result<> end() override;
    void hurry() override;
    bool is_idle() const override;
    bool has_failed() const override { return !is_settled() && !is_reader_gone_; }
    std::optional<std::string> report() const override;
    bool is_reader_gone() const override { return is_reader_gone_; }

private:
    /// Where in the output a queue has come to an offset.
    struct Mark {
        std::uint64_t begin;  ///< of the first message that it stands for
        std::uint64_t end;
        std::shared_ptr<client::PulledQueue> queue;
        std::int64_t next;
    };
    std::uint64_t appended_bytes() const { return flushed_bytes_ + output_.size(); }
    bool has_unwritten() const { return written_ < output_.size(); }
    bool is_settled() const { return marks_.empty() && !has_unwritten(); }
    /// The reader has taken nothing for as long as anybody has to wait for it.
    bool is_stuck(std::int64_t now_ms) const;
    void mark(client::PulledQueue& queue, std::uint64_t begin, std::int64_t next);
    Result<> write();
    void look();
    void take_marks();

    cli::FarEnd far_end_;
    record::Encoder encoder_;
    Buffer output_;
    std::size_t written_ = 0;          // of it
    std::uint64_t flushed_bytes_ = 0;  // before it
    Taken taken_;
    std::deque<Mark> marks_;  // of what is not confirmed
    std::int64_t looked_ms_ = 0;
    std::int64_t waits_since_ms_ = -1;  // somebody waits for what was put; -1: nobody
    std::int64_t give_up_at_ms_ = -1;
    bool has_ended_ = false;
    bool has_caught_up_ = false;
    bool is_reader_gone_ = false;
};

}  // namespace mqd::mqpull
