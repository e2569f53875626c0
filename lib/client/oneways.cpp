#include "client/oneways.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "base/parse.h"
#include "wire/codes.h"
#include "wire/headers/offsets.h"

namespace mqd::client {
namespace {

constexpr std::int64_t ask_every_ms = 100;
/// A question that runs out of time costs its connection, with all that is written to it; a broker
/// that takes nothing for a while must not lose them.
constexpr std::int64_t answer_ms = 60'000;

wire::QueueHeader question_about(const Queue& queue) {
    wire::QueueHeader header;
    header.topic = queue.topic;
    header.queue_id = queue.id;
    return header;
}

}  // namespace

void Oneways::begin(const Queue& queue) {
    const auto [at, is_new] = links_.try_emplace(queue.address);
    Link& link = at->second;
    if (!is_new) return look_for_break(queue.address, link);
    link.queue = queue;
    link.breaks = client_.disconnects(queue.address);
}

void Oneways::written(std::unique_ptr<Batch> batch, std::size_t bytes) {
    const std::string address = batch->queue().address;
    Link& link = links_.at(address);
    ++count_;
    bytes_ += bytes;
    link.waiting.push_back({std::move(batch), bytes});
    take_answers();
    look_for_break(address, link);
    if (!link.is_asked && monotonic_ms() >= link.asked_ms + ask_every_ms) ask(address, link);
}

void Oneways::take_answers() {
    mailbox_->take(answers_);
    for (const auto& [address, breaks, asked_to, is_same, answer] : answers_) {
        Link& link = links_.at(address);
        // Of a connection before this one: it tells nothing.
        if (breaks != link.breaks) continue;
        link.is_asked = false;
        if (answer && is_same) answered(link, asked_to, *answer);
    }
    answers_.clear();
}

void Oneways::look() {
    take_answers();
    const std::int64_t now_ms = monotonic_ms();
    for (auto& [address, link] : links_) {
        look_for_break(address, link);
        if (!link.is_asked && !link.waiting.empty() && now_ms >= link.asked_ms + ask_every_ms)
            ask(address, link);
    }
}

std::int64_t Oneways::due_ms() const {
    std::int64_t due_ms = -1;
    for (const auto& [address, link] : links_) {
        if (link.is_asked || link.waiting.empty()) continue;
        const std::int64_t ask_ms = link.asked_ms + ask_every_ms;
        due_ms = due_ms < 0 ? ask_ms : std::min(due_ms, ask_ms);
    }
    return due_ms;
}

void Oneways::ask(const std::string& address, Link& link) {
    link.is_asked = true;
    link.asked_ms = monotonic_ms();
    link.asked_to = link.first + link.waiting.size();
    client_.channel(address)->call(
        wire::request_code::get_max_offset, question_about(link.queue), {},
        std::max(answer_ms, options_.last_answer_ms),
        [&client = client_, mailbox = mailbox_, wake = options_.wake, address, breaks = link.breaks,
         asked_to = link.asked_to](Result<remoting::Answer> answer) {
            const bool is_same = client.disconnects(address) == breaks;
            mailbox->put({address, breaks, asked_to, is_same, std::move(answer)});
            wake();
        });
}

/// All before `asked_to` have arrived.
void Oneways::answered(Link& link, std::uint64_t asked_to, const remoting::Answer& answer) {
    std::uint64_t messages = 0;
    const auto batches = static_cast<std::size_t>(asked_to - std::min(asked_to, link.first));
    for (std::size_t i = 0; i < batches; ++i) messages += link.waiting[i].batch->count();
    const auto lost =
        parse_int<std::uint64_t>(answer.find(wire::oneways_lost_field)).value_or(link.lost);
    const std::uint64_t more = lost - std::min(lost, link.lost);
    link.lost = lost;
    const Error error{Errc::invalid,
                      fmt::format("{} did not store {} one-way messages; its log says why "
                                  "(oneway_send_not_stored)",
                                  link.queue.address, more)};
    const bool has_none = more > 0 && more >= messages;
    while (link.first < asked_to)
        settle_front(link, has_none ? Verdict::refused : Verdict::stored,
                     has_none ? &error : nullptr);
    if (more > 0 && !has_none) options_.not_stored(more, error);
}

void Oneways::settle_front(Link& link, Verdict verdict, const Error* error) {
    auto [batch, bytes] = std::move(link.waiting.front());
    link.waiting.pop_front();
    ++link.first;
    --count_;
    bytes_ -= bytes;
    options_.settle(*batch, verdict, error);
}

void Oneways::look_for_break(const std::string& address, Link& link) {
    const auto breaks = client_.disconnects(address);
    if (breaks == link.breaks) return;
    link.breaks = breaks;
    link.is_asked = false;
    link.lost = 0;
    give_up(address, link,
            {Errc::unavailable, fmt::format("the connection to {} broke: it is not known whether "
                                            "the one-way messages on it arrived",
                                            address)});
}

/// Of what was written to a connection that is gone, the system had not taken the last; of the
/// others nobody knows.
void Oneways::give_up(const std::string& address, Link& link, const Error& unknown) {
    std::uint64_t unsent = client_.channel(address)->take_lost_oneways();
    std::size_t written = link.waiting.size();
    while (written > 0 && unsent > 0) {
        const std::uint64_t count = link.waiting[written - 1].batch->count();
        unsent -= std::min(unsent, count);
        --written;
    }
    const Error lost{
        Errc::unavailable,
        fmt::format("the connection to {} broke before the messages were written", address)};
    for (std::size_t i = 0; !link.waiting.empty(); ++i)
        settle_front(link, i < written ? Verdict::unknown : Verdict::refused,
                     i < written ? &unknown : &lost);
}

void Oneways::finish() {
    take_answers();
    for (auto& [address, link] : links_) {
        look_for_break(address, link);
        if (link.waiting.empty()) continue;
        const auto channel = client_.channel(address);
        const std::uint64_t asked_to = link.first + link.waiting.size();
        Result<remoting::Answer> answer = Error{Errc::unavailable, "no answer"};
        if (const auto flushed = channel->flush(options_.last_answer_ms); !flushed) {
            answer = flushed.error();
        } else {
            answer =
                channel->call_and_wait(wire::request_code::get_max_offset,
                                       question_about(link.queue), {}, options_.last_answer_ms);
        }
        if (answer && client_.disconnects(address) == link.breaks)
            answered(link, asked_to, *answer);
        look_for_break(address, link);
        if (link.waiting.empty()) continue;
        give_up(address, link,
                {Errc::unavailable,
                 fmt::format("it is not known whether the one-way messages arrived: {}",
                             answer ? "the connection broke" : answer.error().what)});
    }
}

}  // namespace mqd::client
