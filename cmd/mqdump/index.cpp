// mqdump index: what the index files have of a key.

#include <fmt/format.h>

#include <algorithm>

#include "base/parse.h"
#include "cli/parser.h"
#include "cli/row_stream.h"
#include "commands.h"
#include "input.h"
#include "lookup.h"
#include "store/check/scan_index.h"

namespace mqd::dump {
namespace {

struct Wanted {
    std::string path;
    std::string key;
    std::vector<std::string> topics;
};

Result<> print(const KeyHit& hit, const Wanted& wanted, store::LogScan* log, cli::RowStream& rows) {
    const auto at = std::to_string(hit.entry.at.value);
    const auto file = hit.entry.path.filename().native();
    const auto entry = std::to_string(hit.entry.number);
    auto object = json::Value::object({{"topic", hit.topic},
                                       {"key", wanted.key},
                                       {"log_offset", hit.entry.at.value},
                                       {"index", file},
                                       {"entry", hit.entry.number}});
    if (log == nullptr) return rows.add({hit.topic, "-", "-", at, "-", file, entry, "-"}, object);
    const auto record = log->record_at(hit.entry.at);
    if (!record && record.error().code != Errc::not_found && record.error().code != Errc::corrupt)
        return record.error();
    // Only a hash leads here: another key may have the same one, and the record may have expired.
    const bool is_it = record && record->topic == hit.topic && store::has_key(*record, wanted.key);
    const auto* state = is_it ? "found" : record ? "other key" : "gone";
    object.set("record", state);
    if (!is_it) return rows.add({hit.topic, "-", "-", at, "-", file, entry, state}, object);
    object.set("queue", record->queue_id);
    object.set("offset", record->queue_offset.value);
    object.set("size", static_cast<std::int64_t>(record->bytes.size()));
    object.set("store_ts", record->store_ts_ms);
    object.set("id", id_of(*record));
    return rows.add(
        {hit.topic, std::to_string(record->queue_id), std::to_string(record->queue_offset.value),
         at, format_time(record->store_ts_ms), file, entry, state},
        object);
}

/// All topics, or those that are named, which must be there.
Result<> settle_topics(const Input& input, Wanted& wanted) {
    TRY(auto there, topics_of(input.places()));
    if (wanted.topics.empty()) return wanted.topics = std::move(there), Result<>();
    for (const auto& topic : wanted.topics)
        if (std::ranges::find(there, topic) == there.end())
            return Error{Errc::not_found,
                         fmt::format("{}: there is no topic '{}'", input.name(), topic)};
    return {};
}

}  // namespace

int index_command(const std::vector<std::string>& arguments) {
    Wanted wanted;
    auto out = cli::RowsOut::table;
    cli::Parser cli("mqdump index", "print the entries of the index files for a key");
    cli.positional("STORE|FILE", wanted.path,
                   "directory of a store, or one index file, compressed or not; -: standard input");
    cli.required("--key", wanted.key, "K", "key of a message, or its unique key");
    cli.option("-t,--topic", wanted.topics, "TOPIC",
               "only this topic; may be repeated (default: all topics)");
    cli::add_out_option(cli, out);
    cli.example("mqdump index /var/lib/mqd --key order-17", "in all topics");
    cli.example("mqdump index /var/lib/mqd --key order-17 -t orders --out jsonl",
                "in one topic, an object a line");
    cli.example("mqdump index store/index/20261121001655447 --key order-17 -t orders",
                "in one index file");
    if (const auto status = cli.parse(arguments)) return *status;
    const auto input = Input::open(wanted.path);
    if (!input) return cli.fail(input.error());
    const bool whole_store = input->is_folder();
    if (!whole_store && wanted.topics.empty())
        return cli.usage_error("--topic is required with an index file");

    Result<> damage;
    const auto run = [&]() -> Result<> {
        TRY(auto index, store::IndexScan::open(input->places()));
        std::unique_ptr<store::LogScan> log;
        if (whole_store) {
            TRY(log, store::LogScan::open(input->places()));
            TRY_OK(settle_topics(*input, wanted));
        }
        std::vector<KeyHit> hits;
        damage = find_key(index, log.get(), wanted.topics, wanted.key, hits);
        if (hits.empty() && damage)
            return Error{Errc::not_found, fmt::format("{}: the index has no entry for the key '{}'",
                                                      wanted.path, wanted.key)};
        cli::RowStream rows(
            out, {"TOPIC", "QUEUE", "OFFSET", "LOG OFFSET", "STORED", "INDEX", "ENTRY", "RECORD"});
        for (auto& hit : hits) {
            if (input->is_copy()) hit.entry.path = input->name();
            TRY_OK(print(hit, wanted, log.get(), rows));
        }
        return rows.finish();
    };
    return cli.finish(run(), damage);
}

}  // namespace mqd::dump
