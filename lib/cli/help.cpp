// The --help page, from the option table.

#include <fmt/format.h>

#include "base/parse.h"
#include "cli/parser.h"

namespace mqd::cli {
namespace {

constexpr std::size_t help_column = 30;
constexpr std::size_t line_max = 96;

std::string left_side(const Option& option) {
    if (option.positional()) return "  " + option.value;
    std::string out = option.names[0].starts_with("--") ? "      " : "  ";
    for (std::size_t i = 0; i < option.names.size(); ++i) {
        if (i > 0) out += ", ";
        out += option.names[i];
    }
    if (!option.value.empty()) out += " " + option.value;
    return out;
}

void append_row(std::string& out, const Option& option) {
    std::string line = left_side(option);
    if (line.size() + 2 > help_column) {
        out += line + '\n';
        line.clear();
    }
    line.resize(help_column, ' ');
    bool first = true;
    for (const auto word : split(option.help, ' ')) {
        if (!first && line.size() + 1 + word.size() > line_max) {
            out += line + '\n';
            line.assign(help_column, ' ');
            first = true;
        }
        if (!first) line += ' ';
        line += word;
        first = false;
    }
    out += line + '\n';
}

}  // namespace

std::string Parser::synopsis() const {
    std::string out = program_;
    bool more = false;
    for (const auto& option : options_) {
        if (option.positional()) continue;
        if (option.required) {
            out += fmt::format(" {} {}", option.names[0], option.value);
        } else {
            more = true;
        }
    }
    if (more) out += " [options]";
    for (const auto& option : options_) {
        if (!option.positional()) continue;
        const auto dots = option.repeats ? "..." : "";
        out += option.required ? fmt::format(" {}{}", option.value, dots)
                               : fmt::format(" [{}{}]", option.value, dots);
    }
    return out;
}

std::string Parser::help() const {
    std::string out = fmt::format("usage: {}\n\n{}\n", synopsis(), purpose_);
    constexpr std::size_t always = 4;  // --help, --version, -q, -v: every tool's, so they come last
    std::size_t section = 0;
    if (sections_.empty() || sections_[0].before > always) out += "\n";
    for (std::size_t i = always; i < options_.size(); ++i) {
        for (; section < sections_.size() && sections_[section].before <= i; ++section)
            out += fmt::format("\n{}:\n", sections_[section].title);
        append_row(out, options_[i]);
    }
    if (options_.size() > always) out += "\n";
    for (std::size_t i = 0; i < always; ++i) append_row(out, options_[i]);
    if (!examples_.empty()) out += "\nexamples:\n";
    for (const auto& [command, what] : examples_)
        out += fmt::format("  {}\n      {}\n", command, what);
    return out;
}

}  // namespace mqd::cli
