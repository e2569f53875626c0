#include "store/check/repair.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <map>
#include <set>

#include "base/clock.h"
#include "base/parse.h"
#include "message/stored_time.h"
#include "store/log/checkpoint.h"
#include "store/index/index_format.h"
#include "store/queue/queue_writer.h"
#include "store/check/repair_parts.h"
#include "store/check/scan.h"
#include "store/store.h"
#include "store/check/verify_index.h"
#include "store/check/verify_parts.h"

namespace mqd::store {
namespace repairing {

// ---- the store's files and what is kept of them

namespace {

std::string now_text() {
    const std::time_t now = std::time(nullptr);
    std::tm local{};
    ::localtime_r(&now, &local);
    char text[32];
    std::strftime(text, sizeof text, "%Y%m%d-%H%M%S", &local);
    return text;
}

/// Two repairs may be made within a second.
fs::path free_name(const fs::path& root, const std::string& name) {
    fs::path path = root / name;
    std::error_code code;
    for (int i = 2; fs::exists(path, code); ++i) path = root / fmt::format("{}-{}", name, i);
    return path;
}

Result<> copied(const fs::path& from, const fs::path& to) {
    std::error_code code;
    fs::copy_file(from, to, fs::copy_options::overwrite_existing, code);
    if (code) return errno_error(to.native(), code.value());
    return {};
}

/// The length of most files below a directory; `otherwise` if there are none.
std::int64_t file_bytes_below(const fs::path& dir, std::int64_t otherwise) {
    std::map<std::int64_t, int> votes;
    std::error_code code;
    for (fs::recursive_directory_iterator it(dir, code), end; !code && it != end;
         it.increment(code)) {
        std::error_code inner;
        if (it->is_regular_file(inner) && it->file_size(inner) > 0)
            ++votes[static_cast<std::int64_t>(it->file_size(inner))];
    }
    if (votes.empty()) return otherwise;
    return std::ranges::max_element(votes, {}, [](auto& vote) { return vote.second; })->first;
}

/// What a level of the delay queues waits, as its first unit has it; 0: it has none.
std::int64_t delay_of(const fs::path& queue, LogScan& log) {
    const auto segments = list_segments(queue);
    if (!segments) return 0;
    for (const auto& segment : *segments) {
        const auto file = ScanFile::open(segment.path);
        if (!file) return 0;
        const Bytes bytes = file->bytes();
        for (std::size_t at = 0; at + Unit::bytes_each <= bytes.size(); at += Unit::bytes_each) {
            const auto unit = Unit::load(bytes.data() + at);
            if (unit.is_unused()) return 0;
            if (unit.is_filling() || unit.at < log.begin().value ||
                unit.tags_code <= Unit::extension_max)
                continue;
            log.seek({unit.at});
            const auto item = log.next();
            if (!item || item->kind != LogItem::Kind::record || item->at.value != unit.at) continue;
            const auto wait_ms = unit.tags_code - message::stored_ms(item->record);
            if (wait_ms > 0 && wait_ms % 1000 == 0) return wait_ms;
        }
    }
    return 0;
}

}  // namespace

Result<> Work::find_geometry() {
    const Options defaults;
    log_file_bytes = file_bytes_below(root / "commitlog", defaults.commit_log_file_bytes);
    queue_file_bytes = file_bytes_below(root / "consumequeue", defaults.consume_queue_file_bytes);
    batch_file_bytes =
        file_bytes_below(root / "batchconsumequeue", defaults.batch_queue_file_bytes);
    TRY(batch_topics, posix_files().list(root / "batchconsumequeue"));
    std::error_code code;
    if (!fs::is_directory(root / "commitlog", code)) return {};
    TRY(const auto log, LogScan::open(root));
    const auto schedule = root / "consumequeue" / schedule_topic;
    TRY(const auto ids, posix_files().list(schedule));
    for (const auto& text : ids)
        if (const auto id = parse_int<std::int32_t>(text))
            delays_ms[*id + 1] = delay_of(schedule / text, *log);
    return {};
}

Work::Work(Places store, const RepairOptions& how,
           const std::function<void(const std::string&)>& steps)
    : root(std::move(store)),
      options(how),
      sink_(steps),
      side_(free_name(root.root(), "repair-" + now_text())) {}

bool Work::found(Finding::Part part, std::string_view path) const {
    return std::ranges::any_of(findings, [&](const Finding& finding) {
        return finding.part == part &&
               (finding.path == path || (finding.path.starts_with(path) &&
                                         finding.path.substr(path.size()).starts_with('/')));
    });
}

Result<> Work::make_side_dir(const fs::path& below) {
    report.side_dir = side_;
    return posix_files().make_directories(below);
}

Result<> Work::keep_bytes(std::int64_t at, Bytes bytes) {
    if (!options.apply) return {};
    TRY_OK(make_side_dir(side_));
    const auto path = side_ / fmt::format("commitlog-{}-{}", at, bytes.size());
    TRY(const auto file, posix_files().open(path, OpenMode::create));
    TRY_OK(file->write(0, bytes));
    return file->sync();
}

Result<> Work::keep_copy(const std::string& path) {
    if (!options.apply) return {};
    TRY_OK(make_side_dir((side_ / path).parent_path()));
    return copied(root / path, side_ / path);
}

Result<> Work::move_away(const std::string& path) {
    std::error_code code;
    if (!options.apply || !fs::exists(root / path, code)) return {};
    TRY_OK(make_side_dir((side_ / path).parent_path()));
    if (!root.is_apart(path)) return posix_files().rename(root / path, side_ / path);
    // It may be on another disk.
    fs::copy(root / path, side_ / path, fs::copy_options::recursive, code);
    if (code) return errno_error((side_ / path).native(), code.value());
    TRY_OK(posix_files().sync_filesystem(side_));
    return posix_files().remove_all(root / path);
}

Result<> Work::write(const std::string& path, std::int64_t at, Bytes bytes) {
    if (!options.apply) return {};
    TRY(const auto file, posix_files().open(root / path, OpenMode::create));
    if (!bytes.empty()) TRY_OK(file->write(at, bytes));
    return file->sync();
}

Result<> Work::write_file(const std::string& path, std::string_view text) {
    if (!options.apply) return {};
    // Not save_config(): the .bak is to stay as it is.
    const auto fresh = path + ".tmp";
    TRY_OK(write(fresh, 0, as_bytes(text)));
    return posix_files().rename(root / fresh, root / path);
}

Result<> Work::resize(const std::string& path, std::int64_t bytes) {
    if (!options.apply) return {};
    TRY(const auto file, posix_files().open(root / path, OpenMode::create));
    TRY_OK(file->resize(bytes));
    return file->sync();
}

// ---- queues and index

namespace {

/// `consumequeue/T/0`, of a path in it or in its extension; empty: of no queue.
std::string queue_of(std::string_view path) {
    const auto parts = split(path, '/');
    if (parts.size() < 3) return {};
    const auto root = parts[0] == "consumequeue_ext" ? "consumequeue" : parts[0];
    return fmt::format("{}/{}/{}", root, parts[1], parts[2]);
}

using QueueNames = std::set<std::pair<std::string, std::int32_t>>;

/// Those of which the log has messages.
Result<QueueNames> queues_in_log(const Work& work) {
    QueueNames names;
    TRY(const auto scan, LogScan::open(work.root));
    for (;;) {
        TRY(const auto item, scan->next());
        using Kind = LogItem::Kind;
        if (item.kind == Kind::zeros || item.kind == Kind::torn || item.kind == Kind::full)
            return names;
        if (item.kind == Kind::record && QueueWriter::gets_unit(item.record))
            names.emplace(item.record.topic, item.record.queue_id);
        if (work.options.stop()) return names;
    }
}

/// Damaged ones are moved away; they come back from the log. True when there were any.
Result<bool> drop_queues(Work& work) {
    std::map<std::string, const Finding*> damaged;
    for (const auto& finding : work.findings) {
        if (finding.part != Finding::Part::queue) continue;
        if (finding.what == verifying::no_file) {
            work.step(fmt::format("move {} away: {}", finding.path, finding.what));
            TRY_OK(work.move_away(finding.path));
            continue;
        }
        const auto queue = queue_of(finding.path);
        if (!queue.empty()) damaged.emplace(queue, &finding);
    }
    if (damaged.empty()) return false;
    TRY(const auto in_log, queues_in_log(work));
    for (const auto& [queue, finding] : damaged) {
        const auto parts = split(queue, '/');
        const auto id = parse_int<std::int32_t>(parts[2]);
        std::error_code code;
        if (!fs::exists(work.root / queue, code)) {
            work.step(fmt::format("make {} from the log", queue));
            continue;
        }
        // Its numbers could not be known any more.
        if (!id || !in_log.contains({std::string(parts[1]), *id})) {
            work.cannot(fmt::format("{}; the log has none of its messages", finding->to_string()));
            continue;
        }
        work.step(fmt::format("make {} again from the log: {}", queue, finding->what));
        TRY_OK(work.move_away(queue));
        TRY_OK(work.move_away("consumequeue_ext" + queue.substr(queue.find('/'))));
    }
    return true;
}

struct IndexFacts {
    IndexGeometry geometry;
    std::int64_t full_ts_ms = 0;  ///< end time of the newest full file that stays
    bool any = false;
};

/// Moves away the first file that cannot be relied upon, and all newer ones.
Result<IndexFacts> drop_index(Work& work, std::int64_t changed_from) {
    IndexFacts facts;
    const auto dir = work.root / "index";
    TRY(const auto names, posix_files().list(dir));
    bool dropped = false;
    std::optional<IndexGeometry> geometry;
    std::vector<std::pair<std::string, IndexHeader>> kept;
    for (const auto& name : names) {
        if (!parse_int<std::int64_t>(name)) continue;
        facts.any = true;
        TRY(const auto file, ScanFile::open(dir / name));
        if (!geometry)
            geometry = verifying::index_geometry(
                file.bytes(), [](std::int64_t) { return std::vector<std::int32_t>{}; });
        const auto path = "index/" + name;
        const bool short_file = file.bytes().size() < IndexGeometry::header_bytes;
        const auto header = short_file ? IndexHeader{} : IndexHeader::load(file.bytes().data());
        const bool stale = changed_from >= 0 && header.end_at >= changed_from;
        if (!dropped && (work.found(Finding::Part::index, path) || stale || short_file)) {
            dropped = true;
            work.step(fmt::format("make {} and what is newer in the index again", path));
        }
        if (!dropped) {
            kept.emplace_back(name, header);
            continue;
        }
        TRY_OK(work.move_away(path));
    }
    if (geometry) facts.geometry = *geometry;
    for (const auto& [name, header] : kept)
        if (header.full(facts.geometry)) facts.full_ts_ms = header.end_ts_ms;
    return facts;
}

// ---- a start and a stop

/// Levels other than the default, as the delay queues' own units have them.
std::vector<std::string> delay_levels(const Work& work) {
    const auto defaults = DelayLevels::parse({});
    if (!defaults) return {};
    std::vector<std::string> levels;
    for (std::int32_t level = 1; level <= defaults->count(); ++level)
        levels.push_back(fmt::format("{}ms", defaults->wait_ms(level)));
    for (const auto& [level, wait_ms] : work.delays_ms)
        if (level >= 1 && level <= defaults->count() && wait_ms > 0)
            levels[static_cast<std::size_t>(level - 1)] = fmt::format("{}ms", wait_ms);
    return levels;
}

Options options_of(const Work& work, const IndexFacts& index) {
    Options options;
    options.root = work.root.root();
    if (work.log_file_bytes > 0) options.commit_log_file_bytes = work.log_file_bytes;
    options.consume_queue_file_bytes = work.queue_file_bytes;
    options.batch_queue_file_bytes = work.batch_file_bytes;
    options.batch_topics = work.batch_topics;
    options.delay_levels = delay_levels(work);
    options.disk_full_percent = 100;
    options.retention.hours.clear();
    options.retention.begin_percent = options.retention.force_percent = 100;
    options.retention.force = false;
    options.index = index.any;
    options.index_slots = index.geometry.slots;
    options.index_entries = index.geometry.entries;
    return options;
}

/// A crash's recovery from the first record on, and a clean stop.
Result<> rebuild(Work& work, const IndexFacts& index) {
    TRY_OK(work.write("abort", 0, as_bytes(fmt::to_string(::getpid()))));
    TRY(auto checkpoint, Checkpoint::load(posix_files(), work.root / "checkpoint"));
    if (work.found(Finding::Part::checkpoint, "checkpoint")) {
        TRY_OK(work.move_away("checkpoint"));
        checkpoint.master_flushed = checkpoint.confirm_offset = 0;
    }
    checkpoint.log_ts_ms = checkpoint.queues_ts_ms = 0;
    checkpoint.index_ts_ms = index.full_ts_ms;
    TRY_OK(checkpoint.save(posix_files(), work.root / "checkpoint"));
    TRY(const auto store, Store::open(posix_files(), system_clock(), options_of(work, index)));
    return store->close();
}

bool needs_rebuild(const Work& work) {
    return std::ranges::any_of(work.findings, [](const Finding& finding) {
        return finding.part == Finding::Part::log || finding.part == Finding::Part::queue ||
               finding.part == Finding::Part::index || finding.part == Finding::Part::checkpoint;
    });
}

}  // namespace

Result<> repeat_units(Work& work) {
    const auto root = work.root / "consumequeue";
    TRY(const auto topics, posix_files().list(root));
    for (const auto& topic : topics) {
        std::error_code code;
        if (!fs::is_directory(root / topic, code)) continue;
        TRY(const auto ids, posix_files().list(root / topic));
        for (const auto& id : ids) {
            const auto segments = list_segments(root / topic / id);
            if (!segments) continue;
            bool real_before = false;
            std::vector<std::pair<std::string, std::int64_t>> fillings;
            for (const auto& segment : *segments) {
                TRY(const auto file, ScanFile::open(segment.path));
                const auto path = work.root.name_of(segment.path);
                const Bytes bytes = file.bytes();
                for (std::size_t at = 0; at + Unit::bytes_each <= bytes.size();
                     at += Unit::bytes_each) {
                    const auto unit = Unit::load(bytes.data() + at);
                    if (unit.is_unused()) break;
                    if (unit.is_filling()) {
                        if (real_before) fillings.emplace_back(path, static_cast<std::int64_t>(at));
                        continue;
                    }
                    real_before = true;
                    std::array<std::byte, Unit::bytes_each> copy;
                    unit.store(copy.data());
                    for (const auto& [where, offset] : fillings)
                        TRY_OK(work.write(where, offset, copy));
                    fillings.clear();
                }
            }
        }
    }
    return {};
}

namespace {

Result<> run(Work& work, bool crashed) {
    TRY_OK(repair_config(work));
    TRY(const auto changed_from, repair_log(work));
    TRY(const bool queues, drop_queues(work));
    TRY(const auto index, drop_index(work, changed_from));
    if (work.found(Finding::Part::checkpoint, "checkpoint")) work.step("write the checkpoint anew");
    for (const auto& finding : work.findings)
        if (finding.part == Finding::Part::timer) work.cannot(finding.to_string());
    if (!crashed && !needs_rebuild(work)) return repair_offsets(work);
    if (crashed) work.step("recover what was not stopped, as a start would");
    if (!work.options.apply) {
        for (const auto& finding : work.findings)
            if (finding.part == Finding::Part::config && finding.kind == Finding::Kind::other &&
                finding.path.ends_with("Offset.json"))
                return repair_offsets(work);
        return {};
    }
    TRY_OK(rebuild(work, index));
    if (queues || changed_from >= 0) TRY_OK(repeat_units(work));
    return repair_offsets(work);
}

}  // namespace
}  // namespace repairing

Result<RepairReport> repair(const Places& store, const RepairOptions& options,
                            const std::function<void(const std::string&)>& sink) {
    using namespace repairing;
    if (const auto user = store_user(store.root()))
        return Error{Errc::refused,
                     fmt::format("{} is in use by process {}", store.root().native(), *user)};
    Work work(store, options, sink);
    VerifyOptions look;
    look.deep = true;
    look.stop = options.stop;
    TRY(const auto before,
        verify(store, look, [&](const Finding& f) { work.findings.push_back(f); }));
    if (before.interrupted) {
        work.report.interrupted = true;
        return work.report;
    }
    if (work.findings.empty() && !before.crashed) return work.report;
    TRY_OK(work.find_geometry());
    if (options.apply) {
        // Held over what is done to the files by hand; the start below takes it again.
        TRY(const auto lock, posix_files().lock(store / "lock"));
        TRY_OK(run(work, before.crashed));
    } else {
        TRY_OK(run(work, before.crashed));
    }
    work.report.left = work.report.cannot;
    if (options.apply && work.report.steps > 0) {
        TRY(const auto after, verify(store, look, [](const Finding&) {}));
        work.report.left = after.findings;
    }
    return work.report;
}

}  // namespace mqd::store
