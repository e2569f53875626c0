#pragma once
// Messages out, to a descriptor, in big blocks.
//
// Threads: one at a time.
// Owner:   the tool's main, which calls flush() when the input is quiet and at the end.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "message/record.h"
#include "record/encoder.h"

namespace mqd::record {

class Writer {
public:
    /// `fd` stays the caller's; `name` stands in messages.
    Writer(int fd, std::string name, Format format)
        : fd_(fd), name_(std::move(name)), encoder_(std::move(format)) {}

    /// Into the buffer, and from there to the descriptor when it is full.
    /// io: the descriptor fails (no space, nobody reads); what was not written is lost.
    Result<> write(const message::RecordView& message, std::string_view broker,
                   std::string_view body) {
        encoder_.append(buffer_, message, broker, body);
        if (buffer_.size() < block_bytes) return {};
        return flush();
    }
    Result<> flush();
    bool empty() const { return buffer_.empty(); }

private:
    static constexpr std::size_t block_bytes = 256 << 10;

    int fd_;
    std::string name_;
    Encoder encoder_;
    Buffer buffer_;
};

/// All of it. Waits where the descriptor does not block. io
Result<> write_all(int fd, std::string_view name, Bytes bytes);

}  // namespace mqd::record
