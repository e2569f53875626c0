#include "broker/delay.h"

#include <fmt/format.h>

#include <array>
#include <fstream>

#include "base/parse.h"
#include "broker/names.h"
#include "message/properties.h"
#include "message/stored_time.h"
#include "waiting.h"

using namespace mqd;
using namespace mqd::test;
namespace property = mqd::message::property;

namespace {

struct Delayed : WaitingStore {
    std::shared_ptr<broker::Delay> delay;

    Delayed() { settings.delays.levels = "1s 5s 1m"; }
    ~Delayed() { close(); }

    void open() {
        open_store();
        REQUIRE(open_delay());
    }
    Result<> open_delay() {
        auto made = broker::Delay::open(store::posix_files(), clock, *store, counters, settings);
        if (!made) return made.error();
        delay = std::move(*made);
        store->on_arrival(
            [d = delay](std::span<const store::Arrival> arrivals) { d->arrived(arrivals); });
        return {};
    }
    void close(bool saved = true) {
        if (delay != nullptr) {
            delay->stop();
            if (saved) CHECK(delay->save());
        }
        delay.reset();
        close_store();
    }

    void send(std::int64_t level, std::string_view body, std::string_view topic = "T",
              std::int32_t queue = 0) {
        const auto place = delay->place("", level, topic, queue);
        message::Draft draft;
        draft.body = body;
        draft.properties = place.properties;
        append(draft, *place.queue);
        settle();
    }
    std::int64_t run_due() {
        const auto wait_ms = delay->run_due();
        settle();
        return wait_ms;
    }
    std::string progress() const {
        std::string out;
        for (const auto& is : delay->progress())
            out += fmt::format("{}:{},{} ", is.level, is.next, is.max);
        return out;
    }
    std::filesystem::path file() const { return settings.store.config_dir() / "delayOffset.json"; }
    void write_file(std::string_view text) const {
        std::filesystem::create_directories(settings.store.config_dir());
        std::ofstream(file()) << text;
    }
};

}  // namespace

TEST_CASE_FIXTURE(Delayed, "a delayed message is delivered when its level's time is over") {
    open();
    CHECK(run_due() == -1);
    send(2, "five");
    CHECK(run_due() == 1000);  // it looks at the clock once a second, for that may be set
    clock.now_ms += 4990;
    CHECK(run_due() == 10);
    CHECK(bodies() == "");
    clock.now_ms += 10;
    CHECK(run_due() == -1);
    CHECK(bodies() == "five ");
    CHECK(progress() == "2:1,1 ");
    CHECK(counters.totals().put_messages == 1);
}

TEST_CASE_FIXTURE(Delayed, "levels do not wait for one another, messages of one level keep order") {
    open();
    send(3, "minute");
    for (int i = 0; i < 1000; ++i) send(2, std::to_string(i), "T", 1);
    clock.now_ms += 500;
    send(1, "first");
    clock.now_ms += 1000;
    CHECK(run_due() == 1000);
    CHECK(bodies() == "first ");
    CHECK(bodies("T", 1) == "");
    clock.now_ms += 3500;
    run_due();
    const auto all = bodies("T", 1);
    std::string expected;
    for (int i = 0; i < 1000; ++i) expected += std::to_string(i) + " ";
    CHECK(all == expected);
    clock.now_ms += 55'000;
    run_due();
    CHECK(bodies() == "first minute ");
    CHECK(progress() == "1:1,1 2:1000,1000 3:1,1 ");
}

TEST_CASE_FIXTURE(Delayed, "only what is due leaves a level") {
    open();
    send(1, "a");
    clock.now_ms += 600;
    send(1, "b");
    clock.now_ms += 400;
    CHECK(run_due() == 600);
    CHECK(bodies() == "a ");
    clock.now_ms += 600;
    CHECK(run_due() == -1);
    CHECK(bodies() == "a b ");
}

TEST_CASE_FIXTURE(Delayed, "a level above the highest is the highest, and timers go") {
    open();
    const auto given = [] {
        std::string out;
        message::append_property(out, property::delay, "99");
        message::append_property(out, property::timer_delay_sec, "7");
        message::append_property(out, "k", "v");
        return out;
    }();
    const auto place = delay->place(given, 99, "T", 3);
    CHECK(place.queue->topic() == broker::schedule_topic);
    CHECK(place.queue->id() == 2);
    CHECK(message::find_property(place.properties, property::delay) == "3");
    CHECK(message::find_property(place.properties, property::real_topic) == "T");
    CHECK(message::find_property(place.properties, property::real_qid) == "3");
    CHECK(message::find_property(place.properties, "k") == "v");
    CHECK(!message::find_property(place.properties, property::timer_delay_sec));
}

