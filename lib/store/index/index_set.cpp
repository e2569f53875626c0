#include "store/index/index_set.h"

#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <array>

#include "base/log.h"
#include "base/parse.h"
#include "store/log/log_walker.h"

namespace mqd::store {
namespace {

/// `yyyyMMddHHmmssSSS` in local time.
std::string name_of_time(std::int64_t ts_ms) {
    const auto seconds = static_cast<::time_t>(ts_ms / 1000);
    ::tm local{};
    ::localtime_r(&seconds, &local);
    return fmt::format("{:04}{:02}{:02}{:02}{:02}{:02}{:03}", local.tm_year + 1900,
                       local.tm_mon + 1, local.tm_mday, local.tm_hour, local.tm_min, local.tm_sec,
                       ts_ms % 1000);
}

bool is_number(std::string_view name) {
    return !name.empty() && name.front() != '-' && parse_int<std::int64_t>(name).has_value();
}

}  // namespace

// ---- opening

Result<std::unique_ptr<IndexSet>> IndexSet::open(Files& files, const Clock& clock,
                                                 const CommitLog& log, std::filesystem::path dir,
                                                 const IndexGeometry& geometry,
                                                 std::int64_t flushed_ts_ms, bool crashed) {
    std::unique_ptr<IndexSet> set(new IndexSet(files, clock, log, std::move(dir), geometry));
    TRY_OK(set->load(flushed_ts_ms, crashed));
    return set;
}

Result<> IndexSet::load(std::int64_t flushed_ts_ms, bool crashed) {
    TRY(const auto names, os_.list(dir_));
    std::string why;
    for (const auto& name : names) {
        if (!is_number(name)) continue;
        TRY(const bool directory, os_.is_directory(dir_ / name));
        if (directory) continue;
        TRY(Item item, read_item(name));
        if (why.empty()) why = why_not(item, flushed_ts_ms, crashed);
        if (!why.empty()) {
            TRY_OK(remove(item, why));
            continue;
        }
        item.durable = item.header.full(geometry_);
        const Lock lock(lock_);
        items_.push_back(std::move(item));
    }
    TRY_OK(settle_last(crashed));
    return find_resume();
}

/// A file of another length than configured has a header without entries.
Result<IndexSet::Item> IndexSet::read_item(const std::string& name) const {
    Item item;
    item.path = dir_ / name;
    TRY(const auto file, os_.open(item.path, OpenMode::read_only));
    TRY(const std::int64_t bytes, file->size());
    if (bytes != geometry_.file_bytes()) return item;
    std::array<std::byte, IndexGeometry::header_bytes> header;
    TRY(const std::size_t got, file->read(0, header));
    if (got == header.size()) item.header = IndexHeader::load(header.data());
    return item;
}

/// Empty: it can be relied upon.
std::string IndexSet::why_not(const Item& item, std::int64_t flushed_ts_ms, bool crashed) const {
    const IndexHeader& header = item.header;
    if (!header.sound(geometry_)) return "not of the configured geometry, or empty";
    if (crashed && header.end_ts_ms > flushed_ts_ms) return "not known to be on disk";
    if (header.end_at >= log_.shown()) return "ahead of the log";
    const auto before = items();
    if (!before.empty() && header.begin_at < before.back().header.end_at)
        return "not behind the file before it";
    return {};
}

bool IndexSet::record_begins(std::int64_t at) const {
    LogWalker walker(log_, at);
    return walker.next(log_.shown(), LogWalker::Check::lengths) == LogWalker::Step::record &&
           walker.record().at.value == at;
}

/// The last file is the one that building goes on from.
Result<> IndexSet::settle_last(bool crashed) {
    for (;;) {
        const auto all = items();
        if (all.empty()) return {};
        const IndexHeader& header = all.back().header;
        std::string_view why;
        if (crashed && !header.full(geometry_)) why = "not known to be on disk";
        if (header.end_at >= log_.begin() && !record_begins(header.end_at))
            why = "no record begins at its end";
        if (why.empty()) return {};
        TRY_OK(remove(all.back(), why));
        const Lock lock(lock_);
        items_.pop_back();
    }
}

Result<> IndexSet::remove(const Item& item, std::string_view why) {
    TRY_OK(os_.remove(item.path));
    log::info("index_file_removed", {{"path", item.path.string()}, {"why", why}});
    return {};
}

/// A full file may have taken only some keys of its last message; how many are in this file and
/// those before it, the last entries tell.
Result<> IndexSet::find_resume() {
    const auto all = items();
    resume_ = {log_.begin(), 0};
    if (all.empty() || all.back().header.end_at < log_.begin()) return {};
    resume_.at = all.back().header.end_at;
    for (auto item = all.rbegin(); item != all.rend(); ++item) {
        TRY(const auto file, os_.open(item->path, OpenMode::read_only));
        IndexEntries entries(*file, geometry_);
        for (std::int32_t number = item->header.next - 1; number > 0; --number) {
            TRY(const IndexEntry entry, entries.at(number));
            if (entry.at != resume_.at) return {};
            ++resume_.keys;
        }
    }
    return {};
}

// ---- building

Result<> IndexSet::add(std::span<const IndexKey>& keys) {
    while (!keys.empty()) {
        TRY_OK(prepare());
        for (; !keys.empty() && !tail_->full(); keys = keys.subspan(1))
            TRY_OK(tail_->add(keys.front()));
    }
    return flush();
}

/// A file with room.
Result<> IndexSet::prepare() {
    if (tail_ != nullptr && !tail_->full()) return {};
    if (tail_ != nullptr) TRY_OK(finish_full());
    const auto all = items();
    if (!all.empty() && !all.back().header.full(geometry_)) {
        TRY(tail_, IndexFile::open(os_, all.back().path, geometry_, all.back().header));
        const Lock lock(lock_);
        items_.back().open = tail_->file();
        return {};
    }
    TRY_OK(make_synced_directories(os_, dir_));
    const auto path = next_path();
    auto made =
        IndexFile::create(os_, path, geometry_, all.empty() ? IndexHeader{} : all.back().header);
    if (!made) {
        static_cast<void>(os_.remove(path));  // half made, and tried again by another name
        return std::move(made).error();
    }
    tail_ = std::move(*made);
    const Lock lock(lock_);
    items_.push_back({path, tail_->header(), tail_->file(), false});
    return {};
}

Result<> IndexSet::finish_full() {
    TRY_OK(flush());
    // Without it the checkpoint does not pass this file, and after a crash it is made again.
    auto synced = tail_->sync();
    if (synced) synced = os_.sync_directory(dir_);
    if (!synced) log::warn("index_file_not_synced", {{"why", synced.error().what}});
    tail_.reset();
    const Lock lock(lock_);
    items_.back().durable = synced.has_value();
    items_.back().open.reset();
    return {};
}

Result<> IndexSet::flush() {
    if (tail_ == nullptr) return {};
    return tail_->flush([this] {
        const Lock lock(lock_);
        items_.back().header = tail_->header();
    });
}

Result<> IndexSet::sync() {
    return tail_ == nullptr ? Result<>{} : tail_->sync();
}

void IndexSet::release() {
    if (tail_ != nullptr) tail_->release();
}

/// Names grow, though clocks go back and files may fill within a millisecond.
std::filesystem::path IndexSet::next_path() const {
    auto name = name_of_time(clock_.wall_ms());
    const auto all = items();
    if (!all.empty()) {
        const auto last = parse_int<std::int64_t>(all.back().path.filename().native()).value_or(0);
        if (parse_int<std::int64_t>(name).value_or(0) <= last)
            name = fmt::format("{:017}", last + 1);
    }
    return dir_ / name;
}

// ---- keeping house

std::int64_t IndexSet::durable_ts_ms(std::int64_t log_synced) const {
    const Lock lock(lock_);
    std::int64_t ts_ms = 0;
    for (const Item& item : items_) {
        if (!item.durable || item.header.end_at >= log_synced) break;
        ts_ms = item.header.end_ts_ms;
    }
    return ts_ms;
}

Result<bool> IndexSet::remove_expired() {
    if (!leaving_) {
        const Lock lock(lock_);
        if (items_.size() < 2 || items_.front().header.end_at >= log_.begin()) return false;
        leaving_ = std::move(items_.front());
        items_.erase(items_.begin());
    }
    TRY_OK(remove(*leaving_, "its messages are gone from the log"));
    leaving_.reset();
    return true;
}

}  // namespace mqd::store
