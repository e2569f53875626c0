#include "sending.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>

#include "base/clock.h"
#include "cli/signals.h"

namespace mqd::mqsend {
namespace {

/// So many messages are taken without a look at the clock.
constexpr std::uint64_t messages_a_report = 1024;

client::Producer::Options with_settled(client::Producer::Options options,
                                       std::function<void(const client::Settled&)> on_settled) {
    options.on_settled = std::move(on_settled);
    return options;
}

}  // namespace

Sending::Sending(const cli::Parser& cli, client::Client& client, client::Producer::Options options,
                 Composer& composer, Fates& fates, Reporting& reporting, Limits limits)
    : cli_(cli),
      composer_(composer),
      fates_(fates),
      reporting_(reporting),
      producer_(client, with_settled(std::move(options), [this](const auto& is) { settled(is); })),
      limits_(limits),
      begin_us_(monotonic_us()) {}

bool Sending::run(record::Reader& reader, int fd, const std::string& name) {
    while (!is_stopped_ && !has_enough()) {
        while (!reader.ready() && !is_stopped_ && !cli::interrupted()) wait_for_input(reader, fd);
        if (is_stopped_ || !take(reader, name)) break;
    }
    skipped_empty_ += reader.skipped_empty();
    input_bytes_ += reader.end_at();
    input_at_ = 0;
    return !is_stopped_ && !has_enough() && !cli::interrupted();
}

bool Sending::has_enough() const {
    return limits_.count && read_ >= static_cast<std::uint64_t>(*limits_.count);
}

bool Sending::take(record::Reader& reader, const std::string& name) {
    const auto record = reader.next();
    if (!record) {
        const Error& error = record.error();
        if (error.code == Errc::io) return fail(error), false;
        ++read_;
        fates_.rejected(
            fmt::format("{}: input {} at byte {}", name, reader.number(), reader.begin_at()),
            error.what);
        return refused(error), true;
    }
    if (!*record) return false;
    ++read_;
    std::uint64_t ordinal = 0;
    if (fates_.keeps_messages())
        ordinal = fates_.begin(reader.raw(), fmt::format("{}: input {} at byte {}", name,
                                                         reader.number(), reader.begin_at()));
    auto message = composer_.compose(**record);
    Result<> sent = message ? Result<>() : message.error();
    if (message) {
        message->ordinal = ordinal;
        sent = producer_.send(*message);
    }
    if (!sent) {
        if (fates_.keeps_messages()) fates_.refused(ordinal, sent.error().what);
        refused(message ? sent.error()
                        : Error{Errc::corrupt,
                                fmt::format("{}: input {} at byte {}: {}", name, reader.number(),
                                            reader.begin_at(), sent.error().what)});
    }
    if (producer_.totals().refused + producer_.totals().unknown != failed_) look_at_fates();
    input_at_ = reader.end_at();
    if (limits_.rate) keep_pace();
    if (read_ % messages_a_report == 0) report();
    return true;
}

void Sending::settled(const client::Settled& settled) {
    if (settled.verdict == client::Verdict::stored) {
        last_success_ms_ = wall_ms();
    } else if (settled.verdict == client::Verdict::refused) {
        refused_by_[reason_of(*settled.error)] += settled.batch.count();
    }
    if (fates_.keeps_messages()) fates_.settled(settled);
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
    if (!first_error_) first_error_ = error;
    is_stopped_ = true;
}

/// The input has no whole record: what is open may wait for more, answers are taken in meanwhile.
void Sending::wait_for_input(record::Reader& reader, int fd) {
    look_at_fates();
    if (is_stopped_) return;
    const std::int64_t now_ms = monotonic_ms();
    std::int64_t until_ms = producer_.due_ms();
    if (const std::int64_t since_ms = producer_.open_since_ms(); since_ms >= 0) {
        const std::int64_t flush_ms = since_ms + limits_.linger_ms;
        if (now_ms >= flush_ms) return producer_.flush();
        until_ms = until_ms < 0 ? flush_ms : std::min(until_ms, flush_ms);
    }
    input_at_ = reader.end_at();
    report();
    if (const std::int64_t due_ms = reporting_.due_ms(changes()); due_ms >= 0)
        until_ms = until_ms < 0 ? due_ms : std::min(until_ms, due_ms);
    const std::int64_t timeout_ms =
        until_ms < 0 ? -1 : std::max<std::int64_t>(0, until_ms - now_ms);
    pollfd fds[3] = {
        {fd, POLLIN, 0}, {producer_.fd(), POLLIN, 0}, {cli::interrupt_fd(), POLLIN, 0}};
    const int n = ::poll(fds, 3, static_cast<int>(std::min<std::int64_t>(timeout_ms, 1'000'000)));
    if (n <= 0 || fds[2].revents != 0) return producer_.pump();
    if (fds[1].revents != 0) producer_.pump();
    if (fds[0].revents == 0) return;
    if (const auto filled = reader.fill(); !filled) fail(filled.error());
}

void Sending::look_at_fates() {
    const auto& totals = producer_.totals();
    if (totals.refused + totals.unknown != failed_) {
        failed_ = totals.refused + totals.unknown;
        if (!limits_.skips_errors) is_stopped_ = true;
    }
    if (const auto written = fates_.flush(); !written) fail(written.error());
}

Tally Sending::tally() const {
    const auto& totals = producer_.totals();
    Tally tally{
        read_,           totals.acknowledged,  totals.handed_over, refused_ + totals.refused,
        totals.unknown,  totals.payload_bytes, totals.retries,     refused_by_,
        last_success_ms_};
    // One-way messages that were lost with their connection.
    std::uint64_t explained = 0;
    for (const auto& [reason, count] : refused_by_) explained += count;
    if (explained < tally.refused)
        tally.refused_by[reason_of({Errc::unavailable, {}})] += tally.refused - explained;
    return tally;
}

void Sending::report() {
    const auto now = changes();
    const auto due_ms = reporting_.due_ms(now);
    if (due_ms < 0 || monotonic_ms() < due_ms) return;
    reporting_.tick(now, tally(), {read_, input_bytes_ + input_at_, limits_.input_bytes});
}

void Sending::keep_pace() {
    const std::int64_t due_us = begin_us_ + static_cast<std::int64_t>(read_) * 1'000'000 /
                                                std::max<std::int64_t>(1, *limits_.rate);
    std::int64_t ahead_ms = (due_us - monotonic_us()) / 1000;
    if (ahead_ms <= limits_.linger_ms || cli::interrupted()) return;
    producer_.flush();
    for (; ahead_ms > 0 && !cli::interrupted(); ahead_ms = (due_us - monotonic_us()) / 1000) {
        cli::wait_readable(producer_.fd(), ahead_ms);
        producer_.pump();
        look_at_fates();
        report();
    }
}

int Sending::finish() {
    producer_.finish();
    look_at_fates();
    reporting_.finish(tally());
    if (!first_error_ && producer_.first_error()) first_error_ = producer_.first_error();
    if (first_error_ && !limits_.skips_errors) cli_.warn(first_error_->what);
    if (limits_.skips_errors && producer_.first_error()) cli_.warn(producer_.first_error()->what);
    print_sums();
    return cli::exit_status_after_signals(status());
}

/// A command of which nothing succeeded ends as its error says, one that did some of it with 1.
int Sending::status() const {
    const auto& totals = producer_.totals();
    const bool all_done = refused_ + totals.refused + totals.unknown == 0;
    if (all_done) return first_error_ ? cli::exit_status_of(*first_error_) : cli::exit_status::done;
    if (totals.acknowledged + totals.handed_over > 0 || !first_error_)
        return cli::exit_status::failed;
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

void Sending::print_sums() const {
    const auto& totals = producer_.totals();
    const double seconds = static_cast<double>(monotonic_us() - begin_us_) / 1e6;
    const auto ok = totals.acknowledged + totals.handed_over;
    std::string line = fmt::format(
        "read {} = {} {} + refused {} + unknown {}; {} bytes, {:.3f} s, {:.0f}/s, retries {}",
        read_, totals.handed_over > 0 ? "handed over" : "acknowledged", ok,
        refused_ + totals.refused, totals.unknown, totals.payload_bytes, seconds,
        static_cast<double>(ok) / std::max(seconds, 1e-6), totals.retries);
    if (skipped_empty_ > 0) line += fmt::format(", {} empty skipped", skipped_empty_);
    cli_.note(line);
}

}  // namespace mqd::mqsend
