// mqdump log: the records of a commit log.

#include <fmt/format.h>
#include <regex.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "base/counted.h"
#include "base/parse.h"
#include "cli/output.h"
#include "cli/parser.h"
#include "cli/signals.h"
#include "commands.h"
#include "filter/tags.h"
#include "input.h"
#include "lookup.h"
#include "message/properties.h"
#include "record/fields.h"
#include "record/writer.h"
#include "store/check/scan.h"

namespace mqd::dump {
namespace {

constexpr std::int64_t poll_ms = 100;

// An extended regular expression over bytes; a body may hold NULs.
class Pattern {
public:
    static Result<Pattern> parse(std::string_view text) {
        Pattern pattern;
        pattern.regex_ = std::shared_ptr<regex_t>(new regex_t, [](regex_t* r) { delete r; });
        const int code = ::regcomp(pattern.regex_.get(), std::string(text).c_str(), REG_EXTENDED);
        if (code == 0) {
            pattern.regex_ = {pattern.regex_.get(),
                              [kept = pattern.regex_](regex_t* r) { ::regfree(r); }};
            return pattern;
        }
        char why[256];
        ::regerror(code, pattern.regex_.get(), why, sizeof why);
        return Error{Errc::invalid, fmt::format("'{}' is not a regular expression: {}", text, why)};
    }
    bool matches(std::string_view text) const {
        if (!regex_) return true;
        regmatch_t range[1];
        range[0].rm_so = 0;
        range[0].rm_eo = static_cast<regoff_t>(text.size());
        return ::regexec(regex_.get(), text.data(), 1, range, REG_STARTEND) == 0;
    }
    bool empty() const { return !regex_; }

private:
    std::shared_ptr<regex_t> regex_;
};

struct Wanted {
    std::optional<std::int64_t> from, to, since_ms, until_ms, count;
    std::vector<std::string> topics;
    std::optional<std::int32_t> queue;
    std::optional<std::string> key;
    std::optional<filter::Tags> tags;
    Pattern grep;

    bool matches(const message::RecordView& record) const {
        if (from && record.at.value < *from) return false;
        if (since_ms && record.store_ts_ms < *since_ms) return false;
        if (queue && record.queue_id != *queue) return false;
        if (!topics.empty() && std::ranges::find(topics, record.topic) == topics.end())
            return false;
        if (tags && !tags->tag_matches(property(record, message::property::tags))) return false;
        if (key && !has_key(record)) return false;
        return true;
    }
    bool is_over(const message::RecordView& record) const {
        return (to && record.at.value >= *to) || (until_ms && record.store_ts_ms >= *until_ms);
    }

private:
    static std::string_view property(const message::RecordView& record, std::string_view name) {
        return message::find_property(record.properties, name).value_or("");
    }
    bool has_key(const message::RecordView& record) const {
        if (property(record, message::property::uniq_key) == *key) return true;
        bool found = false;
        record::for_each_key(property(record, message::property::keys),
                             [&](std::string_view word) { found |= word == *key; });
        return found;
    }
};

class Run {
public:
    /// `input`: what is walked through.
    Run(const cli::Parser& parser, const Wanted& wanted, const Input& input, record::Writer& writer)
        : cli_(parser), wanted_(wanted), input_(input), writer_(writer) {
        missing_.insert(wanted_.topics.begin(), wanted_.topics.end());
        wanted_count_ = missing_.size();
    }

    Result<> walk(store::LogScan& scan, std::optional<int> user, bool follow) {
        if (wanted_.from) scan.seek_file({*wanted_.from});
        if (wanted_.since_ms && !wanted_.from) TRY_OK(scan.seek_time(*wanted_.since_ms));
        while (!cli::interrupted() && !(wanted_.count && printed_ >= *wanted_.count)) {
            TRY(const auto item, scan.next());
            using Kind = store::LogItem::Kind;
            switch (item.kind) {
                case Kind::blank:
                    break;
                case Kind::record: {
                    saw(item.record.topic);
                    if (wanted_.is_over(item.record)) return {};
                    TRY_OK(print(item.record));
                    break;
                }
                case Kind::damage: {
                    // What a broker is writing this moment may look like it; once.
                    if (user && looked_twice_at_ != item.at.value) {
                        looked_twice_at_ = item.at.value;
                        scan.seek(item.at);
                        cli::wait_readable(-1, poll_ms);
                        break;
                    }
                    report("damage", item);
                    break;
                }
                case Kind::torn:
                    is_through_ = !follow;
                    if (!user && !follow) return report("torn tail", item), Result<>();
                    [[fallthrough]];
                case Kind::zeros:
                case Kind::full:
                    if (!follow) return is_through_ = true, Result<>();
                    TRY_OK(writer_.flush());
                    tell_missing();
                    TRY_OK(wait_for_more(scan));
            }
        }
        return {};
    }
    bool damaged() const { return damaged_; }

