// mqsend: records in, topic out (mqsend(1)).

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "base/c_escape.h"
#include "base/parse.h"
#include "base/path_error.h"
#include "cli/far_end.h"
#include "cli/parser.h"
#include "cli/signals.h"
#include "sending/create_topic.h"
#include "message/sys_flag.h"
#include "sending/requesting_outlet.h"
#include "sending/sending.h"
#include "sending/spooled_outlet.h"
#include "sending/transacted_outlet.h"

namespace {

using namespace mqd;
using namespace mqd::sending;

constexpr std::size_t spooled_read_bytes = 64 << 10;
constexpr std::size_t jobs_max = 1000;

struct Options {
    cli::Server server;
    Settings settings;
    record::ReaderOptions input;
    client::Producer::Options producer;
    Limits limits;
    Print print = Print::nothing;
    std::string rejects;
    std::string metrics;
    TransactedOutlet::Options transaction;
    std::string spool;
    std::int64_t spool_bytes_max = 1LL << 30;
    std::optional<bool> progress;
    bool requests = false;
    bool create = false;
    bool follow = false;
    std::string state;
    std::vector<std::string> files;

    bool transacts() const { return !transaction.command.empty(); }
};

Result<std::int64_t> parse_positive(std::string_view text) {
    const auto value = parse_int<std::int64_t>(text);
    if (!value || *value < 1)
        return Error{Errc::invalid, fmt::format("'{}' is not a number above 0", text)};
    return *value;
}

Result<std::size_t> parse_bytes(std::string_view text) {
    TRY(const auto bytes, parse_size(text));
    if (bytes < 1 || bytes > 4 << 20)
        return Error{Errc::invalid, fmt::format("'{}' is not between 1 and 4M", text)};
    return static_cast<std::size_t>(bytes);
}

Result<std::size_t> parse_max_line(std::string_view text) {
    constexpr auto bytes_max = client::Producer::body_bytes_max;
    TRY(const auto bytes, parse_size(text));
    if (bytes < 1 || static_cast<std::size_t>(bytes) > bytes_max)
        return Error{Errc::invalid,
                     fmt::format("'{}' is not between 1 and {}, the most that a broker's "
                                 "maxMessageSize can be",
                                 text, bytes_max)};
    return static_cast<std::size_t>(bytes);
}

Result<std::optional<std::int32_t>> parse_level(std::string_view text) {
    const auto level = parse_int<std::int32_t>(text);
    if (!level || *level < 1)
        return Error{Errc::invalid, fmt::format("'{}' is not a number above 0", text)};
    return level;
}

Result<std::int64_t> parse_spool_max(std::string_view text) {
    TRY(const auto bytes, parse_size(text));
    if (bytes < spool::Spool::file_bytes)
        return Error{Errc::invalid, fmt::format("'{}' is less than 16M", text)};
    return bytes;
}

Result<std::string> parse_delimiter(std::string_view text) {
    if (text.empty()) return Error{Errc::invalid, "a delimiter cannot be empty"};
    return unescape_c(text);
}

void describe_message(cli::Parser& cli, Options& o) {
    cli.section("Message");
    cli.option("-t,--topic", o.settings.topic, "TOPIC",
               "topic to send to; overrides the topics of records");
    cli.option("-k,--key", o.settings.keys, "KEY", "key to find the message by; may be repeated");
    cli.option("--tag", o.settings.tag, "TAG", "tag");
    cli.repeated(
        "-p,--property",
        [&o](std::string_view text) -> Result<> {
            TRY(auto property, parse_property(text));
            o.settings.properties.push_back(std::move(property));
            return {};
        },
        "NAME=VALUE", "user property; may be repeated");
    cli.option("--shard", o.settings.shard, "S",
               "send messages with the same S to one queue, in order");
    cli.option(
        "--queue", o.settings.queue,
        [](std::string_view text) -> Result<std::optional<std::int32_t>> {
            const auto id = parse_int<std::int32_t>(text);
            if (!id || *id < 0)
                return Error{Errc::invalid, fmt::format("'{}' is not a queue number", text)};
            return std::optional<std::int32_t>(*id);
        },
        "N", "send only to queues with this number");
    cli.option("--delay", o.settings.delay.ms, parse_duration_ms, "D",
               "deliver each message after this time");
    cli.option("--at", o.settings.delay.at_ms, cli::parse_time, "TIME",
               "deliver each message at this time");
    cli.option("--delay-level", o.settings.delay.level, parse_level, "N",
               "deliver each message after level N of the broker");
    cli.exclusive({"--delay", "--at", "--delay-level"});
    cli.choice<std::optional<Compression>>(
        "--compress", o.settings.compression,
        {{"zlib", Compression::zlib}, {"lz4", Compression::lz4}, {"zstd", Compression::zstd}},
        "compress the bodies");
}

void describe_input(cli::Parser& cli, Options& o) {
    cli.section("Input");
    using record::Input;
    cli.choice<Input>("--in", o.input.input,
                      {{"lines", Input::lines},
                       {"nul", Input::nul},
                       {"json", Input::json},
                       {"msgpack", Input::msgpack},
                       {"journal", Input::journal},
                       {"file", Input::file}},
                      "what one message is (default: lines)");
    cli.option("--key-delim", o.input.key_delimiter, parse_delimiter, "D",
               "each line or chunk is KEY<D>BODY; D may have C escapes");
    cli.flag("--strict", o.input.is_strict, "refuse records that have an unknown key");
    cli.flag("--skip-empty", o.input.skip_empty, "drop empty messages, and count them");
    cli.option("--max-line", o.input.record_bytes_max, parse_max_line, "SIZE",
               "refuse longer messages (default: 4M, the default limit of brokers)");
    cli.flag("--split-long", o.input.split_long, "split longer lines into several messages");
    cli.choice<bool>("--on-error", o.limits.skips_errors, {{"stop", false}, {"skip", true}},
                     "what to do at a refused record (default: stop)");
    cli.option("--rejects", o.rejects, "FILE",
               "keep refused inputs in FILE, the reasons in FILE.reasons");
    cli.flag("-f,--follow", o.follow, "continue at the ends of the files, over their rotations");
    cli.option("--state", o.state, "FILE",
               "keep the positions in FILE; the next --follow continues there");
    cli.option("--count", o.limits.count, parse_positive, "N", "stop after N messages");
    cli.option("--rate", o.limits.rate, parse_positive, "N", "send at most N messages a second");
    cli.positional("FILE", o.files, "inputs; none, or `-`: standard input");
}

void describe_delivery(cli::Parser& cli, Options& o) {
    cli.section("Delivery");
    cli.flag("--oneway", o.producer.oneway, "wait for no acknowledgement");
    using client::Ack;
    cli.choice<Ack>("--ack", o.producer.ack,
                    {{"one", Ack::one},
                     {"all", Ack::all},
                     {"flush", Ack::flush},
                     {"all,flush", Ack::all_flush}},
                    "acknowledged by the master (default), its replicas, its disk, or both");
    cli.exclusive({"--oneway", "--ack"});
    cli.option(
        "--window",
        [&o](std::string_view text) -> Result<> {
            TRY(const auto n, parse_positive(text));
            o.producer.window = static_cast<int>(std::min<std::int64_t>(n, 10'000));
            return {};
        },
        "N", "at most N requests in flight (default: 64)");
    cli.option("--batch-bytes", o.producer.batch_bytes_max, parse_bytes, "SIZE",
               "largest batch (default: 256k)");
    cli.option("--linger", o.limits.linger_ms, parse_duration_ms, "D",
               "how long a batch may wait for more messages (default: 5ms)");
    cli.option(
        "--retries",
        [&o](std::string_view text) -> Result<> {
            const auto n = parse_int<std::int32_t>(text);
            if (!n || *n < 0)
                return Error{Errc::invalid, fmt::format("'{}' is not a number", text)};
            o.producer.retries = *n;
            o.producer.counts_unreached = true;
            return {};
        },
        "N", "retry each message up to N times (default: 16)");
    cli.option("--timeout", o.producer.timeout_ms, parse_duration_ms, "D",
               "time limit for all attempts together (default: 10s; 0: no limit)");
    cli.option("--spool", o.spool, "DIR",
               "keep messages in DIR until a broker has them, over any crash");
    cli.option("--spool-max", o.spool_bytes_max, parse_spool_max, "SIZE",
               "stop reading input when the spool has this size (default: 1G)");
    cli.flag("--drain", o.limits.drains, "read nothing, send what is left in the spool");
    cli.exclusive({"--oneway", "--spool"});
    cli.flag("--request", o.requests, "wait for the reply to each message, and print it");
    cli.option("--transaction", o.transaction.command, "CMD",
               "CMD decides each transaction: 0 commits, 1 rolls back, else asked again");
    cli.option(
        "--jobs", o.transaction.jobs,
        [](std::string_view text) -> Result<std::size_t> {
            const auto n = parse_int<std::size_t>(text);
            if (!n || *n < 1 || *n > jobs_max)
                return Error{Errc::invalid,
                             fmt::format("'{}' is not between 1 and {}", text, jobs_max)};
            return *n;
        },
        "N", "run up to N commands in parallel (default: 1)");
    cli.exclusive({"--transaction", "--oneway"});
    cli.exclusive({"--transaction", "--spool", "--request"});
    cli.exclusive({"--request", "--oneway"});
    cli.flag("--create", o.create, "create the topic if it is missing");
    cli.choice<Print>("--print", o.print, {{"ids", Print::ids}, {"json", Print::json}},
                      "print a line for each message");
    cli.exclusive({"--request", "--print"});
    cli.option("--metrics", o.metrics, "FILE", "keep counters in FILE, in Prometheus' text form");
    cli::add_progress_option(cli, o.progress);
}

void describe(cli::Parser& cli, Options& o) {
    cli.common(o.server);
    describe_message(cli, o);
    describe_input(cli, o);
    describe_delivery(cli, o);
    cli.example("mqsend -t logs --follow app.log --state app.pos --spool app.spool",
                "send each line as it comes, whether a broker is there or not");
    cli.example("mqsend -t orders --in json --on-error skip --rejects bad.jsonl orders.jsonl",
                "send records with keys, tags and properties");
    cli.example("mqpull -t a -e --from beginning --out json | mqsend -t b --in json",
                "copy a topic");
}

/// Each key once a run.
class UnknownKeys {
public:
    explicit UnknownKeys(Reporting& reporting) : reporting_(reporting) {}
    void tell(std::string_view key, std::string_view where) {
        if (told_.contains(key) || told_.size() > told_max) return;
        told_.emplace(key);
        reporting_.warn(
            told_.size() > told_max
                ? fmt::format("{}: further unknown keys are not reported", where)
                : fmt::format("{}: the unknown key '{}' is ignored (--strict refuses it)", where,
                              key));
    }

private:
    static constexpr std::size_t told_max = 20;
    Reporting& reporting_;
    std::set<std::string, std::less<>> told_;
};

record::ReaderOptions reader_options(const Options& o, Fates& fates, Reporting& reporting,
                                     UnknownKeys& unknown_keys) {
    auto options = o.input;
    options.stop_fd = cli::interrupt_fd();
    options.tell = [&reporting](std::string_view line) { reporting.note(line); };
    options.unknown_key = [&unknown_keys](std::string_view key, std::string_view where) {
        unknown_keys.tell(key, where);
    };
    if (!o.rejects.empty())
        options.refused = [&fates](std::string_view piece) { fates.rejected_piece(piece); };
    return options;
}

bool send_file(Sending& sending, const record::ReaderOptions& options, const std::string& path) {
    const bool is_stdin = path == "-";
    const std::string name = is_stdin ? "standard input" : path;
    const int fd = is_stdin ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return sending.fail(path_error(path)), false;
    record::Reader reader(fd, name, options);
    const bool goes_on = sending.run(reader, fd, name);
    if (!is_stdin) ::close(fd);
    return goes_on;
}

std::optional<char> delimiter_of(record::Input input) {
    switch (input) {
        case record::Input::lines:
        case record::Input::json:
        case record::Input::journal:
            return '\n';
        case record::Input::nul:
            return '\0';
        case record::Input::msgpack:
        case record::Input::file:
            break;
    }
    return std::nullopt;
}

/// All inputs together; nothing where one has no known end.
std::optional<std::uint64_t> bytes_of(const std::vector<std::string>& files) {
    std::uint64_t bytes = 0;
    for (const auto& file : files) {
        struct stat is = {};
        const int got = file == "-" ? ::fstat(STDIN_FILENO, &is) : ::stat(file.c_str(), &is);
        if (got != 0 || !S_ISREG(is.st_mode)) return std::nullopt;
        bytes += static_cast<std::uint64_t>(is.st_size);
    }
    return bytes;
}

/// For a reply, a decision or a broker at the end of the input; 0 stands for no limit.
std::int64_t patience_ms(const Options& o) {
    constexpr std::int64_t no_limit_ms = 2'000'000'000;  // 23 days, and other clients can read it
    return o.producer.timeout_ms == 0 ? no_limit_ms : o.producer.timeout_ms;
}

/// What --print json says of a message that is stored.
std::string_view level_of(const client::Producer::Options& producer) {
    if (producer.oneway) return "";
    switch (producer.ack) {
        case client::Ack::all:
            return "replica";
        case client::Ack::flush:
            return "disk";
        case client::Ack::all_flush:
            return "replica+disk";
        case client::Ack::one:
            break;
    }
    return "memory";
}

/// What is wrong with --transaction and its company, if anything is.
std::optional<std::string> wrong_transaction(const cli::Parser& cli, const Options& o) {
    if (!o.transacts()) {
        if (cli.given("--jobs")) return "--jobs needs --transaction CMD";
        return std::nullopt;
    }
    // Brokers ask any producer of a group, and the group is the topic's.
    if (o.settings.topic.empty()) return "--transaction needs -t TOPIC";
    if (o.settings.delay.is_set()) return "a transaction cannot be delayed";
    if (const auto checked = cli::check_command(o.transaction.command); !checked)
        return "--transaction: " + checked.error().what;
    return std::nullopt;
}

/// Wrong usage that the option table cannot see.
std::optional<std::string_view> contradiction(const Options& o) {
    const bool names_topics =
        o.input.input == record::Input::json || o.input.input == record::Input::msgpack;
    if (o.limits.drains) {
        if (o.spool.empty()) return "--drain needs --spool DIR";
        if (!o.files.empty()) return "--drain reads nothing";
        return std::nullopt;
    }
    if (o.settings.topic.empty() && !names_topics) return "-t TOPIC is needed";
    if (o.settings.topic.empty() && o.create) return "--create needs -t TOPIC";
    if (o.input.split_long &&
        (!o.input.key_delimiter.empty() ||
         (o.input.input != record::Input::lines && o.input.input != record::Input::nul)))
        return "--split-long is for lines and chunks without keys";
    if (!o.follow) {
        if (!o.state.empty()) return "--state needs --follow";
        return std::nullopt;
    }
    if (o.files.empty()) return "--follow needs a FILE";
    if (std::ranges::find(o.files, "-") != o.files.end()) return "--follow cannot follow -";
    if (o.input.input == record::Input::file) return "--follow cannot go with --in file";
    return std::nullopt;
}

struct Sent {
    const cli::Parser& cli;
    Options& options;
    client::Client& client;
    Composer& composer;
    Fates& fates;
    Reporting& reporting;

    /// --create
    Result<> make_topic() const {
        if (!options.create) return {};
        client::Patience patience(client, client.options().waiting);
        return create_topic(client, options.settings.topic, patience);
    }
    int through(Outlet& outlet) const {
        Sending sending(cli, outlet, composer, fates, reporting, options.limits);
        UnknownKeys unknown_keys(reporting);
        const auto input = reader_options(options, fates, reporting, unknown_keys);
        if (options.follow) {
            auto following = follow::Following::open(options.files, input, options.state);
            if (!following) return cli.fail(following.error());
            sending.follow(**following);
            return sending.finish();
        }
        for (std::size_t i = 0; i < options.files.size(); ++i)
            if (!send_file(sending, input, options.files[i])) {
                if (i + 1 < options.files.size()) sending.leave_unread();
                break;
            }
        return sending.finish();
    }
};

int send_directly(const Sent& sent) {
    auto& o = sent.options;
    if (const auto made = sent.make_topic(); !made) return sent.cli.fail(made.error());
    o.producer.stop_fd = cli::interrupt_fd();
    DirectOutlet outlet(sent.client, o.producer, sent.fates, o.limits.linger_ms);
    return sent.through(outlet);
}

int send_requests(const Sent& sent) {
    auto& o = sent.options;
    client::Requests requests(sent.client, o.producer.group);
    if (const auto made = sent.make_topic(); !made) return sent.cli.fail(made.error());
    // A reply may be there as soon as the request is.
    client::Patience patience(sent.client, sent.client.options().waiting);
    const auto ready = patience.until_settled([&]() -> Result<> {
        TRY(const auto route, client::publish_route(sent.client, o.settings.topic));
        std::set<std::string> brokers;
        for (const auto& queue : client::publish_queues(o.settings.topic, route))
            brokers.insert(queue.address);
        auto told = requests.set_brokers({brokers.begin(), brokers.end()});
        if (!told) TRY_OK(requests.set_brokers({}));  // the next attempt is to tell them again
        return told;
    });
    if (!ready) return sent.cli.fail(ready.error());
    o.producer.stop_fd = cli::interrupt_fd();
    o.limits.has_requests = true;
    RequestingOutlet outlet(sent.client, o.producer, requests, sent.fates,
                            {patience_ms(o), o.producer.stop_ms});
    return sent.through(outlet);
}

int send_transacted(const Sent& sent) {
    auto& o = sent.options;
    client::Transactions transactions(sent.client, "MQSEND-" + o.settings.topic);
    if (const auto made = sent.make_topic(); !made) return sent.cli.fail(made.error());
    o.producer.stop_fd = cli::interrupt_fd();
    o.transaction.timeout_ms = patience_ms(o);
    o.transaction.stop_ms = o.producer.stop_ms;
    o.limits.has_transactions = true;
    TransactedOutlet outlet(sent.client, o.producer, transactions, sent.fates, o.transaction);
    return sent.through(outlet);
}

int send_spooled(const Sent& sent) {
    auto& o = sent.options;
    const auto& cli = sent.cli;
    // A drain of what was never there is a mistake in the name.
    if (o.limits.drains && ::access(o.spool.c_str(), F_OK) != 0)
        return cli.fail(path_error(o.spool));
    auto spool = spool::Spool::open(store::posix_files(), o.spool, o.spool_bytes_max);
    if (!spool) return cli.fail(spool.error());
    if ((*spool)->damaged_bytes() > 0)
        sent.reporting.warn(fmt::format("{}: {} bytes are damaged; the messages in them are lost",
                                        o.spool, (*spool)->damaged_bytes()));
    SpooledOutlet::Options options;
    options.linger_ms = o.limits.linger_ms;
    options.timeout_ms = patience_ms(o);
    options.waiting = o.producer.waiting;
    options.stop_ms = o.producer.stop_ms;
    options.rate = std::exchange(o.limits.rate, std::nullopt);
    options.ack = o.producer.ack;
    options.skips_errors = o.limits.skips_errors;
    if (o.create)
        options.before_first = [&] {
            client::Patience none(sent.client, std::nullopt);
            return create_topic(sent.client, o.settings.topic, none);
        };
    o.limits.has_spool = true;
    // All that one read gives is in the spool before the next.
    o.input.read_bytes_max = spooled_read_bytes;
    SpooledOutlet outlet(sent.client, o.producer, **spool, sent.fates, std::move(options));
    return sent.through(outlet);
}

/// With --follow an outage has no end, and without a time it has none either.
void settle_waiting(Options& o, const cli::Parser& cli, Reporting& reporting) {
    o.producer.never_gives_up = o.follow || o.producer.timeout_ms == 0;
    auto& waiting = o.producer.waiting;
    waiting = cli.waiting(o.producer.timeout_ms);
    waiting.say = [&reporting](std::string_view what) { reporting.warn(what); };
    if (o.producer.never_gives_up) waiting.timeout_ms = 0;
}

/// For an answer of a name server or a broker that is asked before anything is sent.
constexpr std::int64_t call_ms = 3000;

int run(int argc, char** argv) {
    Options o;
    cli::Parser cli("mqsend", "send messages to a topic");
    describe(cli, o);
    if (const auto status = cli.parse(argc, argv)) return *status;
    if (const auto wrong = contradiction(o)) return cli.usage_error(*wrong);
    if (o.requests) {
        if (o.settings.topic.empty()) return cli.usage_error("--request needs -t TOPIC");
        if (o.settings.delay.is_set()) return cli.usage_error("a request cannot be delayed");
        o.print = Print::replies;
    }
    if (const auto wrong = wrong_transaction(cli, o)) return cli.usage_error(*wrong);
    auto composer = Composer::make(o.settings);
    if (!composer) return cli.usage_error(composer.error().what);
    auto fates = Fates::open(o.print, o.rejects, delimiter_of(o.input.input), level_of(o.producer));
    if (!fates) return cli.fail(fates.error());
    if (o.follow) (*fates)->count_kept(!o.limits.skips_errors);
    Reporting reporting(cli, o.progress, o.metrics);
    if (const auto made = reporting.begin(); !made) return cli.fail(made.error());

    cli::install_signals();
    cli::interrupt_again();
    settle_waiting(o, cli, reporting);
    if (o.print != Print::nothing) cli::watch_standard_output();
    client::Options client_options;
    client_options.namesrv = o.server.namesrv;
    if (o.producer.timeout_ms > 0)
        client_options.timeout_ms = std::min(call_ms, o.producer.timeout_ms);
    client_options.waiting = o.producer.waiting;
    client_options.talk = {cli.quiet() ? 0 : cli.verbose(),
                           [&](std::string_view what) { reporting.warn(what); }};
    auto client = client::Client::open(std::move(client_options));
    if (!client) return cli.fail(client.error());
    if (o.files.empty() && !o.limits.drains) o.files.emplace_back("-");
    if (!o.follow) o.limits.input_bytes = bytes_of(o.files);
    const Sent sent{cli, o, **client, *composer, **fates, reporting};
    if (o.requests) return send_requests(sent);
    if (o.transacts()) return send_transacted(sent);
    return o.spool.empty() ? send_directly(sent) : send_spooled(sent);
}

}  // namespace

int main(int argc, char** argv) {
    return cli::end_of_main(run(argc, argv));
}
