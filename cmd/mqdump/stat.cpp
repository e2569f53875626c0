// mqdump stat: what is in a store, from its files alone.

#include <fmt/format.h>
#include <unistd.h>

#include <optional>

#include "base/counted.h"
#include "base/parse.h"
#include "cli/output.h"
#include "cli/parser.h"
#include "cli/signals.h"
#include "cli/table.h"
#include "commands.h"
#include "find_store.h"
#include "json/writer.h"
#include "store/log/checkpoint.h"
#include "store/check/scan.h"
#include "store/check/scan_index.h"
#include "store/check/scan_timers.h"

namespace mqd::dump {
namespace {

namespace fs = std::filesystem;

struct SegmentFacts {
    store::Segment file;
    std::int64_t used = 0;              ///< bytes up to where its records end
    std::optional<std::int64_t> blank;  ///< bytes of the blank that fills it
    std::int64_t messages = 0;
    std::int64_t first_ts_ms = -1, last_ts_ms = -1;
};

struct Facts {
    std::string path;
    std::string state;
    bool clean = false, abort = false;
    std::int64_t log_begin = 0, log_end = 0;
    std::int64_t messages = 0;
    std::int64_t damaged_bytes = 0, torn_bytes = 0;
    std::vector<SegmentFacts> segments;
    std::vector<store::QueueSummary> queues;
    store::Checkpoint checkpoint;
    std::optional<store::TimerCheck> timers;
    std::vector<store::IndexFileFacts> index;
    std::int64_t log_disk_bytes = 0, queue_disk_bytes = 0, index_disk_bytes = 0, free_bytes = 0;
};

Result<> walk_log(store::LogScan& scan, Facts& facts, const cli::Parser& cli) {
    for (const auto& file : scan.segments()) {
        facts.segments.emplace_back().file = file;
        facts.log_disk_bytes += file.allocated_bytes;
    }
    facts.log_begin = scan.begin().value;
    for (std::size_t i = 0; !cli::interrupted();) {
        TRY(const auto item, scan.next());
        while (i + 1 < facts.segments.size() && item.at.value >= facts.segments[i].file.end()) ++i;
        using Kind = store::LogItem::Kind;
        switch (item.kind) {
            case Kind::record: {
                auto& segment = facts.segments[i];
                if (segment.messages++ == 0) segment.first_ts_ms = item.record.store_ts_ms;
                segment.last_ts_ms = item.record.store_ts_ms;
                ++facts.messages;
                facts.log_end = item.at.value + item.bytes;
                segment.used = facts.log_end - segment.file.begin;
                break;
            }
            case Kind::blank:
                facts.log_end = item.at.value + item.bytes;
                facts.segments[i].blank = item.bytes;
                break;
            case Kind::damage:
                facts.damaged_bytes += item.bytes;
                cli.warn(fmt::format("damage at offset {}, {}: {}", item.at.value,
                                     counted(item.bytes, "byte"), item.why));
                break;
            case Kind::torn:
                facts.torn_bytes = item.bytes;
                return {};
            case Kind::zeros:
            case Kind::full:
                return {};
        }
    }
    return {};
}

Result<Facts> gather(const std::string& path, const cli::Parser& cli) {
    Facts facts;
    facts.path = path;
    TRY(const auto store, find_store(path));
    TRY(const auto scan, store::LogScan::open(store));
    const auto user = store::store_user(store.root());
    std::error_code code;
    const bool abort_there = fs::exists(store / "abort", code);
    facts.abort = abort_there;
    facts.clean = !abort_there && !user;
    facts.state = user          ? fmt::format("in use by process {}", *user)
                  : abort_there ? "unclean stop: the file 'abort' is there"
                                : "clean stop";
    TRY_OK(walk_log(*scan, facts, cli));
    TRY(facts.queues, store::scan_queues(store, scan->begin()));
    for (const auto& queue : facts.queues) facts.queue_disk_bytes += queue.allocated_bytes;
    TRY(facts.checkpoint, store::Checkpoint::load(store::posix_files(), store / "checkpoint"));
    TRY(facts.timers, store::scan_timer_check(store.root()));
    TRY(const auto index, store::IndexScan::open(store));
    facts.index = index.files();
    for (const auto& file : facts.index) facts.index_disk_bytes += file.allocated_bytes;
    const auto space = fs::space(store / "commitlog", code);
    if (!code) facts.free_bytes = static_cast<std::int64_t>(space.available);
    return facts;
}

std::string human(std::int64_t bytes) {
    constexpr std::string_view units = "kMGT";
    if (bytes < 1024) return fmt::format("{}", bytes);
    double value = static_cast<double>(bytes) / 1024;
    std::size_t unit = 0;
    for (; value >= 1024 && unit + 1 < units.size(); ++unit) value /= 1024;
    return fmt::format("{:.1f}{}", value, units[unit]);
}

std::string time_or_dash(std::int64_t ms) {
    return ms <= 0 ? "-" : format_time(ms);
}

std::string as_text(const Facts& facts) {
    std::string out;
    const auto line = [&out](std::string_view name, const std::string& value) {
        out += fmt::format("{:<11} {}\n", name, value);
    };
    std::int64_t first = -1, last = -1;
    for (const auto& segment : facts.segments) {
        if (first < 0) first = segment.first_ts_ms;
        if (segment.last_ts_ms >= 0) last = segment.last_ts_ms;
    }
    line("store", facts.path);
    line("state", facts.state);
    line("log",
         fmt::format("{} in {}, offsets {} to {}", counted(facts.messages, "message"),
                     counted(facts.segments.size(), "file"), facts.log_begin, facts.log_end));
    line("stored", fmt::format("{} to {}", time_or_dash(first), time_or_dash(last)));
    if (facts.damaged_bytes > 0) line("damage", counted(facts.damaged_bytes, "byte"));
    if (facts.torn_bytes > 0) line("torn tail", counted(facts.torn_bytes, "byte"));
    line("disk", fmt::format("log {}, queues {}, index {}, free {}", human(facts.log_disk_bytes),
                             human(facts.queue_disk_bytes), human(facts.index_disk_bytes),
                             human(facts.free_bytes)));
    line("checkpoint",
         fmt::format("log {}, queues {}, index {}", time_or_dash(facts.checkpoint.log_ts_ms),
                     time_or_dash(facts.checkpoint.queues_ts_ms),
                     time_or_dash(facts.checkpoint.index_ts_ms)));
    if (facts.timers)
        line("timers", fmt::format("delivered up to {}", time_or_dash(facts.timers->read_ms)));
    cli::TextTable segments({"SEGMENT", "BYTES", "ON DISK", "MESSAGES", "FIRST", "LAST"});
    for (const auto& s : facts.segments)
        segments.add({s.file.path.filename().native(), std::to_string(s.file.bytes),
                      human(s.file.allocated_bytes), std::to_string(s.messages),
                      time_or_dash(s.first_ts_ms), time_or_dash(s.last_ts_ms)});
    out += '\n' + segments.text();
    cli::TextTable queues({"TOPIC", "QUEUE", "MIN", "MAX", "MESSAGES", "BYTES"});
    for (const auto& q : facts.queues)
        queues.add({q.topic, std::to_string(q.id), std::to_string(q.min.value),
                    std::to_string(q.max.value), std::to_string(q.max - q.min),
                    std::to_string(q.bytes)});
    out += '\n' + queues.text();
    if (facts.index.empty()) return out;
    cli::TextTable index({"INDEX", "ON DISK", "KEYS", "FIRST", "LAST", "BEGIN", "END"});
    for (const auto& file : facts.index)
        index.add({file.path.filename().native(), human(file.allocated_bytes),
                   std::to_string(file.entries()), time_or_dash(file.header.begin_ts_ms),
                   time_or_dash(file.header.end_ts_ms), std::to_string(file.header.begin_at),
                   std::to_string(file.header.end_at)});
    return out + '\n' + index.text();
}

void put_times(json::Writer& w, const Facts& facts) {
    const auto& checkpoint = facts.checkpoint;
    w.key("checkpoint").begin_object();
    w.member("log_ts", checkpoint.log_ts_ms).member("queues_ts", checkpoint.queues_ts_ms);
    w.member("index_ts", checkpoint.index_ts_ms);
    w.member("master_flushed", checkpoint.master_flushed);
    w.member("confirm_offset", checkpoint.confirm_offset).end_object();
    if (!facts.timers) return;
    const auto& timers = *facts.timers;
    w.key("timers").begin_object().member("read_ts", timers.read_ms);
    w.member("log_flushed", timers.log_synced).member("queue_offset", timers.queue_offset);
    w.member("master_queue_offset", timers.master_queue_offset);
    w.member("state_version", timers.state_version).member("ts", timers.timestamp_ms);
    w.member("counter", timers.counter).end_object();
}

void put_index(json::Writer& w, const Facts& facts) {
    w.key("index").begin_array();
    for (const auto& file : facts.index) {
        const auto& header = file.header;
        w.begin_object().member("file", file.path.filename().native());
        w.member("bytes", file.bytes).member("keys", file.entries());
        w.member("begin_ts", header.begin_ts_ms).member("end_ts", header.end_ts_ms);
        w.member("begin", header.begin_at).member("end", header.end_at);
        w.member("slots_used", header.slots_used).member("next", header.next).end_object();
    }
    w.end_array();
}

std::string as_json(const Facts& facts) {
    std::string out;
    json::Writer w(out);
    w.begin_object().member("store", facts.path).member("state", facts.state);
    w.member("clean", facts.clean).member("messages", facts.messages);
    w.member("abort", facts.abort);
    w.member("log_begin", facts.log_begin).member("log_end", facts.log_end);
    w.member("damaged_bytes", facts.damaged_bytes).member("torn_bytes", facts.torn_bytes);
    w.member("log_disk_bytes", facts.log_disk_bytes);
    w.member("queue_disk_bytes", facts.queue_disk_bytes);
    w.member("index_disk_bytes", facts.index_disk_bytes).member("free_bytes", facts.free_bytes);
    put_times(w, facts);
    w.key("segments").begin_array();
    for (const auto& s : facts.segments) {
        w.begin_object().member("file", s.file.path.filename().native());
        w.member("begin", s.file.begin).member("bytes", s.file.bytes);
        w.member("disk_bytes", s.file.allocated_bytes).member("messages", s.messages);
        if (s.messages > 0) w.member("first_ts", s.first_ts_ms).member("last_ts", s.last_ts_ms);
        w.member("used", s.used);
        if (s.blank) w.member("blank", *s.blank);
        w.end_object();
    }
    w.end_array().key("queues").begin_array();
    for (const auto& q : facts.queues) {
        w.begin_object().member("topic", q.topic).member("queue", q.id);
        w.member("min", q.min.value).member("max", q.max.value);
        w.member("messages", q.max - q.min).member("bytes", q.bytes);
        w.member("first_on_disk", q.first_on_disk).member("log_end", q.log_end.value);
        if (q.batch) w.member("units", q.units).member("last_at", q.last_at.value);
        w.end_object();
    }
    w.end_array();
    put_index(w, facts);
    w.end_object();
    return out + '\n';
}

enum class Out { text, json };

}  // namespace

int stat_command(const std::vector<std::string>& arguments) {
    std::string path;
    auto out = Out::text;
    cli::Parser cli("mqdump stat",
                    "print what is in a store: segments, queues, disk space, how it stopped");
    cli.positional("STORE", path, "directory of a store, or the configuration file of its broker");
    cli.choice("--out", out, {{"text", Out::text}, {"json", Out::json}}, "form of the output");
    cli.example("mqdump stat /var/lib/mqd", "everything");
    cli.example("mqdump stat ~/store --out json | jq .messages", "number of all messages");
    cli.example("mqdump stat store --out json | jq -r '.queues[] | [.topic, .messages] | @tsv'",
                "number of messages in each queue");
    if (const auto status = cli.parse(arguments)) return *status;

    const auto facts = gather(path, cli);
    if (!facts) return cli.fail(facts.error());
    const auto text = out == Out::json ? as_json(*facts) : as_text(*facts);
    const int status = cli.finish(cli::write_out(text));
    return status == 0 && facts->damaged_bytes > 0 ? cli::exit_status::failed : status;
}

}  // namespace mqd::dump
