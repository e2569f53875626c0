#pragma once
// What a followed path has named in between: files that came and were renamed while nobody looked
// (mqsend(1), --follow).
//
// Threads: pure functions over the file system.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "follow/follow_state.h"

namespace mqd::follow {

/// The file after which the others came.
struct Predecessor {
    FileId file;
    std::int64_t born_ns = 0;  ///< 0: not known, then what was written after it is younger
    int fd = -1;               ///< -1: it is gone
};

struct Rotations {
    std::vector<std::string> paths;  ///< oldest first
    /// Names; only when `old` is gone, for it may be among them.
    std::vector<std::string> compressed;
    std::string trouble;  ///< why there may be more; empty: there are none
};

/// The files beside `path` that have its name with a number or a date in it (app.log.1,
/// app-20261121.log) and are younger than `old`, but `now`, which has the name itself.
/// No copies of `old`.
Rotations rotations_since(const std::string& path, const Predecessor& old, const FileId& now);

std::string folder_of(const std::string& path);

/// Whether `name` is `of` with a number or a date after it or before its extension.
bool is_rotation_name(std::string_view name, std::string_view of);

}  // namespace mqd::follow
