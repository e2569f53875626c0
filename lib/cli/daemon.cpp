#include "cli/daemon.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/log.h"

namespace mqd::cli {
namespace {

sigset_t handled_signals() {
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, signal);
    return set;
}

Result<std::pair<std::string, std::string>> split_address(std::string_view text) {
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos)
        return Error{Errc::invalid, fmt::format("'{}' is not ADDR:PORT", text)};
    auto address = text.substr(0, colon);
    if (address.starts_with('[') && address.ends_with(']'))
        address = address.substr(1, address.size() - 2);
    if (address.empty()) address = "0.0.0.0";
    return std::pair(std::string(address), std::string(text.substr(colon + 1)));
}

}  // namespace

Daemon::Daemon(std::string_view program, std::string_view purpose)
    : program_(program), parser_(program, purpose) {
    parser_.option("-c,--config", config_file_, "FILE",
                   "configuration file: TOML, or key=value lines as in RocketMQ's files");
    parser_.choice<std::string>("--log-format", log_format_, {{"text", "text"}, {"json", "json"}},
                                "form of the log lines on stderr");
    parser_.flag("--check", check_only_, "check the configuration and stop");
    parser_.flag("-p,--print-config", print_config_,
                 "print the effective configuration with the source of each value, and stop");
}

void Daemon::key_option(std::string_view names, std::string_view key, std::string_view value,
                        std::string_view help) {
    const std::string flag(names.substr(names.rfind(',') + 1));
    parser_.option(names, Parser::Set([this, key = std::string(key), flag](std::string_view text) {
                       set(key, text, flag);
                       return Result<>();
                   }),
                   value, help);
}

void Daemon::listen_option(std::string_view address_key, std::string_view port_key) {
    parser_.option("--listen",
                   Parser::Set([this, a = std::string(address_key),
                                p = std::string(port_key)](std::string_view text) -> Result<> {
                       TRY(const auto parts, split_address(text));
                       set(a, parts.first, "--listen");
                       set(p, parts.second, "--listen");
                       return {};
                   }),
                   "ADDR:PORT", "address to listen on; port 0 means any free port");
}

void Daemon::set(std::string_view key, std::string_view value, std::string_view flag) {
    settings_.push_back({std::string(key), std::string(value), std::string(flag)});
}

std::optional<int> Daemon::parse(int argc, char** argv) {
    if (const auto status = parser_.parse(argc, argv)) return status;
    const auto level = parser_.verbose() > 0 ? log::Level::debug
                       : parser_.quiet()     ? log::Level::warn
                                             : log::Level::info;
    log::configure(level, log_format_ == "json" ? log::Style::json : log::Style::text);
    const auto set = handled_signals();
    check(::pthread_sigmask(SIG_BLOCK, &set, nullptr) == 0);
    // Nobody reading the log is no reason to die.
    check(::signal(SIGPIPE, SIG_IGN) != SIG_ERR);
    return std::nullopt;
}

void Daemon::load(config::Config& config, const Settle& settle) const {
    if (!config_file_.empty()) config.load(std::filesystem::path(config_file_));
    config.load_environment();
    for (const auto& setting : settings_)
        config.set_option(setting.key, setting.value, setting.flag);
    if (settle) settle(config);
}

std::optional<int> Daemon::configure(config::Config& config, const Settle& settle) {
    load(config, settle);
    for (const auto& problem : config.problems()) fmt::print(stderr, "{}: {}\n", program_, problem);
    if (!config.problems().empty()) return exit_status::usage;
    for (const auto& warning : config.warnings()) parser_.note(warning);
    if (print_config_) {
        const auto text = config.print();
        if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() ||
            std::fflush(stdout) != 0)
            return fail(errno_error("cannot write to stdout"));
    }
    if (print_config_ || check_only_) return exit_status::done;
    return std::nullopt;
}

bool Daemon::reload(config::Config& next, const config::Config& current,
                    const Settle& settle) const {
    load(next, settle);
    for (const auto& problem : next.problems()) log::error("reload_failed", {{"why", problem}});
    if (!next.problems().empty()) return false;
    for (const auto* key : next.differences(current))
        if (!key->is_reloadable)
            log::warn("reload_ignored", {{"key", key->name}, {"why", "needs a restart"}});
    log::info("reloaded", {{"file", config_file_}});
    return true;
}

void Daemon::notify(std::string_view state) const {
    const char* path = std::getenv("NOTIFY_SOCKET");
    if (path == nullptr || *path == '\0') return;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::size_t length = std::strlen(path);
    if (length >= sizeof address.sun_path) {
        log::warn("notify_failed", {{"why", "NOTIFY_SOCKET is too long"}});
        return;
    }
    std::memcpy(address.sun_path, path, length);
    if (path[0] == '@') address.sun_path[0] = '\0';  // Linux's abstract namespace
    const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
    if (fd < 0 || ::sendto(fd, state.data(), state.size(), MSG_NOSIGNAL,
                           reinterpret_cast<const sockaddr*>(&address), size) < 0)
        log::warn("notify_failed", {{"why", errno_error("NOTIFY_SOCKET").what}});
    if (fd >= 0) ::close(fd);
}

void Daemon::ready() const {
    notify("READY=1");
}

void Daemon::status(const std::string& line) const {
    notify("STATUS=" + line);
}

Daemon::Event Daemon::wait() {
    const auto set = handled_signals();
    int signal = 0;
    check(::sigwait(&set, &signal) == 0);
    if (signal == SIGHUP) return Event::reload;
    log::info("stopping", {{"signal", signal == SIGTERM ? "SIGTERM" : "SIGINT"}});
    notify("STOPPING=1");
    sigset_t stop;
    sigemptyset(&stop);
    for (const int s : {SIGTERM, SIGINT}) {
        check(::signal(s, SIG_DFL) != SIG_ERR);
        sigaddset(&stop, s);
    }
    check(::pthread_sigmask(SIG_UNBLOCK, &stop, nullptr) == 0);
    return Event::stop;
}

int Daemon::fail(const Error& error) const {
    fmt::print(stderr, "{}: {}\n", program_, error.what);
    const bool mendable =
        error.code == Errc::invalid || error.code == Errc::refused || error.code == Errc::not_found;
    return mendable ? exit_status::usage : exit_status::failed;
}

int Daemon::stopped() const {
    log::info("stopped");
    return exit_status::done;
}

}  // namespace mqd::cli
