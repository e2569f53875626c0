#include "broker/timers.h"

#include <fmt/format.h>

#include <array>
#include <fstream>

#include "base/parse.h"
#include "broker/names.h"
#include "message/properties.h"
#include "waiting.h"

using namespace mqd;
using namespace mqd::test;
namespace property = mqd::message::property;

namespace {

struct Timed : WaitingStore {
    std::shared_ptr<broker::Timers> timers;

    Timed() {
        clock.now_ms = 1'700'000'000'000;
        settings.delays.timer_log_file_bytes = 1024;  // 19 units
    }
    ~Timed() { close(); }

    void open() {
        open_store();
        auto made = broker::Timers::open(store::posix_files(), clock, *store, counters, settings);
        REQUIRE(made);
        timers = std::move(*made);
    }
    /// `clean` false: as kill -9 leaves it.
    void close(bool clean = true) {
        if (timers != nullptr) {
            timers->stop();
            if (clean) CHECK(timers->close());
        }
        timers.reset();
        close_store();
    }
    void send(std::int64_t in_ms, std::string_view body, std::string_view more = "") {
        std::string properties;
        message::append_property(properties, property::uniq_key, body);
        properties += more;
        const auto place = timers->place(properties, clock.now_ms + in_ms, "T", 0);
        message::Draft draft;
        draft.body = body;
        draft.properties = place.properties;
        append(draft, *place.queue);
        settle();
    }
    void recall(std::int64_t in_ms, std::string_view key) {
        std::string more;
        message::append_property(more, property::timer_del_uniqkey, fmt::format("T+{}", key));
        send(in_ms, "recall", more);
    }
    std::int64_t run_due() {
        const auto wait_ms = timers->run_due();
        settle();
        return wait_ms;
    }
    /// From now to `ms` later, looking every `step_ms`.
    void pass(std::int64_t ms, std::int64_t step_ms = 10) {
        for (std::int64_t at = 0; at < ms; at += step_ms) {
            clock.now_ms += step_ms;
            timers->run_due();
        }
        settle();
    }
    message::RecordView delivered(std::int64_t offset, store::ReadResult& read) {
        read = store->read(*store->queue("T", 0), {offset}, {.messages = 1}, nullptr);
        REQUIRE(read.messages == 1);
        const auto record = message::RecordView::parse(read.slices[0].bytes);
        REQUIRE(record);
        return *record;
    }
    std::filesystem::path at(std::string_view name) const { return folder.path / "store" / name; }
};

}  // namespace

TEST_CASE_FIXTURE(Timed, "a message comes at its millisecond") {
    open();
    CHECK(run_due() == -1);
    send(2345, "x");
    clock.now_ms += 2344;
    CHECK(run_due() == 1);
    CHECK(bodies() == "");
    clock.now_ms += 1;
    CHECK(run_due() == -1);
    CHECK(bodies() == "x ");
    CHECK(timers->progress().pending == 0);
    CHECK(timers->progress().next == 1);
    store::ReadResult read;
    const auto record = delivered(0, read);
    CHECK(message::find_property(record.properties, property::real_topic) == "T");
    CHECK(message::find_property(record.properties, property::timer_out_ms) ==
          std::to_string(clock.now_ms));
    CHECK(message::find_property(record.properties, property::timer_dequeue_ms) ==
          std::to_string(clock.now_ms));
    CHECK(message::find_property(record.properties, property::timer_enqueue_ms));
}

TEST_CASE_FIXTURE(Timed, "messages come in the order in which they are due") {
    open();
    const std::int64_t begin_ms = clock.now_ms;
    std::uint64_t state = 7;
    std::vector<std::int64_t> waits;
    for (int i = 0; i < 300; ++i) {
        state = state * 6364136223846793005U + 1442695040888963407U;
        waits.push_back(static_cast<std::int64_t>(state >> 40) % 9000 + 1);
        send(waits.back(), std::to_string(waits.back()));
    }
    pass(9100, 7);
    std::sort(waits.begin(), waits.end());
    std::string expected;
    for (const auto wait : waits) expected += std::to_string(wait) + " ";
    CHECK(bodies() == expected);
    store::ReadResult read;
    for (std::int64_t i = 0; i < 300; ++i) {
        const auto late =
            delivered(i, read).store_ts_ms - begin_ms - waits[static_cast<std::size_t>(i)];
        CHECK(late >= 0);
        CHECK(late < 7);
    }
}

