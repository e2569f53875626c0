#include "client/start.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/clock.h"
#include "base/parse.h"
#include "client/errors.h"
#include "client/mailbox.h"
#include "wire/codes.h"
#include "wire/headers/offsets.h"

namespace mqd::client {
namespace {

Result<std::int64_t> offset_in(const std::string& address, const Result<remoting::Answer>& answer) {
    if (!answer) return answer.error();
    if (answer->code != wire::response_code::success)
        return error_of(address, answer->code, answer->remark);
    const auto offset = parse_int<std::int64_t>(answer->find("offset"));
    if (!offset) return Error{Errc::corrupt, fmt::format("{}: an answer without offset", address)};
    return *offset;
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

Result<std::vector<Bounds>> queue_bounds(Client& client, const std::vector<Queue>& queues,
                                         const From& from) {
    struct Asked {
        std::size_t queue;
        int what;  // 0: min, 1: max, 2: by time
        Result<remoting::Answer> answer;
    };
    const auto mailbox = std::make_shared<Mailbox<Asked>>();
    std::size_t waiting = 0;
    for (std::size_t i = 0; i < queues.size(); ++i) {
        const auto channel = client.channel(queues[i].address);
        const auto ask = [&](std::int32_t code, const auto& header, int what) {
            ++waiting;
            channel->call(code, header, {}, client.options().timeout_ms,
                          [mailbox, i, what](Result<remoting::Answer> answer) {
                              mailbox->put({i, what, std::move(answer)});
                          });
        };
        wire::QueueHeader header;
        header.topic = queues[i].topic;
        header.queue_id = queues[i].id;
        ask(wire::request_code::get_min_offset, header, 0);
        ask(wire::request_code::get_max_offset, header, 1);
        if (from.kind != From::Kind::time) continue;
        wire::SearchOffset search;
        search.topic = queues[i].topic;
        search.queue_id = queues[i].id;
        search.timestamp = from.value;
        ask(wire::request_code::search_offset_by_timestamp, search, 2);
    }
    std::vector<Bounds> bounds(queues.size());
    std::vector<Asked> taken;
    Result<> failed;
    while (waiting > 0) {
        // Each has its deadline in the channel.
        wait_for_either(mailbox->fd(), -1, -1);
        mailbox->take(taken);
        for (const auto& [queue, what, answer] : taken) {
            --waiting;
            auto offset = offset_in(queues[queue].address, answer);
            if (!offset) {
                if (failed) failed = std::move(offset).error();
            } else if (what == 0) {
                bounds[queue].min = *offset;
            } else if (what == 1) {
                bounds[queue].max = *offset;
            } else {
                bounds[queue].by_time = *offset;
            }
        }
        taken.clear();
    }
    TRY_OK(std::move(failed));
    // The two were asked apart, and the log may have been cut in between.
    for (auto& b : bounds) b.max = std::max(b.min, b.max);
    return bounds;
}

}  // namespace mqd::client
