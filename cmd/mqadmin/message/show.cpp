#include "show.h"

#include <fmt/format.h>

#include "base/parse.h"
#include "message/id.h"
#include "message/properties.h"

namespace mqd::admin {
namespace {

/// Whatever a compressed body says.
constexpr std::size_t body_bytes_max = 64 << 20;

std::string value_of(const message::RecordView& record, std::string_view name) {
    return std::string(message::find_property(record.properties, name).value_or(""));
}

json::Value properties_of(const message::RecordView& record) {
    auto out = json::Value::object();
    message::PropertyReader reader(record.properties);
    while (const auto property = reader.next())
        out.set(std::string(property->name), std::string(property->value));
    return out;
}

}  // namespace

void add_message(Admin& admin, cli::Rows& rows, const message::RecordView& record) {
    const auto plain = record.plain_body(body_bytes_max);
    if (!plain) admin.cli.warn(plain.error().what);
    const std::string body(plain ? *plain : record.body);
    const auto id = message::offset_id(record.store_host, record.at);
    auto properties = properties_of(record);
    const auto text = json::to_text(properties);
    std::vector<std::vector<std::string>> lines;
    const auto line = [&](std::string_view name, std::string value) {
        lines.push_back({fmt::format("{:<20} {}", name, value)});
    };
    line("OffsetID:", id);
    line("Topic:", std::string(record.topic));
    line("Tags:", "[" + value_of(record, message::property::tags) + "]");
    line("Keys:", "[" + value_of(record, message::property::keys) + "]");
    line("Queue ID:", std::to_string(record.queue_id));
    line("Queue Offset:", std::to_string(record.queue_offset.value));
    line("CommitLog Offset:", std::to_string(record.at.value));
    line("Reconsume Times:", std::to_string(record.reconsume_times));
    line("Born Timestamp:", time_cell(record.born_ts_ms));
    line("Store Timestamp:", time_cell(record.store_ts_ms));
    line("Born Host:", record.born_host.to_string());
    line("Store Host:", record.store_host.to_string());
    line("System Flag:", std::to_string(record.sys_flag));
    line("Properties:", text);
    line("Message Body:", body);
    rows.add_lines(std::move(lines),
                   json::Value::object({{"offsetMsgId", id},
                                        {"msgId", value_of(record, message::property::uniq_key)},
                                        {"topic", std::string(record.topic)},
                                        {"tags", value_of(record, message::property::tags)},
                                        {"keys", value_of(record, message::property::keys)},
                                        {"queueId", record.queue_id},
                                        {"queueOffset", record.queue_offset.value},
                                        {"commitLogOffset", record.at.value},
                                        {"reconsumeTimes", record.reconsume_times},
                                        {"bornTimestamp", record.born_ts_ms},
                                        {"storeTimestamp", record.store_ts_ms},
                                        {"bornHost", record.born_host.to_string()},
                                        {"storeHost", record.store_host.to_string()},
                                        {"sysFlag", record.sys_flag},
                                        {"properties", std::move(properties)},
                                        {"body", body}}));
}

Result<std::vector<message::RecordView>> records_in(std::string_view body) {
    std::vector<message::RecordView> out;
    for (auto rest = as_bytes(body); !rest.empty();) {
        TRY(const auto record, message::RecordView::parse(rest));
        rest = rest.subspan(record.bytes.size());
        out.push_back(record);
    }
    return out;
}

}  // namespace mqd::admin
