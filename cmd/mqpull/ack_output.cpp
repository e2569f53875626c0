#include "ack_output.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/clock.h"
#include "base/parse.h"

namespace mqd::mqpull {
namespace {

/// Written and not acknowledged; what is kept of each is its id and its place.
constexpr std::size_t open_max = 65'536;
constexpr std::size_t id_bytes_max = 1024;
constexpr std::size_t output_bytes_max = 256 << 10;
constexpr std::int64_t hurried_ms = 5'000;
/// A reader that acknowledges nothing keeps a queue from the others for so long.
constexpr std::int64_t patience_ms = 30'000;
/// Acknowledgements that come together are committed together.
constexpr std::int64_t commit_after_ms = 100;

bool is_ready(int fd, short events) {
    pollfd one = {fd, events, 0};
    return ::poll(&one, 1, 0) > 0;
}

/// The reader sees the end.
Result<> close_output() {
    const int null = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (null < 0) return errno_error("/dev/null");
    const int done = ::dup2(null, STDOUT_FILENO);
    ::close(null);
    if (done < 0) return errno_error("standard output");
    return {};
}

}  // namespace

Result<> check_ack_fd(int fd) {
    const int flags = ::fcntl(fd, F_GETFL);
    if (flags < 0) return Error{Errc::invalid, fmt::format("descriptor {} is not open", fd)};
    if ((flags & O_ACCMODE) == O_WRONLY)
        return Error{Errc::invalid, fmt::format("descriptor {} cannot be read", fd)};
    return {};
}

AckOutput::AckOutput(const cli::Parser& cli, const record::Format& format, int acks)
    : cli_(cli), acks_(acks), far_end_(STDOUT_FILENO), encoder_(format) {}

// Out

bool AckOutput::accepts(const client::PulledQueue& queue) const {
    return output_.size() < output_bytes_max && open_.size() < open_max &&
           queue.ledger.size() < open_max;
}

Result<> AckOutput::put(const Delivery& delivery) {
    const message::RecordView& message = delivery.message;
    const auto& fields = fields_.read(message.properties);
    const auto id = fields.unique_key.empty() ? fields_.offset_id(message) : fields.unique_key;
    const std::int64_t offset = message.queue_offset.value;
    delivery.queue.ledger.take(offset);
    open_.emplace(std::string(id), Item{delivery.queue.shared_from_this(), offset});
    encoder_.append(output_, message, delivery.queue.queue.broker, delivery.body);
    return {};
}

Result<> AckOutput::write_some() {
    if (output_.empty()) return {};
    const auto n = far_end_.write_some(output_.bytes().subspan(written_));
    if (!n) {
        is_reader_gone_ = far_end_.is_gone();
        output_.clear();
        written_ = 0;
        return n.error();
    }
    written_ += *n;
    if (written_ < output_.size()) return {};
    output_.clear();
    output_.shrink_if_above(4 * output_bytes_max);
    written_ = 0;
    return {};
}

// Back

Result<> AckOutput::advance() {
    TRY_OK(write_some());
    TRY_OK(read_acks());
    if (has_ended_ && output_.empty() && !has_closed_output_) {
        far_end_.close();
        TRY_OK(close_output());
        has_closed_output_ = true;
    }
    if (!has_closed_output_ && far_end_.is_gone()) {
        is_reader_gone_ = true;
        return Error{Errc::io, "standard output: the reader is gone"};
    }
    if (!has_closed_acks_ || has_ended_) return {};
    return Error{Errc::io,
                 fmt::format("descriptor {}: closed, so nothing can be acknowledged", acks_)};
}

Result<> AckOutput::read_acks() {
    char buffer[16 << 10];
    while (!has_closed_acks_ && is_ready(acks_, POLLIN)) {
        const auto n = ::read(acks_, buffer, sizeof buffer);
        if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (n < 0) return errno_error(fmt::format("descriptor {}", acks_));
        if (n == 0) has_closed_acks_ = true;
        std::string_view text(buffer, static_cast<std::size_t>(n));
        while (!text.empty()) {
            const auto end = text.find('\n');
            const auto piece = text.substr(0, end);
            // Of what is no id anyway, the beginning is enough.
            line_ += piece.substr(0, id_bytes_max - std::min(id_bytes_max, line_.size()));
            if (end == std::string_view::npos) break;
            acknowledge(trimmed(line_));
            line_.clear();
            text.remove_prefix(end + 1);
        }
    }
    // The last line may have no newline.
    if (has_closed_acks_ && !line_.empty()) {
        acknowledge(trimmed(line_));
        line_.clear();
    }
    return {};
}

void AckOutput::acknowledge(std::string_view id) {
    if (id.empty()) return;
    const auto found = open_.find(std::string(id));
    if (found == open_.end())
        return cli_.warn(
            fmt::format("descriptor {}: no message waits for the acknowledgement '{}'", acks_, id));
    found->second.queue->ledger.settle(found->second.offset);
    open_.erase(found);
    acknowledged_ms_ = monotonic_ms();
    if (commit_at_ms_ < 0) commit_at_ms_ = acknowledged_ms_ + commit_after_ms;
}

bool AckOutput::wants_commit() {
    if (commit_at_ms_ < 0 || monotonic_ms() < commit_at_ms_) return false;
    commit_at_ms_ = -1;
    return true;
}

Result<> AckOutput::settle() {
    waits_since_ms_ = monotonic_ms();
    return advance();
}

bool AckOutput::is_busy(const client::PulledQueue& queue) const {
    return queue.ledger.size() > 0 &&
           monotonic_ms() - std::max(waits_since_ms_, acknowledged_ms_) < patience_ms;
}

std::int64_t AckOutput::due_ms() const {
    std::int64_t due = give_up_at_ms_;
    const auto also = [&](std::int64_t ms) { due = due < 0 ? ms : std::min(due, ms); };
    if (commit_at_ms_ >= 0) also(commit_at_ms_);
    const auto patient_until_ms = std::max(waits_since_ms_, acknowledged_ms_) + patience_ms;
    if (waits_since_ms_ >= 0 && monotonic_ms() < patient_until_ms) also(patient_until_ms);
    return due;
}

std::size_t AckOutput::unacknowledged() const {
    // A queue that went to another member took its messages along.
    return static_cast<std::size_t>(std::count_if(
        open_.begin(), open_.end(), [](const auto& one) { return !one.second.queue->is_lost; }));
}

void AckOutput::add_fds(std::vector<pollfd>& fds) const {
    if (!has_closed_acks_) fds.push_back({acks_, POLLIN, 0});
    if (!has_closed_output_) fds.push_back(far_end_.watch(output_.empty() ? 0 : POLLOUT));
}

// The end

Result<> AckOutput::end() {
    has_ended_ = true;
    // Nobody is there to wait for long.
    if (is_reader_gone_) hurry();
    return advance();
}

void AckOutput::hurry() {
    if (give_up_at_ms_ < 0) give_up_at_ms_ = monotonic_ms() + hurried_ms;
}

bool AckOutput::is_idle() const {
    return (open_.empty() && has_closed_output_) || has_closed_acks_ ||
           (give_up_at_ms_ >= 0 && monotonic_ms() >= give_up_at_ms_);
}

std::optional<std::string> AckOutput::report() const {
    const std::size_t left = unacknowledged();
    if (left == 0) return std::nullopt;
    return fmt::format("{} {} not acknowledged", left, left == 1 ? "message was" : "messages were");
}

}  // namespace mqd::mqpull
