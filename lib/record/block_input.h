#pragma once
// Input in big blocks, with the bytes not yet consumed as one stretch of memory. Holes of a file,
// which nobody has written, are not among them: they read as NULs, but no writer meant those (they
// are there when a file was cut short under a writer that goes on where it stood).
//
// Threads: one at a time.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mqd::record {

class BlockInput {
public:
    struct Holes {
        bool are_passed = true;
        bool may_grow = false;   ///< what ends in a hole may go on after it: that is left alone
        bool keeps_nul = false;  ///< a NUL ends a record: the first one before a hole does too
        std::function<void(std::string_view)> tell = {};  ///< a line for a person
    };
    /// Readable after the window, whatever is in them: simdjson looks there.
    static constexpr std::size_t padding_bytes = 64;

    /// `fd` stays the caller's. When `stop_fd` (-1: none) becomes readable, the input ends.
    /// Nothing more than `read_bytes_max` is taken at once.
    BlockInput(int fd, int stop_fd, std::size_t read_bytes_max, std::string name, Holes holes);

    std::string_view window() const { return {data_.get() + begin_, end_ - begin_}; }
    /// Of the memory from the window's front on.
    std::size_t readable_bytes() const { return capacity_ + padding_bytes - begin_; }
    void consume(std::size_t bytes) {
        begin_ += bytes;
        consumed_ += bytes;
        while (!gaps_.empty() && gaps_.front().at <= begin_) leave_gap();
    }
    /// Where the window begins in the input: after a hole, if one is there.
    std::uint64_t consumed() const { return consumed_; }
    /// Where so many bytes of it end: before a hole, if one is there.
    std::uint64_t end_of(std::size_t bytes) const;
    /// Before the first more(): consumed() counts from here.
    void begin_at(std::uint64_t at) { consumed_ = at; }
    /// Waits for one more read; false: the end, or the caller was asked to stop. Moves the
    /// window. io: `what` has the name.
    Result<bool> more();
    bool stopped() const { return stopped_; }

private:
    struct Gap {
        std::size_t at;  ///< in data_: it lies before that byte
        std::uint64_t bytes;
    };
    void make_room();
    void leave_gap() {
        consumed_ += gaps_.front().bytes;
        gaps_.pop_front();
    }
    void add_gap(std::uint64_t bytes);
    std::size_t bytes_to_read(std::size_t wanted);
    bool find_extent();
    std::size_t without_padding(std::size_t bytes);

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

    const Holes holes_;
    bool has_extents_ = false;  ///< a file whose system tells where its holes are
    std::deque<Gap> gaps_;      ///< in the window or at its end
    std::int64_t read_at_ = 0;  ///< in the file
    std::int64_t extent_end_ = 0;
    bool ends_in_hole_ = false;      ///< the extent does, and not with the file
    std::int64_t grain_ = 0;         ///< holes begin and end at multiples of it
    std::int64_t padding_left_ = 0;  ///< NULs up to so many belong to the hole before them
    int told_ = 0;
};

}  // namespace mqd::record
