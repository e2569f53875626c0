#include "json/writer.h"

#include <rapidjson/writer.h>

#include <charconv>
#include <cmath>

#include "base/parse.h"

namespace mqd::json {

namespace {

/// RapidJSON's idea of an output stream.
struct Sink {
    using Ch = char;

    void Put(char c) {
        if (buffer)
            buffer->put_char(c);
        else
            text->push_back(c);
    }
    void Flush() {}

    Buffer* buffer;
    std::string* text;
};

rapidjson::SizeType size_of(std::string_view text) {
    return static_cast<rapidjson::SizeType>(text.size());
}

}  // namespace

struct Writer::State {
    Sink sink;
    rapidjson::Writer<Sink> json{sink};
};

Writer::Writer(Buffer& out) : state_(new State{{&out, nullptr}}) {}
Writer::Writer(std::string& out) : state_(new State{{nullptr, &out}}) {}
Writer::~Writer() = default;

Writer& Writer::begin_object() {
    state_->json.StartObject();
    return *this;
}

Writer& Writer::end_object() {
    state_->json.EndObject();
    return *this;
}

Writer& Writer::begin_array() {
    state_->json.StartArray();
    return *this;
}

Writer& Writer::end_array() {
    state_->json.EndArray();
    return *this;
}

Writer& Writer::key(std::string_view name) {
    return text(name);
}

Writer& Writer::raw_key(std::string_view text) {
    // As a "string", because RapidJSON checks that nothing else stands where a key belongs.
    state_->json.RawValue(text.data(), text.size(), rapidjson::kStringType);
    return *this;
}

Writer& Writer::text(std::string_view value) {
    if (is_utf8(value)) {
        state_->json.String(value.data(), size_of(value));
    } else {
        const auto repaired = repaired_utf8(value);
        state_->json.String(repaired.data(), size_of(repaired));
    }
    return *this;
}

Writer& Writer::integer(std::int64_t value) {
    state_->json.Int64(value);
    return *this;
}

Writer& Writer::real(double value) {
    const auto text = real_text(value);
    state_->json.RawValue(text.data(), text.size(), rapidjson::kNumberType);
    return *this;
}

Writer& Writer::boolean(bool value) {
    state_->json.Bool(value);
    return *this;
}

Writer& Writer::null() {
    state_->json.Null();
    return *this;
}

Writer& Writer::raw(std::string_view json) {
    state_->json.RawValue(json.data(), json.size(), rapidjson::kObjectType);
    return *this;
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

std::string repaired_utf8(std::string_view text) {
    std::string out;
    out.reserve(text.size() + 8);
    while (!text.empty()) {
        // The longest character is 4 bytes; the shortest prefix that is valid is one character.
        std::size_t bytes = 1;
        while (bytes <= 4 && bytes <= text.size() && !is_utf8(text.substr(0, bytes))) ++bytes;
        if (bytes > 4 || bytes > text.size()) {
            out += "\xef\xbf\xbd";
            bytes = 1;
        } else {
            out += text.substr(0, bytes);
        }
        text.remove_prefix(bytes);
    }
    return out;
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
