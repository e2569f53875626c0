#include "broker/table_file.h"

#include <algorithm>

#include "json/writer.h"
#include "store/config_file.h"

namespace mqd::broker {

void DataVersion::advance(std::int64_t now_ms) {
    timestamp_ms = now_ms;
    ++counter;
}

json::Value DataVersion::to_json() const {
    return json::Value::object(
        {{"counter", counter}, {"stateVersion", state_version}, {"timestamp", timestamp_ms}});
}

DataVersion DataVersion::from_json(const json::Value& value) {
    return {value["stateVersion"].as_int(), value["timestamp"].as_int(), value["counter"].as_int()};
}

Result<json::Value> load_table(store::Files& files, const std::filesystem::path& path) {
    json::Value content;
    const auto accepts = [&](std::string_view text) -> Result<> {
        TRY(auto value, json::parse(text));
        if (!value.is_object()) return Error{Errc::corrupt, "not a JSON object"};
        content = std::move(value);
        return {};
    };
    const auto text = store::load_config(files, path, accepts);
    if (!text && text.error().code != Errc::not_found) return text.error();
    return content;
}

Result<> save_table(store::Files& files, const std::filesystem::path& path,
                    const json::Value& content) {
    return store::save_config(files, path, json::to_text(content, true));
}

Result<> save_if_dirty(std::atomic<bool>& dirty, store::Files& files,
                       const std::filesystem::path& path,
                       const std::function<json::Value()>& content) {
    if (!dirty.exchange(false)) return {};
    auto saved = save_table(files, path, content());
    if (!saved) dirty = true;
    return saved;
}

json::Value unknown_members(const json::Value& object,
                            std::initializer_list<std::string_view> known) {
    std::vector<json::Value::Member> out;
    for (const auto& member : object.members()) {
        if (std::find(known.begin(), known.end(), member.first) == known.end())
            out.push_back(member);
    }
    return json::Value::object(std::move(out));
}

}  // namespace mqd::broker
