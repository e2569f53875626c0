#include "json/object_reader.h"

#include <fmt/format.h>
#include <simdjson.h>

namespace mqd::json {
namespace {

namespace od = simdjson::ondemand;
using simdjson::error_code;
using simdjson::SUCCESS;
using Member = ObjectReader::Member;
using Kind = ObjectReader::Kind;

constexpr int depth_max = 64;

std::string_view without_blanks_behind(std::string_view text) {
    const auto last = text.find_last_not_of(" \t\r\n");
    return text.substr(0, last == std::string_view::npos ? 0 : last + 1);
}

// The grammar only: simdjson's own check refuses what does not fit 64 bits.
bool is_number(std::string_view text) {
    std::size_t at = 0;
    const auto digits = [&] {
        const auto from = at;
        while (at < text.size() && text[at] >= '0' && text[at] <= '9') ++at;
        return at - from;
    };
    if (at < text.size() && text[at] == '-') ++at;
    const bool zero = at < text.size() && text[at] == '0';
    const auto whole = digits();
    if (whole == 0 || (zero && whole > 1)) return false;
    if (at < text.size() && text[at] == '.') {
        ++at;
        if (digits() == 0) return false;
    }
    if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
        ++at;
        if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
        if (digits() == 0) return false;
    }
    return at == text.size();
}

/// Most keys stand in the input as they are meant.
error_code read_key(od::field& field, std::string_view& key) {
    const char* const begin = field.key().raw();
    const char* end = begin;
    while (*end != '"' && *end != '\\') ++end;
    if (*end == '\\') return field.unescaped_key().get(key);
    key = {begin, end};
    return SUCCESS;
}

// By reference throughout: simdjson's values and fields are large, and made again at each step.
error_code walk(od::value& value, int depth, Member& into, std::vector<Member>* children);

error_code walk_object(od::object& object, int depth, std::vector<Member>* children) {
    for (auto next : object) {
        Member child;
        if (next.error()) return next.error();
        od::field&& field = std::move(next).value_unsafe();
        if (const auto e = read_key(field, child.key)) return e;
        if (const auto e = walk(field.second, depth + 1, child, nullptr)) return e;
        if (children != nullptr) children->push_back(child);
    }
    return SUCCESS;
}

error_code walk_array(od::array& array, int depth, std::vector<Member>* children) {
    for (auto item : array) {
        Member child;
        if (item.error()) return item.error();
        od::value&& inner = std::move(item).value_unsafe();
        if (const auto e = walk(inner, depth + 1, child, nullptr)) return e;
        if (children != nullptr) children->push_back(child);
    }
    return SUCCESS;
}

error_code walk(od::value& value, int depth, Member& into, std::vector<Member>* children) {
    if (depth > depth_max) return simdjson::DEPTH_ERROR;
    od::json_type type{};
    if (const auto e = value.type().get(type)) return e;
    switch (type) {
        case od::json_type::string: {
            into.kind = Kind::text;
            return value.get_string().get(into.text);
        }
        case od::json_type::number: {
            into.kind = Kind::number;
            // Not converted: who iterates over the members moves on after it by itself.
            into.text = without_blanks_behind(value.raw_json_token());
            return is_number(into.text) ? SUCCESS : simdjson::NUMBER_ERROR;
        }
        case od::json_type::boolean: {
            into.kind = Kind::boolean;
            bool flag = false;
            if (const auto e = value.get_bool().get(flag)) return e;
            into.text = flag ? "true" : "false";
            return SUCCESS;
        }
        case od::json_type::null: {
            into.kind = Kind::null;
            into.text = "null";
            bool is_null = false;
            if (const auto e = value.is_null().get(is_null)) return e;
            return is_null ? SUCCESS : simdjson::N_ATOM_ERROR;
        }
        case od::json_type::object: {
            into.kind = Kind::object;
            od::object object;
            if (const auto e = value.get_object().get(object)) return e;
            if (children != nullptr) {
                if (const auto e = object.raw_json().get(into.text)) return e;
                if (const auto e = object.reset().error()) return e;
            }
            return walk_object(object, depth, children);
        }
        case od::json_type::array: {
            into.kind = Kind::array;
            od::array array;
            if (const auto e = value.get_array().get(array)) return e;
            if (children != nullptr) {
                if (const auto e = array.raw_json().get(into.text)) return e;
                if (const auto e = array.reset().error()) return e;
            }
            return walk_array(array, depth, children);
        }
    }
    return simdjson::TAPE_ERROR;
}

}  // namespace

struct ObjectReader::State {
    od::parser parser;
};

ObjectReader::ObjectReader() : state_(std::make_unique<State>()) {}
ObjectReader::~ObjectReader() = default;

Result<> ObjectReader::read(std::string_view text, std::size_t readable_bytes) {
    static_assert(padding_bytes >= simdjson::SIMDJSON_PADDING);
    check(readable_bytes >= text.size() + padding_bytes);
    members_.clear();
    children_.clear();
    const auto read_all = [&]() -> error_code {
        od::document document;
        const auto e =
            state_->parser.iterate(text.data(), text.size(), readable_bytes).get(document);
        if (e) return e;
        od::object object;
        if (const auto o = document.get_object().get(object)) return o;
        for (auto next : object) {
            auto& member = members_.emplace_back();
            if (next.error()) return next.error();
            od::field&& field = std::move(next).value_unsafe();
            if (const auto k = read_key(field, member.key)) return k;
            member.first_child = static_cast<std::uint32_t>(children_.size());
            if (const auto w = walk(field.second, 1, member, &children_)) return w;
            member.child_count = static_cast<std::uint32_t>(children_.size()) - member.first_child;
        }
        // simdjson has no other way to ask whether something stands after the object.
        return document.current_location().error() == simdjson::OUT_OF_BOUNDS
                   ? SUCCESS
                   : simdjson::TRAILING_CONTENT;
    };
    if (const auto error = read_all()) {
        members_.clear();
        children_.clear();
        return Error{Errc::invalid,
                     error == simdjson::INCORRECT_TYPE
                         ? "not a JSON object"
                         : fmt::format("not JSON: {}", simdjson::error_message(error))};
    }
    return {};
}

void ObjectReader::minify(std::string_view json, std::string& out) {
    out.resize(json.size() + padding_bytes);  // it writes whole blocks
    std::size_t written = 0;
    const auto error = simdjson::minify(json.data(), json.size(), out.data(), written);
    out.resize(error ? 0 : written);
}

}  // namespace mqd::json
