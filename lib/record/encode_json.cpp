#include <charconv>
#include <cstring>

#include "base/parse.h"
#include "json/object_reader.h"
#include "record/encoder.h"
#include "record/json_text.h"

namespace mqd::record {
namespace {

// Writes where room for all of it has been made.
class Cursor {
public:
    explicit Cursor(MutableBytes room) : to_(reinterpret_cast<char*>(room.data())) {}
    char* at() const { return to_; }
    void back_to(char* at) { to_ = at; }

    /// A literal, so that the compiler knows how long it is.
    template <std::size_t n>
    void put(const char (&text)[n]) {
        std::memcpy(to_, text, n - 1);
        to_ += n - 1;
    }
    void put_char(char c) { *to_++ = c; }
    void put_raw(std::string_view text) {
        std::memcpy(to_, text.data(), text.size());
        to_ += text.size();
    }
    void put_number(std::int64_t value) { to_ = std::to_chars(to_, to_ + 20, value).ptr; }
    void put_string(std::string_view text) { to_ = put_json_any_string(to_, text); }
    /// False, and nothing is written: the text is no UTF-8.
    bool put_utf8(std::string_view text) {
        std::uint64_t seen = 0;
        char* const end = put_json_string(to_, text, seen);
        if (!is_ascii(seen) && !is_utf8(text)) return false;
        to_ = end;
        return true;
    }

private:
    char* to_;
};

// `{` or `,` stands in `key`, so that a field is one copy and its value.
template <std::size_t n>
void put_int(Cursor& out, const char (&key)[n], std::int64_t value) {
    out.put(key);
    out.put_number(value);
}
template <std::size_t n>
void put_text(Cursor& out, const char (&key)[n], std::string_view value) {
    out.put(key);
    out.put_string(value);
}
// For what we have made ourselves: hexadecimal digits, addresses.
template <std::size_t n>
void put_plain(Cursor& out, const char (&key)[n], std::string_view value) {
    out.put(key);
    out.put_char('"');
    out.put_raw(value);
    out.put_char('"');
}

template <std::size_t n>
void put_map(Cursor& out, const char (&key)[n], const std::vector<Property>& properties) {
    if (properties.empty()) return;
    out.put(key);
    char before = '{';
    for (const auto& property : properties) {
        out.put_char(before);
        out.put_string(property.name);
        out.put_char(':');
        out.put_string(property.value);
        before = ',';
    }
    out.put_char('}');
}

void put_keys(Cursor& out, std::string_view keys) {
    out.put(",\"keys\":");
    char before = '[';
    for_each_key(keys, [&](std::string_view key) {
        out.put_char(before);
        out.put_string(key);
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

void put_body(Cursor& out, std::string_view body, bool json_body) {
    thread_local std::string scratch;
    char* const before = out.at();
    out.put(",\"body\":");
    if (json_body && is_utf8(body) && is_json_value(body, scratch)) {
        json::ObjectReader::minify(body, scratch);
        return out.put_raw(scratch);
    }
    if (out.put_utf8(body)) return;
    out.back_to(before);
    put_plain(out, ",\"body_b64\":", base64_encode(body));
}

// Names, numbers, addresses and ids, which do not grow.
constexpr std::size_t fixed_bytes_max = 1024;

}  // namespace

void Encoder::append_json(Buffer& out, const message::RecordView& message, std::string_view broker,
                          std::string_view body) {
    const auto& fields = reader_.read(message.properties);
    const auto offset_id = reader_.offset_id(message);
    // A property's quotes, colon and comma are less than six times its two separators.
    Cursor to(
        out.room(fixed_bytes_max + json_string_bytes_max(message.topic.size() + broker.size() +
                                                         body.size() + message.properties.size())));
    put_text(to, "{\"topic\":", message.topic);
    put_body(to, body, format_.json_body);
    if (!fields.keys.empty()) put_keys(to, fields.keys);
    if (!fields.tags.empty()) put_text(to, ",\"tags\":", fields.tags);
    put_map(to, ",\"properties\":", fields.user);
    if (!fields.shard.empty()) put_text(to, ",\"shard\":", fields.shard);
    put_text(to, ",\"id\":", fields.unique_key.empty() ? offset_id : fields.unique_key);
    put_plain(to, ",\"offset_id\":", offset_id);
    if (!broker.empty()) put_text(to, ",\"broker\":", broker);
    put_int(to, ",\"queue\":", message.queue_id);
    put_int(to, ",\"offset\":", message.queue_offset.value);
    put_int(to, ",\"log_offset\":", message.at.value);
    put_int(to, ",\"size\":", static_cast<std::int64_t>(message.bytes.size()));
    put_int(to, ",\"born_ts\":", message.born_ts_ms);
    put_int(to, ",\"store_ts\":", message.store_ts_ms);
    put_plain(to, ",\"born_host\":", reader_.born_host(message));
    put_plain(to, ",\"store_host\":", reader_.store_host(message));
    put_int(to, ",\"reconsume\":", message.reconsume_times);
    put_int(to, ",\"flag\":", message.flag);
    put_int(to, ",\"sys_flag\":", message.sys_flag);
    put_map(to, ",\"system\":", fields.system);
    to.put("}\n");
    out.commit(static_cast<std::size_t>(to.at() - reinterpret_cast<char*>(out.data()) -
                                        static_cast<std::ptrdiff_t>(out.size())));
}

}  // namespace mqd::record
