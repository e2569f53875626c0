#include "client/start.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/clock.h"
#include "base/parse.h"
#include "client/errors.h"
#include "wire/codes.h"
#include "wire/headers/offsets.h"

namespace mqd::client {
namespace {

Result<std::int64_t> offset_in(const std::string& address, const Result<remoting::Answer>& answer) {
    if (!answer) return answer.error();
    if (answer->code != wire::response_code::success)
        return error_of(address, answer->code, answer->remark);
    const auto offset = parse_int<std::int64_t>(answer->find("offset"));
    if (!offset) return Error{Errc::corrupt, fmt::format("{}: the answer has no offset", address)};
    return *offset;
}

/// `queues of T`
std::string queues_text(const std::vector<Queue>& queues) {
    return queues.empty() ? "no queues"
                          : fmt::format("{} of {}", queues.size() == 1 ? "a queue" : "queues",
                                        queues.front().topic);
}

}  // namespace

Result<From> parse_from(std::string_view text) {
    if (text == "beginning") return From{From::Kind::beginning, 0};
    if (text == "end") return From{From::Kind::end, 0};
    if (text.starts_with('@')) {
        TRY(const auto ms, parse_time_ms(text.substr(1), wall_ms()));
        return From{From::Kind::time, ms};
    }
    const bool is_last = text.starts_with('-');
    const auto number = parse_int<std::int64_t>(is_last ? text.substr(1) : text);
    if (!number || *number < 0)
        return Error{Errc::invalid,
                     fmt::format("'{}' is not beginning, end, OFFSET, -N or @TIME", text)};
    return From{is_last ? From::Kind::last : From::Kind::offset, *number};
}

Result<Until> parse_until(std::string_view text) {
    Until until;
    if (text.starts_with('@')) {
        TRY(until.time_ms, parse_time_ms(text.substr(1), wall_ms()));
        return until;
    }
    until.offset = parse_int<std::int64_t>(text);
    if (!until.offset || *until.offset < 0)
        return Error{Errc::invalid, fmt::format("'{}' is not OFFSET or @TIME", text)};
    return until;
}

std::int64_t start_offset(const From& from, const Bounds& bounds) {
    std::int64_t offset = bounds.max;
    switch (from.kind) {
        case From::Kind::beginning:
            offset = bounds.min;
            break;
        case From::Kind::end:
            break;
        case From::Kind::offset:
            offset = from.value;
            break;
        case From::Kind::last:
            offset = bounds.max - std::min(bounds.max, from.value);
            break;
        case From::Kind::time:
            offset = bounds.by_time.value_or(bounds.max);
            break;
    }
    return std::max(bounds.min, std::min(offset, bounds.max));
}

std::int64_t group_start_offset(const From& from, const Bounds& bounds,
                                std::optional<std::int64_t> stored, bool is_new_group) {
    if (stored) return *stored;
    return is_new_group ? start_offset(from, bounds) : bounds.min;
}

BoundsQuestion::BoundsQuestion(Client& client, std::vector<Queue> queues, const From& from)
    : queues_(std::move(queues)), bounds_(queues_.size(), Bounds()) {
    for (std::size_t i = 0; i < queues_.size(); ++i) {
        wire::QueueHeader header;
        header.topic = queues_[i].topic;
        header.queue_id = queues_[i].id;
        ask(client, i, What::min, wire::request_code::get_min_offset, header);
        ask(client, i, What::max, wire::request_code::get_max_offset, header);
        if (from.kind == From::Kind::time) ask_by_time(client, i, from.value);
    }
}

BoundsQuestion BoundsQuestion::by_time(Client& client, std::vector<Queue> queues,
                                       std::int64_t time_ms) {
    BoundsQuestion question;
    question.queues_ = std::move(queues);
    question.bounds_.assign(question.queues_.size(), Bounds());
    for (std::size_t i = 0; i < question.queues_.size(); ++i)
        question.ask_by_time(client, i, time_ms);
    return question;
}

template <class H>
void BoundsQuestion::ask(Client& client, std::size_t queue, What what, std::int32_t code,
                         const H& header) {
    ++waiting_;
    client.channel(queues_[queue].address)
        ->call(code, header, {}, client.options().timeout_ms,
               [mailbox = mailbox_, queue, what](Result<remoting::Answer> answer) {
                   mailbox->put({queue, what, std::move(answer)});
               });
}

void BoundsQuestion::ask_by_time(Client& client, std::size_t queue, std::int64_t time_ms) {
    wire::SearchOffset search;
    search.topic = queues_[queue].topic;
    search.queue_id = queues_[queue].id;
    search.timestamp = time_ms;
    ask(client, queue, What::by_time, wire::request_code::search_offset_by_timestamp, search);
}

void BoundsQuestion::settle(const Asked& asked) {
    auto& is = bounds_[asked.queue];
    auto offset = offset_in(queues_[asked.queue].address, asked.answer);
    if (!offset) {
        if (is) is = std::move(offset).error();
        return;
    }
    if (!is) return;
    switch (asked.what) {
        case What::min:
            is->min = *offset;
            is->since = parse_int<std::int64_t>(asked.answer->find("mqdQueueSince")).value_or(0);
            break;
        case What::max:
            is->max = *offset;
            break;
        case What::by_time:
            is->by_time = *offset;
            break;
    }
}

bool BoundsQuestion::is_answered() {
    std::vector<Asked> taken;
    mailbox_->take(taken);
    for (const auto& asked : taken) settle(asked);
    waiting_ -= taken.size();
    return waiting_ == 0;
}

std::vector<Result<Bounds>> BoundsQuestion::wait(Client& client) {
    const auto waited =
        client.wait_until([this] { return is_answered(); }, fd(),
                          [this] { return "no answer about the ends of " + queues_text(queues_); });
    if (waited) return answers();
    return {queues_.size(), waited.error()};
}

std::vector<Result<Bounds>> BoundsQuestion::answers() {
    // The two were asked apart, and the log may have been cut in between.
    for (auto& is : bounds_)
        if (is) is->max = std::max(is->min, is->max);
    return std::move(bounds_);
}

Result<std::vector<Bounds>> queue_bounds(Client& client, const std::vector<Queue>& queues,
                                         const From& from) {
    std::vector<Bounds> bounds;
    for (auto& is : BoundsQuestion(client, queues, from).wait(client)) {
        if (!is) return std::move(is).error();
        bounds.push_back(*is);
    }
    return bounds;
}

Result<std::vector<std::int64_t>> offsets_by_time(Client& client, const std::vector<Queue>& queues,
                                                  std::int64_t time_ms) {
    std::vector<std::int64_t> offsets;
    for (auto& is : BoundsQuestion::by_time(client, queues, time_ms).wait(client)) {
        if (!is) return std::move(is).error();
        offsets.push_back(is->by_time.value_or(0));
    }
    return offsets;
}

}  // namespace mqd::client
