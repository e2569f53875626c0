#include "find_store.h"

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>

#include "config/file.h"

namespace mqd::dump {
namespace {

namespace fs = std::filesystem;

bool is_configuration(const fs::path& path) {
    const auto extension = path.extension();
    std::error_code code;
    return (extension == ".conf" || extension == ".properties" || extension == ".toml") &&
           fs::is_regular_file(path, code);
}

/// As the broker reads it: relative paths begin where it was started, which is here.
Result<store::Places> store_of(const fs::path& path) {
    const auto text = config::read_file(path);
    if (!text) return text.error();
    TRY(const auto entries, config::parse(config::format_of(path, *text), *text, path.string()));
    const auto value_of = [&entries](std::string_view key) {
        std::string value;
        for (const auto& entry : entries)
            if (entry.key == key) value = entry.value;
        return value;
    };
    std::string root = value_of("storePathRootDir");
    const char* home = std::getenv("HOME");
    if (root.empty() && home != nullptr) root = fmt::format("{}/store", home);
    if (root.empty())
        return Error{Errc::invalid,
                     fmt::format("{}: no storePathRootDir in it, and no HOME", path.string())};
    store::Places places(root);
    for (const auto& part : store::Places::parts())
        if (const auto value = value_of(part.key); !value.empty()) places.put(part.name, value);
    return places;
}

}  // namespace

Result<store::Places> find_store(const std::string& path) {
    if (is_configuration(path)) return store_of(path);
    std::error_code code;
    if (!fs::is_directory(path, code)) return store::Places(path);  // a file, or not there
    return store::Places::find(store::posix_files(), path);
}

}  // namespace mqd::dump
