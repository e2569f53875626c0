#pragma once
// --state FILE: how far each followed file has been delivered (mqsend(1)). JSON, so that
// people can read and mend it.
//
// Threads: a value type.

#include <sys/stat.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/result.h"

namespace mqd::follow {

struct FileId {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    bool operator==(const FileId&) const = default;
};
FileId id_of(const struct stat& is);

struct Position {
    FileId file;
    std::uint64_t offset = 0;
    std::string last;          ///< the bytes before it, at most last_bytes; empty: not known
    std::uint64_t cut = 0;     ///< how often the file had been cut short
    std::int64_t born_ns = 0;  ///< when the file was made; 0: not known
    static constexpr std::size_t last_bytes = 64;
    bool operator==(const Position&) const = default;
};

using Positions = std::map<std::string, Position>;  ///< by path

/// Nothing when there is no such file. corrupt: it is not what save_positions() writes; io
Result<Positions> load_positions(const std::string& path);
/// As a whole or not at all. io, not_found
Result<> save_positions(const std::string& path, const Positions& positions);

/// What `fd` has before `offset`, for Position::last.
std::string bytes_before(int fd, std::uint64_t offset);
/// How many NULs a file begins with.
std::uint64_t leading_nuls(int fd);
/// Whether that is what it had, as far as it is known.
bool has_before(int fd, const Position& position);

}  // namespace mqd::follow