TEST_CASE_FIXTURE(Timed, "what is due far away costs a look a second, and comes in its time") {
    open();
    send(3 * 86'400'000LL, "three days");
    send(3'600'000, "an hour");
    CHECK(run_due() == 1000);
    clock.now_ms += 3'600'000;
    run_due();
    CHECK(bodies() == "an hour ");
    store::ReadResult read;
    const auto waited_at = store->position(*store->queue(broker::timer_topic, 0), {1});
    REQUIRE(waited_at);
    CHECK(delivered(0, read).prepared_offset == waited_at->value);
    clock.now_ms += 3 * 86'400'000LL - 3'600'001;
    run_due();
    CHECK(bodies() == "an hour ");
    clock.now_ms += 1;
    run_due();
    CHECK(bodies() == "an hour three days ");
}

TEST_CASE_FIXTURE(Timed, "what waits longer than half the wheel goes round") {
    open();
    const std::int64_t wait_ms = 20 * 86'400'000LL;
    send(wait_ms, "x");
    run_due();
    clock.now_ms += 7 * 86'400'000LL + 1000;
    run_due();
    run_due();
    CHECK(bodies() == "");
    clock.now_ms += 7 * 86'400'000LL + 2000;
    run_due();
    run_due();
    CHECK(bodies() == "");
    clock.now_ms += wait_ms - 14 * 86'400'000LL - 3001;
    run_due();
    CHECK(bodies() == "");
    clock.now_ms += 1;
    run_due();
    CHECK(bodies() == "x ");
    store::ReadResult read;
    CHECK(message::find_property(delivered(0, read).properties, property::timer_roll_times) == "2");
}

TEST_CASE_FIXTURE(Timed,
                  "a stop and a start lose and double nothing" * doctest::test_suite("slow")) {
    for (const bool clean : {true, false}) {
        CAPTURE(clean);
        open();
        std::string expected;
        for (int i = 0; i < 100; ++i) send(100 * (i + 1), std::to_string(i));
        for (int round = 0; round < 10; ++round) {
            // In the middle of a slot, with some of it delivered.
            pass(1000, 50);
            if (round % 3 == 0) CHECK(timers->save());
            close(clean);
            open();
        }
        pass(100);
        for (int i = 0; i < 100; ++i) expected += std::to_string(i) + " ";
        CHECK(bodies() == expected);
        close();
        std::filesystem::remove_all(folder.path / "store");
    }
}

