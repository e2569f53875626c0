#include "sending/spooled_outlet.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "client/ack.h"
#include "sending/due.h"

namespace mqd::sending {
namespace {

/// What is read at once may come to many times this; it is written in pieces.
constexpr std::size_t staged_bytes_max = 256 << 10;
constexpr std::int64_t ask_again_ms = 1000;

client::Producer::Options never_giving_up(client::Producer::Options options,
                                          std::function<void(const client::Settled&)> on_settled) {
    options.keeps_messages = true;
    options.never_gives_up = true;
    options.on_settled = std::move(on_settled);
    return options;
}

}  // namespace

SpooledOutlet::SpooledOutlet(client::Client& client, client::Producer::Options producer,
                             spool::Spool& spool, Fates& fates, Options options)
    : spool_(spool),
      fates_(fates),
      options_(std::move(options)),
      producer_(client,
                never_giving_up(std::move(producer), [this](const auto& is) { settled(is); })),
      input_line_(options_.waiting),
      route_line_(options_.waiting),
      begin_ms_(monotonic_ms()) {}

// Into the spool

Result<> SpooledOutlet::send(const client::Message& message, std::uint64_t fate) {
    TRY_OK(client::Producer::check_message(message));
    const auto id = spool_.add(message);
    if (fates_.keeps_messages()) {
        fates_.in_spool(fate, id);
        staged_fates_.push_back(fate);
    }
    if (spool_.staged_bytes() >= staged_bytes_max) {
        auto secured = secure();
        if (broken_) broken_ = std::move(secured);
    }
    return {};
}

Result<bool> SpooledOutlet::may_read() {
    TRY_OK(secure());
    return space_due_ms_ < 0 && spool_.has_room() && (!spool_.has_unsent() || is_failing());
}

Result<> SpooledOutlet::secure() {
    if (spool_.staged_bytes() > 0 && monotonic_ms() >= space_due_ms_) {
        auto committed = spool_.commit();
        if (committed) {
            space_due_ms_ = -1;
            if (!staged_fates_.empty()) kept_ = staged_fates_.back() + 1;
            waiting_fates_.insert(waiting_fates_.end(), staged_fates_.begin(), staged_fates_.end());
            staged_fates_.clear();
        } else {
            if (committed.error().code != Errc::refused) return committed;
            why_no_space_ = fmt::format("{}; the input waits", committed.error().what);
            space_due_ms_ = monotonic_ms() + ask_again_ms;
        }
    }
    TRY_OK(feed());
    if (is_failing()) tell_waiting();
    tell_of_wait();
    return broken_;
}

/// Of waits for a broker the producer tells.
void SpooledOutlet::tell_of_wait() {
    if (space_due_ms_ >= 0) {
        input_line_.waits(why_no_space_);
    } else if (!spool_.has_room() && finishing_ms_ < 0) {
        input_line_.waits("the spool is full; the input waits");
    } else {
        input_line_.goes_on();
    }
    if (route_due_ms_ >= 0) {
        route_line_.waits(why_no_route_);
    } else {
        route_line_.goes_on();
    }
}

/// Who asks for ids need not wait for a broker that is gone.
void SpooledOutlet::tell_waiting() {
    if (untold_given_ > 0) {
        spool_.for_each_given([this](spool::Spool::Given& given) {
            const auto fate = std::exchange(given.fate, Fates::nobody);
            if (!given.is_settled && fate != Fates::nobody) fates_.left_in_spool(fate);
        });
        untold_given_ = 0;
    }
    for (const auto fate : waiting_fates_) fates_.left_in_spool(fate);
    told_ += waiting_fates_.size();
    waiting_fates_.clear();
}

// Out of the spool

Result<> SpooledOutlet::feed() {
    rate_wait_ms_ = -1;
    if (is_halted_ || !spool_.has_unsent() || monotonic_ms() < route_due_ms_) return {};
    if (!is_ready_ && options_.before_first) {
        if (auto made = options_.before_first(); !made) {
            if (made.error().code != Errc::unavailable) return made;
            why_no_route_ = made.error().what;
            route_due_ms_ = monotonic_ms() + ask_again_ms;
            return {};
        }
    }
    is_ready_ = true;
    // What is refused here may halt it in between.
    while (!is_halted_) {
        if (options_.rate && rate_due_ms() > monotonic_ms()) {
            rate_wait_ms_ = rate_due_ms();
            break;
        }
        TRY(auto* const next, spool_.next());
        if (next == nullptr) return {};
        TRY(const bool goes_on, feed_one(*next));
        if (!goes_on) break;
    }
    return {};
}

/// False: it stays where it is for now.
Result<bool> SpooledOutlet::feed_one(spool::Spool::Next& next) {
    const bool has_fate = fates_.keeps_messages() && !next.is_old;
    const auto fate = has_fate && told_ == 0 ? waiting_fates_.front() : Fates::nobody;
    auto& message = next.message;
    message.ordinal = spool_.give_out(fate);
    const auto taken = producer_.try_send(message);
    const bool is_unreached = !taken && taken.error().code == Errc::unavailable;
    route_due_ms_ = is_unreached ? monotonic_ms() + ask_again_ms : -1;
    if (is_unreached) why_no_route_ = taken.error().what;
    if (is_unreached || (taken && !*taken)) {
        spool_.take_back();
        return false;
    }
    ++sent_;
    if (fate != Fates::nobody) ++untold_given_;
    if (has_fate && told_ > 0) {
        --told_;
    } else if (has_fate) {
        waiting_fates_.pop_front();
    }
    if (taken) return true;
    if (fate != Fates::nobody) {
        fates_.refused(fate, taken.error().what);
        --untold_given_;
    }
    not_delivered(spool_.given(message.ordinal), client::Verdict::refused, taken.error());
    spool_.settle(message.ordinal);
    return !is_halted_;
}

void SpooledOutlet::settled(const client::Settled& settled) {
    const bool is_stored = settled.verdict == client::Verdict::stored;
    if (is_stored) {
        progress_ms_ = monotonic_ms();
        tally_.last_success_ms = wall_ms();
    }
    settled_fates_.clear();
    for (const auto number : settled.batch.ordinals) {
        const auto& given = spool_.given(number);
        settled_fates_.push_back(given.fate);
        if (given.fate != Fates::nobody) --untold_given_;
        if (is_stored) {
            ++(given.is_old ? tally_.old_sent : tally_.acknowledged);
        } else {
            not_delivered(given, settled.verdict, *settled.error);
        }
        spool_.settle(number);
    }
    if (fates_.keeps_messages()) fates_.settled(settled, settled_fates_);
}

/// A broker has said no, for good.
void SpooledOutlet::not_delivered(const spool::Spool::Given& given, client::Verdict verdict,
                                  const Error& error) {
    // What only lacks a replica or a disk is not kept: it is stored.
    if (client::missing_ack(options_.ack, error.remote_code).empty()) {
        auto kept = spool_.keep_refused(given.at);
        if (broken_) broken_ = std::move(kept);
    }
    if (!first_error_) first_error_ = error;
    ++failed_;
    if (!options_.skips_errors) is_halted_ = true;
    if (given.is_old) {
        ++tally_.old_failed;
    } else if (verdict == client::Verdict::refused) {
        ++tally_.refused;
        ++tally_.refused_by[reason_of(error)];
    } else {
        ++tally_.unknown;
    }
}

std::int64_t SpooledOutlet::rate_due_ms() const {
    return begin_ms_ + sent_ * 1000 / *options_.rate;
}

Result<> SpooledOutlet::work() {
    producer_.pump();
    const std::int64_t since_ms = producer_.open_since_ms();
    if (since_ms >= 0 && monotonic_ms() >= since_ms + options_.linger_ms) producer_.flush_some();
    TRY_OK(secure());
    // Without it more is sent twice after a kill, and no harm is done.
    const auto noted = spool_.note_settled();
    return noted || noted.error().code == Errc::refused ? Result<>() : noted;
}

/// Whatever keeps a message here has somebody who ends that. No space: space_due_ms_. No route:
/// route_due_ms_. The rate: rate_wait_ms_. More that may go with it: the linger. No room: the
/// producer, by its fd() and due_ms(). And may_read() says no only while one of them is at work.
std::int64_t SpooledOutlet::due_ms() const {
    std::int64_t due_ms = producer_.due_ms();
    const std::int64_t since_ms = producer_.open_since_ms();
    if (since_ms >= 0) due_ms = earlier(due_ms, since_ms + options_.linger_ms);
    due_ms = earlier(due_ms, space_due_ms_);
    due_ms = earlier(due_ms, input_line_.due_ms());
    due_ms = earlier(due_ms, route_line_.due_ms());
    if (spool_.has_unsent() && !is_halted_) {
        due_ms = earlier(due_ms, route_due_ms_);
        due_ms = earlier(due_ms, rate_wait_ms_);
    }
    if (finishing_ms_ >= 0) {
        due_ms = earlier(due_ms, std::max(finishing_ms_, progress_ms_) + options_.timeout_ms);
        due_ms = earlier(due_ms, stop_at_ms_);
    }
    return due_ms;
}

// The end

Result<bool> SpooledOutlet::finish(bool is_interrupted) {
    TRY_OK(work());
    producer_.flush_some();
    const std::int64_t now_ms = monotonic_ms();
    if (finishing_ms_ < 0) finishing_ms_ = now_ms;
    if (is_interrupted && stop_at_ms_ < 0) stop_at_ms_ = now_ms + options_.stop_ms;
    const bool has_hope = now_ms < std::max(finishing_ms_, progress_ms_) + options_.timeout_ms &&
                          (!is_interrupted || (now_ms < stop_at_ms_ && !is_failing()));
    const bool is_done = is_halted_ ? !spool_.has_given() : spool_.is_empty();
    if (!is_done && has_hope) return false;
    TRY_OK(give_up());
    TRY_OK(spool_.close());
    return true;
}

/// Tells what stays in the spool, and what could not get there.
Result<> SpooledOutlet::give_up() {
    tell_waiting();
    const auto lost = spool_.forget_staged();
    if (lost == 0) return {};
    const Error error{Errc::io, "the disk has no space for the spool"};
    for (const auto fate : staged_fates_) fates_.refused(fate, error.what);
    if (!first_error_) first_error_ = error;
    failed_ += lost;
    tally_.refused += lost;
    tally_.refused_by[reason_of(error)] += lost;
    return {};
}

void SpooledOutlet::count(Tally& tally) const {
    const auto& totals = producer_.totals();
    tally.acknowledged = tally_.acknowledged;
    tally.unknown = tally_.unknown;
    tally.refused += tally_.refused;
    for (const auto& [reason, count] : tally_.refused_by) tally.refused_by[reason] += count;
    tally.spooled = spool_.new_left();
    tally.bytes = totals.payload_bytes;
    tally.retries = totals.retries;
    tally.last_success_ms = tally_.last_success_ms;
    tally.old_sent = tally_.old_sent;
    tally.old_failed = tally_.old_failed;
    tally.old_left = spool_.old_left();
}

}  // namespace mqd::sending
