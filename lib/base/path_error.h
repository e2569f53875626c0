#pragma once
// What a path's open() or rename() failed with, told apart as exit statuses tell it (mqd(7), EXIT
// STATUS).
//
// Threads: pure functions.

#include <string_view>

#include "base/result.h"

namespace mqd {

/// Of errno. not_found: nothing has that name, refused: no permission, io: all else.
Error path_error(std::string_view path);

}  // namespace mqd
