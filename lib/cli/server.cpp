#include "cli/server.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <optional>

#include "base/parse.h"
#include "config/file.h"

namespace mqd::cli {
namespace {

std::string environment(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
}

struct File {
    std::string path;
    std::vector<config::Entry> entries;

    const config::Entry* find(std::string_view key) const {
        const config::Entry* found = nullptr;
        for (const auto& entry : entries)
            if (entry.key == key) found = &entry;
        return found;
    }
};

// The file that was asked for, or the first of the usual ones that is there; it may be none.
Result<File> read_config(const std::string& option) {
    File file;
    file.path = option.empty() ? environment("MQD_CONFIG") : option;
    const bool asked_for = !file.path.empty();
    if (!asked_for) {
        const auto xdg = environment("XDG_CONFIG_HOME");
        const auto own = xdg.empty() ? environment("HOME") + "/.config" : xdg;
        for (const auto& path : {own + "/mqd/config.toml", std::string("/etc/mqd/config.toml")})
            if (file.path.empty() && ::access(path.c_str(), F_OK) == 0) file.path = path;
        if (file.path.empty()) return file;
    }
    auto text = config::read_file(file.path);
    if (!text && text.error().code == Errc::refused) return text.error();
    if (!text) return Error{Errc::invalid, text.error().what};
    TRY(file.entries, config::parse_toml(*text, file.path));
    return file;
}

// A mistyped key must not be a setting that is silently not there.
Result<> check_keys(const File& file) {
    for (const auto& entry : file.entries) {
        const auto parts = split(entry.key, '.');
        const bool known = entry.key == "namesrv" || entry.key == "default_profile" ||
                           (parts.size() == 3 && parts[0] == "profile" && parts[2] == "namesrv");
        if (!known)
            return Error{Errc::invalid, fmt::format("{}:{}: there is no key '{}'", file.path,
                                                    entry.line, entry.key)};
    }
    return {};
}

// The entry that says where the name servers are; nothing when the file does not.
Result<const config::Entry*> entry_for(const File& file, std::string profile) {
    if (profile.empty()) profile = environment("MQD_PROFILE");
    if (profile.empty())
        if (const auto* chosen = file.find("default_profile")) profile = chosen->value;
    if (profile.empty()) return file.find("namesrv");
    const auto* entry = file.find(fmt::format("profile.{}.namesrv", profile));
    if (entry != nullptr) return entry;
    return Error{
        Errc::invalid,
        file.path.empty()
            ? fmt::format("profile '{}': there is no configuration file "
                          "(--config, $MQD_CONFIG, ~/.config/mqd/config.toml)",
                          profile)
            : fmt::format("{}: there is no [profile.{}] with a namesrv", file.path, profile)};
}

/// Neither a number, which the system takes for an address of its own making, nor an IPv6 address
/// that is none.
bool is_host(std::string_view host) {
    if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
    if (host.empty()) return false;
    if (host.find(':') != std::string_view::npos) {
        const auto address = std::string(host.substr(0, host.find('%')));
        in6_addr parsed;
        return ::inet_pton(AF_INET6, address.c_str(), &parsed) == 1;
    }
    return host.find_first_not_of("0123456789") != std::string_view::npos;
}

}  // namespace

Result<Server> settle_server(const ServerOptions& options) {
    TRY(const auto file, read_config(options.config_file));
    TRY_OK(check_keys(file));
    TRY(const auto* entry, entry_for(file, options.profile));
    std::string text = options.namesrv, from = "--namesrv";
    // A profile on the command line is stronger than an environment made for something else.
    if (text.empty() && options.profile.empty()) {
        text = environment("NAMESRV_ADDR");
        from = "$NAMESRV_ADDR";
    }
    if (text.empty() && entry != nullptr) {
        text = entry->value;
        from = fmt::format("{}:{}: {}", file.path, entry->line, entry->key);
    }
    const bool is_default = text.empty();
    if (is_default) text = namesrv_default;
    auto parsed = parse_namesrv(text);
    if (!parsed) return Error{Errc::invalid, fmt::format("{}: {}", from, parsed.error().what)};
    return Server{std::move(*parsed), is_default};
}

Result<std::vector<std::string>> parse_namesrv(std::string_view text) {
    std::vector<std::string> addresses;
    for (const auto piece : split(text, ';')) {
        const auto address = trimmed(piece);
        if (address.empty()) continue;
        // A port stands after the last colon, unless that belongs to a bare IPv6 address.
        const auto colon = address.rfind(':');
        const bool v6 = address.starts_with('[');
        const bool has_port = colon != std::string_view::npos &&
                              (v6 ? address[colon - 1] == ']' : address.find(':') == colon);
        if (!is_host(has_port ? address.substr(0, colon) : address))
            return Error{Errc::invalid, fmt::format("'{}' is not HOST:PORT", address)};
        if (!has_port) {
            addresses.push_back(v6 || colon == std::string_view::npos
                                    ? fmt::format("{}:9876", address)
                                    : fmt::format("[{}]:9876", address));
            continue;
        }
        const auto port = parse_int<int>(address.substr(colon + 1));
        if (!port || *port < 1 || *port > 65535)
            return Error{Errc::invalid, fmt::format("'{}' is not HOST:PORT", address)};
        addresses.emplace_back(address);
    }
    if (addresses.empty()) return Error{Errc::invalid, fmt::format("'{}' names no server", text)};
    return addresses;
}

}  // namespace mqd::cli
