#include "store/table/places.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "json/value.h"
#include "json/writer.h"
#include "store/table/config_file.h"

namespace mqd::store {
namespace {

namespace fs = std::filesystem;

constexpr auto all_parts = std::to_array<Places::Part>({
    {"commitlog", "storePathCommitLog", "the commit log"},
    {"consumequeue", "storePathConsumeQueue", "the consume queues"},
    {"batchconsumequeue", "storePathBatchConsumeQueue", "the batch consume queues"},
    {"index", "storePathIndex", "the index"},
});

fs::path file_of(const fs::path& root) {
    return root / "config" / "mqd.places";
}

/// Whoever only looks at a store sets nothing aside, as load_config() would.
Result<Places::Apart> read(Files& files, const fs::path& path) {
    TRY(const auto text, read_text(files, path));
    auto value = json::parse(text);
    if (!value || !value->is_object())
        return Error{Errc::corrupt, fmt::format("{}: no JSON object", path.string())};
    Places::Apart apart;
    for (const auto& [name, place] : value->members()) apart[name] = place.as_text();
    return apart;
}

Result<bool> has_data(Files& files, const fs::path& path) {
    TRY(const bool is_there, files.exists(path));
    if (!is_there) return false;
    TRY(const bool is_directory, files.is_directory(path));
    if (!is_directory) return true;
    TRY(const auto names, files.list(path));
    return !names.empty();
}

/// The same directory by two names, or over a link.
bool is_same(const fs::path& a, const fs::path& b) {
    std::error_code ignored;
    return a == b || fs::weakly_canonical(a, ignored) == fs::weakly_canonical(b, ignored);
}

Result<> check_move(Files& files, const Places::Part& part, const fs::path& from,
                    const fs::path& to) {
    TRY(const bool is_left, has_data(files, from));
    if (!is_left) return {};
    TRY(const bool is_there, has_data(files, to));
    return Error{Errc::refused, fmt::format("{} of this store lies in {}, and {} says {}{}: {}",
                                            part.what, from.string(), part.key, to.string(),
                                            is_there ? ", where there is one too" : "",
                                            is_there ? "move one of them away"
                                                     : fmt::format("move it there, or write {}={}",
                                                                   part.key, from.string()))};
}

}  // namespace

std::span<const Places::Part> Places::parts() {
    return all_parts;
}

void Places::put(std::string_view part, const fs::path& path) {
    const auto plain = [](const fs::path& any) {
        auto out = fs::absolute(any).lexically_normal();
        return out.has_filename() ? out : out.parent_path();
    };
    apart_.erase(std::string(part));
    if (plain(path) != plain(root_ / part)) apart_[std::string(part)] = plain(path);
}

Result<Places> Places::find(Files& files, const fs::path& root) {
    auto apart = read(files, file_of(root));
    if (apart) return Places(root, std::move(*apart));
    auto spare = read(files, file_of(root) += ".bak");
    if (spare) return Places(root, std::move(*spare));
    const bool is_none =
        apart.error().code == Errc::not_found && spare.error().code == Errc::not_found;
    if (is_none) return Places(root);
    return apart.error();
}

fs::path Places::operator/(const fs::path& name) const {
    auto piece = name.begin();
    if (piece == name.end()) return root_;
    const auto at = apart_.find(piece->native());
    if (at == apart_.end()) return root_ / name;
    fs::path out = at->second;
    while (++piece != name.end()) out /= *piece;
    return out;
}

std::string Places::name_of(const fs::path& path) const {
    for (const auto& [name, place] : apart_) {
        const auto below = path.lexically_relative(place);
        if (!below.empty() && *below.begin() != "..") return (fs::path(name) / below).native();
    }
    return path.lexically_relative(root_).native();
}

bool Places::is_apart(const fs::path& name) const {
    return !name.empty() && apart_.contains(name.begin()->native());
}

Result<> Places::settle(Files& files) const {
    TRY(const auto before, find(files, root_));
    if (before.apart_ == apart_) return {};
    TRY_OK(make_synced_directories(files, root_));
    TRY(const auto lock, files.lock(root_ / "lock"));
    for (const auto& part : all_parts) {
        const auto from = before / part.name, to = *this / part.name;
        if (!is_same(from, to)) TRY_OK(check_move(files, part, from, to));
    }
    std::string text;
    {
        json::Writer out(text);
        out.begin_object();
        for (const auto& [name, place] : apart_) out.member(name, place.string());
        out.end_object();
    }
    TRY_OK(make_synced_directories(files, root_ / "config"));
    return save_config(files, file_of(root_), text, Spare::same);
}

Places::Lock::~Lock() {
    for (const int fd : descriptors_) ::close(fd);
}

Result<Places::Lock> Places::lock(Files& files) const {
    Lock out;
    for (const auto& [name, place] : apart_) {
        TRY_OK(make_synced_directories(files, place));
        const int fd = ::open(place.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0) return errno_error(place.string());
        out.descriptors_.push_back(fd);
        if (::flock(fd, LOCK_EX | LOCK_NB) == 0) continue;
        if (errno != EWOULDBLOCK) return errno_error("lock " + place.string());
        return Error{Errc::refused,
                     fmt::format("{} is in use by another broker, whose store is not {}",
                                 place.string(), root_.string())};
    }
    return out;
}

}  // namespace mqd::store
