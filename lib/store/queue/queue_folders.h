#pragma once
// Folders beside a queue's own while it is made anew with files of another size, and what a crash
// in between leaves: the old one under either name is whole, and the new one is not known to be.
//
// Threads: before all others.

#include <filesystem>
#include <string_view>

#include "base/result.h"
#include "store/files.h"

namespace mqd::store {

inline constexpr std::string_view fresh_suffix = ".mqd-new";
inline constexpr std::string_view old_suffix = ".mqd-old";

/// True when `name` in a topic's folder was such a folder, which is settled now. io
inline Result<bool> settle_queue_folder(Files& files, const std::filesystem::path& topic,
                                        std::string_view name) {
    if (name.ends_with(fresh_suffix)) {
        TRY_OK(files.remove_all(topic / name));
        return true;
    }
    if (!name.ends_with(old_suffix)) return false;
    const auto queue = topic / name.substr(0, name.size() - old_suffix.size());
    TRY(const bool there, files.exists(queue));
    if (there)
        TRY_OK(files.remove_all(topic / name));
    else
        TRY_OK(files.rename(topic / name, queue));
    return true;
}

}  // namespace mqd::store
