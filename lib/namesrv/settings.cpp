#include "namesrv/settings.h"

#include <algorithm>

#include "base/log.h"
#include "base/parse.h"
#include "config/file.h"

namespace mqd::namesrv {
namespace {

// The text of the file with the changes in it; a missing file is an empty one.
Result<> keep(const std::string& path, const std::vector<config::Change>& changes) {
    auto text = config::read_file(path);
    if (!text && text.error().code != Errc::not_found) return text.error();
    const std::string old = text ? *text : std::string();
    TRY(const auto changed, config::changed_text(config::format_of(path, old), old, path, changes));
    return config::replace_file(path, changed);
}

Result<std::vector<config::Change>> changes_of(std::string_view text, const Options& options,
                                               config::Config& config) {
    TRY(const auto entries, config::parse_properties(text, "the request"));
    const auto black_list = split(options.config_black_list, ';');
    std::vector<config::Change> changes;
    const auto other = [&](std::string_view name) {
        const auto at = std::find_if(entries.begin(), entries.end(),
                                     [&](const auto& entry) { return entry.key == name; });
        return at == entries.end() ? std::string_view() : std::string_view(at->value);
    };
    for (const auto& entry : entries) {
        if (std::find(black_list.begin(), black_list.end(), entry.key) != black_list.end())
            return Error{Errc::refused, "Can not update config in black list: " + entry.key};
        const auto* key = config.find(entry.key);
        if (auto broken = config::broken_promise(entry.key, entry.value, other))
            return Error{Errc::invalid, std::move(*broken)};
        if (key == nullptr && config::find_rocketmq_key(entry.key) != nullptr) {
            log::warn("config_ignored", {{"key", entry.key}, {"why", "it has no meaning here"}});
            continue;
        }
        TRY_OK(config.update(entry.key, entry.value));
        changes.push_back({entry.key, entry.value, key->is_number()});
    }
    return changes;
}

}  // namespace

Routes::Options routes_options(const Options& options) {
    return {options.support_acting_master, options.delete_topic_with_registration};
}

Settings::Settings(const Options& options) : options_(std::make_shared<const Options>(options)) {}

std::shared_ptr<const Options> Settings::get() const {
    Lock lock(mutex_);
    return options_;
}

std::string Settings::properties() const {
    auto copy = *get();
    config::Config config;
    describe(config, copy);
    return config.properties();
}

Result<> Settings::update(std::string_view text) {
    Options next;
    {
        Lock lock(mutex_);
        while (is_writing_) written_.wait(mutex_);
        is_writing_ = true;
        next = *options_;
    }
    auto done = [&]() -> Result<> {
        const auto before = next;
        config::Config config;
        describe(config, next);
        TRY(const auto changes, changes_of(text, before, config));
        if (changes.empty()) return {};
        TRY_OK(keep(before.config_store_path, changes));
        for (const auto& change : changes)
            log::info("config_updated", {{"key", change.key}, {"value", change.value}});
        return {};
    }();
    Lock lock(mutex_);
    is_writing_ = false;
    written_.notify_one();
    if (done) options_ = std::make_shared<const Options>(next);
    return done;
}

void Settings::reload(const Options& next) {
    Lock lock(mutex_);
    while (is_writing_) written_.wait(mutex_);
    auto merged = *options_;
    auto wanted = next;
    config::Config to, from;
    describe(to, merged);
    describe(from, wanted);
    for (const auto* key : from.differences(to))
        if (key->is_reloadable) check(to.update(key->name, key->get()).has_value());
    options_ = std::make_shared<const Options>(merged);
}

}  // namespace mqd::namesrv
