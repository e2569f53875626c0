#define MSGPACK_NO_BOOST
#include <msgpack.hpp>

#include "record/encoder.h"
#include "record/value_msgpack.h"

namespace mqd::record {
namespace {

// What msgpack::packer writes to.
struct Sink {
    Buffer& out;
    void write(const char* data, std::size_t bytes) { out.put(std::string_view(data, bytes)); }
};
using Packer = msgpack::packer<Sink>;

void put_text(Packer& pack, std::string_view text) {
    pack.pack_str(static_cast<std::uint32_t>(text.size()));
    pack.pack_str_body(text.data(), static_cast<std::uint32_t>(text.size()));
}
void put_text(Packer& pack, std::string_view key, std::string_view text) {
    put_text(pack, key);
    put_text(pack, text);
}
void put_int(Packer& pack, std::string_view key, std::int64_t value) {
    put_text(pack, key);
    pack.pack_int64(value);
}
void put_map(Packer& pack, std::string_view key, const std::vector<Property>& properties) {
    if (properties.empty()) return;
    put_text(pack, key);
    pack.pack_map(static_cast<std::uint32_t>(properties.size()));
    for (const auto& property : properties) put_text(pack, property.name, property.value);
}

}  // namespace

void Encoder::append_msgpack(Buffer& out, const message::RecordView& message,
                             std::string_view broker, std::string_view body) {
    const auto& fields = reader_.read(message.properties);
    const auto offset_id = reader_.offset_id(message);
    Sink sink{out};
    Packer pack(sink);
    constexpr std::uint32_t always = 15;
    const auto is = [](bool there) { return there ? 1U : 0U; };
    pack.pack_map(always + is(!fields.keys.empty()) + is(!fields.tags.empty()) +
                  is(!fields.user.empty()) + is(!fields.shard.empty()) + is(!broker.empty()) +
                  is(!fields.system.empty()));
    put_text(pack, "topic", message.topic);
    put_text(pack, "body");
    pack.pack_bin(static_cast<std::uint32_t>(body.size()));
    pack.pack_bin_body(body.data(), static_cast<std::uint32_t>(body.size()));
    if (!fields.keys.empty()) {
        std::uint32_t count = 0;
        for_each_key(fields.keys, [&](std::string_view) { ++count; });
        put_text(pack, "keys");
        pack.pack_array(count);
        for_each_key(fields.keys, [&](std::string_view key) { put_text(pack, key); });
    }
    if (!fields.tags.empty()) put_text(pack, "tags", fields.tags);
    put_map(pack, "properties", fields.user);
    if (!fields.shard.empty()) put_text(pack, "shard", fields.shard);
    put_text(pack, "id", fields.unique_key.empty() ? offset_id : fields.unique_key);
    put_text(pack, "offset_id", offset_id);
    if (!broker.empty()) put_text(pack, "broker", broker);
    put_int(pack, "queue", message.queue_id);
    put_int(pack, "offset", message.queue_offset.value);
    put_int(pack, "log_offset", message.at.value);
    put_int(pack, "size", static_cast<std::int64_t>(message.bytes.size()));
    put_int(pack, "born_ts", message.born_ts_ms);
    put_int(pack, "store_ts", message.store_ts_ms);
    put_text(pack, "born_host", reader_.born_host(message));
    put_text(pack, "store_host", reader_.store_host(message));
    put_int(pack, "reconsume", message.reconsume_times);
    put_int(pack, "flag", message.flag);
    put_int(pack, "sys_flag", message.sys_flag);
    put_map(pack, "system", fields.system);
}

namespace {

void put_value(Packer& pack, const json::Value& value) {
    using Kind = json::Value::Kind;
    switch (value.kind()) {
        case Kind::null:
            pack.pack_nil();
            break;
        case Kind::boolean:
            if (value.as_bool()) {
                pack.pack_true();
            } else {
                pack.pack_false();
            }
            break;
        case Kind::integer:
            pack.pack_int64(value.as_int());
            break;
        case Kind::real:
            pack.pack_double(value.as_real());
            break;
        case Kind::text:
            put_text(pack, value.as_text());
            break;
        case Kind::array:
            pack.pack_array(static_cast<std::uint32_t>(value.items().size()));
            for (const auto& item : value.items()) put_value(pack, item);
            break;
        case Kind::object:
            pack.pack_map(static_cast<std::uint32_t>(value.members().size()));
            for (const auto& [name, member] : value.members()) {
                put_text(pack, name);
                put_value(pack, member);
            }
            break;
    }
}

}  // namespace

void append_msgpack(Buffer& out, const json::Value& value) {
    Sink sink{out};
    Packer pack(sink);
    put_value(pack, value);
}

}  // namespace mqd::record
