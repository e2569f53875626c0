#include "store/table/config_file.h"

#include <fmt/format.h>

#include "base/log.h"

namespace mqd::store {
namespace {

namespace fs = std::filesystem;

fs::path with_suffix(const fs::path& path, std::string_view suffix) {
    fs::path out = path;
    out += suffix;
    return out;
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

Result<> save_spare(Files& files, const fs::path& path, std::string_view text) {
    const fs::path spare = with_suffix(path, ".bak.tmp");
    if (auto written = write_synced(files, spare, text); !written) {
        static_cast<void>(files.remove(spare));  // on a full disk a half file is in the way
        return written;
    }
    return files.rename(spare, with_suffix(path, ".bak"));
}

/// Under the first name that is free.
Result<> set_aside(Files& files, const fs::path& path) {
    for (int number = 1;; ++number) {
        const auto suffix = number == 1 ? ".damaged" : fmt::format(".damaged.{}", number);
        const auto aside = with_suffix(path, suffix);
        TRY(const bool taken, files.exists(aside));
        if (taken) continue;
        TRY_OK(files.rename(path, aside));
        return files.sync_directory(path.parent_path());
    }
}

/// The file gives way to its .bak.
Result<> give_way(Files& files, const fs::path& path, const Error& why) {
    log::warn("config_file_damaged",
              {{"path", path.string()}, {"why", why.what}, {"used", ".bak"}});
    return why.code == Errc::not_found ? Result<>{} : set_aside(files, path);
}

/// `spare_taken`: why it is the .bak that is read.
Result<std::string> read_either(Files& files, const fs::path& path,
                                const std::function<Result<>(std::string_view)>& accepts,
                                const std::function<Result<>(const Error&)>& spare_taken) {
    auto first = read_accepted(files, path, accepts);
    if (first || first.error().code == Errc::refused) return first;
    auto second = read_accepted(files, with_suffix(path, ".bak"), accepts);
    if (second) {
        TRY_OK(spare_taken(first.error()));
        return second;
    }
    if (second.error().code == Errc::refused) return second;
    if (first.error().code == Errc::not_found && second.error().code == Errc::not_found)
        return Error{Errc::not_found, fmt::format("neither {} nor its .bak", path.string())};
    return Error{Errc::corrupt, fmt::format("{}; {}; without these files it would begin empty",
                                            first.error().what, second.error().what)};
}

}  // namespace

Result<std::string> load_config(Files& files, const fs::path& path,
                                const std::function<Result<>(std::string_view)>& accepts) {
    return read_either(files, path, accepts,
                       [&](const Error& why) { return give_way(files, path, why); });
}

Result<std::string> peek_config(Files& files, const fs::path& path,
                                const std::function<Result<>(std::string_view)>& accepts,
                                const std::function<void(std::string_view)>& say) {
    return read_either(files, path, accepts, [&](const Error& why) -> Result<> {
        if (say) say(fmt::format("{}; its .bak is read instead", why.what));
        return {};
    });
}

Result<> save_config(Files& files, const fs::path& path, std::string_view text, Spare spare) {
    TRY_OK(make_synced_directories(files, path.parent_path()));
    const fs::path fresh = with_suffix(path, ".tmp");
    if (auto written = write_synced(files, fresh, text); !written) {
        static_cast<void>(files.remove(fresh));  // on a full disk a half file is in the way
        return written;
    }
    // Renaming the old one to .bak would leave a moment without the file itself, so it is copied.
    // One that is there but empty is no second chance and must not replace a good .bak.
    if (spare == Spare::previous)
        if (auto old = read_text(files, path); old && !old->empty())
            TRY_OK(save_spare(files, path, *old));
    TRY_OK(files.rename(fresh, path));
    TRY_OK(files.sync_directory(path.parent_path()));
    if (spare == Spare::previous) return {};
    TRY_OK(save_spare(files, path, text));
    return files.sync_directory(path.parent_path());
}

Result<> set_aside_config(Files& files, const fs::path& path) {
    for (const fs::path& one : {path, with_suffix(path, ".bak")}) {
        TRY(const bool there, files.exists(one));
        if (there) TRY_OK(set_aside(files, one));
    }
    return {};
}

}  // namespace mqd::store
