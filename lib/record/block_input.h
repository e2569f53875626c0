#pragma once
// Input in big blocks, with the bytes not yet consumed as one stretch of memory.
//
// Threads: one at a time.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mqd::record {

class BlockInput {
public:
    /// Readable behind the window, whatever is in them: simdjson looks there.
    static constexpr std::size_t padding_bytes = 64;

    /// `fd` stays the caller's. When `stop_fd` (-1: none) becomes readable, the input ends.
    /// Nothing more than `read_bytes_max` is taken at once.
    BlockInput(int fd, int stop_fd, std::size_t read_bytes_max, std::string name);

    std::string_view window() const { return {data_.get() + begin_, end_ - begin_}; }
    /// Of the memory from the window's front on.
    std::size_t readable_bytes() const { return capacity_ + padding_bytes - begin_; }
    void consume(std::size_t bytes) {
        begin_ += bytes;
        consumed_ += bytes;
    }
    std::uint64_t consumed() const { return consumed_; }
    /// Before the first more(): consumed() counts from here.
    void begin_at(std::uint64_t at) { consumed_ = at; }
    /// Waits for one more read; false: the end, or the caller was asked to stop. Moves the
    /// window. io: `what` has the name.
    Result<bool> more();
    bool stopped() const { return stopped_; }

private:
    void make_room();

    int fd_;
    int stop_fd_;
    std::size_t read_bytes_max_;
    std::string name_;
    std::unique_ptr<char[]> data_;
    std::size_t capacity_ = 0;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    std::uint64_t consumed_ = 0;
    bool stopped_ = false;
};

}  // namespace mqd::record