TEST_CASE_FIXTURE(Delayed, "the delivered copy is the message as it was, at a new place") {
    open();
    const auto place = delay->place(
        "TAGS\x01"
        "t\x02",
        1, "T", 2);
    message::Draft draft;
    draft.body = "body";
    draft.flag = 7;
    draft.sys_flag = 1;
    draft.born_ts_ms = 123;
    draft.born_host = *message::Host::make("10.0.0.1", 99);
    draft.store_host = *message::Host::make("::1", 10911);
    draft.reconsume_times = 4;
    draft.properties = place.properties;
    append(draft, *place.queue);
    settle();
    clock.now_ms += 1000;
    run_due();
    const auto read = store->read(*store->queue("T", 2), {}, {}, nullptr);
    REQUIRE(read.messages == 1);
    const auto copy = message::RecordView::parse(read.slices[0].bytes);
    REQUIRE(copy);
    CHECK(copy->topic == "T");
    CHECK(copy->queue_id == 2);
    CHECK(copy->body == "body");
    CHECK(copy->flag == 7);
    CHECK((copy->sys_flag & 1) == 1);
    CHECK(copy->born_ts_ms == 123);
    CHECK(copy->born_host == draft.born_host);
    CHECK(copy->store_host == draft.store_host);
    CHECK(copy->store_ts_ms == clock.now_ms);
    CHECK(copy->reconsume_times == 4);
    CHECK(copy->properties == place.properties);
}

TEST_CASE_FIXTURE(Delayed, "what waits over a restart is delivered once, late if need be") {
    open();
    send(1, "before");
    clock.now_ms += 1000;
    run_due();
    send(1, "after");
    close();
    clock.now_ms += 3'600'000;
    open();
    CHECK(progress() == "1:1,2 ");
    CHECK(run_due() == -1);
    CHECK(bodies() == "before after ");
}

TEST_CASE_FIXTURE(Delayed, "what was delivered behind the last save is not delivered again") {
    open();
    send(1, "a");
    clock.now_ms += 1000;
    run_due();
    REQUIRE(delay->save());
    send(1, "b");
    send(2, "c");
    clock.now_ms += 1000;
    run_due();
    close(false);
    clock.now_ms += 4000;
    open();
    run_due();
    CHECK(bodies() == "a b c ");
}

TEST_CASE_FIXTURE(Delayed, "an end in the middle of a delivery delivers nothing twice") {
    open();
    for (const char* body : {"a", "b", "c"}) send(1, body);
    clock.now_ms += 1000;
    close(false);
    open_store();
    // As run_due() does it, as far as the second message.
    broker::DeliveryMark mark(store::posix_files(), *store,
                              settings.store.config_dir() / "mqd.delay");
    REQUIRE(mark.write(true, std::array<std::int64_t, 3>{0, 0, 0}));
    broker::Redelivery redelivery(*store, counters, false);
    const auto read =
        store->read(*store->queue(broker::schedule_topic, 0), {}, {.messages = 2}, nullptr);
    for (const auto& slice : read.slices) {
        Bytes rest = slice.bytes;
        while (!rest.empty()) {
            const auto record = message::RecordView::parse(rest);
            REQUIRE(record);
            REQUIRE(redelivery.add(*record));
            rest = rest.subspan(record->bytes.size());
        }
    }
    REQUIRE(redelivery.append() == 2);
    close(false);
    open();
    CHECK(progress() == "1:2,3 ");
    run_due();
    CHECK(bodies() == "a b c ");
}

TEST_CASE_FIXTURE(Delayed, "a mark of more than the log has does not count") {
    open();
    send(1, "a");
    clock.now_ms += 1000;
    run_due();
    close(false);
    // The power cut took the log, and left the mark.
    for (const char* name : {"commitlog", "consumequeue", "checkpoint", "index"})
        std::filesystem::remove_all(folder.path / "store" / name);
    open();
    send(1, "b");
    clock.now_ms += 1000;
    run_due();
    CHECK(bodies() == "b ");
}

TEST_CASE_FIXTURE(Delayed,
                  "the offsets are saved as RocketMQ reads them, and only when they moved") {
    open();
    CHECK(delay->save());
    CHECK(!std::filesystem::exists(file()));
    send(2, "x");
    clock.now_ms += 5000;
    run_due();
    CHECK(delay->save());
    CHECK(store->synced() == store->end());  // the copy is on disk before its offset
    std::ifstream in(file());
    const auto saved = json::parse(std::string(std::istreambuf_iterator<char>(in), {}));
    REQUIRE(saved);
    CHECK((*saved)["offsetTable"]["2"].as_int() == 1);
    CHECK((*saved)["offsetTable"].members().size() == 1);
    CHECK((*saved)["dataVersion"].is_object());
}

