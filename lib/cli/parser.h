#pragma once
// A tool's command line, GNU style: long options and their unambiguous beginnings, `--name=value`
// or `--name value` (whatever the value begins with), bundled short ones, `--`. The facade over
// CLI11, whose own messages and exit codes never reach the user (mqd(7), OUTPUT).
//
//     cli::Parser cli("mqpull", "print the messages of a topic");
//     cli.common(server);  // -n, --profile, --config; -q, -v, --help and --version are always
//     there cli.required("-t,--topic", topics, "TOPIC[,TOPIC...]", "what to read");
//     cli.option("--idle", idle_ms, parse_duration_ms, "D", "stop after D without a message");
//     cli.flag("-e,--exit", exit_at_end, "stop at the end of the topic");
//     cli.example("mqpull -t orders -e", "everything new, then stop");
//     if (const auto status = cli.parse(argc, argv)) return *status;
//     ...
//     return cli.finish(writer.flush(), reader->close());
//
// Threads: one at a time, but for note(), warn() and fail(), which write a line with one call.
// Owner:   the tool's main; what options write into must outlive parse().

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "cli/exit.h"
#include "cli/server.h"
#include "client/waiting.h"

namespace mqd::cli {

/// parse_time_ms() at the moment of the call.
Result<std::int64_t> parse_time(std::string_view text);

/// A row of the option table: help, synopsis and completions are made from it.
struct Option {
    std::vector<std::string> names;  ///< as given, with dashes; a positional has one without
    std::string value;               ///< name of the value; empty: a flag
    std::string help;
    bool required = false;
    bool repeats = false;
    std::function<Result<>(std::string_view)> set;  ///< a flag gets its own name
    int seen = 0;
    std::string first;  ///< the value that was given first

    bool positional() const { return names[0][0] != '-'; }
    /// `--topic`: the first long name, else the short one.
    const std::string& name() const;
};

class Parser {
public:
    using Set = std::function<Result<>(std::string_view)>;

    /// `program` is what stands in usage and before the colon of messages: `mqdump log` writes
    /// `mqdump: ...`.
    Parser(std::string_view program, std::string_view purpose);
    Parser(const Parser&) = delete;
    Parser& operator=(const Parser&) = delete;

    /// -n/--namesrv, --profile and --config, for tools that talk to servers.
    void common(Server& server);

    // Options. `names` is `-t,--topic`; more short or long ones may follow, also `-qn`. Two
    // different values for one option are a usage error; vectors and repeated() collect. A name
    // that is already there goes over to the new option.
    void option(std::string_view names, Set set, std::string_view value, std::string_view help);
    void option(std::string_view names, std::string& into, std::string_view value,
                std::string_view help);
    void option(std::string_view names, std::optional<std::string>& into, std::string_view value,
                std::string_view help);
    void option(std::string_view names, std::vector<std::string>& into, std::string_view value,
                std::string_view help);
    void option(std::string_view names, std::int64_t& into, std::string_view value,
                std::string_view help);
    void option(std::string_view names, std::int32_t& into, std::string_view value,
                std::string_view help);
    void option(std::string_view names, std::optional<std::int64_t>& into, std::string_view value,
                std::string_view help);
    void option(std::string_view names, std::optional<std::int32_t>& into, std::string_view value,
                std::string_view help);
    /// With a parser of its own: parse_duration_ms, parse_size, parse_time, record::parse_format.
    template <class T, class Parse>
    requires std::invocable<Parse&, std::string_view>
    void option(std::string_view names, T& into, Parse read, std::string_view value,
                std::string_view help) {
        option(names, Set([&into, read](std::string_view text) -> Result<> {
                   auto parsed = read(text);
                   if (!parsed) return std::move(parsed).error();
                   into = std::move(*parsed);
                   return {};
               }),
               value, help);
    }
    /// Any of the above that must be given.
    template <class... Rest>
    void required(std::string_view names, Rest&&... rest) {
        option(names, std::forward<Rest>(rest)...);
        options_.back().required = true;
    }
    /// One whose every value counts.
    template <class... Rest>
    void repeated(std::string_view names, Rest&&... rest) {
        option(names, std::forward<Rest>(rest)...);
        options_.back().repeats = true;
    }
    /// One word of a list; the value's name in the help is `a|b|c`.
    template <class T>
    void choice(std::string_view names, T& into, std::vector<std::pair<std::string_view, T>> words,
                std::string_view help) {
        std::string all;
        for (const auto& [word, value] : words) {
            if (!all.empty()) all += '|';
            all += word;
        }
        option(names, Set([&into, words, all](std::string_view text) -> Result<> {
                   for (const auto& [word, value] : words)
                       if (word == text) return into = value, Result<>();
                   return Error{Errc::invalid, "'" + std::string(text) + "' is not one of " + all};
               }),
               all, help);
    }
    void flag(std::string_view names, bool& into, std::string_view help);
    void flag(std::string_view names, int& count, std::string_view help);
    /// `--NAME` and `--no-NAME`, of which one may be given.
    void toggle(std::string_view name, std::optional<bool>& into, std::string_view help);