TEST_CASE_FIXTURE(Timed, "what comes due while nobody runs comes at the start") {
    open();
    send(1000, "a");
    send(500'000, "b");
    run_due();
    close();
    clock.now_ms += 86'400'000;
    open();
    run_due();
    CHECK(bodies() == "a b ");
    CHECK(timers->progress().pending == 0);
}

TEST_CASE_FIXTURE(Timed, "what was not taken in when it ended is taken in at the start") {
    open();
    send(1000, "a");
    send(5000, "b");
    close(false);  // nothing ran
    clock.now_ms += 2000;
    open();
    run_due();
    CHECK(bodies() == "a ");
    pass(3000);
    CHECK(bodies() == "a b ");
}

TEST_CASE_FIXTURE(Timed,
                  "what is due long before it is taken in gets a unit of now, as RocketMQ's never "
                  "wait less than nothing") {
    open();
    send(1200, "first");
    send(300, "second");
    clock.now_ms += 7'654;
    run_due();
    CHECK(bodies() == "first second ");
    close();
    std::ifstream in(at("timerlog/00000000000000000000"), std::ios::binary);
    std::vector<char> bytes(2 * store::TimerUnit::bytes_each);
    REQUIRE(in.read(bytes.data(), static_cast<std::streamsize>(bytes.size())));
    for (const int i : {0, 1}) {
        const auto unit = store::TimerUnit::load(
            reinterpret_cast<const std::byte*>(bytes.data() + i * store::TimerUnit::bytes_each));
        CHECK(unit.delay_ms >= 0);
        CHECK(unit.written_ms == clock.now_ms / 1000 * 1000);
    }
}

TEST_CASE_FIXTURE(Timed, "a recalled message does not come") {
    open();
    send(3000, "a");
    send(3000, "b");
    send(500, "c");
    recall(3000, "a");
    pass(100);
    recall(400, "c");  // its slot is in memory already
    pass(4000);
    CHECK(bodies() == "b ");
    CHECK(timers->progress().pending == 0);
}

TEST_CASE_FIXTURE(Timed, "damaged files are made again from the queue") {
    open();
    for (int i = 0; i < 50; ++i) send(1000 * (i + 1), std::to_string(i));
    pass(10'000, 100);
    close();
    SUBCASE("a log file too short") {
        std::filesystem::resize_file(at("timerlog/00000000000000000000"), 100);
    }
    SUBCASE("a wheel too short") {
        std::filesystem::resize_file(at("timerwheel"), 1000);
    }
    SUBCASE("no log at all") {
        std::filesystem::remove_all(at("timerlog"));
    }
    SUBCASE("no wheel at all") {
        std::filesystem::remove(at("timerwheel"));
    }
    open();
    pass(40'000, 100);
    std::string expected;
    for (int i = 0; i < 50; ++i) expected += std::to_string(i) + " ";
    CHECK(bodies() == expected);
}

TEST_CASE_FIXTURE(Timed, "the files are as RocketMQ reads them") {
    open();
    send(2500, "a");
    send(2700, "b");
    send(90'000, "c");
    run_due();
    const std::int64_t begin_ms = clock.now_ms;
    close();
    const auto bytes_of = [&](std::string_view name) {
        std::ifstream in(at(name), std::ios::binary);
        return std::string(std::istreambuf_iterator<char>(in), {});
    };
    const auto check = store::TimerCheck::load(as_bytes(bytes_of("config/timercheck")).data());
    CHECK(check.read_ms == begin_ms);
    CHECK(check.log_synced == 3 * 52);
    CHECK(check.queue_offset == 3);
    CHECK(check.master_queue_offset == 3);
    const auto log = bytes_of("timerlog/00000000000000000000");
    CHECK(log.size() == 1024);
    const auto unit = store::TimerUnit::load(as_bytes(log).data() + 52);
    CHECK(unit.previous == 0);
    CHECK(unit.due_ms() == begin_ms + 2700);
    CHECK(unit.topic_hash == message::java_hash("T"));
    const auto wheel = bytes_of("timerwheel");
    CHECK(wheel.size() == 38'707'200);
    const std::int64_t time = (begin_ms + 2500) / 1000;
    const auto slot =
        store::TimerSlot::load(as_bytes(wheel).data() + time % store::TimerWheel::slots * 32);
    CHECK(slot.time == time);
    CHECK(slot.first == 0);
    CHECK(slot.last == 52);
    CHECK(slot.count == 2);
    CHECK(json::parse(bytes_of("config/timermetrics"))
              .value()["timingCount"]["T"]["count"]
              .as_int() == 3);
}

TEST_CASE_FIXTURE(Timed, "a clean stop leaves in the current slot what is not delivered") {
    open();
    send(2100, "a");
    send(2900, "b");
    pass(2500);
    CHECK(bodies() == "a ");
    close();
    // As RocketMQ would read it: the slot's chain from its last unit on.
    auto log = store::TimerLog::open(store::posix_files(), at("timerlog"), 1024);
    REQUIRE(log);
    auto wheel = store::TimerWheel::load(store::posix_files(), at("timerwheel"));
    REQUIRE(wheel);
    const auto slot = wheel->find((clock.now_ms + 400) / 1000);
    CHECK(slot.count == 1);
    const auto unit = (*log)->read(slot.last);
    REQUIRE(unit);
    CHECK(unit->due_ms() == clock.now_ms + 400);
    CHECK(unit->previous == -1);
}

TEST_CASE_FIXTURE(Timed, "log files go with the records they speak of") {
    open();
    for (int i = 0; i < 60; ++i) send(10, std::to_string(i));
    pass(2000);
    auto log = store::TimerLog::open(store::posix_files(), at("timerlog"), 1024);
    REQUIRE(log);
    CHECK((*log)->remove_expired(0));
    CHECK(std::filesystem::exists(at("timerlog/00000000000000000000")));
    CHECK((*log)->remove_expired(store->end().value));
    CHECK(!std::filesystem::exists(at("timerlog/00000000000000000000")));
    CHECK((*log)->begin() == 3 * 1024);
}

TEST_CASE_FIXTURE(Timed, "what nobody can deliver does not keep back what follows") {
    open();
    message::Draft draft;
    draft.body = "lost";
    draft.properties = "TIMER_OUT_MS\x01soon\x02";
    append(draft, *store->queue(broker::timer_topic, 0));
    draft.properties =
        "TIMER_OUT_MS\x01"
        "1700000000100\x02REAL_TOPIC\x01../x\x02REAL_QID\x01"
        "0\x02";
    append(draft, *store->queue(broker::timer_topic, 0));
    send(200, "fine");
    pass(300);
    CHECK(bodies() == "fine ");
}

TEST_CASE("a clock that was put back lets everything wait for its own time" *
          doctest::test_suite("slow")) {
    enum class Way { running, stopped, killed };
    constexpr std::int64_t hour_ms = 3'600'000;
    // The wheel spans two weeks.
    for (const auto ahead_ms : {hour_ms, 40 * 24 * hour_ms, 20 * 365 * 24 * hour_ms})
        for (const auto way : {Way::running, Way::stopped, Way::killed}) {
            CAPTURE(ahead_ms);
            CAPTURE(static_cast<int>(way));
            Timed is;
            is.clock.ahead_ms = ahead_ms;
            is.open();
            is.send(ahead_ms + 1000, "a");
            is.pass(2000);
            CHECK(is.bodies() == "a ");
            is.send(ahead_ms + 600'000, "far");  // of a producer whose clock was ahead too
            is.run_due();
            CHECK(is.timers->save());
            if (way != Way::running) is.close(way == Way::stopped);
            is.clock.ahead_ms = 0;
            if (way != Way::running) is.open();
            is.run_due();
            CHECK(is.timers->progress().pending == 1);
            CHECK(is.timers->save());  // as it happens once a second
            is.send(500, "b");
            is.send(60'000, "c");
            is.run_due();
            CHECK(is.bodies() == "a ");
            is.pass(500);
            CHECK(is.bodies() == "a b ");
            is.pass(59'000, 500);
            CHECK(is.bodies() == "a b ");
            is.close(way == Way::stopped);
            is.open();
            is.pass(1000, 100);
            CHECK(is.bodies() == "a b c ");
            CHECK(is.timers->progress().pending == 1);
            if (ahead_ms > hour_ms) continue;
            is.pass(hour_ms, 1000);  // over the time at which `a` was due
            CHECK(is.bodies() == "a b c ");
            is.pass(600'000, 1000);
            CHECK(is.bodies() == "a b c far ");
            CHECK(is.timers->progress().pending == 0);
        }
}

TEST_CASE_FIXTURE(Timed, "a clock that is put back a little delivers early by no more than that") {
    open();
    send(1000, "a");
    pass(1000);
    clock.ahead_ms = -300;
    send(400, "b");  // at 700 by the clock as it is now
    run_due();
    CHECK(bodies() == "a ");
    pass(700);
    CHECK(bodies() == "a b ");
}

TEST_CASE_FIXTURE(Timed,
                  "timer files that are made again while the clock was ahead hide nothing new") {
    clock.ahead_ms = 3'600'000;
    open();
    send(3'600'000 + 1000, "a");
    pass(2000);
    CHECK(bodies() == "a ");
    close();
    clock.ahead_ms = 0;
    std::filesystem::resize_file(at("timerwheel"), 100);
    open();
    send(500, "b");
    pass(600);
    CHECK(bodies() == "a b ");
}

TEST_CASE_FIXTURE(Timed, "a progress beyond the end of the queue goes back to the end") {
    open();
    send(100, "a");
    pass(200);
    close();
    {
        std::fstream check(at("config/timercheck"),
                           std::ios::in | std::ios::out | std::ios::binary);
        std::array<std::byte, 8> offset{};
        store_be(offset.data(), std::int64_t{1000});
        check.seekp(16);
        check.write(reinterpret_cast<const char*>(offset.data()), offset.size());
    }
    open();
    CHECK(timers->progress().next == 1);
    send(100, "b");
    pass(1500);
    CHECK(bodies() == "a b ");
}
