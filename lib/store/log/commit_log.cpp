#include "store/log/commit_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "message/sys_flag.h"
#include "store/file_names.h"

namespace mqd::store {
namespace {

constexpr std::int64_t blank_bytes = 8;
constexpr std::int64_t full_retry_ms = 100;
constexpr std::size_t staged_unit_bytes = 4096;
constexpr std::size_t handles_max = 16;

std::size_t staged_bytes(std::span<const Append> units, std::int64_t room) {
    if (units.size() == 1) return 0;
    std::size_t sum = 0;
    for (const Append& unit : units)
        if (unit.records.size() < staged_unit_bytes) sum += unit.records.size();
    return std::min(sum, static_cast<std::size_t>(room));
}

/// How many queue offsets a record of encode() takes.
std::uint32_t offsets_of(Bytes record) {
    if ((load_be<std::int32_t>(record.data() + 36) & message::sys_flag::inner_batch) == 0) return 1;
    const auto view = message::RecordView::parse(record);
    return view ? static_cast<std::uint32_t>(view->messages()) : 1;
}

}  // namespace

// ---- append

void CommitLog::append(std::span<Append> units, std::int64_t now_ms) {
    const Lock lock(append_lock_);
    for (Append& unit : units) {
        unit.stored = false;
        unit.why_not = failed() ? Errc::io : Errc::refused;
    }
    if (!may_append()) return;
    last_ts_ms_.store(std::max(newest_ms(), now_ms), std::memory_order_relaxed);
    while (!units.empty()) {
        if (end_.load(std::memory_order_relaxed) == tail_limit_) {
            if (auto ok = next_tail(); !ok) {
                no_next_file(ok.error());
                for (Append& unit : units) unit.why_not = ok.error().code;
                return;
            }
        }
        const std::size_t done = append_to_tail(units);
        if (full() || failed()) return;
        units = units.subspan(done);
    }
}

Result<> CommitLog::append_at(std::int64_t at, std::span<const FollowedPart> parts) {
    const Lock lock(append_lock_);
    if (const std::int64_t end = end_.load(std::memory_order_relaxed); at != end)
        return Error{Errc::invalid, fmt::format("the log ends at {}, not at {}", end, at)};
    if (!may_append())
        return failed() ? Error{Errc::io, "the log has failed"}
                        : Error{Errc::refused, "the log takes no appends"};
    for (const FollowedPart& part : parts) TRY_OK(append_part(part));
    return {};
}

Result<> CommitLog::append_part(const FollowedPart& part) {
    const std::int64_t start = end_.load(std::memory_order_relaxed);
    if (start == tail_limit_) {
        if (auto ok = next_tail(); !ok) {
            no_next_file(ok.error());
            return ok;
        }
    }
    check(start >= tail_->base && part.end <= tail_->limit());
    check(part.end == start + static_cast<std::int64_t>(part.bytes.size()) ||
          part.end == tail_->limit());
    if (auto ok = tail_file_->write(start - tail_->base, part.bytes); !ok) {
        write_failed(ok.error(), static_cast<std::int64_t>(part.bytes.size()));
        return ok;
    }
    last_ts_ms_.store(std::max(newest_ms(), part.store_ts_ms), std::memory_order_relaxed);
    for (const auto& [queue, next] : part.numbers) queue->next = next;
    end_.store(part.end, std::memory_order_release);
    return {};
}

bool CommitLog::may_append() {
    if (stopped_ || failed()) return false;
    if (!full()) return true;
    const std::int64_t now_ms = monotonic_ms();
    if (now_ms < retry_at_ms_) return false;
    retry_at_ms_ = now_ms + full_retry_ms;
    if (!erase_failed_write()) return false;
    full_ = false;
    return true;
}

/// Places and writes the units that fit into the tail, and the blank if one does not. Gives how
/// many have been dealt with.
std::size_t CommitLog::append_to_tail(std::span<Append> units) {
    const std::int64_t start = end_.load(std::memory_order_relaxed);
    std::int64_t at = start;
    const std::int64_t limit = tail_->limit();
    pieces_.clear();
    staged_.clear();
    staged_.reserve(staged_bytes(units, limit - start));  // its bytes must stay where they are
    std::size_t count = 0;
    bool roll = false;
    for (; count < units.size(); ++count) {
        Append& unit = units[count];
        const auto bytes = static_cast<std::int64_t>(unit.records.size());
        if (bytes + blank_bytes <= file_bytes_ && at + bytes + blank_bytes > limit) {
            roll = true;
            break;
        }
        if (!place(unit, at)) continue;
        const std::byte* behind = unit.records.data() + unit.records.size();
        const bool goes_on = count + 1 < units.size() && units[count + 1].records.data() == behind;
        add_piece(unit.records, goes_on || units.size() == 1);
        at += bytes;
    }
    std::array<std::byte, blank_bytes> blank;
    if (roll) {
        store_be(blank.data(), static_cast<std::int32_t>(limit - at));
        store_be(blank.data() + 4, message::magic_blank);
        pieces_.push_back(blank);
    }
    if (pieces_.empty()) return count;
    // What is written is what was counted, and the blank still fits after it.
    std::int64_t bytes = 0;
    for (const Bytes piece : pieces_) bytes += static_cast<std::int64_t>(piece.size());
    check(bytes == at - start + (roll ? blank_bytes : 0));
    check(start >= tail_->base && at + blank_bytes <= limit);
    if (auto ok = tail_file_->write_all(start - tail_->base, pieces_); !ok) {
        undo(units.first(count), ok.error().code);
        for (Append& unit : units.subspan(count)) unit.why_not = ok.error().code;
        write_failed(ok.error(), at - start + (roll ? blank_bytes : 0));
        return count;
    }
    end_.store(roll ? limit : at, std::memory_order_release);
    return count;
}

/// Small records that lie apart are copied together: a piece of its own costs the kernel more.
void CommitLog::add_piece(Bytes records, bool as_it_is) {
    const std::byte* last_end =
        pieces_.empty() ? nullptr : pieces_.back().data() + pieces_.back().size();
    if (!as_it_is && records.size() < staged_unit_bytes && last_end != records.data()) {
        std::byte* copy = staged_.extend(records.size());
        std::memcpy(copy, records.data(), records.size());
        records = {copy, records.size()};
    }
    if (!pieces_.empty() && last_end == records.data())
        pieces_.back() = {pieces_.back().data(), pieces_.back().size() + records.size()};
    else
        pieces_.push_back(records);
}

/// Fills in the unit and patches its records for `at`; false when it can never be stored.
bool CommitLog::place(Append& unit, std::int64_t at) {
    unit.why_not = Errc::invalid;
    if (static_cast<std::int64_t>(unit.records.size()) + blank_bytes > file_bytes_) return false;
    auto* queue = static_cast<NumberedQueue*>(unit.queue);
    if (const auto why = queue->why_no_append()) return unit.why_not = *why, false;
    QueueOffset offset{unit.consumes_offset ? queue->next : 0};
    unit.queue_offset = offset;
    unit.at = {at};
    unit.store_ts_ms = newest_ms();
    unit.offsets = 0;
    MutableBytes rest = unit.records;
    for (std::uint32_t i = 0; i < unit.count; ++i) {
        if (rest.size() < message::record_bytes_min) return false;
        const auto bytes = message::RecordHead::read(rest.data()).total_bytes;
        if (bytes < static_cast<std::int32_t>(message::record_bytes_min) ||
            static_cast<std::size_t>(bytes) > rest.size())
            return false;
        const auto record = rest.first(static_cast<std::size_t>(bytes));
        message::place(record, offset, {at}, unit.store_ts_ms);
        rest = rest.subspan(record.size());
        at += bytes;
        if (unit.consumes_offset) unit.offsets += offsets_of(record);
        offset = unit.queue_offset + unit.offsets;
    }
    if (!rest.empty() || unit.count == 0) return false;
    check(offset.value >= unit.queue_offset.value);
    if (unit.consumes_offset) queue->next = offset.value;
    unit.stored = true;
    return true;
}

/// Takes back what place() gave to those that have not been written.
void CommitLog::undo(std::span<Append> units, Errc why) {
    for (Append& unit : units) {
        if (!unit.stored) continue;
        unit.stored = false;
        unit.why_not = why;
        if (!unit.consumes_offset) continue;
        auto& next = static_cast<NumberedQueue*>(unit.queue)->next;
        next -= unit.offsets;
        check(next >= 0);
    }
}

/// Nothing of a failed write may be taken for records later, by recovery or after a later append.
void CommitLog::write_failed(const Error& error, std::int64_t bytes) {
    failed_bytes_ = std::max(failed_bytes_, bytes);
    erase_failed_write();
    retry_at_ms_ = monotonic_ms() + full_retry_ms;
    if (error.code != Errc::refused) return fail("log_write_failed", error);
    if (!full_.exchange(true)) log::error("log_full", {{"why", error.what}});
}

/// No bytes are at stake: whatever the reason was, it may pass.
void CommitLog::no_next_file(const Error& error) {
    retry_at_ms_ = monotonic_ms() + full_retry_ms;
    if (!full_.exchange(true)) log::error("log_file_not_made", {{"why", error.what}});
}

bool CommitLog::erase_failed_write() {
    if (failed_bytes_ == 0) return true;
    const std::vector<std::byte> zeros(static_cast<std::size_t>(failed_bytes_));
    const std::int64_t at = end_.load(std::memory_order_relaxed);
    if (auto ok = tail_file_->write(at - tail_->base, zeros); !ok) {
        if (ok.error().code != Errc::refused) fail("log_write_failed", ok.error());
        return false;
    }
    failed_bytes_ = 0;
    return true;
}

void CommitLog::fail(const char* event, const Error& error) {
    if (!failed_.exchange(true)) log::error(event, {{"why", error.what}});
}

bool CommitLog::confirm(std::int64_t at) {
    std::int64_t before = confirmed();
    while (before < at)
        if (confirmed_.compare_exchange_weak(before, at)) return true;
    return false;
}

void CommitLog::probe_room() {
    const Lock lock(append_lock_);
    may_append();
}

void CommitLog::stop_appends() {
    const Lock lock(append_lock_);
    stopped_ = true;
}

// ---- files

Result<std::shared_ptr<LogFile>> CommitLog::make_file(std::int64_t base) {
    auto out = std::make_shared<LogFile>();
    out->base = base;
    out->path = dir_ / file_name(base);
    TRY(const auto file, os_.open(out->path, OpenMode::create));
    TRY_OK(file->resize(file_bytes_));
    TRY_OK(file->sync());
    TRY_OK(os_.sync_directory(dir_));
    TRY(out->mapping, file->map());
    out->bytes = out->mapping->bytes();
    return out;
}

Result<> CommitLog::prepare_next() {
    const Lock lock(prepare_lock_);
    needs_file_ = false;
    if (prepared_ || failed()) return {};
    TRY(prepared_, make_file(tail_limit_));
    return {};
}

Result<> CommitLog::remove_prepared() {
    const Lock lock(prepare_lock_);
    if (!prepared_) return {};
    TRY_OK(os_.remove(prepared_->path));
    prepared_.reset();
    return {};
}

Result<> CommitLog::open_tail() {
    TRY(tail_file_, os_.open(tail_->path, OpenMode::read_write));
    tail_limit_ = tail_->limit();
    return {};
}

Result<> CommitLog::next_tail() {
    const Lock prepare(prepare_lock_);
    if (!prepared_) {
        TRY(prepared_, make_file(tail_limit_));
    }
    auto before = std::exchange(tail_, prepared_);
    if (auto ok = open_tail(); !ok) {
        tail_ = std::move(before);
        return ok;
    }
    prepared_.reset();
    needs_file_ = true;
    const Lock lock(files_lock_);
    files_.push_back(tail_);
    return {};
}

std::shared_ptr<const LogFile> CommitLog::file_at(std::int64_t offset) const {
    const Lock lock(files_lock_);
    const auto after =
        std::upper_bound(files_.begin(), files_.end(), offset,
                         [](std::int64_t wanted, const auto& file) { return wanted < file->base; });
    if (after == files_.begin()) return nullptr;
    const auto& file = *std::prev(after);
    return offset < file->limit() ? file : nullptr;
}

std::shared_ptr<const LogFile> CommitLog::oldest() const {
    const Lock lock(files_lock_);
    return files_.size() > 1 ? files_.front() : nullptr;
}

Result<> CommitLog::remove_oldest() {
    const auto file = oldest();
    check(file != nullptr && file->limit() <= synced());
    // One removal at a time reaches the disk: a gap would be taken for the log's end.
    if (removal_unsynced_) TRY_OK(os_.sync_directory(dir_));
    removal_unsynced_ = true;
    TRY_OK(os_.remove(file->path));
    begin_.store(file->limit(), std::memory_order_release);
    {
        const Lock lock(files_lock_);
        files_.erase(files_.begin());
    }
    TRY_OK(os_.sync_directory(dir_));
    removal_unsynced_ = false;
    return {};
}

Result<std::shared_ptr<File>> CommitLog::handle_of(
    const std::shared_ptr<const LogFile>& file) const {
    {
        const Lock lock(file->handle_lock);
        if (file->handle) return file->handle;
    }
    TRY(std::shared_ptr<File> opened, os_.open(file->path, OpenMode::read_only));
    std::shared_ptr<const LogFile> oldest;
    {
        const Lock lock(handles_lock_);
        handles_.push_back(file);
        if (handles_.size() > handles_max) {
            oldest = handles_.front().lock();
            handles_.pop_front();
        }
    }
    if (oldest && oldest != file) {
        const Lock lock(oldest->handle_lock);
        oldest->handle.reset();
    }
    const Lock lock(file->handle_lock);
    return file->handle = opened;
}

void CommitLog::release_cold(std::int64_t done) {
    const std::int64_t to = std::min(done, warm_from());
    while (released_ < to) {
        const auto file = file_at(std::max(released_, begin()));
        if (!file) return;
        const std::int64_t from = std::max(released_, file->base);
        const std::int64_t until = std::min(to, file->limit());
        file->mapping->release(from - file->base, until - from);
        released_ = until;
    }
}

std::int64_t CommitLog::release(std::int64_t from, std::int64_t to) const {
    const std::int64_t cold_to = std::min(to, warm_from());
    for (std::int64_t at = std::max(from, begin()); at < cold_to;) {
        const auto file = file_at(at);
        if (!file) break;
        const std::int64_t until = std::min(cold_to, file->limit());
        file->mapping->release(at - file->base, until - at);
        at = until;
    }
    return to;
}

std::vector<std::shared_ptr<const LogFile>> CommitLog::files() const {
    const Lock lock(files_lock_);
    return files_;
}

// ---- opening

Result<std::unique_ptr<CommitLog>> CommitLog::open(Files& files, std::filesystem::path dir,
                                                   std::int64_t file_bytes, bool mend,
                                                   std::int64_t warm_bytes) {
    std::unique_ptr<CommitLog> log(new CommitLog(files, std::move(dir), file_bytes, warm_bytes));
    TRY_OK(make_synced_directories(log->os_, log->dir_));
    TRY_OK(log->load(mend));
    return log;
}

Result<> CommitLog::load(bool mend) {
    TRY(auto names, os_.list(dir_));
    // A note, an editor's copy, what NFS keeps of a removed file: none of ours.
    std::erase_if(names, [this](const std::string& name) {
        if (parse_file_name(name)) return false;
        log::warn("file_passed_over", {{"path", (dir_ / name).string()}});
        return true;
    });
    const Lock lock(files_lock_);
    for (const auto& name : names) {
        const auto path = dir_ / name;
        TRY(const bool directory, os_.is_directory(path));
        if (directory) continue;
        const bool last = &name == &names.back();
        TRY(const auto file, os_.open(path, OpenMode::read_write));
        TRY(std::int64_t size, file->size());
        if (last && size == 0) {
            TRY_OK(os_.remove(path));
            continue;
        }
        const auto base = parse_file_name(name);
        if (base && mend && size < file_bytes_) {
            TRY_OK(file->resize(file_bytes_));
            size = file_bytes_;
        }
        if (!base || size != file_bytes_)
            return Error{Errc::corrupt,
                         fmt::format("{} does not belong to a log of {}-byte files ({} bytes)",
                                     path.string(), file_bytes_, size)};
        auto out = std::make_shared<LogFile>();
        out->base = *base;
        out->path = path;
        TRY(out->mapping, file->map());
        out->bytes = out->mapping->bytes();
        files_.push_back(std::move(out));
    }
    if (files_.empty()) return {};
    begin_ = files_.front()->base;
    end_ = files_.back()->limit();
    return {};
}

void CommitLog::begin_at(std::int64_t at) {
    const Lock lock(files_lock_);
    if (!files_.empty() || at % file_bytes_ != 0) return;
    begin_ = at;
    end_ = at;
}

Result<> CommitLog::recovered(Mark mark, std::int64_t synced) {
    const Lock lock(append_lock_);
    std::shared_ptr<const LogFile> last;
    {
        const Lock files(files_lock_);
        const std::size_t count = files_.size();
        while (!files_.empty() && files_.back()->base >= mark.end) {
            // The first file of a log that has never held a record may as well stay.
            if (files_.size() == 1 && files_.back()->base == mark.end) break;
            TRY_OK(os_.remove(files_.back()->path));
            files_.pop_back();
        }
        if (files_.size() < count) TRY_OK(os_.sync_directory(dir_));
        if (!files_.empty()) last = files_.back();
    }
    end_ = mark.end;
    opened_end_ = mark.end;
    last_ts_ms_ = mark.store_ts_ms;
    synced_ = std::min(mark.end, synced);
    tail_limit_ = mark.end;
    if (!last) return {};
    tail_ = std::const_pointer_cast<LogFile>(last);
    TRY_OK(open_tail());
    if (mark.end == tail_limit_) return {};
    // Stale bytes after the end could one day continue a record: shrinking and growing drops
    // them all, and gives their blocks back. Nobody reads there. They must not be back after the
    // next crash either, when new records end where one of them began.
    TRY_OK(tail_file_->resize(mark.end - tail_->base));
    TRY_OK(tail_file_->resize(file_bytes_));
    return tail_file_->sync();
}

// ---- mending

Result<> CommitLog::patch(std::int64_t at, Bytes bytes) {
    const auto file = file_at(at);
    if (!file || at + static_cast<std::int64_t>(bytes.size()) > file->limit())
        return Error{Errc::not_found,
                     fmt::format("the log has no {} bytes at {}", bytes.size(), at)};
    TRY(std::shared_ptr<File> open, os_.open(file->path, OpenMode::read_write));
    TRY_OK(open->write(at - file->base, bytes));
    patched_.push_back(std::move(open));
    return {};
}

Result<> CommitLog::sync_patches() {
    for (const auto& file : patched_) TRY_OK(file->sync());
    patched_.clear();
    return {};
}

Result<std::shared_ptr<const LogFile>> CommitLog::make_missing(std::int64_t at) {
    std::int64_t base = at;
    {
        const Lock lock(files_lock_);
        check(!files_.empty());
        base = files_.front()->base + (at - files_.front()->base) / file_bytes_ * file_bytes_;
    }
    if (base != at)
        return Error{Errc::corrupt, fmt::format("{}: its files do not follow one another at {}",
                                                dir_.string(), at)};
    TRY(std::shared_ptr<const LogFile> made, make_file(base));
    const Lock lock(files_lock_);
    files_.insert(
        std::upper_bound(files_.begin(), files_.end(), base,
                         [](std::int64_t wanted, const auto& file) { return wanted < file->base; }),
        made);
    return made;
}

Result<std::filesystem::path> CommitLog::keep_aside(std::int64_t at, Bytes bytes) {
    const auto folder = dir_.parent_path() / "damaged";
    TRY_OK(make_synced_directories(os_, folder));
    const auto path = folder / fmt::format("commitlog-{}-{}", at, bytes.size());
    TRY(const auto file, os_.open(path, OpenMode::create));
    TRY_OK(file->write(0, bytes));
    TRY_OK(file->sync());
    TRY_OK(os_.sync_directory(folder));
    return path;
}

// ---- sync

CommitLog::Mark CommitLog::mark() const {
    const Lock lock(append_lock_);
    return {end_.load(std::memory_order_relaxed), newest_ms()};
}

Result<CommitLog::Mark> CommitLog::sync() {
    const Mark to = mark();
    if (failed()) return Error{Errc::io, "the log has failed; nothing more is acknowledged"};
    std::int64_t at = synced();
    while (at < to.end) {
        const auto file = file_at(at);
        check(file != nullptr);
        if (auto ok = sync_file(*file); !ok) {
            fail("log_sync_failed", ok.error());
            return std::move(ok).error();
        }
        at = std::min(file->limit(), to.end);
        check(at > synced() && at <= end());
        synced_.store(at, std::memory_order_release);
    }
    return to;
}

Result<> CommitLog::sync_file(const LogFile& file) {
    if (sync_base_ != file.base) {
        TRY(sync_handle_, os_.open(file.path, OpenMode::read_write));
        sync_base_ = file.base;
    }
    return sync_handle_->sync();
}

}  // namespace mqd::store
