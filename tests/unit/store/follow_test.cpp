// Store::append_at(): a store that is filled with another's log is that store.

#include <algorithm>
#include <future>
#include <random>

#include "base/parse.h"
#include "message/sys_flag.h"
#include "support.h"
#include "verify_support.h"

namespace mqd::store::test {
namespace {

namespace flag = message::sys_flag;

constexpr std::int64_t file_bytes = 4096;

Options options_of(const fs::path& root) {
    auto options = small(root);
    options.batch_topics = {"Batch"};
    options.warm_bytes = 1 << 20;
    return options;
}

struct Kind {
    std::string topic;
    std::int32_t queue = 0;
    std::int32_t sys_flag = 0;
    std::int32_t batch = 0;
    std::string properties = {};
    bool consumes_offset = true;
};

Append append_kind(Store& store, const Kind& kind, int number, std::size_t body_bytes = 10) {
    message::Draft draft;
    std::string properties = kind.properties;
    message::append_property(properties, message::property::uniq_key, fmt::format("id{}", number));
    message::append_property(properties, message::property::keys, fmt::format("k{} all", number));
    message::append_property(properties, message::property::tags, fmt::format("t{}", number % 3));
    if (kind.batch > 0) message::append_inner_batch(properties, kind.batch);
    const std::string body(body_bytes, static_cast<char>('a' + number % 26));
    draft.topic = kind.topic;
    draft.queue_id = kind.queue;
    draft.sys_flag = kind.sys_flag;
    draft.body = body;
    draft.born_host = *message::Host::make("127.0.0.1", 1);
    draft.store_host = *message::Host::make("127.0.0.1", 2);
    draft.properties = properties;
    draft.append_crc = number % 2 == 0;
    Buffer record;
    message::encode(draft, record);
    Append unit;
    unit.queue = store.queue(kind.topic, kind.queue);
    unit.records = record.bytes();
    unit.consumes_offset = kind.consumes_offset;
    store.append({&unit, 1});
    REQUIRE(unit.stored);
    unit.records = {};
    return unit;
}

std::string property(std::string_view name, std::string_view value) {
    std::string out;
    message::append_property(out, name, value);
    return out;
}

const std::vector<Kind>& kinds() {
    static const std::vector<Kind> all = {
        {"A", 0},
        {"A", 1},
        {"B", 5},
        {"Batch", 0, flag::inner_batch | flag::need_unwrap, 3},
        {"Batch", 0, flag::inner_batch | flag::need_unwrap, 1},
        {"Half", 0, flag::transaction_prepared, 0, {}, false},
        {"A", 0, flag::transaction_commit},
        {"A", 0, flag::transaction_rollback, 0, {}, false},
        {"SCHEDULE_TOPIC_XXXX", 2, 0, 0, property("DELAY", "3")},
        {"A", 1, 0, 0,
         property("INNER_MULTI_DISPATCH", "%LMQ%x,%LMQ%y") +
             property("INNER_MULTI_QUEUE_OFFSET", "7,9")},
    };
    return all;
}

void fill(Store& store, std::mt19937& random, int first, int last) {
    for (int i = first; i < last; ++i)
        append_kind(store, kinds()[random() % kinds().size()], i, random() % 300);
}

/// The log's bytes from its first file to its end.
std::string log_of(const fs::path& root, std::int64_t end) {
    std::string out;
    for (const auto& name : file_names(root / "commitlog"))
        out += contents(root / "commitlog" / name);
    const auto begin = parse_int<std::int64_t>(file_names(root / "commitlog").front());
    REQUIRE(begin.has_value());
    REQUIRE(static_cast<std::int64_t>(out.size()) >= end - *begin);
    out.resize(static_cast<std::size_t>(end - *begin));
    return out;
}

/// Where its records and blanks begin, and its end.
std::vector<std::size_t> borders(const std::string& log) {
    std::vector<std::size_t> out{0};
    while (out.back() < log.size())
        out.push_back(out.back() + static_cast<std::size_t>(
                                       load_be<std::int32_t>(as_bytes(log).data() + out.back())));
    REQUIRE(out.back() == log.size());
    return out;
}

Bytes part(const std::string& log, std::size_t from, std::size_t to) {
    return as_bytes(log).subspan(from, to - from);
}

/// In chunks of up to `items` records or blanks.
void follow(Store& store, const std::string& log, std::int64_t log_begin, std::size_t to,
            std::mt19937& random, std::size_t items) {
    const auto all = borders(log);
    const auto done = static_cast<std::size_t>(store.end().value - log_begin);
    auto from = std::find(all.begin(), all.end(), done);
    REQUIRE(from != all.end());
    while (*from < to) {
        auto until =
            from + static_cast<std::ptrdiff_t>(std::min<std::size_t>(
                       1 + random() % items, static_cast<std::size_t>(all.end() - from - 1)));
        while (*until > to) --until;
        const auto at = log_begin + static_cast<std::int64_t>(*from);
        const auto ok = store.append_at({at}, part(log, *from, *until));
        INFO((ok ? std::string() : ok.error().what));
        REQUIRE(ok.has_value());
        CHECK(store.end().value == log_begin + static_cast<std::int64_t>(*until));
        from = until;
    }
}

/// What lies below that folder, by name; the index files by their order.
std::map<std::string, std::string> files_in(const fs::path& root, const std::string& folder) {
    std::map<std::string, std::string> out;
    if (!fs::exists(root / folder)) return out;
    for (const auto& entry : fs::recursive_directory_iterator(root / folder))
        if (entry.is_regular_file())
            out[fs::relative(entry.path(), root).string()] = contents(entry.path());
    if (folder != "index") return out;
    std::map<std::string, std::string> ordered;
    for (auto& [name, bytes] : out)
        ordered[std::to_string(1000 + ordered.size())] = std::move(bytes);
    return ordered;
}

void check_same(const fs::path& one, const fs::path& other) {
    for (const auto* folder : {"commitlog", "consumequeue", "batchconsumequeue", "index"}) {
        CAPTURE(folder);
        const auto a = files_in(one, folder);
        const auto b = files_in(other, folder);
        REQUIRE(a.size() == b.size());
        for (const auto& [name, bytes] : a) {
            CAPTURE(name);
            REQUIRE(b.contains(name));
            CHECK((b.at(name) == bytes));
        }
    }
    CHECK(findings(one, true) == std::vector<std::string>());
    CHECK(findings(other, true) == std::vector<std::string>());
}

struct Source {
    Folder folder;
    std::string log;
    std::int64_t end = 0;
};

/// A closed store.
void make_source(Source& source, unsigned seed, int records) {
    std::mt19937 random(seed);
    const auto store = open(options_of(source.folder.path()));
    fill(*store, random, 0, records);
    source.end = store->end().value;
    REQUIRE(store->close().has_value());
    source.log = log_of(source.folder.path(), source.end);
}

}  // namespace

TEST_CASE("a store that is filled with another's log is equal to it, and goes on like it" *
          doctest::test_suite("slow")) {
    for (const std::size_t items : {1U, 2U, 7U, 1000U}) {
        CAPTURE(items);
        Source source;
        make_source(source, static_cast<unsigned>(items), 200);
        REQUIRE(source.end > 5 * file_bytes);
        const Folder folder;
        const auto options = options_of(folder.path());
        std::mt19937 random(7);
        auto store = open(options);
        // Stopped on the way, cleanly and not.
        const auto all = borders(source.log);
        follow(*store, source.log, 0, all[all.size() / 3], random, items);
        REQUIRE(store->close().has_value());
        store = open(options);
        follow(*store, source.log, 0, all[2 * all.size() / 3], random, items);
        store.reset();
        store = open(options);
        follow(*store, source.log, 0, source.log.size(), random, items);
        wait_dispatched(*store);
        REQUIRE(store->close().has_value());
        check_same(source.folder.path(), folder.path());

        // Both go on by themselves.
        const auto original = open(options_of(source.folder.path()));
        store = open(options);
        CHECK(store->newest_ms() == original->newest_ms());
        for (std::size_t i = 0; i < kinds().size(); ++i) {
            const auto here = append_kind(*store, kinds()[i], 5000 + static_cast<int>(i));
            const auto there = append_kind(*original, kinds()[i], 5000 + static_cast<int>(i));
            CHECK(here.at == there.at);
            CHECK(here.queue_offset == there.queue_offset);
        }
        REQUIRE(store->close().has_value());
        CHECK(findings(folder.path(), true) == std::vector<std::string>());
    }
}

TEST_CASE("numbers go on behind what was followed, without a stop between") {
    Source source;
    make_source(source, 3, 100);
    const Folder folder;
    const auto store = open(options_of(folder.path()));
    Queue* const watched = store->queue("A", 0);
    watched->watch();
    std::atomic<int> arrivals = 0;
    store->on_arrival(
        [&](std::span<const Arrival> some) { arrivals += static_cast<int>(some.size()); });
    std::mt19937 random(1);
    follow(*store, source.log, 0, source.log.size(), random, 5);
    const auto original = open(options_of(source.folder.path()));
    for (const Kind& kind : kinds()) {
        const auto here = append_kind(*store, kind, 1);
        const auto there = append_kind(*original, kind, 1);
        CHECK(here.at == there.at);
        CHECK(here.queue_offset == there.queue_offset);
    }
    wait_dispatched(*store);
    CHECK(arrivals == watched->max().value);
    REQUIRE(eventually([&] { return store->indexed() == store->end(); }));
    CHECK(store->query({"A", "all", 1000}).records.size() > 10);
}

TEST_CASE("what is no piece of the log for its end is refused whole") {
    Source source;
    make_source(source, 11, 60);
    const auto all = borders(source.log);
    const Folder folder;
    const auto store = open(options_of(folder.path()));
    std::mt19937 random(1);
    const std::size_t half = 20;
    follow(*store, source.log, 0, all[half], random, 3);
    wait_dispatched(*store);
    const PhysicalOffset at{static_cast<std::int64_t>(all[half])};
    const auto refused = [&](PhysicalOffset where, Bytes bytes) {
        const auto done = store->append_at(where, bytes);
        REQUIRE_FALSE(done.has_value());
        CHECK(store->end() == at);
        return done.error().code;
    };
    const auto several = part(source.log, all[half], all[half + 5]);
    // A gap, an overlap, what is there already.
    CHECK(refused(at + 1, several) == Errc::invalid);
    CHECK(refused(at + -1, several) == Errc::invalid);
    CHECK(refused({static_cast<std::int64_t>(all[half + 1])},
                  part(source.log, all[half + 1], all[half + 2])) == Errc::invalid);
    CHECK(refused({static_cast<std::int64_t>(all[half - 1])},
                  part(source.log, all[half - 1], all[half])) == Errc::invalid);
    // Half a record behind whole ones, by every length.
    for (std::size_t cut = 1; cut < all[half + 5] - all[half + 4]; ++cut)
        CHECK(refused(at, several.first(several.size() - cut)) == Errc::invalid);
    // Records of another place, or none at all.
    CHECK(refused(at, part(source.log, all[half + 1], all[half + 3])) == Errc::corrupt);
    CHECK(refused(at, part(source.log, all[half] + 1, all[half + 2])) != Errc::io);
    CHECK(refused(at, as_bytes(std::string(100, '\0'))) == Errc::corrupt);
    // One flipped bit in the last of them: of its size, its magic, its place, or what a CRC tells.
    std::string bytes(as_text(several));
    const std::size_t last = all[half + 4] - all[half];
    const auto size = all[half + 5] - all[half + 4];
    const auto view = message::RecordView::parse(as_bytes(bytes).subspan(last));
    REQUIRE(view.has_value());
    const auto body =
        static_cast<std::size_t>(as_bytes(view->body).data() - as_bytes(bytes).data());
    std::vector<std::size_t> places = {last + 0, last + 3,  last + 4,
                                       last + 7, last + 28, last + 35};
    if (!view->body.empty()) places.push_back(body);
    for (const std::size_t place : places) {
        CAPTURE(place - last);
        std::string wrong = bytes;
        wrong[place] = static_cast<char>(wrong[place] ^ 1);
        const auto code = refused(at, as_bytes(wrong));
        CHECK((code == Errc::invalid || code == Errc::corrupt));
    }
    CHECK(size > 40);
    CHECK(store->append_at(at, Bytes()).has_value());  // nothing is no harm
    CHECK(store->end() == at);
    CHECK(store->append_at(at, several).has_value());
    follow(*store, source.log, 0, source.log.size(), random, 3);
    wait_dispatched(*store);
    REQUIRE(store->close().has_value());
    check_same(source.folder.path(), folder.path());
    CHECK(store->append_at(store->end(), several).error().code == Errc::refused);
}

TEST_CASE("a blank ends the file, whole or by its head, and nothing overruns it") {
    Source source;
    make_source(source, 5, 60);
    const auto all = borders(source.log);
    // The blank of the first file: from `blank` to its end.
    std::size_t i = 0;
    while (all[i + 1] < file_bytes) ++i;
    const std::size_t blank = all[i], end = all[i + 1];
    REQUIRE(end == file_bytes);
    const PhysicalOffset at{static_cast<std::int64_t>(blank)};
    std::mt19937 random(1);
    const auto filled = [&](const Folder& folder) {
        auto store = open(options_of(folder.path()));
        follow(*store, source.log, 0, blank, random, 4);
        return store;
    };
    const auto go_on = [&](Store& store, const Folder& folder) {
        CHECK(store.end().value == file_bytes);
        follow(store, source.log, 0, source.log.size(), random, 4);
        wait_dispatched(store);
        REQUIRE(store.close().has_value());
        check_same(source.folder.path(), folder.path());
    };
    {
        const Folder folder;
        const auto store = filled(folder);
        CHECK(store->append_at(at, part(source.log, blank, blank + 7)).error().code ==
              Errc::invalid);
        if (end - blank > 9)
            CHECK(store->append_at(at, part(source.log, blank, end - 1)).error().code ==
                  Errc::invalid);
        std::string wrong(as_text(part(source.log, blank, end)));
        wrong[3] = static_cast<char>(wrong[3] ^ 1);
        CHECK(store->append_at(at, as_bytes(wrong)).error().code == Errc::corrupt);
        CHECK(store->end() == at);
        // The next file's record does not lie here, and would not fit.
        CHECK_FALSE(store->append_at(at, part(source.log, end, all[i + 2])).has_value());
        CHECK(store->end() == at);
        CHECK(store->append_at(at, part(source.log, blank, end)).has_value());
        go_on(*store, folder);
    }
    {
        const Folder folder;
        const auto store = filled(folder);
        CHECK(store->append_at(at, part(source.log, blank, blank + 8)).has_value());
        go_on(*store, folder);
    }
    {
        const Folder folder;
        const auto store = filled(folder);
        CHECK(store->append_at(at, part(source.log, blank, all[i + 2])).has_value());  // two files
        CHECK(store->end().value == static_cast<std::int64_t>(all[i + 2]));
        follow(*store, source.log, 0, source.log.size(), random, 4);
        wait_dispatched(*store);
        REQUIRE(store->close().has_value());
        check_same(source.folder.path(), folder.path());
    }
}

TEST_CASE("a record leaves its file room for a blank") {
    for (const int too_long : {-1, 0, 1, 8}) {
        CAPTURE(too_long);
        message::Draft draft;
        draft.topic = "T";
        draft.born_host = draft.store_host = *message::Host::make("127.0.0.1", 1);
        Buffer record;
        message::encode(draft, record);
        const std::string body(static_cast<std::size_t>(file_bytes - 8 + too_long) - record.size(),
                               'b');
        draft.body = body;
        record.clear();
        message::encode(draft, record);
        REQUIRE(static_cast<std::int64_t>(record.size()) == file_bytes - 8 + too_long);
        message::place(record.bytes(), {0}, {0}, 1'700'000'000'000);
        const Folder folder;
        const auto store = open(options_of(folder.path()));
        const auto done = store->append_at({0}, record.bytes());
        CHECK(done.has_value() == (too_long <= 0));
        if (!done) CHECK(done.error().code == Errc::invalid);
        CHECK(store->end().value == (done ? file_bytes - 8 + too_long : 0));
    }
}

TEST_CASE("a topic that was deleted and made again is followed, told of the deletion or not" *
          doctest::test_suite("slow")) {
    // `late`: from where the first life's first messages are gone already.
    for (const bool told : {true, false})
        for (const bool late : {false, true})
            for (const bool crashed : {false, true}) {
                CAPTURE(told);
                CAPTURE(late);
                CAPTURE(crashed);
                const Folder there, here;
                const auto source = open(options_of(there.path()));
                const Kind t{"T"}, batch{"Batch", 0, flag::inner_batch | flag::need_unwrap, 3};
                for (int i = 0; i < 60; ++i) {
                    append_kind(*source, t, i);
                    append_kind(*source, batch, i);
                }
                wait_dispatched(*source);
                const auto deleted_at = source->end();
                REQUIRE(source->delete_topic("T").has_value());
                REQUIRE(source->delete_topic("Batch").has_value());
                source->set_batch("Batch", true);
                for (int i = 0; i < 10; ++i) {
                    append_kind(*source, t, 100 + i);
                    append_kind(*source, batch, 100 + i);
                }
                wait_dispatched(*source);
                const auto end = source->end();
                const auto expected = bodies(*source, *source->queue("T", 0));
                REQUIRE(expected.size() == 10);
                REQUIRE(source->close().has_value());

                const std::int64_t begin = late ? 2 * file_bytes : 0;
                REQUIRE(deleted_at.value > begin + file_bytes);
                const auto log =
                    log_of(there.path(), end.value).substr(static_cast<std::size_t>(begin));
                auto options = options_of(here.path());
                options.log_begin = begin;
                auto store = open(options);
                std::mt19937 random(2);
                follow(*store, log, begin, static_cast<std::size_t>(deleted_at.value - begin),
                       random, 3);
                wait_dispatched(*store);
                if (late) REQUIRE(store->queue("T", 0)->min().value > 10);
                if (crashed) {
                    store.reset();
                    store = open(options);
                }
                std::vector<QueueChange> changes;
                store->on_queue_change(
                    [&](const QueueChange& change) { changes.push_back(change); });
                const auto max_before = store->queue("T", 0)->max();
                CHECK(max_before.value == 60);
                CHECK(store->queue("Batch", 0)->max().value == 180);
                if (told) {
                    REQUIRE(store->delete_topic("T").has_value());
                    REQUIRE(store->delete_topic("Batch").has_value());
                    store->set_batch("Batch", true);
                }
                follow(*store, log, begin, log.size(), random, 3);
                wait_dispatched(*store);
                CHECK(bodies(*store, *store->queue("T", 0)) == expected);
                CHECK(store->queue("T", 0)->min().value == 0);
                CHECK(store->queue("T", 0)->max().value == 10);
                CHECK(store->queue("Batch", 0)->min().value == 0);
                CHECK(store->queue("Batch", 0)->max().value == 30);
                CHECK(store->read(*store->queue("Batch", 0), {0}, {}, nullptr).messages == 30);
                CHECK(append_kind(*store, t, 1).queue_offset.value == 10);
                CHECK(append_kind(*store, batch, 1).queue_offset.value == 30);
                CHECK(changes.size() == 2);
                for (const auto& change : changes) {
                    CHECK(
                        (change.why == (told ? QueueChange::Why::deleted : QueueChange::Why::cut)));
                    if (!told) CHECK(change.max.value == 0);
                }
                wait_dispatched(*store);
                REQUIRE(store->close().has_value());
                // What is left of the first life is no other's fault.
                store = open(options);
                CHECK(store->queue("T", 0)->max().value == 11);
                CHECK(store->queue("Batch", 0)->max().value == 33);
            }
}

TEST_CASE("a store without a log begins where the other one's does") {
    Source source;
    make_source(source, 9, 200);
    // Its first files are gone.
    const std::int64_t begin = 2 * file_bytes;
    const auto log = source.log.substr(static_cast<std::size_t>(begin));
    const Folder folder;
    auto options = options_of(folder.path());
    options.log_begin = begin;
    auto store = open(options);
    CHECK(store->begin().value == begin);
    CHECK(store->end().value == begin);
    store.reset();
    options.confirmed = 0;  // below all that there is
    store = open(options);
    CHECK(store->end().value == begin);
    CHECK(store->append_at({0}, part(source.log, 0, borders(source.log)[1])).error().code ==
          Errc::invalid);
    std::mt19937 random(4);
    follow(*store, log, begin, log.size(), random, 5);
    std::promise<bool> synced;
    store->when_synced(store->end(), 20'000, [&](bool ok) { synced.set_value(ok); });
    CHECK(synced.get_future().get());
    CHECK(store->queue("A", 0)->max().value == 0);
    store->confirm({INT64_MAX});
    wait_dispatched(*store);
    const auto original = open(options_of(source.folder.path()));
    for (const Kind& kind : kinds())
        CHECK(append_kind(*store, kind, 1).queue_offset ==
              append_kind(*original, kind, 1).queue_offset);
    CHECK(store->queue("A", 0)->min() > QueueOffset{0});
    REQUIRE(store->close().has_value());
    CHECK(findings(folder.path(), true) == std::vector<std::string>());
    options.log_begin = 0;  // it has files
    store = open(options);
    CHECK(store->begin().value == begin);
}

TEST_CASE("what is followed is not seen before it is confirmed") {
    Source source;
    make_source(source, 21, 100);
    const Folder folder;
    auto options = options_of(folder.path());
    options.confirmed = 0;
    const auto store = open(options);
    store->queue("A", 0)->watch();
    std::mt19937 random(4);
    follow(*store, source.log, 0, source.log.size(), random, 5);
    CHECK(store->queue("A", 0)->max().value == 0);
    CHECK_FALSE(store->next_record({0}).has_value());
    const auto original = open(options_of(source.folder.path()));
    CHECK(append_kind(*store, kinds()[0], 1).queue_offset ==
          append_kind(*original, kinds()[0], 1).queue_offset);
    store->confirm(store->end());
    wait_dispatched(*store);
    wait_dispatched(*original);
    CHECK(store->queue("A", 0)->max() == original->queue("A", 0)->max());
}

}  // namespace mqd::store::test
