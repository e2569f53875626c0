#include "sending/sending.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "base/clock.h"
#include "base/counted.h"
#include "cli/far_end.h"
#include "cli/signals.h"
#include "sending/due.h"

namespace mqd::sending {
namespace {

/// So many messages are taken without a look at the clock.
constexpr std::uint64_t messages_a_report = 1024;
/// Of a followed file, before the others and the positions are looked after.
constexpr int reads_a_turn = 16;

/// Whether there is more to be read now.
bool has_more(int fd) {
    struct stat is = {};
    if (::fstat(fd, &is) == 0 && S_ISREG(is.st_mode)) return ::lseek(fd, 0, SEEK_CUR) < is.st_size;
    int bytes = 0;
    return ::ioctl(fd, FIONREAD, &bytes) == 0 && bytes > 0;
}

}  // namespace

Sending::Sending(const cli::Parser& cli, Outlet& outlet, Composer& composer, Fates& fates,
                 Reporting& reporting, Limits limits)
    : cli_(cli),
      composer_(composer),
      fates_(fates),
      reporting_(reporting),
      outlet_(outlet),
      limits_(limits),
      begin_us_(monotonic_us()) {}

bool Sending::run(record::Reader& reader, int fd, const std::string& name) {
    while (!is_stopped_ && !has_enough()) {
        while (!reader.ready() && !is_stopped_ && !cli::interrupted()) wait_for_input(reader, fd);
        if (is_stopped_ || !take(reader, name)) break;
    }
    // Who wants so many and no more has not left the rest by mistake.
    has_unread_ |= !has_enough() && (reader.has_more_here() || has_more(fd));
    skipped_empty_ += reader.skipped_empty();
    input_bytes_ += reader.end_at();
    input_at_ = 0;
    return !is_stopped_ && !has_enough() && !cli::interrupted();
}

bool Sending::has_enough() const {
    return limits_.count && read_ >= static_cast<std::uint64_t>(*limits_.count);
}

bool Sending::take(record::Reader& reader, const std::string& name,
                   const follow::FollowedFile* file) {
    const auto record = reader.next();
    if (!record) {
        const Error& error = record.error();
        if (error.code == Errc::io) return stop(error), false;
        ++read_;
        fates_.rejected(
            fmt::format("{}: input {} at byte {}", name, reader.number(), reader.begin_at()),
            error.what);
        refused(error);
        // The rest of a line that is too long is read without a wait_for_input() before it.
        if (const auto secured = outlet_.may_read(); !secured) stop(secured.error());
        return true;
    }
    if (!*record) return false;
    ++read_;
    std::uint64_t ordinal = 0;
    if (fates_.keeps_messages())
        ordinal = fates_.begin(reader.raw(), fmt::format("{}: input {} at byte {}", name,
                                                         reader.number(), reader.begin_at()));
    auto message = composer_.compose(**record);
    Result<> sent = message ? Result<>() : message.error();
    std::optional<std::string> id;
    if (message && file != nullptr && following_->keeps_positions())
        id = file->record_id(message->topic);
    if (id) message->unique_key = *id;
    if (message) sent = outlet_.send(*message, ordinal);
    if (!sent) {
        if (fates_.keeps_messages()) fates_.refused(ordinal, sent.error().what);
        refused(message ? sent.error()
                        : Error{Errc::corrupt,
                                fmt::format("{}: input {} at byte {}: {}", name, reader.number(),
                                            reader.begin_at(), sent.error().what)});
    }
    if (outlet_.failed() != failed_) look_at_fates();
    input_at_ = reader.end_at();
    if (limits_.rate) keep_pace();
    if (read_ % messages_a_report == 0) report();
    return true;
}

void Sending::refused(const Error& error) {
    ++refused_;
    ++refused_by_[reason_of(error)];
    if (!first_error_) first_error_ = error;
    if (limits_.skips_errors) {
        reporting_.warn(error.what);
    } else {
        is_stopped_ = true;
    }
}

void Sending::fail(const Error& error) {
    has_unread_ = true;
    stop(error);
}

void Sending::stop(const Error& error) {
    if (!failure_) failure_ = error;
    is_stopped_ = true;
}

/// The input has no whole record: what is open may wait for more, answers are taken in meanwhile.
void Sending::wait_for_input(record::Reader& reader, int fd) {
    input_at_ = reader.end_at();
    if (!work()) return;
    const auto may_read = outlet_.may_read();
    if (!may_read) return stop(may_read.error());
    if (!wait({&fd, *may_read ? 1U : 0U}, -1)) return;
    if (const auto filled = reader.fill(); !filled) stop(filled.error());
}

/// False: nothing goes on.
bool Sending::work() {
    if (const auto worked = outlet_.work(); !worked) stop(worked.error());
    look_at_fates();
    report();
    return !is_stopped_;
}

/// Until there is something to do, at the latest at `until_ms` (-1: never); whether one of the
/// inputs can be read. Whatever the outlet waits for, it says when it will do so no more.
bool Sending::wait(std::span<const int> inputs, std::int64_t until_ms) {
    until_ms = earlier(until_ms, outlet_.due_ms());
    if (reporting_.is_on()) until_ms = earlier(until_ms, reporting_.due_ms(tally().changes()));
    const std::int64_t timeout_ms =
        until_ms < 0 ? -1 : std::clamp<std::int64_t>(until_ms - monotonic_ms(), 0, 1'000'000);
    // Once it is readable it stays so.
    const int interrupt_fd = cli::interrupted() ? -1 : cli::interrupt_fd();
    std::vector<pollfd> fds = {
        {outlet_.fd(), POLLIN, 0}, {interrupt_fd, POLLIN, 0}, cli::watched_output()};
    for (const int fd : inputs) fds.push_back({fd, POLLIN, 0});
    const int n = ::poll(fds.data(), fds.size(), static_cast<int>(timeout_ms));
    if (n > 0) cli::end_if_unread(fds[2]);
    if (n <= 0 || fds[1].revents != 0) return false;
    return std::any_of(fds.begin() + 3, fds.end(), [](const auto& is) { return is.revents != 0; });
}

// Following

void Sending::follow(follow::Following& following) {
    following_ = &following;
    for (bool is_first = true; !is_stopped_ && !has_enough() && !cli::interrupted();
         is_first = false) {
        if (const auto looked = following.look(); !looked) return stop(looked.error());
        bool is_through = true;
        for (const auto& file : following.files()) {
            if (is_first && file->reader() == nullptr)
                reporting_.warn(fmt::format("{}: not there yet", file->path()));
            is_through &= take_followed(*file);
            if (const auto warning = file->take_warning(); !warning.empty())
                reporting_.warn(warning);
        }
        // In this order: what work() takes in may be all that the input waits for.
        if (!work()) return;
        const auto may_read = outlet_.may_read();
        if (!may_read) return stop(may_read.error());
        if (const auto kept = following.keep(outlet_.kept(), false); !kept)
            return stop(kept.error());
        if (is_through || !*may_read) wait(following.fds(*may_read), following.due_ms());
    }
}

/// False: there may be more, but the others have their turn, or the outlet takes no more.
bool Sending::take_followed(follow::FollowedFile& file) {
    for (int reads = 0; reads < reads_a_turn; ++reads) {
        while (auto* const reader = file.reader()) {
            if (!reader->ready() || !take(*reader, file.path(), &file)) break;
            following_->taken(file, fates_.begun() - 1);
            if (is_stopped_ || has_enough()) return true;
        }
        if (is_stopped_) return true;
        const auto may_read = outlet_.may_read();
        if (!may_read) return stop(may_read.error()), true;
        if (!*may_read) return false;
        const auto filled = file.fill();
        if (!filled) return stop(filled.error()), true;
        if (!*filled) return true;
    }
    return false;
}

void Sending::look_at_fates() {
    if (outlet_.failed() != failed_) {
        failed_ = outlet_.failed();
        if (!limits_.skips_errors) is_stopped_ = true;
    }
    if (const auto written = fates_.flush(); !written) stop(written.error());
}

Tally Sending::tally() const {
    Tally tally;
    tally.read = read_;
    tally.refused = refused_;
    tally.refused_by = refused_by_;
    outlet_.count(tally);
    return tally;
}

void Sending::report() {
    if (!reporting_.is_on()) return;
    const auto now = tally();
    const auto due_ms = reporting_.due_ms(now.changes());
    if (due_ms < 0 || monotonic_ms() < due_ms) return;
    reporting_.tick(now, {read_, input_bytes_ + input_at_, limits_.input_bytes});
}

void Sending::keep_pace() {
    const std::int64_t due_us = begin_us_ + static_cast<std::int64_t>(read_) * 1'000'000 /
                                                std::max<std::int64_t>(1, *limits_.rate);
    std::int64_t ahead_ms = (due_us - monotonic_us()) / 1000;
    if (ahead_ms <= limits_.linger_ms || cli::interrupted()) return;
    outlet_.flush();
    for (; ahead_ms > 0 && !cli::interrupted(); ahead_ms = (due_us - monotonic_us()) / 1000) {
        if (!work()) return;
        wait({}, monotonic_ms() + ahead_ms);
    }
}

int Sending::finish() {
    for (;;) {
        const auto finished = outlet_.finish(cli::interrupted());
        if (!finished) stop(finished.error());
        look_at_fates();
        if (!finished || *finished) break;
        report();
        wait({}, -1);
    }
    has_unread_ |= following_ != nullptr && is_stopped_;
    if (following_ != nullptr)
        if (const auto kept = following_->keep(outlet_.kept(), true); !kept) stop(kept.error());
    const auto sums = tally();
    reporting_.finish(sums);
    if (!failure_ && !outlet_.first_error() && limits_.drains && sums.old_left > 0)
        failure_ = Error{Errc::unavailable, fmt::format("no broker takes the {} left",
                                                        counted(sums.old_left, "message"))};
    // What was skipped has been told of.
    auto told = limits_.skips_errors ? std::nullopt : first_error_;
    if (!told) told = outlet_.first_error();
    if (told) cli_.warn(told->what);
    // Beside what was refused there may be what could not be written, --rejects itself among it.
    if (failure_ && !(told && told->what == failure_->what)) cli_.warn(failure_->what);
    if (!first_error_) first_error_ = outlet_.first_error();
    if (!first_error_) first_error_ = failure_;
    print_sums(sums);
    return status(sums);
}

/// A command of which nothing succeeded ends as its error says, one that did some of it with 1.
int Sending::status(const Tally& sums) const {
    const bool all_done = sums.refused + sums.unknown + sums.unanswered + sums.old_failed == 0;
    if (all_done) return first_error_ ? cli::exit_status_of(*first_error_) : cli::exit_status::done;
    const auto done =
        sums.acknowledged + sums.handed_over + sums.spooled + sums.rolled_back + sums.old_sent;
    if (done > 0 || !first_error_) return cli::exit_status::failed;
    switch (first_error_->code) {
        case Errc::not_found:
        case Errc::unavailable:
        case Errc::refused:
        case Errc::unsupported:
            return cli::exit_status_of(*first_error_);
        default:
            return cli::exit_status::failed;
    }
}

/// All that there was is where it was to go. After an interrupt there may have come more.
bool Sending::is_even(const Tally& sums) const {
    return !has_unread_ && !first_error_ && !cli::interrupted() &&
           sums.refused + sums.unknown + sums.unanswered + sums.spooled == 0 &&
           sums.old_failed + sums.old_left == 0;
}

void Sending::print_sums(const Tally& sums) const {
    const double seconds = static_cast<double>(monotonic_us() - begin_us_) / 1e6;
    const auto ok = sums.acknowledged + sums.handed_over;
    std::string_view how = sums.handed_over > 0 ? "handed over" : "acknowledged";
    if (limits_.has_requests) how = "answered";
    std::string line = fmt::format("read {} = {} {}", sums.read, how, ok);
    if (limits_.has_requests) line += fmt::format(" + unanswered {}", sums.unanswered);
    if (limits_.has_spool) line += fmt::format(" + spooled {}", sums.spooled);
    if (limits_.has_transactions) line += fmt::format(" + rolled back {}", sums.rolled_back);
    line += fmt::format(" + refused {} + unknown {}; {}, {:.3f} s, {:.0f}/s, retries {}",
                        sums.refused, sums.unknown, counted(sums.bytes, "byte"), seconds,
                        static_cast<double>(ok + sums.old_sent) / std::max(seconds, 1e-6),
                        sums.retries);
    if (sums.old_sent + sums.old_failed + sums.old_left > 0)
        line += fmt::format("; of earlier runs: sent {}, failed {}, left {}", sums.old_sent,
                            sums.old_failed, sums.old_left);
    if (skipped_empty_ > 0) line += fmt::format(", {} empty skipped", skipped_empty_);
    if (has_unread_) line += "; input was left unread";
    cli_.sums(line, is_even(sums));
}

}  // namespace mqd::sending
