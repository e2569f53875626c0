#include "record/encoder.h"

#include "base/parse.h"
#include "record/json_text.h"

namespace mqd::record {
namespace {

void put_properties(Buffer& out, const std::vector<Property>& properties) {
    bool first = true;
    for (const auto& property : properties) {
        if (!first) out.put_char(',');
        out.put(property.name);
        out.put_char('=');
        out.put(property.value);
        first = false;
    }
}

}  // namespace

void Encoder::append(Buffer& out, const message::RecordView& message, std::string_view broker,
                     std::string_view body) {
    switch (format_.output) {
        case Output::lines:
            out.put(body);
            return out.put_char('\n');
        case Output::nul:
            out.put(body);
            return out.put_char('\0');
        case Output::raw:
            return out.put(body);
        case Output::json:
            return append_json(out, message, broker, body);
        case Output::msgpack:
            return append_msgpack(out, message, broker, body);
        case Output::pattern:
            return append_pattern(out, message, broker, body);
    }
}

void Encoder::append_pattern(Buffer& out, const message::RecordView& message,
                             std::string_view broker, std::string_view body) {
    const auto& fields = reader_.read(message.properties);
    for (const auto& piece : format_.pattern) {
        switch (piece.letter) {
            case 's':
                out.put(body);
                break;
            case 'S':
                put_decimal(out, static_cast<std::int64_t>(body.size()));
                break;
            case 'R':
                out.put_be(static_cast<std::int32_t>(body.size()));
                break;
            case 'k':
                out.put(fields.keys);
                break;
            case 'K':
                put_decimal(out, static_cast<std::int64_t>(fields.keys.size()));
                break;
            case 'h':
                put_properties(out, fields.user);
                break;
            case 'x':
                put_properties(out, fields.system);
                break;
            case 't':
                out.put(message.topic);
                break;
            case 'p':
            case 'q':
                put_decimal(out, message.queue_id);
                break;
            case 'o':
                put_decimal(out, message.queue_offset.value);
                break;
            case 'O':
                put_decimal(out, message.at.value);
                break;
            case 'T':
                put_decimal(out, message.store_ts_ms);
                break;
            case 'B':
                put_decimal(out, message.born_ts_ms);
                break;
            case 'g':
                out.put(fields.tags);
                break;
            case 'b':
                out.put(broker);
                break;
            case 'i':
                out.put(fields.unique_key.empty() ? reader_.offset_id(message) : fields.unique_key);
                break;
            default:
                break;
        }
        out.put(piece.text);
    }
}

}  // namespace mqd::record
