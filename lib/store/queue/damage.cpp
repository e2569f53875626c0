#include "store/queue/damage.h"

#include <algorithm>

#include "base/clock.h"
#include "base/log.h"

namespace mqd::store {
namespace {

constexpr std::int64_t silence_ms = 1000;  // between lines once there are too many to remember

}  // namespace

void Damage::found(const std::filesystem::path& file, std::int64_t at, std::string_view what,
                   std::string_view why) {
    {
        const Lock lock(lock_);
        if (told_.size() < kept_max) {
            if (!told_.emplace(file.native(), at).second) return;
        } else {
            if (told_.contains({file.native(), at})) return;
            const std::int64_t now_ms = monotonic_ms();
            if (now_ms < silent_until_ms_) return;
            silent_until_ms_ = now_ms + silence_ms;
        }
    }
    ++places_;
    log::error("store_damaged",
               {{"file", file.string()}, {"at", at}, {"what", what}, {"why", why}});
}

void Damage::lost(const StoredQueue& queue, std::int64_t offset) {
    const Lock lock(lock_);
    if (lost_.size() >= kept_max) lost_.clear();
    lost_.emplace(&queue, offset);
}

bool Damage::is_lost(const StoredQueue& queue, std::int64_t offset) const {
    const Lock lock(lock_);
    return lost_.contains({&queue, offset});
}

void Damage::mend(const Mend& unit) {
    const Lock lock(lock_);
    const auto same = [&](const Mend& is) {
        return is.queue == unit.queue && is.offset == unit.offset;
    };
    if (mends_.size() < kept_max && std::ranges::none_of(mends_, same)) mends_.push_back(unit);
}

std::vector<Damage::Mend> Damage::take_mends() {
    const Lock lock(lock_);
    return std::exchange(mends_, {});
}

}  // namespace mqd::store
