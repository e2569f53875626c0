#include "store/table/table_changes.h"

#include <fmt/format.h>

#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "base/crc.h"
#include "base/log.h"

namespace mqd::store {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t crc_digits = 8;

fs::path changes_path(const fs::path& table) {
    fs::path out = table;
    out += ".changes";
    return out;
}

std::string crc_text(std::string_view text) {
    return fmt::format("{:08x}", crc32(as_bytes(text)));
}

Result<json::Value> read_line(std::string_view line) {
    if (line.size() <= crc_digits || line[crc_digits] != ' ')
        return Error{Errc::corrupt, "no change of the table"};
    const auto text = line.substr(crc_digits + 1);
    if (line.substr(0, crc_digits) != crc_text(text))
        return Error{Errc::corrupt, "its CRC does not fit"};
    TRY(auto change, json::parse(text));
    if (!change.is_object()) return Error{Errc::corrupt, "no JSON object"};
    return change;
}

std::int64_t counter_of(const json::Value& table) {
    return table["dataVersion"]["counter"].as_int();
}

/// A table's members with changes made to them one after the other.
class Merged {
public:
    explicit Merged(const json::Value& table) {
        for (const auto& [name, value] : table.members()) set(name, value);
    }
    void set(const std::string& name, const json::Value& value) {
        const auto [place, fresh] = places_.try_emplace(name, members_.size());
        if (fresh) members_.emplace_back(name, std::nullopt);
        auto& member = members_[place->second].second;
        if (value.is_null())
            member.reset();
        else
            member = value;
    }
    json::Value take() {
        std::vector<json::Value::Member> out;
        for (auto& [name, value] : members_)
            if (value) out.emplace_back(std::move(name), std::move(*value));
        return json::Value::object(std::move(out));
    }

private:
    std::vector<std::pair<std::string, std::optional<json::Value>>> members_;
    std::unordered_map<std::string, std::size_t> places_;
};

}  // namespace

TableChanges::TableChanges(Files& files, const fs::path& table)
    : files_(files), path_(changes_path(table)) {}

Result<> TableChanges::open() {
    TRY_OK(make_synced_directories(files_, path_.parent_path()));
    TRY(auto file, files_.open(path_, OpenMode::create));
    TRY(end_, file->size());
    TRY_OK(files_.sync_directory(path_.parent_path()));
    file_ = std::move(file);
    return {};
}

Result<> TableChanges::append(std::string_view change) {
    if (file_ == nullptr) TRY_OK(open());
    const auto line = fmt::format("{} {}\n", crc_text(change), change);
    synced_ = cleared_ = false;
    if (auto written = file_->write(end_, as_bytes(line)); !written) {
        // Where this fails too, the next change is written over the part, whose rest is passed
        // over by whoever reads.
        static_cast<void>(file_->resize(end_));
        return written;
    }
    end_ += static_cast<std::int64_t>(line.size());
    return {};
}

Result<> TableChanges::sync() {
    if (synced_) return {};
    TRY_OK(file_->sync());
    synced_ = true;
    return {};
}

Result<> TableChanges::clear() {
    if (cleared_) return {};
    TRY(const bool there, files_.exists(path_));
    if (there) {
        if (file_ == nullptr) TRY_OK(open());
        TRY_OK(file_->resize(0));
    }
    end_ = 0;
    cleared_ = true;
    return {};
}

Result<> TableChanges::remove() {
    file_.reset();
    end_ = 0;
    synced_ = true;
    return files_.remove(path_);
}

Result<ChangesRead> read_changes(Files& files, const fs::path& table) {
    const auto read = read_text(files, changes_path(table));
    if (!read && read.error().code == Errc::not_found) return ChangesRead();
    if (!read) return read.error();

    ChangesRead out;
    const std::string_view text = *read;
    for (std::size_t at = 0; at < text.size();) {
        const auto end = std::min(text.find('\n', at), text.size());
        auto change = read_line(text.substr(at, end - at));
        if (change)
            out.changes.push_back(std::move(*change));
        else
            out.damaged.push_back({static_cast<std::int64_t>(at), change.error().what});
        at = end + 1;
    }
    return out;
}

json::Value apply_changes(json::Value content, std::span<const json::Value> changes,
                          std::string_view top) {
    std::int64_t counter = counter_of(content);
    std::optional<Merged> merged;
    for (const auto& change : changes) {
        if (counter_of(change) <= counter) continue;
        counter = counter_of(change);
        if (!merged) merged.emplace(content[top]);
        for (const auto& [name, value] : change[top].members()) merged->set(name, value);
        content.set("dataVersion", change["dataVersion"]);
    }
    if (merged) content.set(std::string(top), merged->take());
    return content;
}

Result<json::Value> with_changes(Files& files, const fs::path& table, json::Value content,
                                 std::string_view top) {
    TRY(const auto read, read_changes(files, table));
    for (const auto& damage : read.damaged)
        log::warn(
            "table_change_damaged",
            {{"path", changes_path(table).string()}, {"offset", damage.at}, {"why", damage.what}});
    return apply_changes(std::move(content), read.changes, top);
}

}  // namespace mqd::store
