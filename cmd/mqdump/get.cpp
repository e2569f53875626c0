// mqdump get: one message, by any of its ids or its place.

#include <fmt/format.h>
#include <unistd.h>

#include "base/parse.h"
#include "cli/output.h"
#include "cli/parser.h"
#include "cli/signals.h"
#include "commands.h"
#include "input.h"
#include "lookup.h"
#include "message/id.h"
#include "message/properties.h"
#include "record/writer.h"
#include "store/check/scan.h"

namespace mqd::dump {
namespace {

class Search {
public:
    Search(const cli::Parser& parser, store::LogScan& log, record::Writer& writer)
        : cli_(parser), log_(log), writer_(writer) {}

    Result<> by_log_offset(std::int64_t at) {
        const auto record = log_.record_at({at});
        if (record) return print(*record);
        // Where nothing begins there is nothing to get.
        return Error{record.error().code == Errc::corrupt ? Errc::not_found : record.error().code,
                     record.error().what};
    }

    Result<> by_id(const Input& input, const std::string& id) {
        if (const auto place = message::parse_offset_id(id)) {
            const auto record = log_.record_at(place->at);
            if (record && record->store_host == place->store_host) return print(*record);
        }
        if (input.is_folder()) TRY_OK(by_index(input.places(), id));
        if (found_ > 0) return {};
        if (input.is_folder()) cli_.note("the index does not have it; reading the whole log");
        TRY_OK(by_scan(id));
        if (found_ > 0 || cli::interrupted()) return {};
        return Error{Errc::not_found,
                     fmt::format("{}: no message with the id '{}'", input.name(), id)};
    }
    bool damaged() const { return damaged_; }

private:
    static bool is_it(const message::RecordView& record, std::string_view id) {
        return message::find_property(record.properties, message::property::uniq_key) == id;
    }

    Result<> by_index(const store::Places& store, const std::string& id) {
        TRY(auto index, store::IndexScan::open(store));
        TRY(const auto topics, topics_of(store));
        std::vector<KeyHit> hits;
        if (const auto found = find_key(index, &log_, topics, id, hits); !found)
            cli_.warn(found.error().what);
        std::int64_t before = -1;
        for (const auto& hit : hits) {
            const auto record = log_.record_at(hit.entry.at);
            if (record && is_it(*record, id) && hit.entry.at.value != before)
                TRY_OK(print(*record));
            before = hit.entry.at.value;
        }
        return {};
    }

    Result<> by_scan(std::string_view id) {
        using Kind = store::LogItem::Kind;
        log_.seek(log_.begin());
        while (!cli::interrupted()) {
            TRY(const auto item, log_.next());
            if (item.kind == Kind::record && is_it(item.record, id)) TRY_OK(print(item.record));
            if (item.kind != Kind::record && item.kind != Kind::blank && item.kind != Kind::damage)
                break;
        }
        return {};
    }

    Result<> print(const message::RecordView& record) {
        std::string scratch;
        ++found_;
        const auto body = plain_body(record, scratch);
        if (body) return writer_.write(record, "", *body);
        damaged_ = true;
        cli_.warn(fmt::format("offset {}: the body cannot be decompressed: {}", record.at.value,
                              body.error().what));
        return {};
    }

    const cli::Parser& cli_;
    store::LogScan& log_;
    record::Writer& writer_;
    std::int64_t found_ = 0;
    bool damaged_ = false;
};

}  // namespace

int get_command(const std::vector<std::string>& arguments) {
    std::string path, id;
    record::Format format;
    bool json_body = false;
    cli::Parser cli("mqdump get", "print one message, by its offset id, unique key or log offset");
    cli.positional(
        "STORE|FILE", path,
        "directory of a store, or one file of its log, compressed or not; -: standard input");
    cli.positional("ID|OFFSET", id, "id as mqsend and RocketMQ print it, or a log offset");
    cli.option("--out", format, record::parse_format, record::format_help,
               "form of the output, see mqpull(1) (default: lines)");
    cli.flag("--json-body", json_body, "with json: print a body that is JSON as a value");
    cli.example("mqdump get /var/lib/mqd 7F00000100002A9F0000000000A0B1C2", "by its offset id");
    cli.example("mqdump get /var/lib/mqd 0C476F9BC51E8F2DD166A93A56777701 --out json",
                "by its unique key, with all fields");
    cli.example("mqdump get 00000000001073741824 1073742148", "by its offset in the log");
    if (const auto status = cli.parse(arguments)) return *status;

    format.json_body = json_body;
    const auto input = Input::open(path);
    if (!input) return cli.fail(input.error());
    const auto log = store::LogScan::open(input->places(), input->name());
    if (!log) return cli.fail(log.error());
    record::Writer writer(STDOUT_FILENO, "standard output", format, cli::is_reader_too_slow);
    Search search(cli, **log, writer);
    const auto at = parse_int<std::int64_t>(id);
    const auto found = at && *at >= 0 ? search.by_log_offset(*at) : search.by_id(*input, id);
    const int status = cli.finish(found, writer.flush());
    return status == 0 && search.damaged() ? cli::exit_status::failed : status;
}

}  // namespace mqd::dump
