#pragma once
// JSON out, strict but where an object is a key (spec remoting.md 7.3). Over RapidJSON's Writer;
// appends to a Buffer or a std::string.
//
// Threads: one at a time.

#include <concepts>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "json/value.h"

namespace mqd::json {

class Writer {
public:
    explicit Writer(Buffer& out);
    explicit Writer(std::string& out);
    ~Writer();
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
    struct State;  // keeps RapidJSON out of this header
    std::unique_ptr<State> state_;
};

/// As Writer::real() writes it.
std::string real_text(double value);
/// `text` with every byte that is no UTF-8 replaced by U+FFFD.
std::string repaired_utf8(std::string_view text);

/// Compact text of a tree; with `pretty`, one member or item a line behind tabs, as fastjson
/// prints it (spec store.md 7.1).
std::string to_text(const Value& value, bool pretty = false);

}  // namespace mqd::json
