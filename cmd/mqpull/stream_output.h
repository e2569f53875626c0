#pragma once
// Messages to standard output, in large blocks. Into a file or a terminal they are done when they
// are written; into a pipe, with PipeOutput, a group's are when its reader has taken them.
//
// Threads: one.
// Owner:   main.

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "cli/far_end.h"
#include "output.h"
#include "record/writer.h"

namespace mqd::mqpull {

class StreamOutput final : public Output {
public:
    /// `commits`: the ledgers are looked at, so it is worth keeping them.
    StreamOutput(const record::Format& format, bool commits);

    Result<> put(const Delivery& delivery) override;
    void pass(client::PulledQueue& queue, std::int64_t next) override;
    Result<> flush() override;
    /// io: nobody reads the output any more.
    Result<> advance() override;
    void add_fds(std::vector<pollfd>& fds) const override;
    bool is_reader_gone() const override { return far_end_.exists() && far_end_.is_gone(); }

private:
    /// Where in the output a queue has come to an offset.
    struct Mark {
        std::uint64_t bytes;
        std::shared_ptr<client::PulledQueue> queue;
        std::int64_t next;
    };
    void mark(client::PulledQueue& queue, std::int64_t next);
    void take_marks();

    record::Writer writer_;
    const cli::FarEnd far_end_;
    const bool commits_;
    std::deque<Mark> marks_;  // those whose bytes may not have been taken yet
};

}  // namespace mqd::mqpull
