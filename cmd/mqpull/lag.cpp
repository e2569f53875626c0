#include "lag.h"

#include <fmt/format.h>
#include <unistd.h>

#include "base/parse.h"
#include "json/writer.h"
#include "record/writer.h"
#include "wire/codes.h"
#include "wire/headers/offsets.h"

namespace mqd::mqpull {
namespace {

/// Nothing: the group has none.
Result<std::optional<std::int64_t>> committed_offset(client::Client& client,
                                                     const std::string& group,
                                                     const client::Queue& queue) {
    wire::QueryConsumerOffset header;
    header.consumer_group = group;
    header.topic = queue.topic;
    header.queue_id = queue.id;
    header.set_zero_if_not_found = false;
    const auto answer =
        client.call(queue.address, wire::request_code::query_consumer_offset, header);
    if (answer) return parse_int<std::int64_t>(answer->find("offset"));
    if (answer.error().remote_code == wire::response_code::query_not_found)
        return std::optional<std::int64_t>();
    return answer.error();
}

void append_line(std::string& out, record::Output form, const client::Queue& queue,
                 std::optional<std::int64_t> committed, const client::Bounds& bounds) {
    // A group without an offset may have everything before it.
    const std::int64_t lag = bounds.max - std::max(committed.value_or(0), bounds.min);
    if (form != record::Output::json) {
        out += fmt::format("{} {} {} {} {} {}\n", queue.topic, queue.broker, queue.id,
                           committed ? std::to_string(*committed) : "-", bounds.max, lag);
        return;
    }
    json::Writer json(out);
    json.begin_object().member("topic", queue.topic).member("broker", queue.broker);
    json.member("queue", queue.id);
    if (committed) json.member("committed", *committed);
    json.member("end", bounds.max).member("lag", lag).end_object();
    out += '\n';
}

}  // namespace

Result<> print_lag(client::Client& client, const Settings& settings) {
    TRY(const auto queues, wanted_queues(client, settings));
    TRY(const auto bounds, client::queue_bounds(client, queues, {}));
    std::string out;
    for (std::size_t i = 0; i < queues.size(); ++i) {
        TRY(const auto committed, committed_offset(client, settings.group, queues[i]));
        append_line(out, settings.format.output, queues[i], committed, bounds[i]);
    }
    return record::write_all(STDOUT_FILENO, "standard output", as_bytes(out));
}

}  // namespace mqd::mqpull
