#include "broker/transaction_counts.h"

#include "json/writer.h"
#include "store/table/config_file.h"

namespace mqd::broker {

TransactionCounts::TransactionCounts(store::Files& files, const Clock& clock,
                                     const Settings& settings)
    : files_(files), clock_(clock), path_(settings.store.config_dir() / "transactionMetrics") {}

Result<> TransactionCounts::open(const std::map<std::string, std::int64_t>& counts) {
    {
        const Lock lock(mutex_);
        for (const auto& [topic, n] : counts) {
            if (n != 0) counts_[topic] = {n, clock_.wall_ms()};
        }
        dirty_ = !counts_.empty();
    }
    return load_table(files_, path_, [this](const json::Value& content) -> Result<> {
        TRY(const auto table, table_in(content, "transactionCount"));
        take_over(DataVersion::from_json(content["dataVersion"]), table);
        return {};
    });
}

/// Whether what the file says is still so.
void TransactionCounts::take_over(const DataVersion& version,
                                  std::span<const json::Value::Member> saved) {
    const Lock lock(mutex_);
    data_version_ = version;
    dirty_ = saved.size() != counts_.size();
    for (const auto& [topic, is] : saved) {
        const auto now = counts_.find(topic);
        if (now == counts_.end() || now->second.open != is["count"].as_int()) dirty_ = true;
    }
}

void TransactionCounts::add(std::string_view topic, std::int64_t n) {
    const Lock lock(mutex_);
    auto found = counts_.find(topic);
    if (found == counts_.end()) found = counts_.emplace(std::string(topic), Count()).first;
    found->second = {found->second.open + n, clock_.wall_ms()};
    // An end may be counted before the message itself.
    if (found->second.open == 0) counts_.erase(found);
    data_version_.advance(clock_.wall_ms());
    dirty_ = true;
}

std::map<std::string, std::int64_t> TransactionCounts::all() const {
    const Lock lock(mutex_);
    std::map<std::string, std::int64_t> out;
    for (const auto& [topic, is] : counts_) out.emplace(topic, is.open);
    return out;
}

json::Value TransactionCounts::to_json() const {
    const Lock lock(mutex_);
    std::vector<json::Value::Member> counts;
    for (const auto& [topic, is] : counts_) {
        if (is.open <= 0) continue;
        counts.emplace_back(
            topic, json::Value::object({{"count", is.open}, {"timeStamp", is.changed_ms}}));
    }
    return json::Value::object({{"dataVersion", data_version_.to_json()},
                                {"transactionCount", json::Value::object(std::move(counts))}});
}

Result<> TransactionCounts::save() {
    {
        const Lock lock(mutex_);
        if (!dirty_) return {};
        dirty_ = false;
    }
    auto saved = store::save_config(files_, path_, json::to_text(to_json()));
    if (!saved) {
        const Lock lock(mutex_);
        dirty_ = true;
    }
    return saved;
}

}  // namespace mqd::broker
