#include "follow/rotations.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <tuple>

#include "follow/record_id.h"

namespace mqd::follow {
namespace {

namespace fs = std::filesystem;

class Descriptor {
public:
    explicit Descriptor(const fs::path& path)
        : fd_(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)) {}
    ~Descriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    int get() const { return fd_; }

private:
    const int fd_;
};

std::int64_t written_ns(const struct stat& is) {
    return is.st_mtim.tv_sec * 1'000'000'000 + is.st_mtim.tv_nsec;
}

bool is_number_or_date(std::string_view text) {
    return text.find_first_of("0123456789") != std::string_view::npos &&
           text.find_first_not_of("0123456789.-_:T") == std::string_view::npos;
}

/// Cuts a compressor's extension off.
bool drop_compression(std::string_view& name) {
    static constexpr std::array<std::string_view, 7> extensions = {".gz",  ".xz",   ".bz2", ".zst",
                                                                   ".lz4", ".lzma", ".Z"};
    for (const auto extension : extensions) {
        if (!name.ends_with(extension)) continue;
        name.remove_suffix(extension.size());
        return true;
    }
    return false;
}

/// Whether `copy` begins as `of` does, to its very end.
bool is_copy(const fs::path& path, int of) {
    const Descriptor copy(path);
    std::array<char, 65536> one;
    std::array<char, 65536> other;
    for (off_t at = 0;; at += static_cast<off_t>(one.size())) {
        const auto n = ::pread(copy.get(), one.data(), one.size(), at);
        if (n <= 0) return at > 0 && n == 0;
        const auto m = ::pread(of, other.data(), static_cast<std::size_t>(n), at);
        if (m != n || !std::equal(one.begin(), one.begin() + n, other.begin())) return false;
        if (n < static_cast<ssize_t>(one.size())) return true;
    }
}

}  // namespace

std::string folder_of(const std::string& path) {
    const auto parent = fs::path(path).parent_path();
    return parent.empty() ? "." : parent.string();
}

bool is_rotation_name(std::string_view name, std::string_view of) {
    if (name.starts_with(of)) return is_number_or_date(name.substr(of.size()));
    const auto dot = of.rfind('.');
    if (dot == std::string_view::npos || dot == 0) return false;
    const auto stem = of.substr(0, dot);
    const auto extension = of.substr(dot);
    return name.size() > of.size() && name.starts_with(stem) && name.ends_with(extension) &&
           is_number_or_date(name.substr(stem.size(), name.size() - of.size()));
}

Rotations rotations_since(const std::string& path, const Predecessor& old, const FileId& now) {
    struct Found {
        std::int64_t born_ns;
        std::int64_t written_ns;
        std::string path;
    };
    std::vector<Found> found;
    Rotations rotations;
    struct stat is = {};
    std::int64_t least_ns = old.born_ns;
    if (least_ns == 0 && old.fd >= 0 && ::fstat(old.fd, &is) == 0) least_ns = written_ns(is) + 1;
    if (least_ns == 0) return rotations;
    const auto own = fs::path(path).filename().string();
    const auto folder = folder_of(path);
    std::error_code code;
    fs::directory_iterator entries(folder, code);
    for (; !code && entries != fs::directory_iterator(); entries.increment(code)) {
        const auto name = entries->path().filename().string();
        std::string_view bare = name;
        const bool is_compressed = drop_compression(bare);
        if (!is_rotation_name(bare, own)) continue;
        // By name: one that cannot be opened is told of by who reads on.
        if (::stat(entries->path().c_str(), &is) != 0 || !S_ISREG(is.st_mode)) continue;
        // What was unpacked or compressed is born late, but tells when it was written.
        const FileId id = id_of(is);
        if (id == old.file || id == now || written_ns(is) < least_ns) continue;
        if (is_compressed) {
            if (old.fd < 0) rotations.compressed.push_back(name);
            continue;
        }
        const auto born = born_ns(entries->path().string());
        if (born != 0 && born < old.born_ns) continue;
        if (old.fd >= 0 && is_copy(entries->path(), old.fd)) continue;
        found.push_back({born, written_ns(is), entries->path().string()});
    }
    if (code) rotations.trouble = fmt::format("{}: {}", folder, code.message());
    std::ranges::sort(found, {}, [](const Found& one) {
        return std::tie(one.born_ns, one.written_ns, one.path);
    });
    for (auto& one : found) rotations.paths.push_back(std::move(one.path));
    std::ranges::sort(rotations.compressed);
    return rotations;
}

}  // namespace mqd::follow
