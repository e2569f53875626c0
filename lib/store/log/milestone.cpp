#include "store/log/milestone.h"

#include <algorithm>
#include <array>

#include "base/clock.h"
#include "base/crc.h"
#include "base/log.h"

namespace mqd::store {
namespace {

constexpr std::int64_t magic = 0x4d51444d494c4501;  // MQDMILE, version 1
constexpr std::size_t file_bytes = 128;
constexpr std::size_t crc_at = 56;
constexpr std::size_t boot_at = 60;
constexpr std::size_t boot_bytes = 36;
/// The file system's clock is a few milliseconds coarse.
constexpr std::int64_t touched_ms = 1000;

using Block = std::array<std::byte, file_bytes>;

std::int32_t sum_of(Block block) {
    store_be(block.data() + crc_at, std::int32_t{0});
    return static_cast<std::int32_t>(crc32(block));
}

}  // namespace

MilestoneFile::MilestoneFile(Files& files, const std::filesystem::path& root,
                             std::int64_t step_bytes)
    : files_(files),
      path_(root / "mqd-milestone"),
      abort_path_(root / "abort"),
      step_bytes_(step_bytes),
      boot_(files.boot_id()) {}

std::optional<Milestone> MilestoneFile::load(const Checkpoint& checkpoint) const {
    if (boot_.size() != boot_bytes) return {};
    const auto abort_changed_ns = files_.changed_ns(abort_path_);
    const auto changed_ns = files_.changed_ns(path_);
    const auto file = files_.open(path_, OpenMode::read_only);
    if (!abort_changed_ns || !changed_ns || !file) return {};
    Block block{};
    const auto got = (*file)->read(0, block);
    if (!got || *got != block.size()) return {};

    const auto field = [&block](std::size_t at) {
        return load_be<std::int64_t>(block.data() + at);
    };
    const Bytes boot = Bytes(block).subspan(boot_at, boot_bytes);
    if (field(0) != magic || load_be<std::int32_t>(block.data() + crc_at) != sum_of(block) ||
        as_text(boot) != boot_ || field(48) != *abort_changed_ns ||
        field(40) > checkpoint.log_ts_ms || *changed_ns / 1'000'000 - field(24) > touched_ms)
        return {};
    return Milestone{field(8), field(16), field(32)};
}

void MilestoneFile::begin(const Milestone& first) {
    const auto changed_ns = files_.changed_ns(abort_path_);
    if (boot_.size() != boot_bytes || !changed_ns) return;
    abort_changed_ns_ = *changed_ns;
    auto file = files_.open(path_, OpenMode::create);
    if (!file) return log::warn("milestone_not_written", {{"why", file.error().what}});
    file_ = std::move(*file);
    written_end_ = first.end - step_bytes_;
    reached(first);
}

void MilestoneFile::reached(const Milestone& now) {
    if (!file_ || withdrawn_ || now.last_at < 0 || now.end - written_end_ < step_bytes_) return;
    written_end_ = now.end;
    if (auto ok = write(now); !ok) {
        log::warn("milestone_not_written", {{"why", ok.error().what}});
        withdraw();
    }
}

Result<> MilestoneFile::write(const Milestone& now) {
    Block block{};
    const auto put = [&block](std::size_t at, std::int64_t value) {
        store_be(block.data() + at, value);
    };
    put(0, magic);
    put(8, now.end);
    put(16, now.last_at);
    put(24, wall_ms());
    put(32, now.store_ts_ms);
    put(40, checkpoint_ts_ms_);
    put(48, abort_changed_ns_);
    std::copy_n(as_bytes(boot_).begin(), boot_bytes, block.begin() + boot_at);
    store_be(block.data() + crc_at, sum_of(block));
    return file_->write(0, block);
}

void MilestoneFile::withdraw() {
    if (withdrawn_.exchange(true)) return;
    if (auto ok = files_.remove(path_); !ok)
        log::warn("milestone_not_removed", {{"why", ok.error().what}});
}

}  // namespace mqd::store
