#include "store/engine/cut.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "base/log.h"
#include "json/value.h"
#include "json/writer.h"
#include "store/log/checkpoint.h"
#include "store/log/commit_log.h"
#include "store/table/config_file.h"
#include "store/file_names.h"
#include "store/log/log_walker.h"
#include "store/store.h"
#include "store/timer/timer_format.h"

namespace mqd::store {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t chunk_bytes = 1 << 20;

/// What the note says.
struct Cut {
    std::int64_t to = 0;
    std::int64_t store_ts_ms = 0;  ///< of the last record that stays, 0: there is none
    std::int64_t file_bytes = 0;   ///< of the log
};

fs::path note_path(const Places& places) {
    return places.root() / "config" / "mqd.truncate";
}

std::string text_of(const Cut& cut) {
    std::string text;
    json::Writer out(text);
    out.begin_object();
    out.member("to", cut.to);
    out.member("storeTimestamp", cut.store_ts_ms);
    out.member("fileBytes", cut.file_bytes);
    out.end_object();
    return text;
}

Result<std::optional<Cut>> load_note(Files& files, const Places& places) {
    const auto text = read_text(files, note_path(places));
    if (!text && text.error().code == Errc::not_found) return std::optional<Cut>();
    if (!text) return text.error();
    Cut cut{-1, 0, 0};
    if (const auto value = json::parse(*text))
        cut = {(*value)["to"].as_int(-1), (*value)["storeTimestamp"].as_int(),
               (*value)["fileBytes"].as_int()};
    if (cut.to < 0 || cut.file_bytes <= 0)
        return Error{Errc::corrupt, fmt::format("{} does not say where the log is to be cut",
                                                note_path(places).string())};
    return std::optional(cut);
}

// ---- before the note: looking, and keeping a copy

std::int64_t last_time(const CommitLog& log, const LogFile& file) {
    LogWalker walker(log, file.base);
    std::int64_t ts_ms = 0;
    while (walker.next(file.limit(), LogWalker::Check::lengths) == LogWalker::Step::record)
        ts_ms = walker.record().store_ts_ms;
    return ts_ms;
}

/// Walks the file to `to`. A file's beginning needs no walk.
Result<std::int64_t> time_before(const CommitLog& log, const LogFile& file, std::int64_t to) {
    LogWalker walker(log, file.base);
    std::int64_t ts_ms = 0, at = walker.at();
    while (at < to && walker.next(file.limit(), LogWalker::Check::crc) == LogWalker::Step::record) {
        ts_ms = walker.record().store_ts_ms;
        at = walker.at();
    }
    if (at == to) return ts_ms;
    return Error{Errc::invalid,
                 fmt::format("the log cannot be cut at {}: records are whole up to {}, and none of "
                             "them ends there",
                             to, at)};
}

/// invalid: `to` is no border of records, or lies outside.
Result<Cut> survey(const CommitLog& log, std::int64_t to) {
    const auto files = log.files();
    const auto after =
        std::find_if(files.begin(), files.end(), [to](const auto& f) { return f->base > to; });
    const bool at_end = !files.empty() && to == files.back()->limit();
    if (after == files.begin() || (!at_end && to >= (*std::prev(after))->limit()))
        return Error{Errc::invalid, fmt::format("the log cannot be cut at {}: it has {} to {}", to,
                                                log.begin(), log.end())};
    Cut cut{to, 0, log.file_bytes()};
    auto file = std::prev(after);
    TRY(cut.store_ts_ms, time_before(log, **file, to));
    // Times grow: one that is too low is no harm.
    while (cut.store_ts_ms == 0 && file != files.begin())
        cut.store_ts_ms = last_time(log, **--file);
    return cut;
}

/// The first name that is free: the same place may have been cut before.
Result<fs::path> free_name(Files& files, const fs::path& folder, std::int64_t at) {
    for (int number = 1;; ++number) {
        const auto suffix = number == 1 ? std::string() : fmt::format(".{}", number);
        auto path = folder / fmt::format("{}{}.log", file_name(at), suffix);
        TRY(const bool taken, files.exists(path));
        if (!taken) return path;
    }
}

Result<> keep_copy(Files& files, const fs::path& folder, const LogFile& file, std::int64_t from) {
    TRY_OK(make_synced_directories(files, folder));
    const auto fresh = folder / "being-copied.tmp";
    {
        TRY(const auto copy, files.open(fresh, OpenMode::create));
        TRY_OK(copy->resize(0));
        // Its length says to its reader where the log's file ends; zeros take no space.
        TRY_OK(copy->resize(file.limit() - from));
        const Bytes all = file.bytes.subspan(static_cast<std::size_t>(from - file.base));
        for (std::size_t at = 0; at < all.size(); at += chunk_bytes) {
            const auto piece = all.subspan(at, std::min(chunk_bytes, all.size() - at));
            if (std::all_of(piece.begin(), piece.end(), [](auto b) { return b == std::byte{0}; }))
                continue;
            TRY_OK(copy->write(static_cast<std::int64_t>(at), piece));
        }
        TRY_OK(copy->sync());
    }
    TRY(const auto path, free_name(files, folder, from));
    TRY_OK(files.rename(fresh, path));
    log::warn("log_kept_aside", {{"path", path.string()}, {"from", from}, {"to", file.limit()}});
    return files.sync_directory(folder);
}

/// No record can be there: zeros, or the blank.
bool is_empty(const CommitLog& log, const LogFile& file, std::int64_t from) {
    const Bytes bytes = file.bytes.subspan(static_cast<std::size_t>(from - file.base));
    if (bytes.size() < message::record_bytes_min) return true;
    const auto head = message::RecordHead::read(bytes.data());
    return (head.is_blank() && head.total_bytes == file.limit() - from) ||
           written_end(log, from, file.limit()) <= from;
}

Result<> keep_copies(Files& files, const Places& places, const CommitLog& log, std::int64_t to) {
    for (const auto& file : log.files()) {
        const std::int64_t from = std::max(to, file->base);
        if (from >= file->limit() || is_empty(log, *file, from)) continue;
        TRY_OK(keep_copy(files, places.root() / "lost", *file, from));
    }
    return {};
}

// ---- what rests on the log

Result<> write_abort(Files& files, const Places& places) {
    TRY(const auto file, files.open(places.root() / "abort", OpenMode::create));
    TRY_OK(file->write(0, as_bytes(std::string_view("cut"))));
    return file->sync();
}

Result<> take_checkpoint_back(Files& files, const Places& places, const Cut& cut) {
    const auto path = places.root() / "checkpoint";
    TRY(const Checkpoint before, Checkpoint::load(files, path));
    Checkpoint now = before;
    for (std::int64_t* const ts_ms : {&now.log_ts_ms, &now.queues_ts_ms, &now.index_ts_ms})
        *ts_ms = std::min(*ts_ms, cut.store_ts_ms);
    now.master_flushed = std::min(now.master_flushed, cut.to);
    now.confirm_offset = std::min(now.confirm_offset, cut.to);
    return now == before ? Result<>{} : now.save(files, path);
}

/// Whether a unit of the file leads to a record at or after `to`.
Result<bool> leads_beyond(Files& files, const fs::path& path, std::int64_t position,
                          std::int64_t to) {
    TRY(const auto file, files.open(path, OpenMode::read_only));
    std::vector<std::byte> bytes(chunk_bytes / TimerUnit::bytes_each * TimerUnit::bytes_each);
    for (std::int64_t at = 0;; at += static_cast<std::int64_t>(bytes.size())) {
        TRY(const std::size_t got, file->read(at, bytes));
        for (std::size_t i = 0; i + TimerUnit::bytes_each <= got; i += TimerUnit::bytes_each) {
            const auto* const unit = bytes.data() + i;
            if (TimerUnit::is_unit(unit, position + at + static_cast<std::int64_t>(i)) &&
                TimerUnit::load(unit).at >= to)
                return true;
        }
        if (got < bytes.size()) return false;
    }
}

/// Timers that find nothing of what `timercheck` says begin again with all that is in their queue.
Result<> drop_timers(Files& files, const Places& places, std::int64_t to) {
    const auto folder = places / "timerlog";
    TRY(const auto names, files.list(folder));
    bool beyond = false;
    for (auto name = names.rbegin(); name != names.rend() && !beyond; ++name) {
        const auto position = parse_file_name(*name);
        if (!position) continue;
        TRY(beyond, leads_beyond(files, folder / *name, *position, to));
    }
    if (!beyond) return {};
    // The wheel first: the log tells after a crash that there is more to do.
    TRY_OK(files.remove(places / "timerwheel"));
    TRY_OK(files.sync_directory(places.root()));
    TRY_OK(files.remove_all(folder));
    return files.sync_directory(places.root());
}

// ---- the log

/// Files after the cut go, the last one first, so that a crash leaves no gap; in the one that holds
/// it nothing is left behind `to`. The first file stays: its name says where the log begins.
Result<> cut_files(Files& files, const Places& places, const Cut& cut) {
    const auto folder = places / "commitlog";
    TRY(const auto names, files.list(folder));
    std::vector<std::int64_t> bases;
    for (const auto& name : names)
        if (const auto base = parse_file_name(name)) bases.push_back(*base);
    bool removed = false;
    while (bases.size() > 1 && bases.back() >= cut.to) {
        TRY_OK(files.remove(folder / file_name(bases.back())));
        bases.pop_back();
        removed = true;
    }
    if (removed) TRY_OK(files.sync_directory(folder));
    if (bases.empty() || cut.to - bases.back() >= cut.file_bytes) return {};
    TRY(const auto file, files.open(folder / file_name(bases.back()), OpenMode::read_write));
    TRY_OK(file->resize(std::max<std::int64_t>(0, cut.to - bases.back())));
    TRY_OK(file->resize(cut.file_bytes));
    return file->sync();
}

}  // namespace

