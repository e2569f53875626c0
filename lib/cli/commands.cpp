#include "cli/commands.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "cli/exit.h"
#include "cli/output.h"
#include "cli/parser.h"
#include "cli/table.h"

namespace mqd::cli {
namespace {

std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return out;
}

const Command* find(const Program& program, std::string_view name) {
    for (const auto& command : program.commands)
        if (lower(command.name) == lower(name)) return &command;
    return nullptr;
}

std::string overview(const Program& program) {
    auto out = fmt::format("usage: {} COMMAND [options]\n\n{}\n\ncommands:\n", program.name,
                           program.purpose);
    std::size_t width = 0;
    for (const auto& command : program.commands) width = std::max(width, command.name.size());
    for (const auto& command : program.commands)
        out += fmt::format("  {:{}}  {}\n", command.name, width, command.purpose);
    out += fmt::format("  {:{}}  {}\n", "help", width, "print the options of a command");
    out += "\nexamples:\n";
    for (const auto& [command, what] : program.examples)
        out += fmt::format("  {}\n      {}\n", command, what);
    return out;
}

int unknown(const Program& program, std::string_view name) {
    std::string_view nearest;
    std::size_t best = std::min<std::size_t>(name.size() / 2 + 2, 4);
    for (const auto& command : program.commands) {
        const auto d = edit_distance(lower(command.name), lower(name));
        if (d < best) {
            best = d;
            nearest = command.name;
        }
    }
    const Parser parser(program.name, program.purpose);
    return parser.usage_error(
        nearest.empty() ? fmt::format("there is no command '{}'", name)
                        : fmt::format("there is no command '{}'; did you mean {}?", name, nearest));
}

int print(const Program& program, const std::string& text) {
    return Parser(program.name, program.purpose).finish(write_out(text));
}

}  // namespace

std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = std::exchange(row[0], i);
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = std::exchange(row[j], std::min({changed, row[j] + 1, row[j - 1] + 1}));
        }
    }
    return row[b.size()];
}

int run_program(const Program& program, int argc, const char* const* argv) {
    hold_standard_streams();
    std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
    if (arguments.empty()) {
        std::fputs(overview(program).c_str(), stderr);
        return exit_status::usage;
    }
    const auto name = arguments.front();
    if (name == "-h" || name == "--help") return print(program, overview(program));
    if (name == "--version")
        return print(program, fmt::format("{} {}\n", program.name, MQD_VERSION));
    if (lower(name) == "help") {
        if (arguments.size() == 1) return print(program, overview(program));
        const auto* command = find(program, arguments[1]);
        return command != nullptr ? command->run({"--help"}) : unknown(program, arguments[1]);
    }
    const auto* command = find(program, name);
    if (command == nullptr) return unknown(program, name);
    arguments.erase(arguments.begin());
    return command->run(arguments);
}

}  // namespace mqd::cli
