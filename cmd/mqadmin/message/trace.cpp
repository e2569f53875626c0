#include "trace.h"

#include "base/parse.h"

namespace mqd::admin {
namespace {

using Fields = std::vector<std::string_view>;

std::string text(const Fields& fields, std::size_t i) {
    return i < fields.size() ? std::string(fields[i]) : std::string();
}

std::int64_t number(const Fields& fields, std::size_t i, std::int64_t otherwise) {
    if (i >= fields.size()) return otherwise;
    return parse_int<std::int64_t>(fields[i]).value_or(otherwise);
}

void read_outcome(const Fields& fields, std::size_t i, Trace& into) {
    if (i >= fields.size()) return;
    into.has_outcome = true;
    into.is_success = fields[i] == "true";
}

/// Clients before 4.4 left out the offset id, and later ones added their host.
Trace read_pub(const Fields& fields) {
    Trace trace;
    trace.time_ms = number(fields, 1, 0);
    trace.group = text(fields, 3);
    trace.topic = text(fields, 4);
    trace.id = text(fields, 5);
    trace.tags = text(fields, 6);
    trace.keys = text(fields, 7);
    trace.cost_ms = number(fields, 10, -1);
    read_outcome(fields, fields.size() == 13 ? 12 : 13, trace);
    trace.client_host = text(fields, 14);
    return trace;
}

Trace read_before(const Fields& fields) {
    Trace trace;
    trace.time_ms = number(fields, 1, 0);
    trace.group = text(fields, 3);
    trace.request = text(fields, 4);
    trace.id = text(fields, 5);
    trace.retry_times = number(fields, 6, 0);
    trace.keys = text(fields, 7);
    trace.client_host = text(fields, 8);
    return trace;
}

Trace read_after(const Fields& fields) {
    Trace trace;
    trace.request = text(fields, 1);
    trace.id = text(fields, 2);
    trace.cost_ms = number(fields, 3, -1);
    read_outcome(fields, 4, trace);
    trace.keys = text(fields, 5);
    trace.time_ms = number(fields, 7, 0);
    trace.group = text(fields, 8);
    return trace;
}

Trace read_end(const Fields& fields) {
    Trace trace;
    trace.time_ms = number(fields, 1, 0);
    trace.group = text(fields, 3);
    trace.topic = text(fields, 4);
    trace.id = text(fields, 5);
    trace.tags = text(fields, 6);
    trace.keys = text(fields, 7);
    trace.transaction_state = text(fields, 11);
    return trace;
}

}  // namespace

std::vector<Trace> traces_in(std::string_view body) {
    std::vector<Trace> traces;
    for (const auto record : split(body, '\x02')) {
        const auto fields = split(record, '\x01');
        if (fields.size() < 6) continue;
        Trace trace;
        if (fields[0] == "Pub")
            trace = read_pub(fields);
        else if (fields[0] == "SubBefore")
            trace = read_before(fields);
        else if (fields[0] == "SubAfter")
            trace = read_after(fields);
        else if (fields[0] == "EndTransaction")
            trace = read_end(fields);
        else
            continue;
        trace.type = fields[0];
        traces.push_back(std::move(trace));
    }
    return traces;
}

json::Value Trace::object() const {
    auto object = json::Value::object({{"type", type}, {"msgId", id}, {"group", group}});
    const auto set = [&](std::string_view name, const std::string& value) {
        if (!value.empty()) object.set(std::string(name), value);
    };
    set("clientHost", client_host);
    set("topic", topic);
    set("tags", tags);
    set("keys", keys);
    set("requestId", request);
    set("transactionState", transaction_state);
    if (time_ms > 0) {
        object.set("timestamp", time_ms);
        object.set("time", format_time(time_ms));
    }
    if (cost_ms >= 0) object.set("costMs", cost_ms);
    if (has_outcome) object.set("success", is_success);
    if (type == "SubBefore" || type == "SubAfter") object.set("retryTimes", retry_times);
    return object;
}

}  // namespace mqd::admin
