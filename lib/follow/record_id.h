#pragma once
// The id of a message that was read from a file: the same whenever that record is read again, so
// that who gets it twice can tell (mqsend(1), --state).
//
// Threads: pure functions.

#include <cstdint>
#include <string>
#include <string_view>

#include "follow/follow_state.h"

namespace mqd::follow {

/// As the place of the others' unique keys wants it: 32 hexadecimal digits. `born_ns` is when the
/// file was made, for its inode may be another file's later on; `at` ends with the record.
std::string record_id(std::string_view topic, const Position& at, std::int64_t born_ns,
                      std::string_view record);

/// When the file was made, since the epoch. 0: its file system does not tell.
std::int64_t born_ns(int fd);
std::int64_t born_ns(const std::string& path);

}  // namespace mqd::follow
