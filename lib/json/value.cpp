#include "json/value.h"

#include <charconv>
#include <cmath>

#include "base/check.h"
#include "base/parse.h"
#include "json/writer.h"

namespace mqd::json {

namespace {

const Value null_value;

}  // namespace

Value Value::array(std::vector<Value> items) {
    Value out;
    out.data_ = std::move(items);
    return out;
}

Value Value::object(std::vector<Member> members) {
    Value out;
    out.data_ = std::move(members);
    return out;
}

const Value* Value::find(std::string_view name) const {
    for (const auto& [key, value] : members())
        if (key == name) return &value;
    return nullptr;
}

const Value& Value::operator[](std::string_view name) const {
    const auto* found = find(name);
    return found ? *found : null_value;
}

bool Value::has(std::string_view name) const {
    return find(name) != nullptr;
}

const std::vector<Value::Member>& Value::members() const {
    static const std::vector<Member> none;
    const auto* members = std::get_if<std::vector<Member>>(&data_);
    return members ? *members : none;
}

const std::vector<Value>& Value::items() const {
    static const std::vector<Value> none;
    const auto* items = std::get_if<std::vector<Value>>(&data_);
    return items ? *items : none;
}

void Value::set(std::string name, Value value) {
    if (is_null()) data_.emplace<std::vector<Member>>();
    auto* members = std::get_if<std::vector<Member>>(&data_);
    check(members != nullptr);
    for (auto& member : *members) {
        if (member.first != name) continue;
        member.second = std::move(value);
        return;
    }
    members->emplace_back(std::move(name), std::move(value));
}

void Value::push(Value value) {
    if (is_null()) data_.emplace<std::vector<Value>>();
    auto* items = std::get_if<std::vector<Value>>(&data_);
    check(items != nullptr);
    items->push_back(std::move(value));
}

std::int64_t Value::as_int(std::int64_t otherwise) const {
    switch (kind()) {
        case Kind::boolean:
            return *std::get_if<bool>(&data_) ? 1 : 0;
        case Kind::integer:
            return *std::get_if<std::int64_t>(&data_);
        case Kind::real: {
            const double value = *std::get_if<double>(&data_);
            // Outside of int64 (or NaN) the cast would be undefined.
            if (!(value >= -0x1p63 && value < 0x1p63)) return otherwise;
            return static_cast<std::int64_t>(value);
        }
        case Kind::text:
            return parse_int<std::int64_t>(*std::get_if<std::string>(&data_)).value_or(otherwise);
        default:
            return otherwise;
    }
}

double Value::as_real(double otherwise) const {
    switch (kind()) {
        case Kind::boolean:
            return *std::get_if<bool>(&data_) ? 1 : 0;
        case Kind::integer:
            return static_cast<double>(*std::get_if<std::int64_t>(&data_));
        case Kind::real:
            return *std::get_if<double>(&data_);
        case Kind::text: {
            const auto& text = *std::get_if<std::string>(&data_);
            double value = 0;
            const auto [end, error] =
                std::from_chars(text.data(), text.data() + text.size(), value);
            const bool whole = error == std::errc{} && end == text.data() + text.size();
            return whole && std::isfinite(value) ? value : otherwise;
        }
        default:
            return otherwise;
    }
}

bool Value::as_bool(bool otherwise) const {
    switch (kind()) {
        case Kind::boolean:
            return *std::get_if<bool>(&data_);
        case Kind::integer:
            return *std::get_if<std::int64_t>(&data_) != 0;
        case Kind::text: {
            const auto& text = *std::get_if<std::string>(&data_);
            if (text == "true" || text == "TRUE" || text == "True" || text == "1") return true;
            if (text == "false" || text == "FALSE" || text == "False" || text == "0") return false;
            return otherwise;
        }
        default:
            return otherwise;
    }
}

std::string Value::as_text(std::string_view otherwise) const {
    switch (kind()) {
        case Kind::boolean:
            return *std::get_if<bool>(&data_) ? "true" : "false";
        case Kind::integer:
            return std::to_string(*std::get_if<std::int64_t>(&data_));
        case Kind::real:
            return real_text(*std::get_if<double>(&data_));
        case Kind::text:
            return *std::get_if<std::string>(&data_);
        default:
            return std::string(otherwise);
    }
}

}  // namespace mqd::json
