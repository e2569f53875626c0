#include "broker/table_file.h"

#include <fmt/format.h>

#include <algorithm>

#include "json/writer.h"

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

Result<> load_table(store::Files& files, const std::filesystem::path& path,
                    const std::function<Result<>(json::Value content)>& take) {
    const auto accepts = [&](std::string_view text) -> Result<> {
        TRY(auto content, json::parse(text));
        if (!content.is_object()) return Error{Errc::corrupt, "not a JSON object"};
        return take(std::move(content));
    };
    const auto text = store::load_config(files, path, accepts);
    if (!text && text.error().code != Errc::not_found) return text.error();
    return {};
}

Result<> save_table(store::Files& files, const std::filesystem::path& path,
                    const json::Value& content, store::Spare spare) {
    return store::save_config(files, path, json::to_text(content, true), spare);
}

Result<> save_if_dirty(std::atomic<bool>& dirty, store::Files& files,
                       const std::filesystem::path& path,
                       const std::function<json::Value()>& content, store::Spare spare) {
    if (!dirty.exchange(false)) return {};
    auto saved = save_table(files, path, content(), spare);
    if (!saved) dirty = true;
    return saved;
}

Result<std::span<const json::Value::Member>> table_in(const json::Value& content,
                                                      std::string_view name) {
    const json::Value& table = content[name];
    if (!table.is_object() && !table.is_null())
        return Error{Errc::corrupt, fmt::format("'{}' is no object", name)};
    return std::span<const json::Value::Member>(table.members());
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
