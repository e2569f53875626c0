#include "base/parse.h"
#include "json/object_reader.h"
#include "record/encoder.h"
#include "record/json_text.h"

namespace mqd::record {
namespace {

// `{` or `,` stands in `key`, so that a field is one copy and its value.
void put_int(Buffer& out, std::string_view key, std::int64_t value) {
    out.put(key);
    put_decimal(out, value);
}
void put_text(Buffer& out, std::string_view key, std::string_view value) {
    out.put(key);
    put_json_any_string(out, value);
}
// For what we have made ourselves: hexadecimal digits, addresses.
void put_plain(Buffer& out, std::string_view key, std::string_view value) {
    out.put(key);
    out.put_char('"');
    out.put(value);
    out.put_char('"');
}

void put_map(Buffer& out, std::string_view key, const std::vector<Property>& properties) {
    if (properties.empty()) return;
    out.put(key);
    char before = '{';
    for (const auto& property : properties) {
        out.put_char(before);
        put_json_any_string(out, property.name);
        out.put_char(':');
        put_json_any_string(out, property.value);
        before = ',';
    }
    out.put_char('}');
}

void put_keys(Buffer& out, std::string_view keys) {
    out.put(",\"keys\":");
    char before = '[';
    for_each_key(keys, [&](std::string_view key) {
        out.put_char(before);
        put_json_any_string(out, key);
        before = ',';
    });
    if (before == '[') out.put_char('[');
    out.put_char(']');
}

// Whether `body` is one strict JSON value in itself; on one line only, for output is lines.
bool is_json_value(std::string_view body, std::string& scratch) {
    if (trimmed(body).empty()) return false;
    scratch = "{\"v\":";
    scratch += body;
    scratch += '}';
    const auto size = scratch.size();
    scratch.append(json::ObjectReader::padding_bytes, ' ');
    thread_local json::ObjectReader reader;
    return reader.read(std::string_view(scratch).substr(0, size), scratch.size()).has_value() &&
           reader.members().size() == 1;
}

void put_body(Buffer& out, std::string_view body, bool json_body) {
    if (!is_utf8(body)) {
        return put_plain(out, ",\"body_b64\":", base64_encode(body));
    }
    out.put(",\"body\":");
    thread_local std::string scratch;
    if (!json_body || !is_json_value(body, scratch)) return put_json_string(out, body);
    json::ObjectReader::minify(body, scratch);
    out.put(scratch);
}

}  // namespace

void Encoder::append_json(Buffer& out, const message::RecordView& message, std::string_view broker,
                          std::string_view body) {
    const auto& fields = reader_.read(message.properties);
    const auto offset_id = reader_.offset_id(message);
    put_text(out, "{\"topic\":", message.topic);
    put_body(out, body, format_.json_body);
    if (!fields.keys.empty()) put_keys(out, fields.keys);
    if (!fields.tags.empty()) put_text(out, ",\"tags\":", fields.tags);
    put_map(out, ",\"properties\":", fields.user);
    if (!fields.shard.empty()) put_text(out, ",\"shard\":", fields.shard);
    put_text(out, ",\"id\":", fields.unique_key.empty() ? offset_id : fields.unique_key);
    put_plain(out, ",\"offset_id\":", offset_id);
    if (!broker.empty()) put_text(out, ",\"broker\":", broker);
    put_int(out, ",\"queue\":", message.queue_id);
    put_int(out, ",\"offset\":", message.queue_offset.value);
    put_int(out, ",\"log_offset\":", message.at.value);
    put_int(out, ",\"size\":", static_cast<std::int64_t>(message.bytes.size()));
    put_int(out, ",\"born_ts\":", message.born_ts_ms);
    put_int(out, ",\"store_ts\":", message.store_ts_ms);
    put_plain(out, ",\"born_host\":", reader_.born_host(message));
    put_plain(out, ",\"store_host\":", reader_.store_host(message));
    put_int(out, ",\"reconsume\":", message.reconsume_times);
    put_int(out, ",\"flag\":", message.flag);
    put_int(out, ",\"sys_flag\":", message.sys_flag);
    put_map(out, ",\"system\":", fields.system);
    out.put("}\n");
}

}  // namespace mqd::record
