#include "follow/follow_state.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/parse.h"
#include "base/path_error.h"
#include "json/value.h"
#include "json/writer.h"
#include "record/replace_file.h"

namespace mqd::follow {
namespace {

Result<std::string> read_file(const std::string& path) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        if (errno == ENOENT) return std::string();
        return path_error(path);
    }
    std::string text;
    char block[16384];
    for (;;) {
        const auto n = ::read(fd, block, sizeof block);
        if (n > 0) {
            text.append(block, static_cast<std::size_t>(n));
        } else if (n == 0) {
            break;
        } else if (errno != EINTR) {
            auto error = errno_error(path);
            ::close(fd);
            return error;
        }
    }
    ::close(fd);
    return text;
}

Error no_positions(const std::string& path) {
    return {
        Errc::corrupt,
        fmt::format("{} is not a list of positions: remove it, or name another file with --state",
                    path)};
}

}  // namespace

FileId id_of(const struct stat& is) {
    return {static_cast<std::uint64_t>(is.st_dev), static_cast<std::uint64_t>(is.st_ino)};
}

Result<Positions> load_positions(const std::string& path) {
    TRY(const auto text, read_file(path));
    Positions positions;
    if (text.empty()) return positions;
    const auto parsed = json::parse(text);
    if (!parsed || !(*parsed)["files"].is_array()) return no_positions(path);
    for (const auto& item : (*parsed)["files"].items()) {
        Position position;
        position.file.device = static_cast<std::uint64_t>(item["device"].as_int());
        position.file.inode = static_cast<std::uint64_t>(item["inode"].as_int());
        position.offset = static_cast<std::uint64_t>(item["offset"].as_int());
        position.cut = static_cast<std::uint64_t>(item["cut"].as_int());
        position.born_ns = item["born"].as_int();
        auto last = base64_decode(item["last"].as_text());
        if (!item["path"].is_text() || item["offset"].as_int(-1) < 0 || !last)
            return no_positions(path);
        position.last = std::move(*last);
        positions[item["path"].as_text()] = std::move(position);
    }
    return positions;
}

Result<> save_positions(const std::string& path, const Positions& positions) {
    std::string text;
    json::Writer out(text);
    out.begin_object().key("files").begin_array();
    for (const auto& [name, position] : positions) {
        out.begin_object().member("path", name).member("offset", position.offset);
        out.member("device", position.file.device).member("inode", position.file.inode);
        if (position.cut > 0) out.member("cut", position.cut);
        if (position.born_ns != 0) out.member("born", position.born_ns);
        out.member("last", base64_encode(position.last)).end_object();
    }
    out.end_array().end_object();
    return record::replace_file(path, text + "\n");
}

std::string bytes_before(int fd, std::uint64_t offset) {
    std::string bytes(std::min<std::uint64_t>(offset, Position::last_bytes), '\0');
    const auto n =
        ::pread(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset - bytes.size()));
    bytes.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    return bytes;
}

std::uint64_t leading_nuls(int fd) {
    std::array<char, 1 << 16> block;
    const auto place = ::lseek(fd, 0, SEEK_CUR);
    off_t at = 0;
    for (;;) {
        // Where the file system knows the hole, it need not be read.
        const auto data = ::lseek(fd, at, SEEK_DATA);
        if (data < 0 && errno == ENXIO) {
            at = std::max(at, ::lseek(fd, 0, SEEK_END));
            break;
        }
        at = std::max(at, data);
        const auto n = ::pread(fd, block.data(), block.size(), at);
        if (n <= 0) break;
        const char* const begin = block.data();
        const char* const end = begin + n;
        const char* const other = std::find_if(begin, end, [](char c) { return c != 0; });
        at += other - begin;
        if (other != end) break;
    }
    ::lseek(fd, place, SEEK_SET);
    return static_cast<std::uint64_t>(at);
}

bool has_before(int fd, const Position& position) {
    return position.last.empty() || bytes_before(fd, position.offset) == position.last;
}

}  // namespace mqd::follow
