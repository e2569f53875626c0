#include "follow/record_id.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <initializer_list>

namespace mqd::follow {
namespace {

/// The end of splitmix64: every bit of the result depends on every bit of `x`.
std::uint64_t mixed(std::uint64_t x) {
    x ^= x >> 30;
    x *= 0xBF58476D1CE4E5B9;
    x ^= x >> 27;
    x *= 0x94D049BB133111EB;
    x ^= x >> 31;
    return x;
}

std::uint64_t mixed(std::uint64_t seed, std::initializer_list<std::uint64_t> numbers) {
    for (const auto number : numbers) seed = mixed(seed + 0x9E3779B97F4A7C15 + number);
    return seed;
}

/// FNV-1a.
std::uint64_t hash_of(std::string_view text) {
    std::uint64_t hash = 0xCBF29CE484222325;
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3;
    return hash;
}

std::int64_t born_ns(int dir, const char* path, int flags) {
    struct statx is = {};
    if (::statx(dir, path, flags, STATX_BTIME, &is) != 0) return 0;
    if ((is.stx_mask & STATX_BTIME) == 0) return 0;
    return is.stx_btime.tv_sec * 1'000'000'000 + is.stx_btime.tv_nsec;
}

}  // namespace

std::string record_id(std::string_view topic, const Position& at, std::int64_t born_ns,
                      std::string_view record) {
    const auto place = mixed(
        hash_of(topic),
        {at.file.device, at.file.inode, static_cast<std::uint64_t>(born_ns), at.cut, at.offset});
    return fmt::format("{:016X}{:016X}", place, mixed(place, {hash_of(record)}));
}

std::int64_t born_ns(int fd) {
    return born_ns(fd, "", AT_EMPTY_PATH);
}

std::int64_t born_ns(const std::string& path) {
    return born_ns(AT_FDCWD, path.c_str(), 0);
}

}  // namespace mqd::follow
