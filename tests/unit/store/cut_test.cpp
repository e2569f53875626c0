// Store::cut(): what it leaves is the store as it was when its log ended there.

#include <algorithm>
#include <array>

#include "crash_check.h"
#include "message/sys_flag.h"
#include "store/check/scan.h"
#include "store/timer/timer_log.h"
#include "verify_support.h"

namespace mqd::store::test {
namespace {

struct Stored {
    std::string topic;
    std::int32_t queue = 0;
    std::int64_t offset = 0, at = 0, end = 0;
    std::string body;
};

/// Of topics A, B and Batch, with keys.
Stored append_next(Store& store, int i) {
    Stored out;
    out.topic = i % 4 == 3 ? "Batch" : i % 3 == 0 ? "B" : "A";
    out.queue = i % 4 == 3 ? 0 : i % 2;
    out.body =
        fmt::format("body {} {}", i, std::string(static_cast<std::size_t>(i * 37 % 300), 'x'));
    std::string properties;
    message::append_property(properties, message::property::uniq_key, fmt::format("id{}", i));
    message::Draft draft;
    if (i % 4 == 3) {
        draft.sys_flag = message::sys_flag::inner_batch | message::sys_flag::need_unwrap;
        message::append_inner_batch(properties, 2);
    }
    draft.topic = out.topic;
    draft.queue_id = out.queue;
    draft.body = out.body;
    draft.born_host = draft.store_host = *message::Host::make("127.0.0.1", 1);
    draft.properties = properties;
    Buffer record;
    message::encode(draft, record);
    Append unit;
    unit.queue = store.queue(out.topic, out.queue);
    unit.records = record.bytes();
    store.append({&unit, 1});
    REQUIRE(unit.stored);
    out.offset = unit.queue_offset.value;
    out.at = unit.at.value;
    out.end = out.at + static_cast<std::int64_t>(record.size());
    return out;
}

Options options_of(const fs::path& root) {
    auto options = small(root);
    options.commit_log_file_bytes = 2048;
    options.batch_topics = {"Batch"};
    return options;
}

using All = std::vector<Stored>;
constexpr int messages = 50;

All fill(Store& store) {
    All all;
    for (int i = 0; i < messages; ++i) all.push_back(append_next(store, i));
    return all;
}

/// Where the log may be cut: at records, blanks, files, and its end.
std::vector<std::int64_t> places_of(const All& all) {
    std::vector<std::int64_t> out{0};
    for (const Stored& one : all) {
        out.push_back(one.at);
        out.push_back(one.end);  // often the next one's, sometimes a blank's
    }
    for (std::int64_t base = 2048; base < all.back().end; base += 2048) out.push_back(base);
    std::ranges::sort(out);
    out.erase(std::unique(out.begin(), out.end()), out.end());
    return out;
}

/// That exactly the messages that end by `to` are there, and that all goes on behind them. Empty:
/// all is well.
std::string check_store(Store& store, const All& all, std::int64_t to) {
    std::string wrong;
    if (!settled(store)) return "does not settle; ";
    std::map<std::pair<std::string, std::int32_t>, std::int64_t> next;
    for (std::size_t i = 0; i < all.size(); ++i) {
        const Stored& one = all[i];
        const bool stays = one.end <= to;
        auto& number = next[{one.topic, one.queue}];
        if (stays) number = one.offset + (one.topic == "Batch" ? 2 : 1);
        Queue& queue = *store.queue(one.topic, one.queue);
        ReadLimits limits;
        limits.messages = 2;
        const auto read = store.read(queue, {one.offset}, limits, nullptr);
        const auto found = !read.slices.empty();
        if (found != stays) {
            wrong += fmt::format("message {} {}; ", i, found ? "is there" : "is lost");
            continue;
        }
        if (stays) {
            const auto record = message::RecordView::parse(read.slices[0].bytes);
            if (!record || record->body != one.body || record->at.value != one.at)
                wrong += fmt::format("message {} is another; ", i);
        }
        const auto hits = store.query({one.topic, fmt::format("id{}", i)}).records.size();
        if (hits != (stays ? 1U : 0U)) wrong += fmt::format("key {} has {}; ", i, hits);
    }
    for (const auto& [queue, number] : next)
        if (store.queue(queue.first, queue.second)->max().value != number)
            wrong += fmt::format("{}/{} ends at {}, not {}; ", queue.first, queue.second,
                                 store.queue(queue.first, queue.second)->max().value, number);
    return wrong;
}

/// The same records again have the same places and numbers, when nothing but a blank differs.
std::string check_goes_on(Store& store, const All& all, std::int64_t to) {
    std::string wrong;
    std::map<std::pair<std::string, std::int32_t>, std::int64_t> next;
    for (const Stored& one : all)
        if (one.end <= to)
            next[{one.topic, one.queue}] = one.offset + (one.topic == "Batch" ? 2 : 1);
    for (int i = 0; i < 12; ++i) {
        const auto one = append_next(store, i + 1000);
        auto& number = next[{one.topic, one.queue}];
        if (one.offset != number)
            wrong += fmt::format("{}/{} goes on at {}, not {}; ", one.topic, one.queue, one.offset,
                                 number);
        number = one.offset + (one.topic == "Batch" ? 2 : 1);
        if (one.at < to) wrong += "the log goes on before the cut; ";
    }
    if (!settled(store)) wrong += "does not settle; ";
    for (const auto& [queue, number] : next)
        if (store.queue(queue.first, queue.second)->max().value != number)
            wrong += fmt::format("{}/{} lacks its last; ", queue.first, queue.second);
    return wrong;
}

/// Bodies of the records in what was kept, by their offsets.
std::map<std::int64_t, std::string> kept_in(const fs::path& folder) {
    std::map<std::int64_t, std::string> out;
    if (!fs::exists(folder)) return out;
    for (const auto& entry : fs::directory_iterator(folder)) {
        auto scan = LogScan::open(Places(entry.path()));
        INFO((scan ? std::string() : scan.error().what));
        REQUIRE(scan.has_value());
        for (;;) {
            const auto item = (*scan)->next();
            REQUIRE(item.has_value());
            CHECK(item->kind != LogItem::Kind::damage);
            CHECK(item->kind != LogItem::Kind::torn);
            if (item->kind == LogItem::Kind::record)
                out[item->at.value] = std::string(item->record.body);
            else if (item->kind != LogItem::Kind::blank)
                break;
        }
    }
    return out;
}

}  // namespace

TEST_CASE("a log is cut at every place, and the store is as it was when it ended there" *
          doctest::test_suite("slow")) {
    const Folder original;
    All all;
    for (const bool clean : {true, false}) {
        CAPTURE(clean);
        const fs::path root = original.path() / (clean ? "clean" : "killed");
        {
            const auto store = open(options_of(root));
            all = fill(*store);
            REQUIRE(settled(*store));
            if (clean) REQUIRE(store->close().has_value());
        }
        const auto places = places_of(all);
        REQUIRE(all.back().end > 4 * 2048);
        const auto begins_record = [&all](std::int64_t at) {
            return std::ranges::any_of(all, [at](const Stored& one) { return one.at == at; });
        };
        for (std::size_t i = 0; i < places.size(); ++i) {
            const std::int64_t to = places[i];
            // Every blank, file and end, and some of the records.
            if (clean ? begins_record(to) && i % 4 != 0 : i % 9 != 1) continue;
            CAPTURE(to);
            const Folder folder;
            fs::copy(root, folder.path(), fs::copy_options::recursive);
            const auto options = options_of(folder.path());
            const auto cut = Store::cut(posix_files(), options, {to});
            INFO((cut ? std::string() : cut.error().what));
            REQUIRE(cut.has_value());
            CHECK_FALSE(fs::exists(folder.path() / "config/mqd.truncate"));
            if (to < all.back().end) {
                // What speaks for records that are gone, or for queues as they were with them.
                CHECK_FALSE(fs::exists(folder.path() / "mqd-queues"));
                CHECK_FALSE(fs::exists(folder.path() / "mqd-milestone"));
                CHECK(fs::exists(folder.path() / "abort"));
            }
            const auto kept = kept_in(folder.path() / "lost");
            std::size_t expected = 0;
            for (const Stored& one : all) {
                if (one.end <= to) continue;
                ++expected;
                REQUIRE(kept.contains(one.at));
                CHECK(kept.at(one.at) == one.body);
            }
            CHECK(kept.size() == expected);
            auto store = open(options);
            CHECK(store->begin().value == 0);
            CHECK(store->end().value == to);
            CHECK(check_store(*store, all, to) == "");
            store.reset();
            store = open(options);
            CHECK(check_store(*store, all, to) == "");
            CHECK(check_goes_on(*store, all, to) == "");
            REQUIRE(store->close().has_value());
            CHECK(findings(folder.path(), true) == std::vector<std::string>());
        }
    }
}

TEST_CASE("a log is not cut where no record ends, and nothing is changed then") {
    const Folder folder;
    const auto options = options_of(folder.path());
    All all;
    {
        const auto store = open(options);
        all = fill(*store);
        REQUIRE(settled(*store));
        REQUIRE(store->close().has_value());
    }
    const auto state = [&] {
        std::map<std::string, std::string> out;
        for (const auto& [name, is] : state_of(folder.path()))
            if (!name.ends_with("/lock")) out[name] = is.first;  // which names the process
        return out;
    };
    const auto before = state();
    const auto good = places_of(all);
    const std::int64_t end = all.back().end;
    for (std::int64_t to = -3; to < end + 5000; to += to < 2100 ? 1 : 97) {
        if (std::ranges::binary_search(good, to)) continue;
        CAPTURE(to);
        const auto cut = Store::cut(posix_files(), options, {to});
        REQUIRE_FALSE(cut.has_value());
        CHECK(cut.error().code == Errc::invalid);
    }
    CHECK((state() == before));
    CHECK(Store::cut(posix_files(), options, {end}).has_value());  // there is nothing to cut
    CHECK((state() == before));
}

TEST_CASE("what is cut is not kept when the options say so, and twice kept is kept twice") {
    const Folder folder;
    auto options = options_of(folder.path());
    All all;
    {
        const auto store = open(options);
        all = fill(*store);
        REQUIRE(store->close().has_value());
    }
    const std::int64_t to = all[3].at;
    options.keep_cut = false;
    REQUIRE(Store::cut(posix_files(), options, {all[40].at}).has_value());
    CHECK_FALSE(fs::exists(folder.path() / "lost"));
    options.keep_cut = true;
    for (const int count : {1, 2}) {
        REQUIRE(Store::cut(posix_files(), options, {to}).has_value());
        const auto name = fmt::format("lost/{:020}{}.log", to, count == 1 ? "" : ".2");
        CHECK(fs::exists(folder.path() / name));
        const auto store = open(options);
        append_next(*store, 5);
        REQUIRE(store->close().has_value());
    }
}

TEST_CASE("timer files that lead beyond the cut are dropped, others stay") {
    const Folder folder;
    const auto options = options_of(folder.path());
    All all;
    {
        const auto store = open(options);
        all = fill(*store);
        REQUIRE(store->close().has_value());
    }
    const auto timers = folder.path() / "timerlog";
    {
        auto log = TimerLog::open(posix_files(), timers, 4096);
        REQUIRE(log.has_value());
        for (const int i : {2, 10, 20, 30}) {
            TimerUnit unit;
            unit.at = all[static_cast<std::size_t>(i)].at;
            unit.magic = 1;
            unit.bytes = 100;
            const auto positions = (*log)->positions(1);
            REQUIRE((*log)->append({&unit, 1}, positions).has_value());
        }
        REQUIRE((*log)->sync().has_value());
    }
    std::ofstream(folder.path() / "timerwheel") << "a wheel";
    REQUIRE(Store::cut(posix_files(), options, {all[31].at}).has_value());
    CHECK(fs::exists(timers / "00000000000000000000"));
    CHECK(fs::exists(folder.path() / "timerwheel"));
    REQUIRE(Store::cut(posix_files(), options, {all[30].at}).has_value());
    CHECK_FALSE(fs::exists(timers));
    CHECK_FALSE(fs::exists(folder.path() / "timerwheel"));
}

TEST_CASE("the checkpoint does not speak for what comes after a cut") {
    const Folder folder;
    const auto options = options_of(folder.path());
    const SteppingClock clock;
    All all;
    {
        const auto store = open(options, posix_files(), clock);
        all = fill(*store);
        REQUIRE(store->close().has_value());
    }
    const std::int64_t to = all[25].at;
    REQUIRE(Store::cut(posix_files(), options, {to}).has_value());
    // An earlier clock: what it stamps lies before all that the old checkpoint vouched for.
    const HandClock early;
    const auto store = open(options, posix_files(), early);
    CHECK(store->end().value == to);
    std::int64_t newest_ms = 0;
    for (std::int64_t at = 0; at < to;) {
        const auto slice = store->next_record({at});
        if (!slice) break;
        const auto record = message::RecordView::parse(slice->bytes);
        newest_ms = record->store_ts_ms;
        at = record->at.value + static_cast<std::int64_t>(record->bytes.size());
    }
    const auto bytes = contents(folder.path() / "checkpoint");
    for (const std::size_t field : {0U, 8U, 16U})
        CHECK(load_be<std::int64_t>(as_bytes(bytes).data() + field) <= newest_ms);
    CHECK(store->newest_ms() == newest_ms);
}

TEST_CASE("a cut that a crash interrupts at any point is finished, or has never begun") {
    auto options = options_of("/store");
    FaultyFiles before;
    All all;
    HandClock clock;
    {
        auto store = Store::open(before, clock, options);
        REQUIRE(store.has_value());
        all = fill(**store);
        REQUIRE(settled(**store));
        REQUIRE((*store)->close().has_value());
    }
    const auto places = places_of(all);
    std::size_t crashes = 0;
    for (const std::int64_t to : {places[places.size() / 2], std::int64_t{2048}, std::int64_t{0}}) {
        CAPTURE(to);
        FaultyFiles files(before.after_crash({}));
        REQUIRE(Store::cut(files, options, {to}).has_value());
        Replay replay(files.start(), files.journal());
        std::vector<std::pair<std::string, Disk>> disks;
        for (std::size_t n = 0;; ++n) {
            using Kind = Survival::Kind;
            for (const auto survival : {Survival{Kind::synced, 0}, Survival{Kind::everything, 0},
                                        Survival{Kind::some, n}, Survival{Kind::some, 1000 + n}})
                disks.emplace_back(fmt::format("operation {}, {}", n, survival.to_string()),
                                   replay.after_crash(survival));
            if (replay.at_end()) break;
            replay.step();
        }
        Mutex lock;
        std::size_t next = 0;
        std::vector<std::string> failures;
        in_parallel([&] {
            for (;;) {
                std::pair<std::string, Disk> mine;
                {
                    const Lock held(lock);
                    if (next >= disks.size() || failures.size() > 4) return;
                    mine = std::move(disks[next]);
                    next += every;
                }
                HandClock here;
                FaultyFiles crashed(std::move(mine.second));
                std::string wrong;
                const bool noted = crashed.exists("/store/config/mqd.truncate").value();
                auto store = Store::open(crashed, here, options);
                if (!store) {
                    wrong = "does not open: " + store.error().what;
                } else if ((*store)->end().value != to) {
                    if (noted) wrong += "a noted cut was not finished; ";
                    wrong += check_store(**store, all, all.back().end);
                    (*store).reset();
                    if (auto again = Store::cut(crashed, options, {to}); !again)
                        wrong += "does not cut: " + again.error().what;
                    store = Store::open(crashed, here, options);
                }
                if (store && wrong.empty()) {
                    wrong += check_store(**store, all, to);
                    wrong += check_goes_on(**store, all, to);
                    if (crashed.exists("/store/config/mqd.truncate").value())
                        wrong += "the note is still there; ";
                    if (!(*store)->close()) wrong += "does not close; ";
                }
                const Lock held(lock);
                ++crashes;
                if (!wrong.empty()) failures.push_back(mine.first + ": " + wrong);
            }
        });
        for (const auto& failure : failures) FAIL_CHECK(failure);
    }
    MESSAGE(crashes, " crashes");
}

TEST_CASE("whatever call of a cut fails, it is finished later, or has never begun") {
    auto options = options_of("/store");
    FaultyFiles before;
    All all;
    HandClock clock;
    {
        auto store = Store::open(before, clock, options);
        REQUIRE(store.has_value());
        all = fill(**store);
        REQUIRE(settled(**store));
        const auto open = Store::cut(before, options, {all[5].at});
        REQUIRE_FALSE(open.has_value());
        CHECK(open.error().code == Errc::refused);
        REQUIRE((*store)->close().has_value());
    }
    const auto places = places_of(all);
    const std::int64_t to = places[places.size() / 2];
    std::uint64_t calls = 0;
    {
        FaultyFiles files(before.after_crash({}));
        REQUIRE(Store::cut(files, options, {to}).has_value());
        calls = files.calls();
    }
    static constexpr std::array<Fault::Kind, 3> kinds = {Fault::Kind::io, Fault::Kind::no_space,
                                                         Fault::Kind::short_write};
    std::atomic<std::uint64_t> next = 0;
    Mutex lock;
    std::vector<std::string> failures;
    in_parallel([&] {
        for (;;) {
            const std::uint64_t n = every * next++;
            if (n >= calls * kinds.size()) return;
            FaultyFiles files(before.after_crash({}));
            const Fault fault{kinds[n % kinds.size()], n / kinds.size(), false};
            files.set(fault);
            const auto cut = Store::cut(files, options, {to});
            files.set({});
            for (const auto survival : {Survival::Kind::everything, Survival::Kind::synced}) {
                FaultyFiles after(files.after_crash({survival, 0}));
                HandClock here;
                auto store = Store::open(after, here, options);
                std::string wrong;
                if (!store) {
                    wrong = "does not open: " + store.error().what;
                } else {
                    const std::int64_t end = (*store)->end().value;
                    if (end != to && (cut || end != all.back().end))
                        wrong += fmt::format("it ends at {}; ", end);
                    wrong += check_store(**store, all, end);
                    wrong += check_goes_on(**store, all, end);
                }
                const Lock held(lock);
                if (!wrong.empty())
                    failures.push_back(fmt::format("{} ({}): {}", fault.to_string(),
                                                   files.failed_call().value_or("-"), wrong));
            }
        }
    });
    for (const auto& failure : failures) FAIL_CHECK(failure);
}

}  // namespace mqd::store::test
