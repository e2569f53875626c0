#include "store/table/deleted_topics.h"

#include "base/log.h"
#include "json/value.h"
#include "json/writer.h"
#include "store/table/config_file.h"

namespace mqd::store {
namespace {

constexpr std::string_view top_name = "deletedTopics";

Result<> accepts(std::string_view text) {
    TRY(const auto value, json::parse(text));
    if (value[top_name].is_object()) return {};
    return Error{Errc::corrupt, "no deletedTopics in it"};
}

}  // namespace

DeletedTopics DeletedTopics::load(Files& files, const std::filesystem::path& path) {
    DeletedTopics out;
    out.path_ = path;
    const auto text = load_config(files, path, accepts);
    if (!text) {
        if (text.error().code == Errc::not_found) return out;
        log::warn("deleted_topics_not_loaded", {{"why", text.error().what}});
        if (auto ok = set_aside_config(files, path); !ok)
            log::warn("deleted_topics_not_set_aside", {{"why", ok.error().what}});
        return out;
    }
    const auto value = json::parse(*text);
    if (!value) return out;
    for (const auto& [topic, end] : (*value)[top_name].members()) out.map_[topic] = end.as_int();
    return out;
}

Result<> DeletedTopics::add(Files& files, std::string_view topic, std::int64_t log_end,
                            std::int64_t log_begin) {
    std::erase_if(map_, [&](const auto& entry) { return entry.second <= log_begin; });
    Map before = map_;
    map_[std::string(topic)] = log_end;
    auto saved = save(files);
    if (saved) return saved;
    // Whatever has become of the file: the topic goes on, and must not be taken for deleted.
    map_ = std::move(before);
    if (auto ok = save(files); !ok)
        log::error("deleted_topics_not_saved", {{"why", ok.error().what}});
    return saved;
}

Result<> DeletedTopics::recovered(Files& files, std::int64_t log_end) {
    bool changed = false;
    for (auto& [topic, end] : map_) {
        if (end <= log_end) continue;
        end = log_end;
        changed = true;
    }
    return changed ? save(files) : Result<>{};
}

Result<> DeletedTopics::save(Files& files) const {
    std::string text;
    {
        json::Writer out(text);
        out.begin_object().key(top_name).begin_object();
        for (const auto& [name, end] : map_) out.member(name, end);
        out.end_object().end_object();
    }
    return save_config(files, path_, text);
}

}  // namespace mqd::store
