#include "base/log.h"

#include <unistd.h>

#include <atomic>
#include <ctime>

#include "base/clock.h"

namespace mqd::log {
namespace {

std::atomic<Level> g_level = Level::info;
std::atomic<Style> g_style = Style::text;

std::string_view name(Level level) {
    switch (level) {
        case Level::error:
            return "error";
        case Level::warn:
            return "warn";
        case Level::info:
            return "info";
        case Level::debug:
            return "debug";
    }
    return "?";
}

void quote(std::string& out, std::string_view value) {
    out += '"';
    for (const char c : value) {
        const auto u = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (u < 0x20 || u == 0x7f) {
            fmt::format_to(std::back_inserter(out), "\\u{:04x}", u);
        } else {
            out += c;
        }
    }
    out += '"';
}

bool needs_quotes(std::string_view value) {
    if (value.empty()) return true;
    for (const char c : value)
        if (static_cast<unsigned char>(c) <= 0x20 || c == '"' || c == '=' || c == 0x7f) return true;
    return false;
}

}  // namespace

void configure(Level most_verbose, Style style) {
    g_level = most_verbose;
    g_style = style;
}

bool enabled(Level level) {
    return level <= g_level.load(std::memory_order_relaxed);
}

void write(Level level, std::string_view event, std::initializer_list<Field> fields) {
    if (!enabled(level)) return;
    std::string line;
    const std::int64_t now = wall_ms();
    const std::time_t seconds = now / 1000;
    std::tm utc{};
    gmtime_r(&seconds, &utc);
    const auto stamp =
        fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", utc.tm_year + 1900,
                    utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, now % 1000);
    if (g_style.load(std::memory_order_relaxed) == Style::json) {
        line = fmt::format(R"({{"time":"{}","level":"{}","event":"{}")", stamp, name(level), event);
        for (const auto& field : fields) {
            line += ',';
            quote(line, field.key);
            line += ':';
            quote(line, field.value);
        }
        line += "}\n";
    } else {
        line = fmt::format("{} {:<5} {}", stamp, name(level), event);
        for (const auto& field : fields) {
            line += ' ';
            line += field.key;
            line += '=';
            if (needs_quotes(field.value)) {
                quote(line, field.value);
            } else {
                line += field.value;
            }
        }
        line += '\n';
    }
    // A log that cannot be written has nowhere to complain to.
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace mqd::log
