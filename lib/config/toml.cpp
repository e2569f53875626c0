// toml.hpp takes 11 s to compile: it is included here and nowhere else.
#include <toml.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "base/parse.h"
#include "config/file.h"

namespace mqd::config {
namespace {

using Toml = toml::value;

std::size_t offset_of(std::string_view text, std::size_t line, std::size_t column) {
    std::size_t at = 0;
    for (std::size_t i = 1; i < line; ++i) {
        const auto end = text.find('\n', at);
        if (end == std::string_view::npos) return text.size();
        at = end + 1;
    }
    return std::min(text.size(), at + column - 1);
}

std::string text_of(const Toml& value) {
    if (value.is_string()) return value.as_string().str;
    if (value.is_integer()) return fmt::to_string(value.as_integer());
    if (value.is_boolean()) return value.as_boolean() ? "true" : "false";
    if (value.is_floating()) return fmt::to_string(value.as_floating());
    if (value.is_array()) {
        std::string all;
        for (const auto& item : value.as_array()) {
            if (!all.empty()) all += ';';
            all += text_of(item);
        }
        return all;
    }
    std::ostringstream date;
    date << value;
    return date.str();
}

void flatten(std::string_view text, const std::string& prefix, const Toml& table,
             std::vector<Entry>& out) {
    for (const auto& [key, value] : table.as_table()) {
        auto name = prefix + key;
        if (value.is_table()) {
            flatten(text, name + '.', value, out);
            continue;
        }
        const auto where = value.location();
        const auto begin = offset_of(text, where.line(), where.column());
        const auto end = std::min(text.size(), begin + where.region());
        out.push_back({std::move(name), text_of(value), where.line(), begin, end});
    }
}

// toml11's messages are drawings of several lines; the first says what and the one with ` --> `
// or a number before `|` says where.
Error complaint(std::string_view message, std::string_view name) {
    std::string_view what = message.substr(0, message.find('\n'));
    if (what.starts_with("[error] ")) what.remove_prefix(8);
    if (what.starts_with("toml::")) {
        const auto colon = what.find(": ");
        if (colon != std::string_view::npos) what.remove_prefix(colon + 2);
    }
    std::size_t line = 1;  // of two places, the second is the one to mend
    for (std::size_t at = message.find('\n'); at != std::string_view::npos;
         at = message.find('\n', at + 1)) {
        const auto digits = trimmed(message.substr(at + 1, message.find('|', at) - at - 1));
        if (const auto number = parse_int<std::size_t>(digits)) line = *number;
    }
    return Error{Errc::invalid, fmt::format("{}:{}: {}", name, line, what)};
}

}  // namespace

Result<std::vector<Entry>> parse_toml(std::string_view text, std::string_view name) {
    try {
        std::istringstream in{std::string(text)};
        const auto root = toml::parse(in, std::string(name));
        std::vector<Entry> out;
        flatten(text, "", root, out);
        std::sort(out.begin(), out.end(),
                  [](const Entry& a, const Entry& b) { return a.value_begin < b.value_begin; });
        return out;
    } catch (const std::exception& problem) {
        return complaint(problem.what(), name);
    }
}

}  // namespace mqd::config
