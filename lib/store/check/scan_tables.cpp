#include "store/check/scan_tables.h"

#include <algorithm>
#include <tuple>

#include "base/parse.h"
#include "json/value.h"
#include "store/table/config_file.h"
#include "store/table/table_changes.h"

namespace mqd::store {
namespace {

namespace fs = std::filesystem;

/// Null when there is no such file.
Result<json::Value> load_table(const fs::path& store, std::string_view name, const SayLine& say) {
    json::Value table;
    const auto accepts = [&](std::string_view content) -> Result<> {
        TRY(table, json::parse(content));
        if (table.is_object()) return {};
        return Error{Errc::corrupt, "no JSON object"};
    };
    const auto text = peek_config(posix_files(), store / "config" / name, accepts, say);
    if (!text && text.error().code == Errc::not_found) return json::Value();
    if (!text) return text.error();
    return table;
}

StoredTopic topic_of(std::string name, const json::Value& value) {
    const auto number = [&](std::string_view key) {
        return static_cast<std::int32_t>(
            std::clamp<std::int64_t>(value[key].as_int(), INT32_MIN, INT32_MAX));
    };
    StoredTopic out;
    out.name = std::move(name);
    out.read_queues = number("readQueueNums");
    out.write_queues = number("writeQueueNums");
    out.perm = number("perm");
    out.sys_flag = number("topicSysFlag");
    out.order = value["order"].as_bool();
    out.filter_type = value["topicFilterType"].as_text();
    for (const auto& [key, attribute] : value["attributes"].members())
        out.attributes.emplace_back(key, attribute.as_text());
    return out;
}

/// `topic@group`, in which neither part can have an @.
bool take_key(std::string_view key, CommittedOffset& into) {
    const auto at = key.rfind('@');
    if (at == std::string_view::npos || at == 0 || at + 1 == key.size()) return false;
    into.topic = key.substr(0, at);
    into.group = key.substr(at + 1);
    return true;
}

}  // namespace

Result<std::vector<StoredTopic>> scan_topics(const fs::path& store, const SayLine& say) {
    TRY(auto saved, load_table(store, "topics.json", say));
    TRY(const auto table, with_changes(posix_files(), store / "config" / "topics.json",
                                       std::move(saved), "topicConfigTable"));
    std::vector<StoredTopic> out;
    for (const auto& [name, value] : table["topicConfigTable"].members())
        out.push_back(topic_of(name, value));
    std::ranges::sort(out, {}, &StoredTopic::name);
    return out;
}

Result<std::vector<CommittedOffset>> scan_offsets(const fs::path& store, const SayLine& say) {
    TRY(const auto table, load_table(store, "consumerOffset.json", say));
    TRY(const auto light, load_table(store, "lmqConsumerOffset.json", say));
    std::vector<CommittedOffset> out;
    CommittedOffset row;
    for (const auto& [key, queues] : table["offsetTable"].members()) {
        if (!take_key(key, row)) continue;
        for (const auto& [queue, offset] : queues.members()) {
            const auto id = parse_int<std::int32_t>(queue);
            if (!id || offset.as_int(-1) < 0) continue;
            row.queue = *id;
            row.next = offset.as_int();
            out.push_back(row);
        }
    }
    for (const auto& [key, offset] : light["lmqOffsetTable"].members()) {
        if (!take_key(key, row) || offset.as_int(-1) < 0) continue;
        row.queue = 0;
        row.next = offset.as_int();
        out.push_back(row);
    }
    std::ranges::sort(out, [](const CommittedOffset& a, const CommittedOffset& b) {
        return std::tie(a.group, a.topic, a.queue) < std::tie(b.group, b.topic, b.queue);
    });
    return out;
}

Result<std::map<std::int32_t, std::int64_t>> scan_delay_offsets(const fs::path& store) {
    TRY(const auto table, load_table(store, "delayOffset.json", nullptr));
    std::map<std::int32_t, std::int64_t> out;
    for (const auto& [text, offset] : table["offsetTable"].members()) {
        const auto level = parse_int<std::int32_t>(text);
        if (level && *level > 0 && offset.as_int(-1) >= 0) out[*level] = offset.as_int();
    }
    return out;
}

}  // namespace mqd::store
