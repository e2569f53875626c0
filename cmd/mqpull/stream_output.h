#pragma once
// Messages to standard output, in large blocks; a message is done when its bytes were taken.
//
// Threads: one.
// Owner:   main.

#include <cstdint>
#include <deque>
#include <memory>

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
    bool is_reader_gone() const override;

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
    const bool commits_;
    std::deque<Mark> marks_;  // those whose bytes may not have been taken yet
};

/// Ends the program as a filter does that nobody reads any more.
[[noreturn]] void end_by_sigpipe();

}  // namespace mqd::mqpull
