#include "client/route_watch.h"

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "wire/codes.h"
#include "wire/headers/topics.h"

namespace mqd::client {
namespace {

/// Who sends to thousands of topics asks for them in turn.
constexpr std::size_t asked_max = 16;

}  // namespace

void RouteWatch::watch(std::string_view topic) {
    watched_.push_back({std::string(topic), {}, monotonic_ms() + every_ms_, false});
    settle_due();
}

void RouteWatch::settle_due() {
    due_ms_ = -1;
    if (asked_ >= asked_max) return;
    for (const auto& one : watched_)
        if (!one.is_asked && (due_ms_ < 0 || one.ask_at_ms < due_ms_)) due_ms_ = one.ask_at_ms;
}

void RouteWatch::ask(std::size_t index) {
    Watched& one = watched_[index];
    one.is_asked = true;
    ++asked_;
    wire::GetRouteInfo header;
    header.topic = one.topic;
    header.accept_standard_json_only = true;
    const std::string& namesrv = client_.namesrv();
    client_.channel(namesrv)->call(
        wire::request_code::get_routeinfo_by_topic, header, {}, client_.options().timeout_ms,
        [mailbox = mailbox_, index, namesrv](Result<remoting::Answer> answer) {
            mailbox->put({index, namesrv, std::move(answer)});
        });
}

std::optional<RouteWatch::Seen> RouteWatch::take() {
    if (answers_.empty() && asked_ > 0) mailbox_->take(answers_);
    std::optional<Seen> seen;
    const std::int64_t now_ms = monotonic_ms();
    const bool has_work = !answers_.empty() || (due_ms_ >= 0 && due_ms_ <= now_ms);
    if (!has_work) return seen;
    while (!answers_.empty() && !seen) {
        auto [index, namesrv, answer] = std::move(answers_.back());
        answers_.pop_back();
        --asked_;
        Watched& one = watched_[index];
        one.is_asked = false;
        one.ask_at_ms = now_ms + every_ms_;
        if (!answer) client_.pass_over(namesrv);
        if (!answer || answer->code != wire::response_code::success || answer->body == one.body)
            continue;
        auto route = wire::TopicRouteData::read(answer->body);
        if (!route) continue;
        one.body = std::move(answer->body);
        seen = Seen{one.topic, std::move(*route)};
    }
    // In turn: the first ones may be due again before the last ones have been asked at all.
    for (std::size_t i = 0; i < watched_.size() && asked_ < asked_max; ++i) {
        turn_ = (turn_ + 1) % watched_.size();
        if (!watched_[turn_].is_asked && watched_[turn_].ask_at_ms <= now_ms) ask(turn_);
    }
    settle_due();
    return seen;
}

}  // namespace mqd::client
