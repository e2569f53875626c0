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
/// A pipe that is ready takes so many without waiting.
constexpr std::size_t write_bytes = 4096;
constexpr std::int64_t hurried_ms = 5'000;

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

bool nobody_reads(int fd) {
    pollfd out = {fd, POLLOUT, 0};
    return ::poll(&out, 1, 0) > 0 && (out.revents & POLLERR) != 0;
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
    : cli_(cli), acks_(acks), encoder_(format) {}

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
    while (!output_.empty() && is_ready(STDOUT_FILENO, POLLOUT)) {
        const Bytes rest = output_.bytes().subspan(written_);
        const auto n =
            ::write(STDOUT_FILENO, rest.data(), std::min<std::size_t>(rest.size(), write_bytes));
        if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (n < 0) {
            is_reader_gone_ = errno == EPIPE;
            auto error = errno_error("standard output");
            output_.clear();
            written_ = 0;
            return Error{Errc::io, std::move(error.what)};
        }
        written_ += static_cast<std::size_t>(n);
        if (written_ < output_.size()) continue;
        output_.clear();
        output_.shrink_if_above(4 * output_bytes_max);
        written_ = 0;
    }
    return {};
}

// Back

Result<> AckOutput::advance() {
    TRY_OK(write_some());
    TRY_OK(read_acks());
    if (has_ended_ && output_.empty() && !has_closed_output_) {
        TRY_OK(close_output());
        has_closed_output_ = true;
    }
    if (!has_closed_acks_ || has_ended_) return {};
    is_reader_gone_ = nobody_reads(STDOUT_FILENO);
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
}

std::size_t AckOutput::unacknowledged() const {
    // A queue that went to another member took its messages along.
    return static_cast<std::size_t>(std::count_if(
        open_.begin(), open_.end(), [](const auto& one) { return !one.second.queue->is_dropped; }));
}

void AckOutput::add_fds(std::vector<pollfd>& fds) const {
    if (!has_closed_acks_) fds.push_back({acks_, POLLIN, 0});
    if (!output_.empty()) fds.push_back({STDOUT_FILENO, POLLOUT, 0});
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