Result<> finish_cut(Files& files, const Places& places) {
    TRY(const auto cut, load_note(files, places));
    if (!cut) return {};
    TRY_OK(write_abort(files, places));
    TRY_OK(files.remove(places.root() / "mqd-milestone"));
    TRY_OK(files.remove(places.root() / "mqd-queues"));
    TRY_OK(files.sync_directory(places.root()));
    TRY_OK(take_checkpoint_back(files, places, *cut));
    TRY_OK(drop_timers(files, places, cut->to));
    TRY_OK(cut_files(files, places, *cut));
    const auto note = note_path(places);
    TRY_OK(files.remove(note));
    TRY_OK(files.sync_directory(note.parent_path()));
    log::warn("log_cut_back", {{"to", cut->to}});
    return {};
}

Result<> Store::cut(Files& files, const Options& options, PhysicalOffset to) {
    TRY(const auto places, Places::find(files, options.root));
    TRY(const auto lock, files.lock(options.root / "lock"));
    TRY_OK(finish_cut(files, places));
    TRY(const bool crashed, files.exists(options.root / "abort"));
    Cut cut;
    {
        TRY(const auto log,
            CommitLog::open(files, places / "commitlog", options.commit_log_file_bytes, crashed,
                            options.warm_bytes));
        TRY(cut, survey(*log, to.value));
        if (written_end(*log, cut.to, log->end()) <= cut.to) return {};  // nothing lies there
        if (options.keep_cut) TRY_OK(keep_copies(files, places, *log, cut.to));
    }
    TRY_OK(save_config(files, note_path(places), text_of(cut)));
    return finish_cut(files, places);
}

}  // namespace mqd::store
