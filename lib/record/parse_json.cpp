#include <fmt/format.h>

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

Result<> JsonRecords::parse(std::string_view text, std::size_t readable_bytes, Record& into) {
    if (auto read = reader_.read(text, readable_bytes); !read)
        return Error{Errc::corrupt, read.error().what};
    has_body_ = false;
    for (const auto& member : reader_.members()) TRY_OK(take(member, into));
    if (!has_body_) return Error{Errc::corrupt, "neither 'body' nor 'body_b64' is there"};
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
    }
    return {};
}

}  // namespace mqd::record
