#include "follow/following.h"

#include <fmt/format.h>
#include <sys/inotify.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <utility>

#include "base/clock.h"

namespace mqd::follow {
namespace {

/// Without word of changes, and with it: a folder may be reached over links that nobody watches.
constexpr std::int64_t look_every_ms = 250;
constexpr std::int64_t look_anyway_ms = 5000;
constexpr std::int64_t save_every_ms = 1000;

/// File systems that others write to without this system knowing.
bool is_remote(const std::string& folder) {
    struct statfs is = {};
    if (::statfs(folder.c_str(), &is) != 0) return false;
    constexpr std::array<std::uint32_t, 6> kinds = {0x6969,     0x517B,     0xFF534D42,
                                                    0xFE534D42, 0x65735546, 0x01021997};
    return std::ranges::find(kinds, static_cast<std::uint32_t>(is.f_type)) != kinds.end();
}

}  // namespace

Result<std::unique_ptr<Following>> Following::open(const std::vector<std::string>& paths,
                                                   const record::ReaderOptions& options,
                                                   std::string state_file) {
    std::unique_ptr<Following> following(new Following(std::move(state_file)));
    if (!following->state_file_.empty()) {
        TRY(following->positions_, load_positions(following->state_file_));
        TRY_OK(save_positions(following->state_file_, following->positions_));
        following->saved_ = following->positions_;
    }
    for (const auto& path : paths) {
        std::error_code code;
        auto absolute = std::filesystem::absolute(path, code).string();
        if (code) absolute = path;
        std::optional<Position> resume;
        if (const auto known = following->positions_.find(absolute);
            known != following->positions_.end())
            resume = known->second;
        following->files_.push_back(
            std::make_unique<FollowedFile>(std::move(absolute), options, std::move(resume)));
    }
    following->watch();
    return following;
}

Following::~Following() {
    if (inotify_ >= 0) ::close(inotify_);
}

void Following::watch() {
    inotify_ = ::inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    is_watched_ = inotify_ >= 0;
    for (const auto& file : files_) {
        const auto folder = folder_of(file->path());
        is_watched_ = is_watched_ && !is_remote(folder) &&
                      ::inotify_add_watch(inotify_, folder.c_str(),
                                          IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM) >= 0;
    }
}

Result<> Following::look() {
    alignas(inotify_event) char events[4096];
    while (inotify_ >= 0 && ::read(inotify_, events, sizeof events) > 0) {
    }
    looked_ms_ = monotonic_ms();
    for (const auto& file : files_) TRY_OK(file->look());
    return {};
}

std::vector<int> Following::fds(bool with_fifos) const {
    std::vector<int> fds;
    if (inotify_ >= 0) fds.push_back(inotify_);
    for (const auto& file : files_)
        if (with_fifos && file->fifo_fd() >= 0) fds.push_back(file->fifo_fd());
    return fds;
}

std::int64_t Following::due_ms() const {
    std::int64_t due_ms = looked_ms_ + (is_watched_ ? look_anyway_ms : look_every_ms);
    for (const auto& file : files_)
        if (file->due_ms() >= 0) due_ms = std::min(due_ms, file->due_ms());
    if (positions_ != saved_) due_ms = std::min(due_ms, saved_ms_ + save_every_ms);
    return due_ms;
}

void Following::taken(const FollowedFile& file, std::uint64_t fate) {
    if (state_file_.empty()) return;
    if (auto behind = file.position()) taken_.push_back({fate, &file, std::move(*behind)});
}

Result<> Following::keep(std::uint64_t kept, bool is_last) {
    if (state_file_.empty()) return {};
    for (; !taken_.empty() && taken_.front().fate < kept; taken_.pop_front())
        positions_[taken_.front().file->path()] = std::move(taken_.front().behind);
    const std::int64_t now_ms = monotonic_ms();
    if (!is_last && now_ms < saved_ms_ + save_every_ms) return {};
    for (const auto& file : files_)
        if (const auto at = positions_.find(file->path()); at != positions_.end())
            file->complete(at->second);
    if (positions_ == saved_) return {};
    saved_ms_ = now_ms;
    TRY_OK(save_positions(state_file_, positions_));
    saved_ = positions_;
    return {};
}

}  // namespace mqd::follow
