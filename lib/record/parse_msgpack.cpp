#define MSGPACK_NO_BOOST
#include <fmt/format.h>

#include <limits>
#include <msgpack.hpp>

#include "record/parse_record.h"

namespace mqd::record {
namespace {

using msgpack::object;
using msgpack::object_kv;

Error wrong(std::string_view key, std::string_view wanted) {
    return {Errc::corrupt, fmt::format("'{}' is not {}", key, wanted)};
}

std::optional<std::string_view> text_of(const object& value) {
    if (value.type == msgpack::type::STR)
        return std::string_view(value.via.str.ptr, value.via.str.size);
    if (value.type == msgpack::type::BIN)
        return std::string_view(value.via.bin.ptr, value.via.bin.size);
    return std::nullopt;
}

Result<std::string_view> text_of(std::string_view key, const object& value) {
    const auto text = text_of(value);
    if (!text) return wrong(key, "a string");
    return *text;
}

template <class Int>
Result<Int> int_of(std::string_view key, const object& value) {
    const bool positive = value.type == msgpack::type::POSITIVE_INTEGER;
    if (!positive && value.type != msgpack::type::NEGATIVE_INTEGER) return wrong(key, "an integer");
    const bool fits =
        positive ? value.via.u64 <= static_cast<std::uint64_t>(std::numeric_limits<Int>::max())
                 : value.via.i64 >= std::numeric_limits<Int>::min();
    if (!fits) return wrong(key, "an integer that fits");
    return static_cast<Int>(positive ? static_cast<std::int64_t>(value.via.u64) : value.via.i64);
}

Result<> take(std::string_view key, const object& value, Record& into, bool& has_body,
              std::vector<std::string_view>& unknown_keys) {
    if (key == "body") {
        has_body = true;
        TRY(into.body, text_of(key, value));
    } else if (key == "topic") {
        TRY(into.topic, text_of(key, value));
    } else if (key == "tags") {
        TRY(into.tags, text_of(key, value));
    } else if (key == "shard") {
        TRY(into.shard, text_of(key, value));
    } else if (key == "flag") {
        TRY(into.flag, int_of<std::int32_t>(key, value));
    } else if (key == "delay_level") {
        TRY(into.delay_level, int_of<std::int32_t>(key, value));
    } else if (key == "deliver_at") {
        TRY(into.deliver_at_ms, int_of<std::int64_t>(key, value));
    } else if (key == "keys") {
        if (value.type != msgpack::type::ARRAY) return wrong(key, "an array of strings");
        for (std::uint32_t i = 0; i < value.via.array.size; ++i) {
            const auto text = text_of(value.via.array.ptr[i]);
            if (!text) return wrong(key, "an array of strings");
            into.keys.push_back(*text);
        }
    } else if (key == "properties") {
        if (value.type != msgpack::type::MAP) return wrong(key, "a map of strings");
        for (std::uint32_t i = 0; i < value.via.map.size; ++i) {
            const auto name = text_of(value.via.map.ptr[i].key);
            const auto text = text_of(value.via.map.ptr[i].val);
            if (!name || !text) return wrong(key, "a map of strings");
            into.properties.push_back({*name, *text});
        }
    } else if (!is_place_key(key)) {
        unknown_keys.push_back(key);
    }
    return {};
}

Result<> take_map(const object& value, Record& into, std::vector<std::string_view>& unknown_keys) {
    if (value.type != msgpack::type::MAP) return Error{Errc::corrupt, "not a map"};
    bool has_body = false;
    for (std::uint32_t i = 0; i < value.via.map.size; ++i) {
        const object_kv& pair = value.via.map.ptr[i];
        const auto key = text_of(pair.key);
        if (!key) return Error{Errc::corrupt, "a key is not a string"};
        TRY_OK(take(*key, pair.val, into, has_body, unknown_keys));
    }
    if (!has_body) return Error{Errc::corrupt, "there is no 'body'"};
    return {};
}

// Strings and bodies stay where they are.
bool refer(msgpack::type::object_type, std::size_t, void*) {
    return true;
}

}  // namespace

struct MsgpackRecords::State {
    msgpack::zone zone{64 << 10};
};

MsgpackRecords::MsgpackRecords() : state_(std::make_unique<State>()) {}
MsgpackRecords::~MsgpackRecords() = default;

MsgpackRecords::Parsed MsgpackRecords::parse(std::string_view bytes, Record& into) {
    // What the input claims is limited by what it has: a claimed count costs memory at once.
    constexpr std::size_t items_max = 1 << 16;
    const msgpack::unpack_limit limit(items_max, items_max,
                                      std::numeric_limits<std::uint32_t>::max(),
                                      std::numeric_limits<std::uint32_t>::max(), 0, 64);
    Parsed out;
    state_->zone.clear();
    unknown_keys_.clear();
    try {
        bool referenced = false;
        const auto value = msgpack::unpack(state_->zone, bytes.data(), bytes.size(), out.bytes,
                                           referenced, refer, nullptr, limit);
        out.record = take_map(value, into, unknown_keys_);
    } catch (const msgpack::insufficient_bytes&) {
        out.bytes = 0;
    } catch (const std::exception& error) {
        out.broken = true;
        out.record = Error{Errc::corrupt, fmt::format("not msgpack: {}", error.what())};
    }
    return out;
}

}  // namespace mqd::record