    /// Arguments without dashes, in their order; the vector takes all that is left.
    void positional(std::string_view value, std::string& into, std::string_view help);
    /// One that may be left out, as may all after it.
    void positional(std::string_view value, std::optional<std::string>& into,
                    std::string_view help);
    void positional(std::string_view value, std::vector<std::string>& into, std::string_view help);

    /// At most one of these may be given (`needed`: exactly one). Names as `--delay`, `-b`.
    void exclusive(std::vector<std::string> names, bool needed = false);

    /// A title over the options that follow in the help.
    void section(std::string_view title);
    void example(std::string_view command, std::string_view what);

    /// Nothing: go on. Else the status to end with: 0 after --help and --version, 2 after a
    /// usage error, which has been printed as one line.
    std::optional<int> parse(int argc, const char* const* argv);
    std::optional<int> parse(const std::vector<std::string>& arguments);

    bool given(std::string_view name) const;
    bool quiet() const { return quiet_; }
    int verbose() const { return verbose_; }

    // Messages, each one line on stderr that begins with the program's name.
    int fail(const Error& error) const;            ///< prints; the status of exit.h
    int usage_error(std::string_view what) const;  ///< prints, with a hint at --help; 2
    void warn(std::string_view what) const;
    void note(std::string_view what) const;  ///< not with -q
    /// The sums at the end: on a terminal, with -v, or when they do not come out even; not with -q.
    /// A job of cron's that went well prints nothing.
    void sums(std::string_view what, bool are_even) const;
    /// How the tool waits, `timeout_ms` (0: without limit) where it has a limit: told after a
    /// second, with -q when the time is over.
    client::Waiting waiting(std::int64_t timeout_ms) const;
    /// `call` runs before each of them: a progress line makes room.
    void before_messages(std::function<void()> call) { before_messages_ = std::move(call); }
    /// The status of the first error, printed, else 0.
    template <class... Results>
    int finish(const Results&... results) const {
        int status = exit_status::done;
        ((status == exit_status::done && !results ? void(status = fail(results.error())) : void()),
         ...);
        return status;
    }

    std::string help() const;
    std::string synopsis() const;
    const std::vector<Option>& options() const { return options_; }

private:
    struct Section {
        std::string title;
        std::size_t before;  ///< index of its first option
    };
    struct Group {
        std::vector<std::string> names;
        bool needed = false;
    };
    Result<std::vector<std::string>> normalised(const std::vector<std::string>& arguments);
    Result<Option*> find_long(std::string_view name);
    Option* find(std::string_view name);
    Result<> run_cli11(std::vector<std::string> arguments);
    Result<> check_groups() const;

    std::string program_;
    std::string purpose_;
    std::vector<Option> options_;
    std::vector<Section> sections_;
    std::vector<Group> groups_;
    std::vector<std::pair<std::string, std::string>> examples_;
    std::vector<std::string> values_;  ///< what normalised() has hidden from CLI11
    Server* server_ = nullptr;
    ServerOptions server_options_;
    std::function<void()> before_messages_;
    bool quiet_ = false;
    bool help_wanted_ = false;
    bool version_wanted_ = false;
    int verbose_ = 0;
};

}  // namespace mqd::cli
