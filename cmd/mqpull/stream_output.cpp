#include "stream_output.h"

#include <unistd.h>

#include "cli/output.h"

namespace mqd::mqpull {

StreamOutput::StreamOutput(const record::Format& format, bool commits)
    : writer_(STDOUT_FILENO, "standard output", format, cli::is_reader_too_slow),
      far_end_(STDOUT_FILENO),
      commits_(commits) {}

Result<> StreamOutput::put(const Delivery& delivery) {
    auto written = writer_.write(delivery.message, delivery.queue.queue.broker, delivery.body);
    if (written) {
        mark(delivery.queue, delivery.message.queue_offset.value + 1);
    } else {
        take_marks();
    }
    return written;
}

void StreamOutput::pass(client::PulledQueue& queue, std::int64_t next) {
    mark(queue, next);
    take_marks();
}

Result<> StreamOutput::flush() {
    auto written = writer_.flush();
    take_marks();
    return written;
}

Result<> StreamOutput::advance() {
    if (!far_end_.exists() || !far_end_.is_gone()) return {};
    return Error{Errc::io, "standard output: the reader is gone"};
}

void StreamOutput::add_fds(std::vector<pollfd>& fds) const {
    if (far_end_.exists()) fds.push_back(far_end_.watch());
}

void StreamOutput::mark(client::PulledQueue& queue, std::int64_t next) {
    if (!commits_) return;
    if (!marks_.empty() && marks_.back().bytes == writer_.appended_bytes() &&
        marks_.back().queue.get() == &queue) {
        marks_.back().next = next;
    } else {
        marks_.push_back({writer_.appended_bytes(), queue.shared_from_this(), next});
    }
}

/// As far as the output has been taken, maybe in the middle of a block.
void StreamOutput::take_marks() {
    const std::uint64_t taken = writer_.written_bytes();
    while (!marks_.empty() && marks_.front().bytes <= taken) {
        marks_.front().queue->ledger.pass(marks_.front().next);
        marks_.pop_front();
    }
}

}  // namespace mqd::mqpull