TEST_CASE_FIXTURE(Delayed,
                  "offsets of RocketMQ are taken over, those outside the queue moved into it") {
    write_file(R"({"dataVersion":{"counter":1},"offsetTable":{1:1,2:500,9:3}})");
    open();
    CHECK(progress() == "1:0,0 2:0,0 ");
    send(1, "a");
    send(2, "b");
    close();
    write_file(R"({"dataVersion":{"counter":1},"offsetTable":{1:500,2:0,9:3}})");
    clock.now_ms += 1000;
    open();
    clock.now_ms += 4000;
    run_due();
    CHECK(progress() == "1:1,1 2:1,1 ");
    CHECK(bodies() == "b ");
    close();
    std::ifstream in(file());
    const auto saved = json::parse(std::string(std::istreambuf_iterator<char>(in), {}));
    REQUIRE(saved);
    CHECK((*saved)["offsetTable"]["9"].as_int() == 3);  // of a level that we do not have
}

TEST_CASE_FIXTURE(Delayed, "a file of offsets that are none is an error") {
    write_file(R"({"offsetTable":{"one":1}})");
    open_store();
    const auto opened = open_delay();
    REQUIRE(!opened);
    CHECK(opened.error().code == Errc::corrupt);
    CHECK(opened.error().what.find("delayOffset.json") != std::string::npos);
}

TEST_CASE_FIXTURE(Delayed,
                  "a clock that was put back makes no message wait longer than its level") {
    open();
    send(2, "x");
    send(2, "y");
    CHECK(run_due() == 1000);
    clock.now_ms += 1000;
    clock.ahead_ms = -500'000;
    CHECK(run_due() == 1000);
    CHECK(bodies() == "");
    clock.now_ms += 4999;
    CHECK(run_due() == 1);
    CHECK(bodies() == "");
    clock.now_ms += 1;
    CHECK(run_due() == -1);
    CHECK(bodies() == "x y ");
}

TEST_CASE_FIXTURE(Delayed,
                  "a clock that is put back by little while nobody looks delays by little") {
    open();
    send(3, "x");
    clock.ahead_ms = -20;
    CHECK(run_due() == 1000);
    clock.now_ms += 59'999;
    run_due();
    CHECK(bodies() == "");
    clock.now_ms += 21;
    run_due();
    CHECK(bodies() == "x ");
}

TEST_CASE_FIXTURE(Delayed, "after a clock that was ahead, each level takes its time") {
    constexpr std::int64_t year_ms = 31'536'000'000;
    clock.ahead_ms = year_ms;
    open();
    send(1, "old 1");
    send(3, "old 3");
    SUBCASE("while the broker runs") {
        run_due();
    }
    SUBCASE("over a clean stop") {
        clock.ahead_ms = 0;
        close();
        open();
    }
    SUBCASE("over kill -9") {
        clock.ahead_ms = 0;
        close(false);
        open();
    }
    clock.ahead_ms = 0;
    run_due();
    CHECK(bodies() == "");
    send(2, "new 2");
    CHECK(run_due() == 1000);
    clock.now_ms += 1000;
    run_due();
    CHECK(bodies() == "old 1 ");
    clock.now_ms += 3999;
    CHECK(run_due() == 1);
    clock.now_ms += 1;
    run_due();
    CHECK(bodies() == "old 1 new 2 ");
    // Its retries do not run through all levels at once.
    for (int i = 0; i < 3; ++i) send(2, std::to_string(i), "R");
    run_due();
    CHECK(bodies("R") == "");
    close();
    open();
    clock.now_ms += 4999;
    run_due();
    CHECK(bodies("R") == "");
    clock.now_ms += 1;
    run_due();
    CHECK(bodies("R") == "0 1 2 ");
    clock.now_ms += 49'999;
    run_due();
    CHECK(bodies() == "old 1 new 2 ");
    clock.now_ms += 1;
    run_due();
    CHECK(bodies() == "old 1 new 2 old 3 ");
}

TEST_CASE_FIXTURE(Delayed, "restarts do not make a wait longer, nor does a queue that was cut") {
    clock.ahead_ms = 1'000'000;
    open();
    send(3, "x");
    clock.ahead_ms = 0;
    for (int i = 0; i < 6; ++i) {
        run_due();
        CHECK(bodies() == "");
        close();
        open();
        clock.now_ms += 10'000;
    }
    run_due();
    CHECK(bodies() == "x ");
    close();
    std::ifstream in(file());
    const auto saved = json::parse(std::string(std::istreambuf_iterator<char>(in), {}));
    REQUIRE(saved);
    CHECK((*saved)["mqdDueBounds"].members().empty());
}

