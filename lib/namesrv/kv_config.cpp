#include "namesrv/kv_config.h"

#include "config/file.h"
#include "json/value.h"
#include "json/writer.h"

namespace mqd::namesrv {

Result<std::unique_ptr<KvConfig>> KvConfig::open(std::filesystem::path path) {
    std::unique_ptr<KvConfig> kv(new KvConfig(std::move(path)));
    const auto text = config::read_file(kv->path_);
    if (!text) {
        if (text.error().code == Errc::not_found) return kv;
        return text.error();
    }
    const auto json = json::parse(*text);
    if (!json || !(*json)["configTable"].is_object())
        return Error{Errc::corrupt, kv->path_.string() + " holds no {\"configTable\":{...}}"};
    Lock lock(kv->mutex_);
    for (const auto& [name_space, table] : (*json)["configTable"].members())
        for (const auto& [key, value] : table.members())
            kv->spaces_[name_space][key] = value.as_text();
    return kv;
}

std::optional<std::string> KvConfig::get(std::string_view name_space, std::string_view key) const {
    Lock lock(mutex_);
    const auto space = spaces_.find(name_space);
    if (space == spaces_.end()) return std::nullopt;
    const auto at = space->second.find(key);
    if (at == space->second.end()) return std::nullopt;
    return at->second;
}

std::optional<KvConfig::Table> KvConfig::list(std::string_view name_space) const {
    Lock lock(mutex_);
    const auto space = spaces_.find(name_space);
    if (space == spaces_.end()) return std::nullopt;
    return space->second;
}

Result<> KvConfig::put(std::string_view name_space, std::string_view key, std::string_view value) {
    {
        Lock lock(mutex_);
        spaces_[std::string(name_space)][std::string(key)] = value;
        ++changes_;
    }
    return save();
}

Result<> KvConfig::remove(std::string_view name_space, std::string_view key) {
    {
        Lock lock(mutex_);
        const auto space = spaces_.find(name_space);
        if (space == spaces_.end()) return {};
        const auto at = space->second.find(key);
        if (at == space->second.end()) return {};
        space->second.erase(at);
        ++changes_;
    }
    return save();
}

// One saver at a time, without the lock; who comes meanwhile waits, and is mostly saved by the
// next.
Result<> KvConfig::save() {
    std::string text;
    std::uint64_t goal = 0;
    {
        Lock lock(mutex_);
        const auto mine = changes_;
        while (is_saving_ && changes_saved_ < mine) saved_.wait(mutex_);
        if (changes_saved_ >= mine) return {};
        is_saving_ = true;
        goal = changes_;
        json::Writer out(text);
        out.begin_object().key("configTable").begin_object();
        for (const auto& [name_space, table] : spaces_) {
            out.key(name_space).begin_object();
            for (const auto& [key, value] : table) out.member(key, value);
            out.end_object();
        }
        out.end_object().end_object();
    }
    auto done = config::replace_file(path_, text);
    Lock lock(mutex_);
    is_saving_ = false;
    if (done) changes_saved_ = goal;
    saved_.notify_all();
    return done;
}

}  // namespace mqd::namesrv
