#include "store/log/checkpoint.h"

#include <array>

#include "base/log.h"

namespace mqd::store {
namespace {

constexpr std::int64_t file_bytes = 4096;
constexpr std::size_t field_bytes = 40;

}  // namespace

Result<Checkpoint> Checkpoint::load(Files& files, const std::filesystem::path& path) {
    auto file = files.open(path, OpenMode::read_only);
    if (!file && file.error().code == Errc::not_found) return Checkpoint{};
    if (!file) return std::move(file).error();
    std::array<std::byte, field_bytes> bytes{};
    TRY(const std::size_t got, (*file)->read(0, bytes));
    if (got < field_bytes) {
        log::warn("checkpoint_damaged",
                  {{"path", path.string()}, {"used", "none: more of the log is read"}});
        return Checkpoint{};
    }
    Checkpoint out;
    out.log_ts_ms = load_be<std::int64_t>(bytes.data());
    out.queues_ts_ms = load_be<std::int64_t>(bytes.data() + 8);
    out.index_ts_ms = load_be<std::int64_t>(bytes.data() + 16);
    out.master_flushed = load_be<std::int64_t>(bytes.data() + 24);
    out.confirm_offset = load_be<std::int64_t>(bytes.data() + 32);
    return out;
}

Result<> Checkpoint::save(Files& files, const std::filesystem::path& path) const {
    std::array<std::byte, field_bytes> bytes;
    store_be(bytes.data(), log_ts_ms);
    store_be(bytes.data() + 8, queues_ts_ms);
    store_be(bytes.data() + 16, index_ts_ms);
    store_be(bytes.data() + 24, master_flushed);
    store_be(bytes.data() + 32, confirm_offset);
    TRY(const auto file, files.open(path, OpenMode::create));
    TRY(const std::int64_t size, file->size());
    if (size != file_bytes) TRY_OK(file->resize(file_bytes));
    TRY_OK(file->write(0, bytes));
    return file->sync();
}

}  // namespace mqd::store
