#include "lookup.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/parse.h"
#include "client/errors.h"
#include "client/start.h"
#include "message/id.h"
#include "message/properties.h"
#include "record/fields.h"
#include "wire/codes.h"
#include "wire/headers/messages.h"
#include "wire/headers/pull.h"

namespace mqd::admin {
namespace {

namespace rc = wire::response_code;

/// The index knows keys by a hash, so a broker may answer with others too.
bool has_key(const Found& found, const KeyQuery& query) {
    if (found.message.topic != query.topic) return false;
    if (query.is_unique_key) return found.property(message::property::uniq_key) == query.key;
    bool has = false;
    record::for_each_key(found.property(message::property::keys),
                         [&](std::string_view key) { has = has || key == query.key; });
    return has;
}

Error no_message(Admin& admin, const KeyQuery& query) {
    return {
        Errc::not_found,
        fmt::format("topic '{}' has no message with the {} '{}' on the brokers of {}", query.topic,
                    query.is_unique_key ? "id" : "key", query.key, admin.namesrv())};
}

Result<std::vector<Found>> find_by_place(Admin& admin, const KeyQuery& query,
                                         const message::OffsetId& id) {
    wire::ViewMessage header;
    header.offset = id.at.value;
    header.topic = query.topic;
    const auto address = id.store_host.to_string();
    TRY(auto answer, admin.call(address, wire::request_code::view_message_by_id, header));
    return found_in(address, std::move(answer.body));
}

/// 19, 20 and 21 are answers too: they say where to go on.
Result<remoting::Answer> ask_to_pull(Admin& admin, const std::string& address,
                                     const wire::PullMessage& header) {
    auto& client = admin.client();
    TRY(auto answer,
        client.channel(address)->call_and_wait(wire::request_code::pull_message, header, {},
                                               client.options().timeout_ms));
    switch (answer.code) {
        case rc::success:
        case rc::pull_not_found:
        case rc::pull_retry_immediately:
        case rc::pull_offset_moved:
            return answer;
        default:
            return client::error_of(address, answer.code, answer.remark);
    }
}

}  // namespace

Result<Target> broker_named(Admin& admin, std::string_view topic, std::string_view name) {
    TRY(const auto brokers, admin.brokers_of(topic));
    for (const auto& broker : brokers)
        if (broker.name == name) return broker;
    return Error{Errc::not_found, fmt::format("broker '{}' does not have topic '{}'", name, topic)};
}

Result<std::vector<Found>> find_by_key(Admin& admin, const KeyQuery& query) {
    TRY(const auto brokers, admin.brokers_of(query.topic, query.cluster));
    wire::QueryMessage header;
    header.topic = query.topic;
    header.key = query.key;
    header.max_num = query.max;
    header.begin_timestamp = query.begin_ms;
    header.end_timestamp = query.end_ms;
    if (query.is_unique_key) header.unique_key = true;
    auto answers = admin.ask_each(brokers, wire::request_code::query_message, header);
    std::vector<Found> all;
    const Error* failed = nullptr;
    for (std::size_t i = 0; i < brokers.size(); ++i) {
        if (!answers[i]) {
            if (answers[i].error().remote_code != rc::query_not_found) failed = &answers[i].error();
            continue;
        }
        TRY(auto found, found_in(brokers[i].name, std::move(answers[i]->body)));
        for (auto& one : found)
            if (has_key(one, query)) all.push_back(std::move(one));
    }
    // A broker that could not say may be the one that has it.
    if (all.empty() && failed != nullptr) return *failed;
    if (all.empty()) return no_message(admin, query);
    if (failed != nullptr) admin.cli.warn(failed->what);
    std::ranges::sort(all, {}, [](const Found& one) {
        return std::tuple(one.message.store_ts_ms, one.message.at.value);
    });
    if (all.size() > static_cast<std::size_t>(query.max))
        all.resize(static_cast<std::size_t>(query.max));
    return all;
}

Result<std::vector<Found>> find_by_id(Admin& admin, const KeyQuery& query) {
    // Unique keys have the same form as offset ids: who answers decides.
    if (const auto id = message::parse_offset_id(query.key); id && id->store_host.port < 65536) {
        auto found = find_by_place(admin, query, *id);
        if (found && !found->empty() && found->front().offset_id() == query.key) return found;
        auto unique = query;
        unique.is_unique_key = true;
        auto other = find_by_key(admin, unique);
        if (other || other.error().code != Errc::not_found) return other;
        return found ? no_message(admin, unique) : other.error();
    }
    auto unique = query;
    unique.is_unique_key = true;
    return find_by_key(admin, unique);
}

Result<Pulled> pull(Admin& admin, const PullFrom& from) {
    wire::PullMessage header;
    header.consumer_group = from.group.empty() ? client::tools_group : std::string_view(from.group);
    header.topic = from.topic;
    header.queue_id = from.queue;
    header.queue_offset = from.offset;
    header.max_msg_nums = from.max;
    header.sys_flag = wire::pull_flag::subscription;
    header.subscription = from.expression;
    TRY(auto answer, ask_to_pull(admin, from.broker.address, header));
    Pulled out;
    const auto number = [&](std::string_view name) {
        return parse_int<std::int64_t>(answer.find(name)).value_or(0);
    };
    out.next = number("nextBeginOffset");
    out.min = number("minOffset");
    out.max = number("maxOffset");
    if (answer.code == rc::success) {
        TRY(out.found, found_in(from.broker.name, std::move(answer.body)));
    }
    out.is_at_end = out.next >= out.max || (out.next <= from.offset && out.found.empty());
    return out;
}

}  // namespace mqd::admin
