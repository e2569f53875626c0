#pragma once
// Messages out, to a descriptor, in big blocks.
//
// Threads: one at a time.
// Owner:   the tool's main, which calls flush() when the input is quiet and at the end.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "message/record.h"
#include "record/encoder.h"

namespace mqd::record {

class Writer {
public:
    /// `fd` stays the caller's; `name` stands in messages; `gives_up`, if given, is asked when a
    /// signal has interrupted a write, and ends it with io.
    Writer(int fd, std::string name, Format format, std::function<bool()> gives_up = nullptr)
        : fd_(fd),
          name_(std::move(name)),
          encoder_(std::move(format)),
          gives_up_(std::move(gives_up)) {}

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
    /// Bytes of all messages so far, and how many of them the descriptor has taken, also when it
    /// failed after that.
    std::uint64_t appended_bytes() const { return flushed_bytes_ + buffer_.size(); }
    std::uint64_t written_bytes() const { return written_bytes_; }

private:
    static constexpr std::size_t block_bytes = 256 << 10;

    int fd_;
    std::string name_;
    Encoder encoder_;
    std::function<bool()> gives_up_;
    Buffer buffer_;
    std::uint64_t flushed_bytes_ = 0;
    std::uint64_t written_bytes_ = 0;
};

/// All of it. Waits where the descriptor does not block. io: `written`, if given, has then grown
/// by what was written before. `gives_up` as Writer's.
Result<> write_all(int fd, std::string_view name, Bytes bytes, std::uint64_t* written = nullptr,
                   const std::function<bool()>& gives_up = nullptr);

}  // namespace mqd::record
