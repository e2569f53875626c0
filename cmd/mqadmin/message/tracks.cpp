#include "tracks.h"

#include <fmt/format.h>

#include <algorithm>

#include "message/properties.h"
#include "wire/bodies/connections.h"
#include "wire/bodies/groups.h"
#include "wire/bodies/stats.h"
#include "wire/codes.h"
#include "wire/headers/clients.h"
#include "wire/headers/topics.h"

namespace mqd::admin {
namespace {

namespace code = wire::request_code;
using Answers = std::vector<Result<remoting::Answer>>;

/// The same request about each group, all at once.
template <class MakeHeader>
Answers ask_of_groups(Admin& admin, const std::string& address,
                      const std::vector<std::string>& groups, std::int32_t what,
                      const MakeHeader& make) {
    return admin.ask_all(
        groups,
        [&](client::Calls& calls, const std::string& group) {
            calls.add(address, what, make(group));
        },
        [&](const std::string& group) { return admin.call(address, what, make(group)); });
}

bool is_filtered(const wire::ConsumerConnection& members, const Found& found) {
    const auto tag = found.property(message::property::tags);
    for (const auto& subscription : members.subscriptions) {
        if (subscription.topic != found.message.topic) continue;
        if (subscription.expression_type != "TAG" || subscription.sub_string == "*") return false;
        return std::ranges::find(subscription.tags, tag) == subscription.tags.end();
    }
    return false;
}

Result<bool> is_consumed(const Result<remoting::Answer>& answer, const Found& found) {
    if (!answer) return answer.error();
    TRY(const auto stats, wire::ConsumeStats::read(answer->body));
    for (const auto& [queue, offset] : stats.offsets)
        if (queue.topic == found.message.topic && queue.queue_id == found.message.queue_id)
            return offset.consumer_offset > found.message.queue_offset.value;
    return false;
}

Track track_of(std::string group, const Result<remoting::Answer>& connection,
               const Result<remoting::Answer>& stats, const Found& found) {
    Track track{std::move(group), "UNKNOWN", {}};
    const auto fail = [&](const Error& error) {
        track.type = error.remote_code == wire::response_code::consumer_not_online ? "NOT_ONLINE"
                                                                                   : "UNKNOWN";
        track.reason = error.what;
        return track;
    };
    if (!connection) return fail(connection.error());
    const auto members = wire::ConsumerConnection::read(connection->body);
    if (!members) return fail(members.error());
    if (members->message_model == wire::MessageModel::broadcasting) {
        track.type = "CONSUME_BROADCASTING";
        return track;
    }
    if (members->consume_type == wire::ConsumeType::actively) {
        track.type = "PULL";
        return track;
    }
    const auto consumed = is_consumed(stats, found);
    if (!consumed) return fail(consumed.error());
    track.type = !*consumed                     ? "NOT_CONSUME_YET"
                 : is_filtered(*members, found) ? "CONSUMED_BUT_FILTERED"
                                                : "CONSUMED";
    return track;
}

}  // namespace

Result<std::vector<Track>> tracks_of(Admin& admin, const Found& found, const std::string& address) {
    const std::string topic(found.message.topic);
    TRY(const auto answer,
        admin.call(address, code::query_topic_consume_by_who, wire::TopicHeader{topic}));
    TRY(const auto groups, wire::GroupList::read(answer.body));
    const auto connections =
        ask_of_groups(admin, address, groups.groups, code::get_consumer_connection_list,
                      [](const std::string& group) { return wire::ConsumerGroupHeader{group}; });
    const auto stats = ask_of_groups(admin, address, groups.groups, code::get_consume_stats,
                                     [&](const std::string& group) {
                                         wire::GetConsumeStats header;
                                         header.consumer_group = group;
                                         header.topic = topic;
                                         return header;
                                     });
    std::vector<Track> tracks;
    for (std::size_t i = 0; i < groups.groups.size(); ++i)
        tracks.push_back(track_of(groups.groups[i], connections[i], stats[i], found));
    return tracks;
}

json::Value tracks_value(const std::vector<Track>& tracks) {
    auto list = json::Value::array();
    for (const auto& track : tracks) {
        auto one = json::Value::object({{"group", track.group}, {"type", track.type}});
        if (!track.reason.empty()) one.set("reason", track.reason);
        list.push(std::move(one));
    }
    return list;
}

std::vector<std::vector<std::string>> tracks_lines(const std::vector<Track>& tracks) {
    std::vector<std::vector<std::string>> lines = {{""}};
    if (tracks.empty()) lines.push_back({"WARN: No Consumer"});
    for (const auto& track : tracks)
        lines.push_back(
            {fmt::format("MessageTrack [consumerGroup={}, trackType={}, "
                         "exceptionDesc={}]",
                         track.group, track.type, track.reason.empty() ? "null" : track.reason)});
    return lines;
}

}  // namespace mqd::admin
