#pragma once
// What the bodies share. A body is a struct with
//
//   static T from(const json::Value& value);          // lenient: what is missing has its default
//   static Result<T> read(std::string_view body);     // from() of a JSON object
//   void write(json::Writer& out) const;              // strict, members in alphabetical order
//
// Names of RocketMQ's enums travel as text; C++ and Python clients send their ordinals
// (mqd-remoting(7), HEARTBEATS), so both are read.
//
// Threads: value types.

#include <array>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "json/value.h"
#include "json/writer.h"

namespace mqd::wire {

/// invalid: not JSON, or no object.
template <class T>
Result<T> read_body(std::string_view body) {
    TRY(const auto value, json::parse(body));
    if (!value.is_object()) return Error{Errc::invalid, "the body is no JSON object"};
    return T::from(value);
}

/// What `body.write()` writes.
template <class T>
std::string to_body(const T& body) {
    std::string text;
    json::Writer out(text);
    body.write(out);
    return text;
}

namespace detail {

/// `otherwise` too for what does not fit.
inline std::int32_t int32_of(const json::Value& value, std::int32_t otherwise = 0) {
    using Limits = std::numeric_limits<std::int32_t>;
    const auto wide = value.as_int(otherwise);
    return wide < Limits::min() || wide > Limits::max() ? otherwise
                                                        : static_cast<std::int32_t>(wide);
}

/// The enum value of that name or ordinal; E's values are the indexes of `names`.
template <class E, std::size_t n>
E enum_of(const json::Value& value, const std::array<std::string_view, n>& names, E otherwise) {
    const auto text = value.as_text();
    for (std::size_t i = 0; i < n; ++i)
        if (text == names[i] || text == std::to_string(i)) return static_cast<E>(i);
    return otherwise;
}

inline std::vector<std::string> texts_of(const json::Value& value) {
    std::vector<std::string> texts;
    for (const auto& item : value.items()) texts.push_back(item.as_text());
    return texts;
}

inline void write_texts(json::Writer& out, const std::vector<std::string>& texts) {
    out.begin_array();
    for (const auto& text : texts) out.text(text);
    out.end_array();
}

/// For members that are one object after the other.
template <class T>
std::vector<T> list_of(const json::Value& value) {
    std::vector<T> list;
    for (const auto& item : value.items())
        if (item.is_object()) list.push_back(T::from(item));
    return list;
}

template <class T>
void write_list(json::Writer& out, const std::vector<T>& list) {
    out.begin_array();
    for (const auto& item : list) item.write(out);
    out.end_array();
}

}  // namespace detail
}  // namespace mqd::wire
