#include "cli/parser.h"

#include <CLI/CLI.hpp>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <limits>

#include "base/check.h"
#include "base/clock.h"
#include "base/parse.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/signals.h"

namespace mqd::cli {
namespace {

// One write, so that lines of several processes on one terminal do not mix.
void print_line(std::string line) {
    for (char& c : line)
        if (c == '\n' || c == '\r') c = ' ';
    line += '\n';
    std::size_t at = 0;
    while (at < line.size()) {
        const auto n = ::write(STDERR_FILENO, line.data() + at, line.size() - at);
        if (n <= 0) return;  // nobody is left to be told
        at += static_cast<std::size_t>(n);
    }
}

template <class Int>
Parser::Set set_number(Int& into) {
    return [&into](std::string_view text) -> Result<> {
        using Plain = std::conditional_t<std::is_integral_v<Int>, Int, std::int64_t>;
        const auto number = parse_int<Plain>(text);
        if (!number) return Error{Errc::invalid, fmt::format("'{}' is not a number", text)};
        into = *number;
        return {};
    };
}

}  // namespace

Result<std::int64_t> parse_time(std::string_view text) {
    return parse_time_ms(text, wall_ms());
}

const std::string& Option::name() const {
    for (const auto& name : names)
        if (name.starts_with("--")) return name;
    return names[0];
}

Parser::Parser(std::string_view program, std::string_view purpose)
    : program_(program), purpose_(purpose) {
    flag("-h,--help", help_wanted_, "print this help and stop");
    flag("--version", version_wanted_, "print the version and stop");
    flag("-q,--quiet", quiet_, "print errors only");
    flag("-v,--verbose", verbose_, "report more; twice: everything");
}

void Parser::common(Server& server) {
    server_ = &server;
    option("-n,--namesrv,--namesrvAddr", server_options_.namesrv, "HOST:PORT[;...]",
           "name servers; else $NAMESRV_ADDR, the profile, 127.0.0.1:9876");
    option("--profile", server_options_.profile, "NAME",
           "table [profile.NAME] of the configuration file; else $MQD_PROFILE");
    option("--config", server_options_.config_file, "FILE",
           "configuration file; else $MQD_CONFIG, ~/.config/mqd/config.toml, /etc/mqd/config.toml");
}

void Parser::option(std::string_view names, Set set, std::string_view value,
                    std::string_view help) {
    Option added;
    for (const auto name : split(names, ',')) {
        // A tool's own -q or -v takes the letter away from --quiet and --verbose.
        for (auto& older : options_)
            if (older.names.size() > 1) std::erase(older.names, name);
        added.names.emplace_back(name);
    }
    added.value = value;
    added.help = help;
    added.set = std::move(set);
    options_.push_back(std::move(added));
}

void Parser::option(std::string_view names, std::string& into, std::string_view value,
                    std::string_view help) {
    option(names, Set([&into](std::string_view t) { return into = t, Result<>(); }), value, help);
}

void Parser::option(std::string_view names, std::optional<std::string>& into,
                    std::string_view value, std::string_view help) {
    option(names, Set([&into](std::string_view t) { return into = std::string(t), Result<>(); }),
           value, help);
}

void Parser::option(std::string_view names, std::vector<std::string>& into, std::string_view value,
                    std::string_view help) {
    option(names, Set([&into](std::string_view t) { return into.emplace_back(t), Result<>(); }),
           value, help);
    options_.back().repeats = true;
}

void Parser::option(std::string_view names, std::int64_t& into, std::string_view value,
                    std::string_view help) {
    option(names, set_number(into), value, help);
}
void Parser::option(std::string_view names, std::int32_t& into, std::string_view value,
                    std::string_view help) {
    option(names, set_number(into), value, help);
}
void Parser::option(std::string_view names, std::optional<std::int64_t>& into,
                    std::string_view value, std::string_view help) {
    option(names, set_number(into), value, help);
}
void Parser::option(std::string_view names, std::optional<std::int32_t>& into,
                    std::string_view value, std::string_view help) {
    option(names, Set([&into](std::string_view text) -> Result<> {
               const auto number = parse_int<std::int32_t>(text);
               if (!number) return Error{Errc::invalid, fmt::format("'{}' is not a number", text)};
               into = *number;
               return {};
           }),
           value, help);
}

void Parser::flag(std::string_view names, bool& into, std::string_view help) {
    option(names, Set([&into](std::string_view) { return into = true, Result<>(); }), "", help);
}

void Parser::flag(std::string_view names, int& count, std::string_view help) {
    option(names, Set([&count](std::string_view) { return ++count, Result<>(); }), "", help);
    options_.back().repeats = true;
}

void Parser::toggle(std::string_view name, std::optional<bool>& into, std::string_view help) {
    const auto bare = name.substr(2);
    option(name, Set([&into](std::string_view) { return into = true, Result<>(); }), "", help);
    option(fmt::format("--no-{}", bare),
           Set([&into](std::string_view) { return into = false, Result<>(); }), "",
           fmt::format("the opposite of {}", name));
    exclusive({std::string(name), fmt::format("--no-{}", bare)});
}

void Parser::positional(std::string_view value, std::string& into, std::string_view help) {
    option(value, into, value, help);
    options_.back().required = true;
}

void Parser::positional(std::string_view value, std::optional<std::string>& into,
                        std::string_view help) {
    option(value, into, value, help);
}

void Parser::positional(std::string_view value, std::vector<std::string>& into,
                        std::string_view help) {
    option(value, into, value, help);
}

void Parser::exclusive(std::vector<std::string> names, bool needed) {
    groups_.push_back({std::move(names), needed});
}

void Parser::section(std::string_view title) {
    sections_.push_back({std::string(title), options_.size()});
}

void Parser::example(std::string_view command, std::string_view what) {
    examples_.emplace_back(command, what);
}

Option* Parser::find(std::string_view name) {
    for (auto& option : options_)
        for (const auto& known : option.names)
            if (known == name) return &option;
    return nullptr;
}

bool Parser::given(std::string_view name) const {
    const auto* option = const_cast<Parser*>(this)->find(name);
    check(option != nullptr);
    return option->seen > 0;
}

Result<Option*> Parser::find_long(std::string_view name) {
    if (auto* exact = find(name)) return exact;
    Option* found = nullptr;
    bool ambiguous = false;
    std::string_view nearest;
    std::size_t nearest_distance = 3;
    for (auto& option : options_) {
        for (const auto& known : option.names) {
            if (known.starts_with(name)) {
                ambiguous |= found != nullptr && found != &option;
                found = &option;
            }
            const auto d = edit_distance(known, name);
            if (known.starts_with("--") && d < nearest_distance) {
                nearest_distance = d;
                nearest = known;
            }
        }
    }
    if (ambiguous) return Error{Errc::invalid, fmt::format("option {} is ambiguous", name)};
    if (found != nullptr) return found;
    return Error{Errc::invalid,
                 nearest.empty()
                     ? fmt::format("there is no option {}", name)
                     : fmt::format("there is no option {}; did you mean {}?", name, nearest)};
}

// Brings the arguments into the one form CLI11 reads without surprises: canonical names, every
// value replaced by its index in values_ (CLI11 takes `-1h` for an option and `` for nothing),
// and the positional arguments after `--`.
Result<std::vector<std::string>> Parser::normalised(const std::vector<std::string>& arguments) {
    std::vector<std::string> out;
    std::vector<std::string> behind;
    const auto hide = [this](std::string_view value) {
        values_.emplace_back(value);
        return std::to_string(values_.size() - 1);
    };
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const std::string_view argument = arguments[i];
        if (argument == "--") {
            for (++i; i < arguments.size(); ++i) behind.push_back(hide(arguments[i]));
            break;
        }
        if (argument.size() < 2 || argument[0] != '-') {
            behind.push_back(hide(argument));
            continue;
        }
        const auto value_of = [&](const Option& option,
                                  std::optional<std::string_view> attached) -> Result<> {
            out.push_back(option.name());
            if (!attached && i + 1 >= arguments.size())
                return Error{Errc::invalid,
                             fmt::format("{} needs a value, {}", option.name(), option.value)};
            out.push_back(hide(attached ? *attached : std::string_view(arguments[++i])));
            return {};
        };
        auto* whole = find(argument);  // also names like -qn
        if (argument.starts_with("--") || whole != nullptr) {
            const auto equals = whole != nullptr ? std::string_view::npos : argument.find('=');
            TRY(auto* option, find_long(argument.substr(0, equals)));
            if (!option->value.empty()) {
                std::optional<std::string_view> attached;
                if (equals != std::string_view::npos) attached = argument.substr(equals + 1);
                TRY_OK(value_of(*option, attached));
            } else if (equals != std::string_view::npos) {
                return Error{Errc::invalid, fmt::format("{} takes no value", option->name())};
            } else {
                out.push_back(option->name());
            }
            continue;
        }
        for (std::size_t at = 1; at < argument.size(); ++at) {
            const char letter[] = {'-', argument[at], '\0'};
            auto* option = find(letter);
            if (option == nullptr)
                return Error{Errc::invalid, fmt::format("there is no option {}", letter)};
            if (option->value.empty()) {
                out.push_back(option->name());
                continue;
            }
            std::optional<std::string_view> attached;
            if (at + 1 < argument.size()) attached = argument.substr(at + 1);
            TRY_OK(value_of(*option, attached));
            break;
        }
    }
    if (!behind.empty()) out.emplace_back("--");
    out.insert(out.end(), behind.begin(), behind.end());
    return out;
}

