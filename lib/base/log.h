#pragma once
// Log lines on stderr, one an event: `level event key=value ...` (or one JSON object a line).
// Event names are stable and listed in the daemons' man pages.
//
// Threads: any; a line is one write().

#include <fmt/format.h>

#include <concepts>
#include <initializer_list>
#include <string>
#include <string_view>

namespace mqd::log {

enum class Level { error, warn, info, debug };
enum class Style { text, json };

/// Before the first thread starts.
void configure(Level most_verbose, Style style);
bool enabled(Level level);

struct Field {
    std::string_view key;
    std::string value;

    Field(std::string_view k, std::string_view v) : key(k), value(v) {}
    Field(std::string_view k, const char* v) : key(k), value(v) {}
    Field(std::string_view k, std::string&& v) : key(k), value(std::move(v)) {}
    template <std::integral T>
    Field(std::string_view k, T v) : key(k), value(fmt::to_string(v)) {}
    template <std::floating_point T>
    Field(std::string_view k, T v) : key(k), value(fmt::to_string(v)) {}
};

void write(Level level, std::string_view event, std::initializer_list<Field> fields);

inline void error(std::string_view event, std::initializer_list<Field> fields = {}) {
    write(Level::error, event, fields);
}
inline void warn(std::string_view event, std::initializer_list<Field> fields = {}) {
    write(Level::warn, event, fields);
}
inline void info(std::string_view event, std::initializer_list<Field> fields = {}) {
    write(Level::info, event, fields);
}
inline void debug(std::string_view event, std::initializer_list<Field> fields = {}) {
    if (enabled(Level::debug)) write(Level::debug, event, fields);
}

}  // namespace mqd::log
