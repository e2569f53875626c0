// checkpoint, the files in config/, and the offsets they give.

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/parse.h"
#include "json/value.h"
#include "store/table/config_file.h"
#include "store/table/table_changes.h"
#include "store/check/verify_parts.h"

namespace mqd::store::verifying {
namespace {

constexpr std::size_t checkpoint_bytes = 4096;
constexpr std::string_view backup = ".bak";

void tell(Context& context, std::string path, std::string what,
          Finding::Kind kind = Finding::Kind::other, Finding::Mend mend = Finding::Mend::repair) {
    const bool config = path.starts_with("config/");
    context.tell({config ? Finding::Part::config : Finding::Part::checkpoint, kind, mend,
                  std::move(path), -1, 0, std::move(what)});
}

// ---- config files

/// Those that a broker writes as JSON (mqd-store(5), TABLES).
bool is_json_name(std::string_view name) {
    if (name.ends_with(backup)) name.remove_suffix(backup.size());
    return name.ends_with(".json") || name == "timermetrics" || name == "transactionMetrics";
}

/// What each of them has at its top.
std::string_view top_member(std::string_view name) {
    static constexpr auto tops = std::to_array<std::pair<std::string_view, std::string_view>>({
        {"topics.json", "topicConfigTable"},
        {"subscriptionGroup.json", "subscriptionGroupTable"},
        {"consumerOffset.json", "offsetTable"},
        {"delayOffset.json", "offsetTable"},
        {"consumerFilter.json", "filterDataByTopic"},
        {"deletedTopics.json", "deletedTopics"},
        {"messageRequestMode.json", "messageRequestModeMap"},
        {"timermetrics", "timingCount"},
        {"transactionMetrics", "transactionCount"},
    });
    for (const auto& [file, top] : tops)
        if (file == name) return top;
    return {};
}

bool has_control(std::string_view text) {
    return std::ranges::any_of(text, [](char c) {
        return static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n' && c != '\r';
    });
}

std::string wrong_topic(std::string_view name, const json::Value& topic) {
    if (topic["topicName"].as_text() != name)
        return fmt::format("topic {} calls itself '{}'", name, topic["topicName"].as_text());
    for (const auto* member : {"readQueueNums", "writeQueueNums", "perm", "topicSysFlag"})
        if (!topic.has(member)) return fmt::format("topic {} has no {}", name, member);
    if (topic["readQueueNums"].as_int(-1) < 0 || topic["writeQueueNums"].as_int(-1) < 0)
        return fmt::format("topic {} has a negative number of queues", name);
    const auto perm = topic["perm"].as_int(-1);
    if (perm < 0 || perm > 15) return fmt::format("topic {} has the permission {}", name, perm);
    return {};
}

std::string wrong_group(std::string_view name, const json::Value& group) {
    if (group["groupName"].as_text() != name)
        return fmt::format("group {} calls itself '{}'", name, group["groupName"].as_text());
    return {};
}

/// What is wrong with the text; empty: nothing that can be noticed.
std::string wrong_text(std::string_view name, std::string_view text, json::Value& value) {
    if (text.empty()) return "empty";
    if (!is_utf8(text)) return "not UTF-8";
    if (has_control(text)) return "control characters";
    auto parsed = json::parse(text);
    if (!parsed) return parsed.error().what;
    value = std::move(*parsed);
    if (!value.is_object()) return "no JSON object";
    if (name.ends_with(backup)) name.remove_suffix(backup.size());
    const auto top = top_member(name);
    if (top.empty()) return {};
    if (!value[top].is_object()) return fmt::format("no {} in it", top);
    std::string wrong;
    for (const auto& [key, member] : value[top].members()) {
        if (name == "topics.json") wrong = wrong_topic(key, member);
        if (name == "subscriptionGroup.json") wrong = wrong_group(key, member);
        if (!wrong.empty()) return wrong;
    }
    return {};
}

void check_config_file(Context& context, const std::string& name) {
    const auto path = "config/" + name;
    std::string wrong;
    json::Value value;
    // A broker of RocketMQ writes over its files in place, so one in use is looked at twice.
    for (int i = 0; i < (context.live() ? 2 : 1); ++i) {
        const auto text = read_text(posix_files(), context.root / path);
        if (!text && text.error().code == Errc::not_found) return;
        wrong = text ? wrong_text(name, *text, value) : text.error().what;
        if (wrong.empty()) break;
    }
    if (wrong.empty()) {
        context.configs[name] = std::move(value);
        return;
    }
    tell(context, path, wrong, Finding::Kind::damage);
}

/// The table as the changes after its file leave it.
json::Value check_changes(Context& context, json::Value topics) {
    constexpr std::string_view name = "topics.json";
    const auto path = context.root / "config" / name;
    // Of a store in use the last line may be just on its way: looked at twice.
    for (int again = context.live() ? 1 : 0; again >= 0; --again) {
        const auto read = read_changes(posix_files(), path);
        if (read && !read->damaged.empty() && again > 0) continue;
        if (!read) {
            tell(context, "config/topics.json.changes", read.error().what, Finding::Kind::damage);
            break;
        }
        for (const auto& damage : read->damaged)
            context.tell({Finding::Part::config, Finding::Kind::other, Finding::Mend::start,
                          "config/topics.json.changes", damage.at, 0, damage.what});
        return apply_changes(std::move(topics), read->changes, top_member(name));
    }
    return topics;
}

// ---- offsets

std::optional<std::int64_t> queue_end(const Context& context, std::string_view topic,
                                      std::int32_t id) {
    const auto number = context.find_queue(topic, id);
    if (number < 0) return 0;
    return context.queues[static_cast<std::size_t>(number)]->end;
}

void check_consumer_offsets(Context& context, const json::Value& table) {
    constexpr std::string_view path = "config/consumerOffset.json";
    const auto& mapped = context.configs["topicQueueMapping.json"]["topicQueueMappingInfoMap"];
    for (const auto& [key, queues] : table.members()) {
        const auto split = key.find('@');
        if (split == std::string::npos || split == 0 || split + 1 == key.size() ||
            !queues.is_object()) {
            tell(context, std::string(path), fmt::format("'{}' is no topic and group", key));
            continue;
        }
        const auto topic = std::string_view(key).substr(0, split);
        if (mapped.has(topic)) continue;  // counted over several brokers
        for (const auto& [text, value] : queues.members()) {
            const auto id = parse_int<std::int32_t>(text);
            const auto offset = value.as_int(-1);
            const auto end = id ? queue_end(context, topic, *id) : std::nullopt;
            if (!end || *id < 0 || offset < 0)
                tell(context, std::string(path),
                     fmt::format("{}: queue {} at {}", key, text, offset));
            else if (offset > *end && !context.live())
                tell(context, std::string(path),
                     fmt::format("{}: queue {} at {}, behind its end at {}", key, text, offset,
                                 *end));
        }
    }
}

void check_delay_offsets(Context& context, const json::Value& table) {
    for (const auto& [text, value] : table.members()) {
        const auto level = parse_int<std::int32_t>(text);
        const auto offset = value.as_int(-1);
        const auto end = level ? queue_end(context, schedule_topic, *level - 1) : std::nullopt;
        if (!end || *level < 1 || offset < 0 || (offset > *end && !context.live()))
            tell(
                context, "config/delayOffset.json",
                fmt::format("level {} at {}, its queue ends at {}", text, offset, end.value_or(0)));
    }
}

// ---- checkpoint

bool is_record_border(const Context& context, std::int64_t at) {
    if (at < 0) return false;
    if (at <= context.log.begin() || at == context.report.log_end) return true;
    const auto* part = context.log.part_at(at);
    if (part == nullptr || at > context.report.log_end) return false;
    if (part->begin == at || context.record_at(at)) return true;
    const Bytes rest = context.log.rest(at);
    return rest.size() < 8 || message::RecordHead::read(rest.data()).is_blank();
}

/// A time that says what is on disk is that of a record, or older than all that the log has.
/// Of two times, the later one first; a damaged file may say any.
std::uint64_t later_by(std::int64_t later_ms, std::int64_t earlier_ms) {
    return static_cast<std::uint64_t>(later_ms) - static_cast<std::uint64_t>(earlier_ms);
}

void check_time(Context& context, std::string_view what, std::int64_t ts_ms, bool seen) {
    if (ts_ms == 0 || seen) return;
    if (context.report.records == 0) return;
    if (ts_ms > context.newest_ts_ms)
        tell(context, "checkpoint",
             fmt::format("its time of the {} is {} ms ahead of the newest record", what,
                         later_by(ts_ms, context.newest_ts_ms)));
    else if (ts_ms >= context.first_ts_ms)
        tell(context, "checkpoint", fmt::format("no record has its time of the {}", what));
    else if (context.log.begin() == 0 || ts_ms < 0)
        tell(context, "checkpoint",
             fmt::format("its time of the {} is from before the first record", what));
}

void check_index_time(Context& context, std::int64_t ts_ms) {
    if (ts_ms == 0) return;
    const auto names = posix_files().list(context.root / "index");
    bool any = false;
    for (const auto& name : names ? *names : std::vector<std::string>{}) {
        const auto file = ScanFile::open(context.root / "index" / name);
        if (!file || file->bytes().size() < IndexGeometry::header_bytes) continue;
        any = true;
        const auto header = IndexHeader::load(file->bytes().data());
        if (header.end_ts_ms == ts_ms) return;
        // Handed on by a full file that has expired since.
        if (context.log.begin() > 0 && ts_ms < header.begin_ts_ms) return;
    }
    if (!any) return;
    tell(context, "checkpoint", "no index file ends at its time of the index");
}

}  // namespace

void load_config(Context& context) {
    auto loaded = Checkpoint::load(posix_files(), context.root / "checkpoint");
    if (loaded) context.checkpoint = *loaded;
    const auto names = posix_files().list(context.root / "config");
    for (const auto& name : names ? *names : std::vector<std::string>{})
        if (is_json_name(name)) check_config_file(context, name);
    if (const auto topics = context.configs.find("topics.json"); topics != context.configs.end()) {
        context.topics_known = true;
        topics->second = check_changes(context, std::move(topics->second));
        for (const auto& [name, topic] : topics->second["topicConfigTable"].members())
            context.topics.insert(name);
        // The broker makes these by itself, at any time.
        context.topics.insert(std::string(schedule_topic));
    }
    for (const auto& [topic, end] :
         context.configs["deletedTopics.json"]["deletedTopics"].members())
        context.deleted_topics[topic] = end.as_int();
}

void check_offsets(Context& context) {
    const auto consumers = context.configs.find("consumerOffset.json");
    if (consumers != context.configs.end())
        check_consumer_offsets(context, consumers->second["offsetTable"]);
    const auto delays = context.configs.find("delayOffset.json");
    if (delays != context.configs.end())
        check_delay_offsets(context, delays->second["offsetTable"]);
}

Result<> check_checkpoint(Context& context) {
    auto file = ScanFile::open(context.root / "checkpoint");
    if (!file) {
        if (file.error().code != Errc::not_found) return std::move(file).error();
        // Without one a start after a crash goes through all of the log.
        if (!context.live() && !context.report.crashed && context.report.records > 0)
            tell(context, "checkpoint", "missing", Finding::Kind::missing);
        return {};
    }
    constexpr std::size_t field_bytes = 40;
    if (file->bytes().size() != checkpoint_bytes)
        tell(context, "checkpoint",
             fmt::format("{} bytes, not {}", file->bytes().size(), checkpoint_bytes),
             Finding::Kind::length);
    if (file->bytes().size() < field_bytes || !context.checkpoint) return {};
    const auto& checkpoint = *context.checkpoint;
    check_time(context, "log", checkpoint.log_ts_ms, context.checkpoint_log_seen);
    check_time(context, "queues", checkpoint.queues_ts_ms, context.checkpoint_queues_seen);
    // A clean stop has dispatched everything.
    if (!context.live() && !context.report.crashed && context.newest_unit_ts_ms > 0 &&
        checkpoint.queues_ts_ms < context.newest_unit_ts_ms)
        tell(context, "checkpoint",
             fmt::format("its time of the queues is {} ms behind the newest record",
                         later_by(context.newest_unit_ts_ms, checkpoint.queues_ts_ms)));
    check_index_time(context, checkpoint.index_ts_ms);
    for (const auto at : {checkpoint.master_flushed, checkpoint.confirm_offset})
        if (!is_record_border(context, at) && !context.live())
            tell(context, "checkpoint", fmt::format("it names {}, where no record begins", at));
    if (file->first_nonzero(field_bytes) < file->bytes().size())
        tell(context, "checkpoint", "not zero behind its fields");
    return {};
}

}  // namespace mqd::store::verifying