    /// not_found: a topic that was asked for is nowhere, neither in a record that was read, for a
    /// deleted one's may still be there, nor among those that the store has.
    Result<> check_topics() {
        if (missing_.empty() || cli::interrupted()) return {};
        const bool is_store = input_.is_folder();
        // Of one file only its records tell, all of them.
        const bool is_whole =
            is_through_ && !wanted_.from && !wanted_.to && !wanted_.since_ms && !wanted_.until_ms;
        if (!is_store && !is_whole) return {};
        if (is_store) {
            TRY(const auto there, topics_of(input_.places()));
            for (const auto& topic : there) missing_.erase(topic);
        }
        if (missing_.empty()) return {};
        const bool is_all = missing_.size() == wanted_count_;
        // Some of what was asked for has been done.
        return Error{
            is_all ? Errc::not_found : Errc::io,
            fmt::format("{}: there is no topic '{}'", input_.name(), fmt::join(missing_, "', '"))};
    }

private:
    void saw(std::string_view topic) {
        if (missing_.empty()) return;
        if (const auto found = missing_.find(topic); found != missing_.end()) missing_.erase(found);
    }
    /// Who follows waits for what is not there yet, and knows it.
    void tell_missing() {
        if (std::exchange(has_told_missing_, true)) return;
        if (const auto missing = check_topics(); !missing)
            cli_.note(missing.error().what + " yet; waiting");
    }

    Result<> print(const message::RecordView& record) {
        if (!wanted_.matches(record)) return {};
        const auto body = plain_body(record, scratch_);
        if (!body) {
            damaged_ = true;
            cli_.warn(fmt::format("offset {}: the body cannot be decompressed: {}", record.at.value,
                                  body.error().what));
            return {};
        }
        if (!wanted_.grep.matches(*body)) return {};
        ++printed_;
        return writer_.write(record, "", *body);
    }

    void report(std::string_view what, const store::LogItem& item) {
        const auto end = item.at.value + item.bytes;
        if (wanted_.from && end <= *wanted_.from) return;
        if (wanted_.to && item.at.value >= *wanted_.to) return;
        damaged_ = true;
        cli_.warn(fmt::format("{} at offset {}, {}: {}", what, item.at.value,
                              counted(item.bytes, "byte"), item.why));
    }

    // Writing into a mapping rouses nobody, so there is nothing to wait for but time.
    static Result<> wait_for_more(store::LogScan& scan) {
        while (!cli::interrupted()) {
            cli::wait_readable(-1, poll_ms);
            TRY(const bool grown, scan.grown());
            if (grown) return {};
        }
        return {};
    }

    const cli::Parser& cli_;
    const Wanted& wanted_;
    const Input& input_;
    record::Writer& writer_;
    std::set<std::string, std::less<>> missing_;  ///< topics, as far as was seen
    std::size_t wanted_count_ = 0;
    bool is_through_ = false;  ///< it was read to its end
    bool has_told_missing_ = false;
    std::string scratch_;
    std::int64_t printed_ = 0;
    std::int64_t looked_twice_at_ = -1;
    bool damaged_ = false;
};

}  // namespace

int log_command(const std::vector<std::string>& arguments) {
    std::string path;
    Wanted wanted;
    record::Format format;
    bool follow = false;
    bool json_body = false;
    cli::Parser cli("mqdump log", "print the messages of a commit log, in the order of arrival");
    cli.positional(
        "STORE|FILE", path,
        "directory of a store, or one file of its log, compressed or not; -: standard input");
    cli.section("where");
    cli.option("--from", wanted.from, "OFF", "from this log offset on");
    cli.option("--to", wanted.to, "OFF", "messages before this log offset");
    cli.option("--since", wanted.since_ms, cli::parse_time, "TIME", "stored at this time or later");
    cli.option("--until", wanted.until_ms, cli::parse_time, "TIME", "stored before this time");
    cli.option("-c,--count", wanted.count, "N", "stop after N messages");
    cli.flag("-f,--follow", follow, "at the end, wait for new messages");
    cli.section("which");
    cli.option("-t,--topic", wanted.topics, "TOPIC", "only this topic; may be repeated");
    cli.option("--queue", wanted.queue, "N", "only this queue");
    cli.option("--key", wanted.key, "K", "only messages with this key or unique id");
    cli.option("--tag", wanted.tags, filter::Tags::parse, "TAGS",
               "only messages with these tags: 'A' or 'A || B'");
    cli.option("--grep", wanted.grep, Pattern::parse, "RE", "only messages whose body matches");
    cli.section("how");
    cli.option("--out", format, record::parse_format, record::format_help,
               "form of the output, see mqpull(1) (default: lines)");
    cli.flag("--json-body", json_body, "with json: print a body that is JSON as a value");
    cli.example("mqdump log /var/lib/mqd -t orders -c 10", "the first ten, a body a line");
    cli.example("mqdump log /var/lib/mqd --since -1h --out json", "the last hour, with all fields");
    cli.example("mqdump log 00000000001073741824 --out 'format:%O %t %q:%o %k\\n'",
                "one file, with the position and keys of each message");
    if (const auto status = cli.parse(arguments)) return *status;

    format.json_body = json_body;
    const auto input = Input::open(path);
    if (!input) return cli.fail(input.error());
    if (follow && input->is_copy()) return cli.usage_error("--follow cannot follow " + path);
    auto scan = store::LogScan::open(input->places(), input->name());
    if (!scan) return cli.fail(scan.error());
    record::Writer writer(STDOUT_FILENO, "standard output", format, cli::is_reader_too_slow);
    Run run(cli, wanted, *input, writer);
    const auto walked = run.walk(**scan, store::store_user(input->path()), follow);
    const auto written = writer.flush();
    const int status =
        cli.finish(walked, written, walked && written ? run.check_topics() : Result<>());
    return status == 0 && run.damaged() ? cli::exit_status::failed : status;
}

}  // namespace mqd::dump
