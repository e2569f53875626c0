#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/parse.h"
#include "json/value.h"
#include "json/writer.h"
#include "store/queue/delay_levels.h"
#include "store/check/repair_parts.h"
#include "store/check/scan.h"

namespace mqd::store::repairing {
namespace {

constexpr std::string_view backup = ".bak";

bool is_damaged(const Work& work, std::string_view path) {
    return std::ranges::any_of(work.findings, [&](const Finding& finding) {
        return finding.kind == Finding::Kind::damage && finding.path == path;
    });
}

/// Where each queue ends, by topic and number.
class Ends {
public:
    static Result<Ends> of(const Places& store) {
        TRY(const auto scan, LogScan::open(store));
        TRY(const auto queues, scan_queues(store, scan->begin()));
        Ends out;
        for (const auto& queue : queues) out.ends_[{queue.topic, queue.id}] = queue.max.value;
        return out;
    }
    std::int64_t end(const std::string& topic, std::int32_t id) const {
        const auto found = ends_.find({topic, id});
        return found == ends_.end() ? 0 : found->second;
    }

private:
    std::map<std::pair<std::string, std::int32_t>, std::int64_t> ends_;
};

/// The value within its queue; true when it was not.
bool bring_back(json::Value& value, std::int64_t end) {
    const auto offset = value.as_int(-1);
    if (offset >= 0 && offset <= end) return false;
    value = json::Value(std::clamp<std::int64_t>(offset, 0, end));
    return true;
}

bool bring_back_consumers(json::Value& table, const Ends& ends) {
    bool changed = false;
    std::vector<json::Value::Member> topics;
    for (const auto& [key, queues] : table.members()) {
        const auto split = key.find('@');
        std::vector<json::Value::Member> fixed;
        for (auto [text, value] : queues.members()) {
            const auto id = parse_int<std::int32_t>(text);
            if (id && split != std::string::npos)
                changed |= bring_back(value, ends.end(key.substr(0, split), *id));
            fixed.emplace_back(text, std::move(value));
        }
        topics.emplace_back(key, json::Value::object(std::move(fixed)));
    }
    table = json::Value::object(std::move(topics));
    return changed;
}

bool bring_back_delays(json::Value& table, const Ends& ends) {
    bool changed = false;
    std::vector<json::Value::Member> levels;
    for (auto [text, value] : table.members()) {
        const auto level = parse_int<std::int32_t>(text);
        if (level) changed |= bring_back(value, ends.end(std::string(schedule_topic), *level - 1));
        levels.emplace_back(text, std::move(value));
    }
    table = json::Value::object(std::move(levels));
    return changed;
}

}  // namespace

Result<> repair_config(Work& work) {
    std::set<std::string> done;
    for (const auto& finding : work.findings) {
        // Offsets beyond the ends of their queues are a matter of those, see repair_offsets().
        if (finding.part != Finding::Part::config || finding.kind != Finding::Kind::damage ||
            !done.insert(finding.path).second)
            continue;
        const bool is_backup = finding.path.ends_with(backup);
        const auto other = is_backup ? finding.path.substr(0, finding.path.size() - backup.size())
                                     : finding.path + std::string(backup);
        std::error_code code;
        if (is_damaged(work, other) || !fs::exists(work.root / other, code)) {
            if (is_backup && !fs::exists(work.root / other, code)) {
                work.step(fmt::format("move {} away: {}", finding.path, finding.what));
                TRY_OK(work.move_away(finding.path));
                continue;
            }
            work.cannot(
                fmt::format("{}: {}; there is nothing to replace it", finding.path, finding.what));
            continue;
        }
        work.step(fmt::format("replace {} by {}: {}", finding.path, other, finding.what));
        if (!work.options.apply) continue;
        TRY(const auto text, read_text(posix_files(), work.root / other));
        TRY_OK(work.move_away(finding.path));
        TRY_OK(work.write_file(finding.path, text));
    }
    return {};
}

Result<> repair_offsets(Work& work) {
    TRY(const auto ends, Ends::of(work.root));
    for (const std::string name : {"consumerOffset.json", "delayOffset.json"}) {
        const auto path = "config/" + name;
        const auto text = read_text(posix_files(), work.root / path);
        if (!text) continue;
        auto value = json::parse(*text);
        if (!value || !(*value)["offsetTable"].is_object()) continue;
        json::Value table = (*value)["offsetTable"];
        const bool changed = name.starts_with("consumer") ? bring_back_consumers(table, ends)
                                                          : bring_back_delays(table, ends);
        if (!changed) continue;
        work.step(fmt::format("bring the offsets in {} back into their queues", path));
        if (!work.options.apply) continue;
        TRY_OK(work.keep_copy(path));
        value->set("offsetTable", std::move(table));
        TRY_OK(work.write_file(path, json::to_text(*value, true)));
    }
    return {};
}

}  // namespace mqd::store::repairing