Result<> Parser::run_cli11(std::vector<std::string> arguments) {
    CLI::App app;
    app.set_help_flag();
    std::optional<Error> first;
    const auto take = [&first](Option& option, std::string_view value) {
        ++option.seen;
        if (first) return;
        // What a wrapper sets is no default that a user's option would override.
        if (option.seen == 1) {
            option.first = value;
        } else if (!option.repeats && value != option.first) {
            first = Error{Errc::invalid, fmt::format("{} is given twice: '{}' and '{}'",
                                                     option.name(), option.first, value)};
            return;
        }
        if (auto set = option.set(value); !set)
            first = Error{Errc::invalid,
                          fmt::format("{}: {}", option.positional() ? option.value : option.name(),
                                      set.error().what)};
    };
    try {
        for (auto& option : options_) {
            std::string names;
            for (const auto& name : option.names) {
                if (name.size() > 2 && name[0] == '-' && name[1] != '-') continue;  // -qn
                if (!names.empty()) names += ',';
                names += name;
            }
            if (option.value.empty()) {
                app.add_flag_function(names, [&option, &take](std::int64_t times) {
                    for (; times > 0; --times) take(option, option.name());
                });
                continue;
            }
            const CLI::callback_t callback = [this, &option, &take](const CLI::results_t& indexes) {
                for (const auto& index : indexes) {
                    const auto at = parse_int<std::size_t>(index);
                    check(at && *at < values_.size());
                    take(option, values_[*at]);
                }
                return true;
            };
            auto* added = app.add_option(names, callback);
            added->required(option.required);
            if (option.positional()) {
                added->expected(1, option.repeats ? 1 << 20 : 1)->allow_extra_args(option.repeats);
            } else {
                added->expected(1, 1 << 20)->allow_extra_args(false);
            }
        }
        std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
        app.parse(reversed);
    } catch (const CLI::RequiredError& error) {
        return Error{Errc::invalid, error.what()};
    } catch (const CLI::ExtrasError&) {
        const auto at = parse_int<std::size_t>(arguments.back());
        return Error{Errc::invalid, fmt::format("too many arguments: '{}'",
                                                at && *at < values_.size() ? values_[*at] : "")};
    } catch (const std::exception& error) {
        return Error{Errc::invalid, error.what()};
    }
    if (first) return *first;
    return {};
}

