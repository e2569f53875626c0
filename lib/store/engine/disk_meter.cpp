#include "store/engine/disk_meter.h"

#include "base/log.h"

namespace mqd::store {

DiskMeter::DiskMeter(Files& files, const Places& root, int full_percent)
    : os_(files),
      root_(root.root()),
      log_dir_(root / "commitlog"),
      queues_dir_(root / "consumequeue"),
      full_percent_(full_percent) {}

void DiskMeter::measure() {
    measure(log_dir_, log_percent_);
    measure(queues_dir_, queues_percent_);
    const int percent = use().fuller();
    const bool full = percent > full_percent_;
    if (full_.exchange(full) == full) return;
    if (full)
        log::error("disk_full", {{"used_percent", percent}, {"limit", full_percent_}});
    else
        log::info("disk_has_room", {{"used_percent", percent}, {"limit", full_percent_}});
}

/// A directory that is not there yet will be made below the root.
void DiskMeter::measure(const std::filesystem::path& dir, std::atomic<int>& percent) {
    auto space = os_.space(dir);
    if (!space && space.error().code == Errc::not_found) space = os_.space(root_);
    if (space) percent = static_cast<int>(space->used_percent);
}

}  // namespace mqd::store