TEST_CASE_FIXTURE(Delayed,
                  "what tells when a message was really stored does not go to its readers") {
    clock.ahead_ms = 1'000'000;
    open();
    message::Draft draft;
    append(draft, *store->queue("T", 3));
    clock.ahead_ms = 0;
    send(1, "x");
    settle();
    const auto kept = [&](store::Queue& queue) {
        const auto read = store->read(queue, {0}, {.messages = 1}, nullptr);
        REQUIRE(read.messages == 1);
        const auto record = message::RecordView::parse(read.slices[0].bytes);
        REQUIRE(record);
        CHECK(record->store_ts_ms >= 2'000'000);
        return message::noted_stored_ms(*record);
    };
    CHECK(kept(*store->queue(broker::schedule_topic, 0)) == 1'000'000);
    clock.now_ms += 1000;
    run_due();
    CHECK(bodies() == "x ");
    CHECK(!kept(*store->queue("T", 0)));
}

TEST_CASE_FIXTURE(Delayed, "a progress beyond the end of its queue goes back to the end") {
    open();
    send(1, "a");
    close();
    write_file(R"({"offsetTable":{"1":7,"2":3}})");
    clock.now_ms += 1000;
    open();
    CHECK(progress() == "1:1,1 2:0,0 ");
    close();
    open();
    send(1, "b");
    send(2, "c");
    clock.now_ms += 5000;
    run_due();
    CHECK(bodies() == "b c ");
}

TEST_CASE_FIXTURE(Delayed, "of a queue with the progress of another, what is not due yet waits") {
    open();
    send(1, "a");
    run_due();
    clock.now_ms += 1000;
    send(1, "b");
    send(1, "c");
    close();
    write_file(R"({"offsetTable":{"1":7}})");
    std::filesystem::remove(settings.store.config_dir() / "mqd.delay");
    open();
    CHECK(progress() == "1:1,3 ");
    clock.now_ms += 1000;
    run_due();
    CHECK(bodies() == "b c ");
}

TEST_CASE_FIXTURE(Delayed, "what nobody can deliver does not keep back what follows") {
    open();
    const auto put = [&](std::string_view properties) {
        message::Draft draft;
        draft.body = "lost";
        draft.properties = properties;
        append(draft, *store->queue(broker::schedule_topic, 0));
        settle();
    };
    put("");
    put(delay->place("", 1, broker::half_topic, 0).properties);
    put(delay->place("", 1, "../../T", 0).properties);
    put(delay->place("", 1, "T", -1).properties);
    put(delay->place("", 1, "T", 2'000'000).properties);
    send(1, "fine");
    clock.now_ms += 1000;
    CHECK(run_due() == -1);
    CHECK(bodies() == "fine ");
    CHECK(progress() == "1:6,6 ");
}

TEST_CASE_FIXTURE(Delayed, "a topic deleted meanwhile is no reason to stop") {
    open();
    send(1, "for U", "U");
    send(1, "for T");
    REQUIRE(store->delete_topic("U"));
    clock.now_ms += 1000;
    CHECK(run_due() == -1);
    CHECK(bodies() == "for T ");
}

TEST_CASE("the service's thread delivers by itself, close to the time") {
    Folder folder;
    auto settings = settings_in(folder);
    settings.delays.levels = "30ms 80ms";
    broker::Counters counters(system_clock());
    const OpenStore store(settings);
    auto made =
        broker::Delay::open(store::posix_files(), system_clock(), *store.is, counters, settings);
    REQUIRE(made);
    const auto delay = *made;
    store.is->on_arrival(
        [delay](std::span<const store::Arrival> arrived) { delay->arrived(arrived); });
    delay->start();
    for (const std::int64_t level : {2, 1}) {
        const auto place = delay->place("", level, "T", 0);
        message::Draft draft;
        draft.topic = place.queue->topic();
        draft.queue_id = place.queue->id();
        const std::string body = std::to_string(level);
        draft.body = body;
        draft.properties = place.properties;
        Buffer record;
        message::encode(draft, record);
        store::Append unit;
        unit.queue = place.queue;
        unit.records = record.bytes();
        store.is->append({&unit, 1});
        REQUIRE(unit.stored);
    }
    auto& queue = *store.is->queue("T", 0);
    const auto give_up = monotonic_ms() + 10'000;
    while (queue.max().value < 2) {
        REQUIRE(monotonic_ms() < give_up);
        std::this_thread::yield();
    }
    for (std::int64_t i = 0; i < 2; ++i) {
        const auto sent =
            store.is->store_time(*store.is->queue(broker::schedule_topic, i == 0 ? 0 : 1), {0});
        const auto delivered = store.is->store_time(queue, {i});
        REQUIRE(sent);
        REQUIRE(delivered);
        CHECK(*delivered - *sent >= (i == 0 ? 30 : 80));
    }
    delay->stop();
}
