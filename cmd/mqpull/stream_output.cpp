#include "stream_output.h"

#include <signal.h>
#include <unistd.h>

#include "cli/exit.h"
#include "cli/signals.h"

namespace mqd::mqpull {
namespace {

/// How long a reader that does not read holds us behind a signal.
constexpr std::int64_t give_up_ms = 3000;

}  // namespace

StreamOutput::StreamOutput(const record::Format& format, bool commits)
    : writer_(STDOUT_FILENO, "standard output", format,
              [] { return cli::interrupted_ms() > give_up_ms; }),
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

bool StreamOutput::is_reader_gone() const {
    pollfd out = {STDOUT_FILENO, POLLOUT, 0};
    return ::poll(&out, 1, 0) > 0 && (out.revents & POLLERR) != 0;
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

void end_by_sigpipe() {
    ::signal(SIGPIPE, SIG_DFL);
    ::raise(SIGPIPE);
    ::_exit(cli::exit_status::signal_base + SIGPIPE);
}

}  // namespace mqd::mqpull