Result<> Parser::check_groups() const {
    for (const auto& group : groups_) {
        std::string all;
        int seen = 0;
        for (const auto& name : group.names) {
            all += all.empty() ? name : " or " + name;
            seen += given(name) ? 1 : 0;
        }
        if (seen > 1) return Error{Errc::invalid, fmt::format("only one of {} can be given", all)};
        if (seen == 0 && group.needed)
            return Error{Errc::invalid, fmt::format("one of {} is required", all)};
    }
    return {};
}

std::optional<int> Parser::parse(int argc, const char* const* argv) {
    return parse(std::vector<std::string>(argv + (argc > 0 ? 1 : 0), argv + argc));
}

std::optional<int> Parser::parse(const std::vector<std::string>& arguments) {
    hold_standard_streams();
    auto plain = normalised(arguments);
    // Help is given whatever else is wrong or missing.
    for (const auto& argument : plain ? *plain : arguments) {
        if (argument == "--") break;
        if (argument == "--help" || argument == "-h") return finish(write_out(help()));
        if (argument == "--version")
            return finish(write_out(
                fmt::format("{} {}\n", program_.substr(0, program_.find(' ')), MQD_VERSION)));
    }
    if (!plain) return usage_error(plain.error().what);
    if (auto run = run_cli11(std::move(*plain)); !run) return usage_error(run.error().what);
    if (auto groups = check_groups(); !groups) return usage_error(groups.error().what);
    if (server_ == nullptr) return std::nullopt;
    auto settled = settle_server(server_options_);
    if (!settled) return fail(settled.error());
    *server_ = std::move(*settled);
    return std::nullopt;
}

void Parser::warn(std::string_view what) const {
    if (before_messages_) before_messages_();
    print_line(fmt::format("{}: {}", program_.substr(0, program_.find(' ')), what));
}

void Parser::note(std::string_view what) const {
    if (!quiet_) warn(what);
}

void Parser::sums(std::string_view what, bool are_even) const {
    if (!are_even || verbose_ > 0 || ::isatty(STDERR_FILENO) == 1) note(what);
}

client::Waiting Parser::waiting(std::int64_t timeout_ms) const {
    const std::int64_t quiet_ms =
        timeout_ms == 0 ? std::numeric_limits<std::int32_t>::max() : timeout_ms;
    return {[this](std::string_view what) { warn(what); }, quiet_ ? quiet_ms : 1000, timeout_ms,
            interrupt_fd()};
}

int Parser::fail(const Error& error) const {
    const bool nobody_said =
        error.code == Errc::unavailable && server_ != nullptr && server_->is_default;
    warn(nobody_said ? error.what + " (set the name servers with -n or $NAMESRV_ADDR)"
                     : error.what);
    return exit_status_of(error);
}

int Parser::usage_error(std::string_view what) const {
    warn(fmt::format("{} (see {} --help)", what, program_));
    return exit_status::usage;
}

}  // namespace mqd::cli
