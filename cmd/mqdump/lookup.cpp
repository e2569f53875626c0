#include "lookup.h"

#include <algorithm>
#include <tuple>

#include "message/id.h"
#include "message/properties.h"
#include "message/sys_flag.h"
#include "store/files.h"
#include "store/check/scan_tables.h"

namespace mqd::dump {
namespace {

constexpr std::size_t body_bytes_max = 256 << 20;

}  // namespace

Result<std::vector<std::string>> topics_of(const store::Places& places) {
    std::vector<std::string> names;
    // Without its table the queues' directories still tell.
    const auto table = store::scan_topics(places.root());
    if (!table && table.error().code == Errc::refused) return table.error();
    if (table)
        for (const auto& topic : *table) names.push_back(topic.name);
    for (const auto* dir : {"consumequeue", "batchconsumequeue"}) {
        TRY(const auto there, store::posix_files().list(places / dir));
        names.insert(names.end(), there.begin(), there.end());
    }
    std::ranges::sort(names);
    names.erase(std::unique(names.begin(), names.end()), names.end());
    return names;
}

Result<> find_key(store::IndexScan& index, store::LogScan* log,
                  const std::vector<std::string>& topics, std::string_view key,
                  std::vector<KeyHit>& into) {
    Result<> first;
    for (const auto& topic : topics) {
        auto found =
            index.find(store::IndexHash(topic).of(key), log, [&](const store::IndexHit& hit) {
                into.push_back({topic, hit});
                return true;
            });
        if (!found && first) first = std::move(found);
    }
    std::ranges::sort(into, [](const KeyHit& a, const KeyHit& b) {
        return std::tie(a.entry.at.value, a.entry.path, a.entry.number) <
               std::tie(b.entry.at.value, b.entry.path, b.entry.number);
    });
    return first;
}

std::string id_of(const message::RecordView& record) {
    const auto key = message::find_property(record.properties, message::property::uniq_key);
    return key ? std::string(*key) : message::offset_id(record.store_host, record.at);
}

Result<std::string_view> plain_body(const message::RecordView& record, std::string& scratch) {
    if ((record.sys_flag & message::sys_flag::compressed) == 0) return record.body;
    TRY(scratch, record.plain_body(body_bytes_max));
    return std::string_view(scratch);
}

}  // namespace mqd::dump
