#include "store/config_file.h"

#include <fmt/format.h>

namespace mqd::store {
namespace {

namespace fs = std::filesystem;

fs::path with_suffix(const fs::path& path, const char* suffix) {
    fs::path out = path;
    out += suffix;
    return out;
}

Result<std::string> read_text(Files& files, const fs::path& path) {
    TRY(const auto file, files.open(path, OpenMode::read_only));
    TRY(const std::int64_t size, file->size());
    std::string text(static_cast<std::size_t>(size), '\0');
    TRY(const std::size_t got, file->read(0, std::as_writable_bytes(std::span(text))));
    text.resize(got);
    return text;
}

Result<std::string> read_accepted(Files& files, const fs::path& path,
                                  const std::function<Result<>(std::string_view)>& accepts) {
    TRY(std::string text, read_text(files, path));
    if (text.empty()) return Error{Errc::corrupt, fmt::format("{} is empty", path.string())};
    if (auto ok = accepts(text); !ok)
        return Error{Errc::corrupt, fmt::format("{}: {}", path.string(), ok.error().what)};
    return text;
}

Result<> write_synced(Files& files, const fs::path& path, std::string_view text) {
    TRY(const auto file, files.open(path, OpenMode::create));
    TRY_OK(file->resize(0));
    TRY_OK(file->write(0, as_bytes(text)));
    return file->sync();
}

}  // namespace

Result<std::string> load_config(Files& files, const fs::path& path,
                                const std::function<Result<>(std::string_view)>& accepts) {
    auto first = read_accepted(files, path, accepts);
    if (first) return first;
    auto second = read_accepted(files, with_suffix(path, ".bak"), accepts);
    if (second) return second;
    if (first.error().code == Errc::not_found && second.error().code == Errc::not_found)
        return Error{Errc::not_found, fmt::format("neither {} nor its .bak", path.string())};
    return Error{Errc::corrupt, fmt::format("{}; {}", first.error().what, second.error().what)};
}

Result<> save_config(Files& files, const fs::path& path, std::string_view text) {
    const fs::path fresh = with_suffix(path, ".tmp");
    TRY_OK(make_synced_directories(files, path.parent_path()));
    TRY_OK(write_synced(files, fresh, text));
    // Renaming the old one to .bak would leave a moment without the file itself, so it is copied.
    // One that is there but empty is no second chance and must not replace a good .bak.
    if (auto old = read_text(files, path); old && !old->empty()) {
        const fs::path spare = with_suffix(path, ".bak.tmp");
        TRY_OK(write_synced(files, spare, *old));
        TRY_OK(files.rename(spare, with_suffix(path, ".bak")));
    }
    TRY_OK(files.rename(fresh, path));
    return files.sync_directory(path.parent_path());
}

}  // namespace mqd::store
