#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/parse.h"
#include "record/parse_record.h"

namespace mqd::record {
namespace {

using json::ObjectReader;
using Kind = ObjectReader::Kind;
using Member = ObjectReader::Member;

Error wrong(const Member& member, std::string_view wanted) {
    return {Errc::corrupt, fmt::format("'{}' is not {}", member.key, wanted)};
}

Result<std::string_view> text_of(const Member& member) {
    if (member.kind != Kind::text) return wrong(member, "a string");
    return member.text;
}

template <class Int>
Result<Int> int_of(const Member& member) {
    const auto number = parse_int<Int>(member.text);
    if (member.kind != Kind::number || !number) return wrong(member, "an integer that fits");
    return *number;
}

}  // namespace

bool is_place_key(std::string_view key) {
    constexpr std::array<std::string_view, 14> keys = {
        "id",      "offset_id", "broker",    "queue",      "offset",    "log_offset", "size",
        "born_ts", "store_ts",  "born_host", "store_host", "reconsume", "sys_flag",   "system"};
    return std::find(keys.begin(), keys.end(), key) != keys.end();
}

Result<> JsonRecords::parse(std::string_view text, std::size_t readable_bytes, Record& into) {
    if (auto read = reader_.read(text, readable_bytes); !read)
        return Error{Errc::corrupt, read.error().what};
    has_body_ = false;
    unknown_keys_.clear();
    for (const auto& member : reader_.members()) TRY_OK(take(member, into));
    if (!has_body_) return Error{Errc::corrupt, "there is neither a 'body' nor a 'body_b64'"};
    return {};
}

Result<> JsonRecords::take(const Member& member, Record& into) {
    const auto key = member.key;
    if (key == "body") {
        has_body_ = true;
        if (member.kind == Kind::object || member.kind == Kind::array) {
            ObjectReader::minify(member.text, body_);
            into.body = body_;
        } else {
            into.body = member.text;
        }
    } else if (key == "body_b64") {
        has_body_ = true;
        TRY(const auto text, text_of(member));
        auto decoded = base64_decode(text);
        if (!decoded) return wrong(member, "base64");
        body_ = std::move(*decoded);
        into.body = body_;
    } else if (key == "topic") {
        TRY(into.topic, text_of(member));
    } else if (key == "tags") {
        TRY(into.tags, text_of(member));
    } else if (key == "shard") {
        TRY(into.shard, text_of(member));
    } else if (key == "flag") {
        TRY(into.flag, int_of<std::int32_t>(member));
    } else if (key == "delay_level") {
        TRY(into.delay_level, int_of<std::int32_t>(member));
    } else if (key == "deliver_at") {
        TRY(into.deliver_at_ms, int_of<std::int64_t>(member));
    } else if (key == "keys") {
        if (member.kind == Kind::text) {
            into.keys.push_back(member.text);
            return {};
        }
        if (member.kind != Kind::array) return wrong(member, "an array of strings");
        for (const auto& item : reader_.children(member)) {
            if (item.kind != Kind::text) return wrong(member, "an array of strings");
            into.keys.push_back(item.text);
        }
    } else if (key == "properties") {
        if (member.kind != Kind::object) return wrong(member, "a map of strings");
        for (const auto& property : reader_.children(member)) {
            if (property.kind != Kind::text) return wrong(member, "a map of strings");
            into.properties.push_back({property.key, property.text});
        }
    } else if (!is_place_key(key)) {
        unknown_keys_.push_back(key);
    }
    return {};
}

}  // namespace mqd::record
