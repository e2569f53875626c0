#pragma once
// A program of many commands, one table: `PROGRAM COMMAND [options]`, `PROGRAM help COMMAND`.
//
// Threads: one at a time.

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mqd::cli {

struct Command {
    std::string_view name;
    std::string_view purpose;
    /// Gets the arguments after its name; gives the exit status.
    int (*run)(const std::vector<std::string>& arguments);
};

struct Program {
    std::string_view name;
    std::string_view purpose;
    std::span<const Command> commands;
    std::vector<std::pair<std::string_view, std::string_view>> examples;
};

/// Runs the command that argv names, whatever its case; lists them, helps, or gives status 2.
int run_program(const Program& program, int argc, const char* const* argv);

/// Edits that lead from one word to the other, for hints.
std::size_t edit_distance(std::string_view a, std::string_view b);

}  // namespace mqd::cli
