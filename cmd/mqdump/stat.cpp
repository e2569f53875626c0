// mqdump stat: what is in a store, from its files alone.

#include <fmt/format.h>
#include <unistd.h>

#include <map>

#include "base/parse.h"
#include "cli/parser.h"
#include "cli/signals.h"
#include "cli/table.h"
#include "commands.h"
#include "json/writer.h"
#include "record/writer.h"
#include "store/checkpoint.h"
#include "store/scan.h"

namespace mqd::dump {
namespace {

namespace fs = std::filesystem;

struct SegmentFacts {
    store::Segment file;
    std::int64_t messages = 0;
    std::int64_t first_ts_ms = -1, last_ts_ms = -1;
};

struct Facts {
    std::string path;
    std::string state;
    bool clean = false;
    std::int64_t log_begin = 0, log_end = 0;
    std::int64_t messages = 0;
    std::int64_t damaged_bytes = 0, torn_bytes = 0;
    std::vector<SegmentFacts> segments;
    std::vector<store::QueueSummary> queues;
    store::Checkpoint checkpoint;
    std::int64_t log_disk_bytes = 0, queue_disk_bytes = 0, free_bytes = 0;
};

Result<> walk_log(store::LogScan& scan, Facts& facts, const cli::Parser& cli) {
    for (const auto& file : scan.segments()) {
        facts.segments.push_back({file});
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
                break;
            }
            case Kind::blank:
                facts.log_end = item.at.value + item.bytes;
                break;
            case Kind::damage:
                facts.damaged_bytes += item.bytes;
                cli.warn(fmt::format("damage at offset {}, {} bytes: {}", item.at.value, item.bytes,
                                     item.why));
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
    TRY(const auto scan, store::LogScan::open(path));
    const auto user = store::store_user(path);
    std::error_code code;
    const bool abort_there = fs::exists(fs::path(path) / "abort", code);
    facts.clean = !abort_there && !user;
    facts.state = user          ? fmt::format("in use by process {}", *user)
                  : abort_there ? "unclean stop: the file 'abort' is there"
                                : "clean stop";
    TRY_OK(walk_log(*scan, facts, cli));
    TRY(facts.queues, store::scan_queues(path, scan->begin()));
    for (const auto& queue : facts.queues) facts.queue_disk_bytes += queue.allocated_bytes;
    TRY(facts.checkpoint,
        store::Checkpoint::load(store::posix_files(), fs::path(path) / "checkpoint"));
    const auto space = fs::space(path, code);
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
    line("log", fmt::format("{} messages in {} files, offsets {} to {}", facts.messages,
                            facts.segments.size(), facts.log_begin, facts.log_end));
    line("stored", fmt::format("{} to {}", time_or_dash(first), time_or_dash(last)));
    if (facts.damaged_bytes > 0) line("damage", fmt::format("{} bytes", facts.damaged_bytes));
    if (facts.torn_bytes > 0) line("torn tail", fmt::format("{} bytes", facts.torn_bytes));
    line("disk", fmt::format("log {}, queues {}, free {}", human(facts.log_disk_bytes),
                             human(facts.queue_disk_bytes), human(facts.free_bytes)));
    line("checkpoint",
         fmt::format("log {}, queues {}, index {}", time_or_dash(facts.checkpoint.log_ts_ms),
                     time_or_dash(facts.checkpoint.queues_ts_ms),
                     time_or_dash(facts.checkpoint.index_ts_ms)));
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
    return out + '\n' + queues.text();
}

std::string as_json(const Facts& facts) {
    std::string out;
    json::Writer w(out);
    w.begin_object().member("store", facts.path).member("state", facts.state);
    w.member("clean", facts.clean).member("messages", facts.messages);
    w.member("log_begin", facts.log_begin).member("log_end", facts.log_end);
    w.member("damaged_bytes", facts.damaged_bytes).member("torn_bytes", facts.torn_bytes);
    w.member("log_disk_bytes", facts.log_disk_bytes);
    w.member("queue_disk_bytes", facts.queue_disk_bytes).member("free_bytes", facts.free_bytes);
    w.key("checkpoint").begin_object();
    w.member("log_ts", facts.checkpoint.log_ts_ms)
        .member("queues_ts", facts.checkpoint.queues_ts_ms);
    w.member("index_ts", facts.checkpoint.index_ts_ms).end_object();
    w.key("segments").begin_array();
    for (const auto& s : facts.segments) {
        w.begin_object().member("file", s.file.path.filename().native());
        w.member("begin", s.file.begin).member("bytes", s.file.bytes);
        w.member("disk_bytes", s.file.allocated_bytes).member("messages", s.messages);
        if (s.messages > 0) w.member("first_ts", s.first_ts_ms).member("last_ts", s.last_ts_ms);
        w.end_object();
    }
    w.end_array().key("queues").begin_array();
    for (const auto& q : facts.queues) {
        w.begin_object().member("topic", q.topic).member("queue", q.id);
        w.member("min", q.min.value).member("max", q.max.value);
        w.member("messages", q.max - q.min).member("bytes", q.bytes);
        w.member("first_on_disk", q.first_on_disk).member("log_end", q.log_end.value);
        w.end_object();
    }
    w.end_array().end_object();
    return out + '\n';
}

enum class Out { text, json };

}  // namespace

int stat_command(const std::vector<std::string>& arguments) {
    std::string path;
    auto out = Out::text;
    cli::Parser cli("mqdump stat",
                    "what is in a store: segments, queues, disk space, how it stopped");
    cli.positional("STORE", path, "a store's directory");
    cli.choice("--out", out, {{"text", Out::text}, {"json", Out::json}}, "how to print it");
    cli.example("mqdump stat /var/lib/mqd", "everything");
    cli.example("mqdump stat ~/store --out json | jq .messages", "how many messages there are");
    cli.example("mqdump stat store --out json | jq -r '.queues[] | [.topic, .messages] | @tsv'",
                "messages of each queue");
    if (const auto status = cli.parse(arguments)) return *status;

    const auto facts = gather(path, cli);
    if (!facts) return cli.fail(facts.error());
    const auto text = out == Out::json ? as_json(*facts) : as_text(*facts);
    const int status =
        cli.finish(record::write_all(STDOUT_FILENO, "standard output", as_bytes(text)));
    return status == 0 && facts->damaged_bytes > 0 ? cli::exit_status::failed : status;
}

}  // namespace mqd::dump
