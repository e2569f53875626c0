#pragma once
// A command of the user's, run by /bin/sh with bytes on its standard input. They are given as a
// file, not through a pipe: a command that does not read them is no error, one that reads them
// slowly blocks nobody, and nothing is to be written while it runs.
//
// Each command has a process group of its own, so that a terminal's interrupt is the tool's to
// deal with; a second signal, which ends the tool at once, is passed on to all that run.
//
// Threads: one.
// Owner:   whoever waits for the command; destroying it does not end the command.

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace mqd::cli {

class Process {
public:
    static constexpr int running_max = 1024;

    /// Where what it prints goes: to the tool's own standard output, or to a file for output().
    enum class Prints { here, kept };
    /// `environment`: NAME=VALUE each, beside the tool's own. io: the system can start no more.
    static Result<Process> start(const std::string& command, Bytes input,
                                 const std::vector<std::string>& environment,
                                 Prints prints = Prints::here);
    Process(Process&& other) noexcept;
    Process& operator=(Process&& other) noexcept;
    ~Process();

    /// Readable when it has ended.
    int fd() const { return fd_; }
    /// How it ended: its status, 128+N if signal N ended it. Nothing: it runs. Once it is known
    /// it stays known.
    std::optional<int> status();
    /// All that it has printed, if that was kept. invalid: more than `bytes_max`. io
    Result<std::string> output(std::size_t bytes_max) const;

private:
    Process(pid_t pid, int fd, int slot, int output)
        : pid_(pid), fd_(fd), slot_(slot), output_(output) {}
    void release();

    pid_t pid_ = -1;
    int fd_ = -1;
    int slot_ = -1;    ///< among those that a second signal is passed on to
    int output_ = -1;  ///< what it has printed; -1: not kept
    std::optional<int> status_;
};

/// NAME=VALUE; a value ends at its first NUL, as all of the environment does.
std::string environment_variable(std::string_view name, std::string_view value);

/// not_found: the command's first word is none that the shell knows. Where that word is not plain
/// (a quotation, a variable), only running it can tell, and nothing is said.
Result<> check_command(const std::string& command);

}  // namespace mqd::cli
