#include "json/writer.h"

#include <charconv>
#include <cmath>
#include <utility>

#include "json/escape.h"

namespace mqd::json {

void Writer::put(std::string_view json) {
    if (buffer_)
        buffer_->put(json);
    else
        string_->append(json);
}

void Writer::separate() {
    if (std::exchange(comma_due_, true)) put(",");
}

Writer& Writer::begin(char bracket) {
    separate();
    put({&bracket, 1});
    comma_due_ = false;
    return *this;
}

Writer& Writer::end(char bracket) {
    put({&bracket, 1});
    comma_due_ = true;
    return *this;
}

Writer& Writer::item(std::string_view json) {
    separate();
    put(json);
    return *this;
}

Writer& Writer::begin_object() {
    return begin('{');
}

Writer& Writer::end_object() {
    return end('}');
}

Writer& Writer::begin_array() {
    return begin('[');
}

Writer& Writer::end_array() {
    return end(']');
}

Writer& Writer::key(std::string_view name) {
    text(name);
    put(":");
    comma_due_ = false;
    return *this;
}

Writer& Writer::raw_key(std::string_view text) {
    item(text);
    put(":");
    comma_due_ = false;
    return *this;
}

Writer& Writer::text(std::string_view value) {
    separate();
    if (buffer_) {
        put_quoted(*buffer_, value);
    } else {
        quoted_.clear();
        put_quoted(quoted_, value);
        string_->append(quoted_.text());
    }
    return *this;
}

Writer& Writer::integer(std::int64_t value) {
    char digits[24];
    const auto [end, error] = std::to_chars(digits, digits + sizeof digits, value);
    return item({digits, static_cast<std::size_t>(end - digits)});
}

Writer& Writer::real(double value) {
    return item(real_text(value));
}

Writer& Writer::boolean(bool value) {
    return item(value ? "true" : "false");
}

Writer& Writer::null() {
    return item("null");
}

Writer& Writer::raw(std::string_view json) {
    return item(json);
}

Writer& Writer::value(const Value& value) {
    switch (value.kind()) {
        case Value::Kind::null:
            return null();
        case Value::Kind::boolean:
            return boolean(value.as_bool());
        case Value::Kind::integer:
            return integer(value.as_int());
        case Value::Kind::real:
            return real(value.as_real());
        case Value::Kind::text:
            return text(value.as_text());
        case Value::Kind::array:
            begin_array();
            for (const auto& item : value.items()) this->value(item);
            return end_array();
        case Value::Kind::object:
            begin_object();
            for (const auto& [name, member] : value.members()) key(name).value(member);
            return end_object();
    }
    return *this;
}

std::string real_text(double value) {
    if (!std::isfinite(value)) return "0.0";
    char digits[32];
    const auto [end, error] = std::to_chars(digits, digits + sizeof digits, value);
    std::string text(digits, end);
    if (text.find_first_of(".e") == std::string::npos) text += ".0";
    return text;
}

namespace {

void put_pretty(std::string& out, const Value& value, std::size_t depth) {
    const auto line = [&](std::size_t tabs) {
        out += '\n';
        out.append(tabs, '\t');
    };
    if (value.members().empty() && value.items().empty()) {
        out += to_text(value);
        return;
    }
    out += value.is_object() ? '{' : '[';
    const char* comma = "";
    for (const auto& item : value.items()) {
        out += std::exchange(comma, ",");
        line(depth + 1);
        put_pretty(out, item, depth + 1);
    }
    for (const auto& [name, member] : value.members()) {
        out += std::exchange(comma, ",");
        line(depth + 1);
        out += to_text(Value(name));
        out += ':';
        put_pretty(out, member, depth + 1);
    }
    line(depth);
    out += value.is_object() ? '}' : ']';
}

}  // namespace

std::string to_text(const Value& value, bool pretty) {
    std::string out;
    if (pretty)
        put_pretty(out, value, 0);
    else
        Writer(out).value(value);
    return out;
}

}  // namespace mqd::json
