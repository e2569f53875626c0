#include "pipe_output.h"

#include <algorithm>
#include <utility>

#include "base/clock.h"

namespace mqd::mqpull {
namespace {

constexpr std::size_t block_bytes = 64 << 10;
constexpr std::size_t output_bytes_max = 256 << 10;
/// How long a reader that takes nothing holds up an end, or a queue that another member waits for.
constexpr std::int64_t stuck_ms = 3000;
/// Nothing tells when a reader has taken something.
constexpr std::int64_t look_again_ms = 10;
constexpr std::int64_t look_again_ms_max = 100;
/// More than these are told apart only by where they lie in the output: a fast reader takes
/// millions of messages within the time that it must outlive them.
constexpr std::size_t fine_marks_max = 16'384;
constexpr std::uint64_t coarse_mark_bytes = 64 << 10;

Error gone_error() {
    return {Errc::io, "standard output: the reader is gone"};
}

}  // namespace

bool PipeOutput::accepts(const client::PulledQueue&) const {
    return output_.size() < output_bytes_max;
}

Result<> PipeOutput::put(const Delivery& delivery) {
    const std::uint64_t begin = appended_bytes();
    encoder_.append(output_, delivery.message, delivery.queue.queue.broker, delivery.body);
    mark(delivery.queue, begin, delivery.message.queue_offset.value + 1);
    return {};
}

void PipeOutput::pass(client::PulledQueue& queue, std::int64_t next) {
    mark(queue, appended_bytes(), next);
    take_marks();
}

void PipeOutput::mark(client::PulledQueue& queue, std::uint64_t begin, std::int64_t next) {
    const std::uint64_t end = appended_bytes();
    if (!marks_.empty() && marks_.back().queue.get() == &queue) {
        Mark& last = marks_.back();
        const bool is_coarse =
            marks_.size() >= fine_marks_max && end - last.begin < coarse_mark_bytes;
        if (last.end == end || is_coarse) {
            last.end = end;
            last.next = next;
            return;
        }
    }
    marks_.push_back({begin, end, queue.shared_from_this(), next});
}

// Into the pipe

Result<> PipeOutput::write() {
    if (!has_unwritten()) return {};
    const auto n = far_end_.write_some(output_.bytes().subspan(written_));
    if (!n) {
        is_reader_gone_ = far_end_.is_gone();
        return n.error();
    }
    written_ += *n;
    if (has_unwritten()) return {};
    flushed_bytes_ += output_.size();
    output_.clear();
    output_.shrink_if_above(4 * output_bytes_max);
    written_ = 0;
    return {};
}

Result<> PipeOutput::flush() {
    TRY_OK(write());
    look();
    return {};
}

Result<> PipeOutput::settle() {
    waits_since_ms_ = monotonic_ms();
    return flush();
}

// Out of it

void PipeOutput::look() {
    if (is_settled()) return;
    const std::uint64_t unread = far_end_.unread();
    is_reader_gone_ = is_reader_gone_ || far_end_.is_gone();
    looked_ms_ = monotonic_ms();
    taken_.look(flushed_bytes_ + written_, unread, is_reader_gone_, looked_ms_);
    take_marks();
}

void PipeOutput::take_marks() {
    const bool had_some = !marks_.empty();
    while (!marks_.empty() && marks_.front().end <= taken_.confirmed()) {
        marks_.front().queue->ledger.pass(marks_.front().next);
        marks_.pop_front();
    }
    if (had_some && marks_.empty()) has_caught_up_ = true;
}

bool PipeOutput::wants_commit() {
    return std::exchange(has_caught_up_, false);
}

bool PipeOutput::is_busy(const client::PulledQueue& queue) const {
    return std::any_of(marks_.begin(), marks_.end(),
                       [&](const Mark& mark) { return mark.queue.get() == &queue; });
}

bool PipeOutput::is_stuck(std::int64_t now_ms) const {
    if (give_up_at_ms_ >= 0 && now_ms >= give_up_at_ms_) return true;
    return waits_since_ms_ >= 0 &&
           now_ms - std::max(waits_since_ms_, taken_.moved_ms()) >= stuck_ms;
}

Result<> PipeOutput::advance() {
    if (has_ended_ || output_.size() >= block_bytes) TRY_OK(write());
    look();
    is_reader_gone_ = is_reader_gone_ || far_end_.is_gone();
    if (is_reader_gone_) return gone_error();
    if (waits_since_ms_ < 0 || has_ended_) return {};
    // Whose queues are waited for gets what its reader did not take.
    if (is_stuck(monotonic_ms()))
        std::erase_if(marks_, [](const Mark& mark) { return mark.queue->is_dropped; });
    const bool is_waited_for = std::any_of(marks_.begin(), marks_.end(),
                                           [](const Mark& mark) { return mark.queue->is_dropped; });
    if (!is_waited_for) waits_since_ms_ = -1;
    return {};
}

void PipeOutput::add_fds(std::vector<pollfd>& fds) const {
    fds.push_back(far_end_.watch(has_unwritten() ? POLLOUT : 0));
}

std::int64_t PipeOutput::due_ms() const {
    if (is_settled()) return -1;
    std::int64_t due = taken_.due_ms();
    if (waits_since_ms_ < 0) return due;
    const auto waited_ms = looked_ms_ - std::max(waits_since_ms_, taken_.moved_ms());
    const std::int64_t again =
        looked_ms_ + std::clamp(waited_ms / 8, look_again_ms, look_again_ms_max);
    return due < 0 ? again : std::min(due, again);
}

// The end

Result<> PipeOutput::end() {
    has_ended_ = true;
    if (!is_reader_gone_) TRY_OK(settle());
    // Seen by whichever look came first: the end must not pass for one that went well.
    return is_reader_gone_ ? Result<>(gone_error()) : Result<>();
}

void PipeOutput::hurry() {
    if (give_up_at_ms_ < 0) give_up_at_ms_ = monotonic_ms() + stuck_ms;
}

bool PipeOutput::is_idle() const {
    return is_settled() || is_reader_gone_ || is_stuck(monotonic_ms());
}

std::optional<std::string> PipeOutput::report() const {
    if (!has_failed()) return std::nullopt;
    return "standard output: its reader has not taken everything, and what it left is not "
           "committed";
}

}  // namespace mqd::mqpull
