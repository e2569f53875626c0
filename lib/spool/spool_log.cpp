#include "spool/spool_log.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "message/record.h"
#include "store/file_names.h"

namespace mqd::spool {
namespace {

constexpr std::int64_t blank_bytes = 8;
constexpr std::string_view spare_name = "spare";  // no offset: it is no file of a log
constexpr std::array<std::byte, 64 << 10> zeros{};

}  // namespace

Result<std::unique_ptr<SpoolLog>> SpoolLog::open(store::Files& files,
                                                 const std::filesystem::path& dir,
                                                 std::int64_t file_bytes, PhysicalOffset begin,
                                                 PhysicalOffset end) {
    std::unique_ptr<SpoolLog> log(new SpoolLog(files, dir / "commitlog", file_bytes));
    TRY_OK(files.make_directories(log->dir_));
    TRY_OK(log->load(begin.value, end.value));
    return log;
}

std::filesystem::path SpoolLog::path_of(std::int64_t base) const {
    return dir_ / store::file_name(base);
}

Result<> SpoolLog::load(std::int64_t begin, std::int64_t end) {
    end_ = end;
    TRY_OK(os_.remove(dir_ / spare_name));
    TRY(const auto names, os_.list(dir_));
    for (const auto& name : names) {
        const auto base = store::parse_file_name(name);
        if (!base) continue;
        TRY(const auto file, os_.open(dir_ / name, store::OpenMode::read_only));
        TRY(const auto bytes, file->size());
        if (*base >= end || *base + bytes <= begin) {
            TRY_OK(os_.remove(dir_ / name));
        } else {
            files_.push_back({*base, *base + bytes});
        }
    }
    if (files_.empty()) return {};
    TRY(tail_, os_.open(path_of(files_.back().base), store::OpenMode::read_write));
    return cut();
}

/// Nothing after end() may be taken for records one day.
Result<> SpoolLog::cut() {
    auto& tail = files_.back();
    if (end_ >= tail.limit) return {};
    TRY_OK(tail_->resize(end_ - tail.base));
    return tail_->resize(tail.limit - tail.base);
}

bool SpoolLog::fits(std::size_t bytes) const {
    return !files_.empty() &&
           end_ + static_cast<std::int64_t>(bytes) + blank_bytes <= files_.back().limit;
}

PhysicalOffset SpoolLog::place_for(std::size_t bytes) const {
    if (files_.empty() || fits(bytes)) return {end_};
    return {std::max(files_.back().limit, end_)};
}

Result<> SpoolLog::append(Bytes records) {
    if (!fits(records.size())) TRY_OK(roll());
    auto written = tail_->write(end_ - files_.back().base, records);
    if (!written && written.error().code == Errc::refused && has_spare_) {
        TRY_OK(drop_spare());  // a full disk has its space
        written = tail_->write(end_ - files_.back().base, records);
    }
    if (!written) {
        // What has been written of it goes; if that fails too, the same block comes once more.
        [[maybe_unused]] const auto is_cut = cut();
        return written;
    }
    end_ += static_cast<std::int64_t>(records.size());
    return {};
}

Result<> SpoolLog::roll() {
    const std::int64_t base = files_.empty() ? end_ : std::max(files_.back().limit, end_);
    TRY(auto next, make(base));
    if (!files_.empty() && files_.back().limit - end_ >= blank_bytes) {
        const auto& full = files_.back();
        std::array<std::byte, blank_bytes> blank{};
        store_be(blank.data(), static_cast<std::int32_t>(full.limit - end_));
        store_be(blank.data() + 4, message::magic_blank);
        TRY_OK(tail_->write(end_ - full.base, blank));
    }
    tail_ = std::move(next);
    files_.push_back({base, base + file_bytes_});
    end_ = base;
    return {};
}

Result<std::unique_ptr<store::File>> SpoolLog::make(std::int64_t base) {
    if (has_spare_) {
        if (auto file = use_spare(base)) return file;
        TRY_OK(drop_spare());
    }
    TRY(auto file, os_.open(path_of(base), store::OpenMode::create));
    TRY_OK(file->resize(file_bytes_));
    return file;
}

Result<std::unique_ptr<store::File>> SpoolLog::use_spare(std::int64_t base) {
    TRY(auto file, os_.open(dir_ / spare_name, store::OpenMode::read_write));
    // Before it has a name: after its end a log holds nothing.
    for (std::int64_t at = 0; at < file_bytes_; at += std::ssize(zeros)) {
        const auto bytes = std::min<std::int64_t>(std::ssize(zeros), file_bytes_ - at);
        TRY_OK(file->write(at, Bytes(zeros).first(static_cast<std::size_t>(bytes))));
    }
    TRY_OK(os_.rename(dir_ / spare_name, path_of(base)));
    has_spare_ = false;
    return file;
}

Result<> SpoolLog::drop_spare() {
    if (!std::exchange(has_spare_, false)) return {};
    return os_.remove(dir_ / spare_name);
}

Result<> SpoolLog::drop_before(PhysicalOffset at) {
    while (!files_.empty() && files_.front().limit <= at.value && files_.size() > 1) {
        const auto [base, limit] = files_.front();
        if (!has_spare_ && limit - base == file_bytes_) {
            TRY_OK(os_.rename(path_of(base), dir_ / spare_name));
            has_spare_ = true;
        } else {
            TRY_OK(os_.remove(path_of(base)));
        }
        files_.erase(files_.begin());
    }
    return {};
}

Result<> SpoolLog::sync() {
    for (const auto& file : files_) {
        TRY(const auto open, os_.open(path_of(file.base), store::OpenMode::read_write));
        TRY_OK(open->sync());
    }
    TRY_OK(drop_spare());
    return os_.sync_directory(dir_);
}

Result<> SpoolLog::drop_all() {
    tail_.reset();
    TRY_OK(drop_spare());
    for (; !files_.empty(); files_.erase(files_.begin()))
        TRY_OK(os_.remove(path_of(files_.front().base)));
    return {};
}

Result<> SpoolLog::remove() {
    TRY_OK(drop_all());
    return os_.remove_all(dir_);
}

}  // namespace mqd::spool
