#include "taken.h"

#include <algorithm>

namespace mqd::mqpull {

void Taken::look(std::uint64_t written, std::uint64_t unread, bool is_gone, std::int64_t now_ms) {
    is_gone_ = is_gone_ || is_gone;
    if (is_gone_) {
        seen_.clear();
        return;
    }
    while (!seen_.empty() && seen_.front().at_ms + outlive_ms <= now_ms) {
        confirmed_ = seen_.front().bytes;
        seen_.pop_front();
    }
    // Where others write to the same pipe, theirs may be all that is unread.
    const std::uint64_t taken = written - std::min(written, unread);
    if (taken <= taken_) return;
    taken_ = taken;
    moved_ms_ = now_ms;
    // A few are enough: what the last one says is then confirmed a little later.
    if (seen_.size() == seen_max) {
        seen_.back() = {taken, now_ms};
    } else {
        seen_.push_back({taken, now_ms});
    }
}

}  // namespace mqd::mqpull
