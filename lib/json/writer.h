#pragma once
// JSON out, strict but where an object is a key (mqd-remoting(7), JSON DIALECT). Appends to a
// Buffer or a std::string. That keys and values alternate is up to the caller.
//
// Threads: one at a time.

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "json/value.h"

namespace mqd::json {

class Writer {
public:
    explicit Writer(Buffer& out) : buffer_(&out) {}
    explicit Writer(std::string& out) : string_(&out) {}
    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;

    Writer& begin_object();
    Writer& end_object();
    Writer& begin_array();
    Writer& end_array();
    Writer& key(std::string_view name);
    /// `text` stands unquoted as the key: fastjson's object keys and nothing else.
    Writer& raw_key(std::string_view text);
    Writer& text(std::string_view value);  ///< invalid UTF-8 becomes U+FFFD
    Writer& integer(std::int64_t value);
    Writer& real(double value);  ///< always with a point or exponent; NaN and infinity as 0.0
    Writer& boolean(bool value);
    Writer& null();
    Writer& raw(std::string_view json);  ///< a whole value, already JSON
    Writer& value(const Value& value);

    // key and value in one
    Writer& member(std::string_view name, std::string_view v) { return key(name).text(v); }
    Writer& member(std::string_view name, const char* v) { return key(name).text(v); }
    Writer& member(std::string_view name, bool v) { return key(name).boolean(v); }
    Writer& member(std::string_view name, double v) { return key(name).real(v); }
    template <std::integral T>
    Writer& member(std::string_view name, T v) {
        return key(name).integer(static_cast<std::int64_t>(v));
    }

private:
    Writer& begin(char bracket);
    Writer& end(char bracket);
    Writer& item(std::string_view json);
    void separate();
    void put(std::string_view json);

    Buffer* buffer_ = nullptr;
    std::string* string_ = nullptr;
    Buffer quoted_;           // on its way to string_
    bool comma_due_ = false;  // once something on this level is complete
};

/// As Writer::real() writes it.
std::string real_text(double value);

/// Compact text of a tree; with `pretty`, one member or item a line after tabs, as fastjson
/// prints it (mqd-store(5), TABLES).
std::string to_text(const Value& value, bool pretty = false);

}  // namespace mqd::json
