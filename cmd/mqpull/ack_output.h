#pragma once
// --ack-fd: messages to standard output, whose reader acknowledges them by writing their ids back,
// one a line, on another descriptor (mqpull(1)). A message is done when its id has come. No
// write waits: a reader that is stuck with its acknowledgements would wait for us.
//
// Threads: one.
// Owner:   main.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "cli/far_end.h"
#include "cli/parser.h"
#include "output.h"
#include "record/encoder.h"
#include "record/fields.h"

namespace mqd::mqpull {

class AckOutput final : public Output {
public:
    /// `acks` is readable and stays the caller's.
    AckOutput(const cli::Parser& cli, const record::Format& format, int acks);

    bool accepts(const client::PulledQueue& queue) const override;
    Result<> put(const Delivery& delivery) override;
    /// io: nobody reads the output, or the reader has closed the descriptor, and nothing more can
    /// be acknowledged.
    Result<> advance() override;
    void add_fds(std::vector<pollfd>& fds) const override;
    std::int64_t due_ms() const override;
    Result<> settle() override;
    bool is_busy(const client::PulledQueue& queue) const override;
    bool wants_commit() override;
    Result<> end() override;
    void hurry() override;
    bool is_idle() const override;
    bool has_failed() const override { return unacknowledged() > 0; }
    std::optional<std::string> report() const override;
    bool is_reader_gone() const override { return is_reader_gone_; }

private:
    struct Item {
        std::shared_ptr<client::PulledQueue> queue;
        std::int64_t offset;
    };
    Result<> write_some();
    Result<> read_acks();
    void acknowledge(std::string_view id);
    std::size_t unacknowledged() const;

    const cli::Parser& cli_;
    const int acks_;
    cli::FarEnd far_end_;
    record::Encoder encoder_;
    record::FieldReader fields_;
    Buffer output_;
    std::size_t written_ = 0;                          // of it
    std::unordered_multimap<std::string, Item> open_;  // by id
    std::string line_;                                 // the beginning of one
    bool has_closed_acks_ = false;
    bool has_ended_ = false;
    bool has_closed_output_ = false;
    bool is_reader_gone_ = false;
    std::int64_t give_up_at_ms_ = -1;
    std::int64_t commit_at_ms_ = -1;
    std::int64_t acknowledged_ms_ = 0;  // the last one
    std::int64_t waits_since_ms_ = -1;  // others wait for a queue
};

/// invalid: the descriptor is not open for reading.
Result<> check_ack_fd(int fd);

}  // namespace mqd::mqpull
