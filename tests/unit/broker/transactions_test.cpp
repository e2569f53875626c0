#include "broker/transactions.h"

#include <fmt/format.h>

#include <deque>
#include <fstream>
#include <thread>

#include "base/parse.h"
#include "broker/names.h"
#include "message/properties.h"
#include "message/sys_flag.h"
#include "support.h"

using namespace mqd;
using namespace mqd::test;
namespace property = mqd::message::property;
using Kind = broker::Transactions::Ended::Kind;

namespace {

const broker::TopicRight anybody = [](std::string_view) { return Result<>(); };

struct Producer final : broker::Peer {
    std::string name;
    std::vector<std::shared_ptr<const broker::HalfCheck>> asked;
    explicit Producer(std::string is) : name(std::move(is)) {}
    const std::string& address() const override { return name; }
    void check_transaction(const std::shared_ptr<const broker::HalfCheck>& check) override {
        asked.push_back(std::move(check));
    }
    void close() override {}
};

/// Where a half message lies.
struct Place {
    std::int64_t offset = 0;
    PhysicalOffset at;
};

Place place_of(const broker::HalfCheck& check) {
    return {check.queue_offset, check.at};
}

struct SettableClock final : Clock {
    // The store's threads read them too.
    std::atomic<std::int64_t> now_ms = 10'000'000;
    std::atomic<std::int64_t> set_back_ms = 0;
    std::int64_t wall_ms() const override { return now_ms - set_back_ms; }
    std::int64_t monotonic_ms() const override { return now_ms; }
};

/// A store and its transactions in a time of their own; nothing runs but when told.
struct Fixture {
    Folder folder;
    broker::Settings settings = settings_in(folder);
    SettableClock clock;
    broker::Counters counters{clock};
    broker::Clients clients{clock};
    std::shared_ptr<Producer> producer = std::make_shared<Producer>("1.1.1.1:1");
    mutable std::vector<std::shared_ptr<const void>> pins;  // of what all() gave
    std::unique_ptr<store::Store> store;
    std::unique_ptr<broker::Topics> topics;
    std::unique_ptr<broker::Offsets> offsets;
    std::shared_ptr<broker::Transactions> transactions;
    store::Files& files = store::posix_files();

    Fixture() { clients.join_producers(producer, {"p", 0, 479}, "P"); }
    ~Fixture() { close(); }

    void open() {
        pins.clear();
        auto opened = store::Store::open(files, clock, settings.store_options());
        REQUIRE(opened);
        store = std::move(*opened);
        REQUIRE(files.make_directories(settings.store.config_dir()));
        open_transactions();
    }
    void open_transactions() {
        auto t = broker::Topics::open(files, clock, *store, settings);
        REQUIRE(t);
        topics = std::move(*t);
        auto o = broker::Offsets::open(files, clock, settings);
        REQUIRE(o);
        offsets = std::move(*o);
        auto made = broker::Transactions::open(
            files, {clock, *store, settings, *topics, *offsets, clients, counters});
        REQUIRE(made);
        transactions = std::move(*made);
        store->on_arrival(
            [t = transactions](std::span<const store::Arrival> arrivals) { t->arrived(arrivals); });
    }
    void save() const {
        CHECK(transactions->save_progress());
        CHECK(transactions->save_counts());
        CHECK(offsets->save());
    }
    void close(bool saved = true) {
        if (transactions != nullptr) {
            transactions->stop();
            if (saved) save();
        }
        transactions.reset();
        if (store != nullptr) {
            settle();
            CHECK(store->close());
        }
        store.reset();
        topics.reset();
        offsets.reset();
    }
    /// As a kill would: nothing is saved, and `abort` stays.
    void crash() {
        settle();
        transactions->stop();
        transactions.reset();
        store.reset();
        topics.reset();
        offsets.reset();
        open();
    }

    store::Append append(message::Draft draft, std::string_view topic, std::int32_t id = 0) const {
        draft.topic = topic;
        draft.queue_id = id;
        draft.store_host = *message::Host::make("127.0.0.1", 10911);
        draft.append_crc = settings.store.append_crc;
        Buffer record;
        message::encode(draft, record);
        store::Append unit;
        unit.queue = store->queue(topic, id);
        unit.records = record.bytes();
        store->append({&unit, 1});
        REQUIRE(unit.stored);
        settle();
        return unit;
    }
    Place half(std::string_view body,
               const std::vector<std::pair<std::string_view, std::string_view>>& more = {},
               std::string_view topic = "T", std::int32_t id = 2) const {
        std::string properties;
        message::append_property(properties, property::tran_msg, "true");
        message::append_property(properties, property::producer_group, "P");
        message::append_property(properties, property::uniq_key, body);
        message::append_property(properties, "k", "v");
        for (const auto& [name, value] : more) message::append_property(properties, name, value);
        properties = broker::half_properties(properties, topic, id);
        message::Draft draft;
        draft.body = body;
        draft.born_ts_ms = clock.now_ms;
        draft.properties = properties;
        const auto unit = append(draft, broker::half_topic);
        return {unit.queue_offset.value, unit.at};
    }
    Kind end(const Place& half, bool commit, bool from_check = false,
             std::string_view group = "P") const {
        const auto ended =
            transactions->end({group, half.offset, half.at, commit, from_check}, anybody);
        settle();
        return ended.kind;
    }
    Kind commit(const Place& half, bool from_check = false) const {
        return end(half, true, from_check);
    }
    Kind roll_back(const Place& half) const { return end(half, false); }

    /// Until the consume queues have all that the log has.
    void settle() const {
        const auto give_up = monotonic_ms() + 10'000;
        while (store->dispatched() < store->end()) {
            REQUIRE(monotonic_ms() < give_up);
            std::this_thread::yield();
        }
    }
    /// Twice, since copies that are not in the queue yet are none.
    std::int64_t run_due() const {
        transactions->run_due();
        settle();
        return transactions->run_due();
    }
    /// A round, some time after the last one.
    std::int64_t next_round() {
        clock.now_ms += settings.transactions.check_interval_ms;
        return run_due();
    }
    std::vector<std::shared_ptr<const broker::HalfCheck>> asked() const {
        return std::exchange(producer->asked, {});
    }
    std::string asked_bodies() const {
        std::string out;
        for (const auto& is : asked()) out += body_of(*is) + " ";
        return out;
    }
    static std::string body_of(const broker::HalfCheck& check) {
        const auto record = message::RecordView::parse(as_bytes(check.record));
        REQUIRE(record);
        return std::string(record->body);
    }
    /// Good until the next store is opened.
    std::vector<message::RecordView> all(std::string_view topic, std::int32_t id = 0) const {
        std::vector<message::RecordView> out;
        auto& queue = *store->queue(topic, id);
        for (QueueOffset at = queue.min(); at < queue.max(); at = at + 1) {
            const auto read = store->read(queue, at, {.messages = 1}, nullptr);
            REQUIRE(read.messages == 1);
            auto record = message::RecordView::parse(read.slices[0].bytes);
            REQUIRE(record);
            out.push_back(*record);
            pins.push_back(read.slices[0].pin);
        }
        return out;
    }
    std::string bodies(std::string_view topic = "T", std::int32_t id = 2) const {
        std::string out;
        for (const auto& record : all(topic, id)) (out += record.body) += ' ';
        return out;
    }
    std::string ops() const { return bodies(broker::op_half_topic, 0); }
    std::string progress() const {
        CHECK(transactions->save_progress());
        return fmt::format(
            "{},{}", offsets->find(broker::transaction_group, broker::half_topic, 0).value_or(0),
            offsets->find(broker::transaction_group, broker::op_half_topic, 0).value_or(0));
    }
    /// New ones are counted when the dispatcher announces them.
    bool open_becomes(std::int64_t wanted, const std::string& topic = "T") const {
        const auto give_up = monotonic_ms() + 10'000;
        for (;;) {
            const auto counts = transactions->open_counts();
            const auto found = counts.find(topic);
            if ((found == counts.end() ? 0 : found->second) == wanted) return true;
            if (monotonic_ms() >= give_up) return false;
            std::this_thread::yield();
        }
    }
};

std::string value(const message::RecordView& record, std::string_view name) {
    return std::string(message::find_property(record.properties, name).value_or(""));
}

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a committed message is the half message, in its own queue") {
    open();
    CHECK(run_due() == -1);
    message::Draft draft;
    std::string properties;
    message::append_property(properties, property::producer_group, "P");
    message::append_property(properties, property::tran_msg, "true");
    message::append_property(properties, property::uniq_key, "ID");
    properties = broker::half_properties(properties, "T", 2);
    draft.body = "body";
    draft.flag = 7;
    draft.sys_flag = 1;
    draft.born_ts_ms = 123;
    draft.born_host = *message::Host::make("::1", 99);
    draft.properties = properties;
    const auto half = append(draft, broker::half_topic);
    CHECK(bodies() == "");
    clock.now_ms += 5;
    CHECK(commit({half.queue_offset.value, half.at}) == Kind::settled);
    const auto found = all("T", 2);
    REQUIRE(found.size() == 1);
    const auto& is = found[0];
    CHECK(is.topic == "T");
    CHECK(is.queue_id == 2);
    CHECK(is.body == "body");
    CHECK(is.flag == 7);
    CHECK(is.transaction_type() == message::sys_flag::transaction_commit);
    CHECK((is.sys_flag & 1) == 1);
    CHECK(is.prepared_offset == half.at.value);
    CHECK(is.born_ts_ms == 123);
    CHECK(is.born_host == draft.born_host);
    CHECK(is.store_ts_ms == clock.now_ms);
    CHECK(is.properties == properties);
    CHECK(value(is, property::transaction_id) == "ID");
    CHECK(value(is, property::real_topic) == "T");
    CHECK(value(is, property::real_qid) == "2");
}

TEST_CASE_FIXTURE(Fixture, "an op record names what was ended, as RocketMQ writes it") {
    open();
    const auto a = half("a");
    const auto b = half("b");
    CHECK(roll_back(b) == Kind::settled);
    CHECK(ops() == "1, ");
    CHECK(progress() == "0,0");
    CHECK(commit(a) == Kind::settled);
    CHECK(ops() == "1, 0, ");
    CHECK(bodies() == "a ");
    CHECK(progress() == "2,2");
    const auto op = all(broker::op_half_topic)[0];
    CHECK(op.queue_id == 0);
    CHECK(value(op, property::tags) == "d");
    CHECK(value(op, property::wait) == "true");
    CHECK(op.born_host == op.store_host);
    CHECK(op.store_host == *message::Host::make("127.0.0.1", 10911));
    CHECK(op.sys_flag == 0);
}

TEST_CASE_FIXTURE(Fixture, "the first end counts") {
    open();
    const auto a = half("a");
    CHECK(commit(a) == Kind::settled);
    CHECK(commit(a) == Kind::settled);
    CHECK(roll_back(a) == Kind::settled);
    const auto b = half("b");
    CHECK(roll_back(b) == Kind::settled);
    CHECK(commit(b, true) == Kind::settled);
    CHECK(bodies() == "a ");
    CHECK(ops() == "0, 1, ");
}

TEST_CASE_FIXTURE(Fixture, "an end must name the half message as its producer knows it") {
    open();
    const auto a = half("a");
    message::Draft draft;
    draft.body = "no half";
    const auto other = append(draft, "T", 2);
    CHECK(end(a, true, false, "Q") == Kind::no_such);
    CHECK(commit({a.offset + 1, a.at}) == Kind::no_such);
    CHECK(commit({a.offset, a.at + 1}) == Kind::no_such);
    CHECK(commit({0, other.at}) == Kind::no_such);
    CHECK(commit({0, store->end()}) == Kind::no_such);
    CHECK(commit({0, {-1}}) == Kind::no_such);
    CHECK(bodies() == "no half ");
    CHECK(ops() == "");
    CHECK(commit(a) == Kind::settled);
    CHECK(bodies() == "no half a ");
}

TEST_CASE_FIXTURE(Fixture, "threads that end one transaction deliver it once") {
    open();
    std::vector<Place> halves;
    for (int i = 0; i < 200; ++i) halves.push_back(half(std::to_string(i)));
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
        threads.emplace_back([&] {
            for (const auto& is : halves)
                transactions->end({"P", is.offset, is.at, true, false}, anybody);
        });
    for (auto& thread : threads) thread.join();
    settle();
    CHECK(all("T", 2).size() == 200);
    CHECK(all(broker::op_half_topic).size() == 200);
    CHECK(progress() == "200,200");
}

TEST_CASE_FIXTURE(Fixture, "ends and rounds at the same time settle each transaction once") {
    settings.transactions.timeout_ms = 0;
    settings.transactions.check_interval_ms = 10;
    settings.transactions.check_max = 1'000'000;
    open();
    std::vector<Place> halves;
    for (int i = 0; i < 300; ++i) halves.push_back(half(std::to_string(i)));
    std::atomic<bool> done = false;
    std::thread rounds([&] {
        while (!done) {
            // Only this thread looks at the clock besides the store.
            transactions->run_due();
            std::this_thread::yield();
        }
    });
    std::vector<std::thread> threads;
    for (int i = 0; i < 2; ++i)
        threads.emplace_back([&] {
            for (const auto& is : halves)
                transactions->end({"P", is.offset, is.at, true, false}, anybody);
        });
    for (auto& thread : threads) thread.join();
    done = true;
    rounds.join();
    settle();
    CHECK(all("T", 2).size() == 300);
    CHECK(next_round() == -1);
}

TEST_CASE_FIXTURE(Fixture, "producers that say nothing are asked when their time is over") {
    open();
    const auto a = half("a", {{"x", "y"}});
    CHECK(run_due() == 6000);
    clock.now_ms += 5999;
    CHECK(run_due() == 1);
    CHECK(asked().empty());
    clock.now_ms += 1;
    CHECK(run_due() == 30'000);
    const auto checks = asked();
    REQUIRE(checks.size() == 1);
    const auto& check = *checks[0];
    // Another copy lies at the end of the queue, and the one before is settled.
    const auto copies = all(broker::half_topic);
    REQUIRE(copies.size() == 2);
    CHECK(ops() == "0, ");
    CHECK(progress() == "1,1");
    CHECK(check.queue_offset == 1);
    CHECK(check.at == copies[1].at);
    CHECK(check.unique_key == "a");
    CHECK(check.transaction_id == "a");
    CHECK(check.offset_id.size() == 32);
    CHECK(value(copies[1], property::check_times) == "1");
    CHECK(copies[1].born_ts_ms == copies[0].born_ts_ms);
    const auto record = message::RecordView::parse(as_bytes(check.record));
    REQUIRE(record);
    CHECK(record->topic == "T");
    CHECK(record->queue_id == 2);
    CHECK(record->queue_offset.value == 1);
    CHECK(record->at == copies[1].at);
    CHECK(record->body == "a");
    CHECK(value(*record, "x") == "y");
    CHECK(value(*record, property::check_times) == "1");
    // The answer names the copy; what is delivered names neither of mqd's ways.
    CHECK(commit(place_of(check), true) == Kind::settled);
    CHECK(bodies() == "a ");
    CHECK(all("T", 2)[0].prepared_offset == copies[1].at.value);
    CHECK(value(all("T", 2)[0], property::first_half_offset) == "");
    CHECK(commit(a) == Kind::settled);
    CHECK(bodies() == "a ");
    CHECK(next_round() == -1);
    CHECK(asked().empty());
}

TEST_CASE_FIXTURE(Fixture, "a late end of the first copy settles the newest one") {
    open();
    const auto a = half("a");
    next_round();
    next_round();
    const auto checks = asked();
    REQUIRE(checks.size() == 2);
    CHECK(commit(a) == Kind::settled);
    CHECK(bodies() == "a ");
    CHECK(commit(place_of(*checks[0]), true) == Kind::settled);
    CHECK(commit(place_of(*checks[1]), true) == Kind::settled);
    CHECK(bodies() == "a ");
    CHECK(next_round() == -1);
    CHECK(asked().empty());
}

TEST_CASE_FIXTURE(Fixture, "an end of a copy in between settles it too") {
    open();
    half("a");
    next_round();
    next_round();
    next_round();
    const auto checks = asked();
    REQUIRE(checks.size() == 3);
    CHECK(roll_back(place_of(*checks[1])) == Kind::settled);
    CHECK(next_round() == -1);
    CHECK(bodies() == "");
    CHECK(progress() == "4,4");
}

TEST_CASE_FIXTURE(Fixture, "asked so many times without an answer it is given up") {
    settings.transactions.check_max = 3;
    open();
    const auto a = half("a");
    for (int i = 1; i <= 3; ++i) {
        next_round();
        const auto checks = asked();
        REQUIRE(checks.size() == 1);
        const auto record = message::RecordView::parse(as_bytes(checks[0]->record));
        CHECK(value(*record, property::check_times) == std::to_string(i));
    }
    CHECK(next_round() == -1);
    CHECK(asked().empty());
    const auto given_up = all(broker::check_max_topic);
    REQUIRE(given_up.size() == 1);
    CHECK(given_up[0].body == "a");
    CHECK(value(given_up[0], property::check_times) == "3");
    CHECK(value(given_up[0], property::real_topic) == "T");
    const auto topic = topics->find(broker::check_max_topic);
    REQUIRE(topic);
    CHECK(topic->config().read_queues == 1);
    CHECK(topic->config().perm == 6);
    CHECK(open_becomes(0));
    CHECK(bodies() == "");
    CHECK(all(broker::half_topic).size() == 4);
    CHECK(commit(a) == Kind::settled);
    CHECK(bodies() == "a ");
}

TEST_CASE_FIXTURE(Fixture, "what was given up is delivered when its producer commits it, once") {
    settings.transactions.check_max = 1;
    open();
    const auto b = half("b");
    const auto a = half("a");
    const auto c = half("c");
    CHECK(commit(b) == Kind::settled);
    CHECK(roll_back(c) == Kind::settled);
    next_round();
    const auto checks = asked();
    REQUIRE(checks.size() == 1);
    next_round();
    REQUIRE(all(broker::check_max_topic).size() == 1);
    CHECK(open_becomes(0));
    Place place = a;
    SUBCASE("as it was sent") {}
    SUBCASE("as it was asked about") {
        place = place_of(*checks[0]);
    }
    SUBCASE("after a clean stop") {
        close();
        open();
    }
    SUBCASE("after a crash") {
        crash();
    }
    CHECK(end(place, true, false, "Q") == Kind::no_such);
    CHECK(bodies() == "b ");
    CHECK(commit(place) == Kind::settled);
    CHECK(bodies() == "b a ");
    const auto delivered = all("T", 2).back();
    CHECK(delivered.transaction_type() == message::sys_flag::transaction_commit);
    CHECK(value(delivered, property::first_half_offset) == "");
    CHECK(commit(place) == Kind::settled);
    CHECK(commit(a) == Kind::settled);
    CHECK(commit(b) == Kind::settled);
    CHECK(commit(c) == Kind::settled);
    CHECK(bodies() == "b a ");
    CHECK(open_becomes(0));
}

TEST_CASE_FIXTURE(Fixture, "of what was given up and rolled back then nothing comes") {
    settings.transactions.check_max = 1;
    open();
    const auto a = half("a");
    next_round();
    next_round();
    CHECK(roll_back(a) == Kind::settled);
    CHECK(commit(a) == Kind::settled);
    CHECK(bodies() == "");
}

TEST_CASE_FIXTURE(Fixture, "what was given up and taken up again is one transaction") {
    settings.transactions.check_max = 1;
    open();
    const auto a = half("a");
    next_round();
    next_round();
    asked();
    const auto given_up = all(broker::check_max_topic);
    REQUIRE(given_up.size() == 1);
    CHECK(transactions->resume(given_up[0].at, anybody));
    settle();
    CHECK(open_becomes(1));
    SUBCASE("ended as it was sent") {
        CHECK(commit(a) == Kind::settled);
        CHECK(bodies() == "a ");
        CHECK(open_becomes(0));
        next_round();
        CHECK(asked().empty());
    }
    SUBCASE("ended as it was asked about, and once more as it was sent") {
        next_round();
        const auto checks = asked();
        REQUIRE(checks.size() == 1);
        CHECK(commit(place_of(*checks[0]), true) == Kind::settled);
        CHECK(commit(a) == Kind::settled);
        CHECK(bodies() == "a ");
        CHECK(open_becomes(0));
    }
    SUBCASE("given up again, and then committed") {
        next_round();
        next_round();
        CHECK(all(broker::check_max_topic).size() == 2);
        CHECK(commit(a) == Kind::settled);
        CHECK(commit(a) == Kind::settled);
        CHECK(bodies() == "a ");
    }
}

TEST_CASE_FIXTURE(Fixture, "a half message that was too old is delivered when it is committed") {
    open();
    const auto a = half("a");
    clock.now_ms += settings.retention.keep_hours * std::int64_t{3'600'000} + 1;
    run_due();
    REQUIRE(all(broker::check_max_topic).size() == 1);
    CHECK(commit(a) == Kind::settled);
    CHECK(bodies() == "a ");
}

TEST_CASE_FIXTURE(Fixture, "after a clock that was ahead, producers are asked in time") {
    constexpr std::int64_t year_ms = 31'536'000'000;
    clock.set_back_ms = -year_ms;
    open();
    half("old");
    half("old and immune", {{property::check_immunity, "60"}});
    clock.set_back_ms = 0;
    const auto half_now = [&](std::string_view body, std::string_view immunity = "") {
        std::string properties;
        message::append_property(properties, property::producer_group, "P");
        message::append_property(properties, property::uniq_key, body);
        if (!immunity.empty())
            message::append_property(properties, property::check_immunity, immunity);
        const auto place = transactions->place(properties, "T", 2);
        message::Draft draft;
        draft.body = body;
        draft.properties = place.properties;
        const auto unit = append(draft, broker::half_topic);
        return Place{unit.queue_offset.value, unit.at};
    };
    half_now("new");
    const auto late = half_now("late", "10");
    run_due();
    CHECK(asked_bodies() == "old ");
    clock.now_ms += settings.transactions.timeout_ms;
    run_due();
    CHECK(asked_bodies() == "");  // the next round is not due
    next_round();
    CHECK(asked_bodies() == "new late old ");
    CHECK(commit(late) == Kind::too_late);
    next_round();
    CHECK(asked_bodies().find("immune") != std::string::npos);
}

TEST_CASE_FIXTURE(Fixture, "a progress beyond the ends of its queues settles nothing") {
    open();
    half("a");
    const auto b = half("b");
    CHECK(commit(b) == Kind::settled);
    save();
    offsets->commit(broker::transaction_group, broker::half_topic, 0, 100);
    offsets->commit(broker::transaction_group, broker::op_half_topic, 0, 100);
    CHECK(offsets->save());
    crash();
    CHECK(open_becomes(1));
    CHECK(commit(b) == Kind::settled);
    CHECK(bodies() == "b ");
    half("c");
    next_round();
    CHECK(asked_bodies() == "a c ");
}

TEST_CASE_FIXTURE(Fixture, "what was given up can be taken up again") {
    settings.transactions.check_max = 1;
    open();
    half("a");
    next_round();
    next_round();
    const auto given_up = all(broker::check_max_topic);
    REQUIRE(given_up.size() == 1);
    asked();
    CHECK(!transactions->resume(all(broker::half_topic)[0].at, anybody));
    CHECK(!transactions->resume({-1}, anybody));
    CHECK(transactions->resume(given_up[0].at, anybody));
    settle();
    CHECK(open_becomes(1));
    CHECK(run_due() == 30'000);  // the last round was just now
    next_round();
    const auto checks = asked();
    REQUIRE(checks.size() == 1);
    CHECK(commit(place_of(*checks[0]), true) == Kind::settled);
    CHECK(bodies() == "a ");
    CHECK(open_becomes(0));
}

TEST_CASE_FIXTURE(Fixture, "without a producer the questions count all the same") {
    settings.transactions.check_max = 2;
    open();
    clients.leave_all(*producer);
    half("a");
    next_round();
    next_round();
    next_round();
    CHECK(all(broker::check_max_topic).size() == 1);
}

TEST_CASE_FIXTURE(Fixture, "any producer of the group is asked, each in its turn") {
    open();
    const auto second = std::make_shared<Producer>("2.2.2.2:2");
    const auto stranger = std::make_shared<Producer>("3.3.3.3:3");
    clients.join_producers(second, {"q", 0, 479}, "P");
    clients.join_producers(stranger, {"s", 0, 479}, "Q");
    for (int i = 0; i < 4; ++i) half(std::to_string(i));
    next_round();
    CHECK(producer->asked.size() == 2);
    CHECK(second->asked.size() == 2);
    clients.leave_all(*producer);
    next_round();
    CHECK(producer->asked.size() == 2);
    CHECK(second->asked.size() == 6);
    CHECK(stranger->asked.empty());
}

TEST_CASE_FIXTURE(Fixture, "a round goes up to the first one that is too young") {
    open();
    half("a");
    clock.now_ms += 1000;
    half("b");
    clock.now_ms += 5000;
    CHECK(run_due() == 30'000);
    CHECK(asked_bodies() == "a ");
    clock.now_ms += 30'000;
    CHECK(run_due() == 30'000);
    CHECK(asked_bodies() == "b a ");
}

TEST_CASE_FIXTURE(Fixture, "copies of a round are asked about in the next one") {
    settings.transactions.timeout_ms = 0;
    settings.transactions.check_interval_ms = 50;
    open();
    for (int i = 0; i < 200; ++i) half(std::to_string(i));
    next_round();
    CHECK(asked().size() == 200);
    CHECK(all(broker::half_topic).size() == 400);
    CHECK(progress() == "200,4");
    next_round();
    CHECK(asked().size() == 200);
    CHECK(all(broker::half_topic).size() == 600);
}

TEST_CASE_FIXTURE(Fixture, "a message's own immunity time goes before the broker's") {
    open();
    half("long", {{property::check_immunity, "60"}});
    half("short", {{property::check_immunity, "2"}});
    half("usual");
    clock.now_ms += 2000;
    CHECK(run_due() == 30'000);
    CHECK(asked_bodies() == "short ");
    // The long one stays where it is, and holds nobody up.
    CHECK(progress() == "0,0");
    clock.now_ms += 30'000;
    run_due();
    CHECK(asked_bodies() == "usual short ");
    clock.now_ms += 30'000;
    run_due();
    CHECK(asked_bodies() == "long usual short ");
    CHECK(all(broker::check_max_topic).empty());
}

TEST_CASE_FIXTURE(Fixture, "an end that comes later than the message's own time is refused") {
    open();
    const auto a = half("a", {{property::check_immunity, "10"}});
    const auto b = half("b", {{property::check_immunity, "1"}});
    clock.now_ms += 6000;
    CHECK(commit(b) == Kind::settled);  // the time is never shorter than the broker's
    clock.now_ms += 4000;
    CHECK(commit(a) == Kind::settled);
    const auto c = half("c", {{property::check_immunity, "10"}});
    clock.now_ms += 10'001;
    CHECK(commit(c) == Kind::too_late);
    CHECK(bodies() == "b a ");
    CHECK(commit(c, true) == Kind::settled);
    CHECK(bodies() == "b a c ");
}

TEST_CASE_FIXTURE(Fixture, "an immune message that many wait behind is put behind them") {
    settings.store.commit_log_file_bytes = 64 << 20;
    open();
    const auto a = half("a", {{property::check_immunity, "3600"}});
    {
        Buffer records;
        std::vector<std::size_t> ends;
        std::string properties;
        message::append_property(properties, property::producer_group, "P");
        properties = broker::half_properties(properties, "T", 2);
        message::Draft draft;
        draft.topic = broker::half_topic;
        draft.properties = properties;
        draft.body = "x";
        message::encode(draft, records);
        for (int i = 0; i < 65'535; ++i) {
            store::Append unit;
            unit.queue = store->queue(broker::half_topic, 0);
            unit.records = records.bytes();
            store->append({&unit, 1});
            REQUIRE(unit.stored);
            REQUIRE(transactions->end({"P", i + 1, unit.at, false, false}, anybody).kind ==
                    Kind::settled);
        }
        settle();
    }
    CHECK(progress() == "0,0");
    next_round();
    CHECK(asked().empty());
    CHECK(progress() == "0,0");
    const auto last = half("z");
    CHECK(roll_back(last) == Kind::settled);
    next_round();
    CHECK(asked().empty());
    const auto copies = store->queue(broker::half_topic, 0)->max().value;
    CHECK(copies == 65'538);
    CHECK(progress() == "65537,65537");
    // Its time goes on from the first copy, and its producer knows only that one.
    clock.now_ms += 3'500'000;
    next_round();
    CHECK(asked().empty());
    clock.now_ms += 100'000;
    next_round();
    CHECK(asked_bodies() == "a ");
    CHECK(end(a, true, true) == Kind::settled);
    CHECK(bodies() == "a ");
    CHECK(next_round() == -1);
}

TEST_CASE_FIXTURE(Fixture, "what is older than the log is kept is given up, immune or not") {
    settings.retention.keep_hours = 2;
    open();
    half("a", {{property::check_immunity, "36000"}});
    clock.now_ms += 7'200'000;
    run_due();
    CHECK(bodies(broker::check_max_topic, 0) == "");
    clock.now_ms += 30'000;
    run_due();
    CHECK(bodies(broker::check_max_topic, 0) == "a ");
    CHECK(asked().empty());
}

TEST_CASE_FIXTURE(Fixture, "records that end with a CRC keep their own") {
    settings.store.append_crc = true;
    open();
    const auto a = half("a");
    next_round();
    CHECK(commit(a) == Kind::settled);
    for (const auto& [topic, id] :
         {std::pair{broker::half_topic, 0}, std::pair{broker::op_half_topic, 0},
          std::pair{std::string_view("T"), 2}}) {
        const auto record = all(topic, id).back();
        CHECK(record.properties.find(property::crc32) == record.properties.size() - 20);
        CHECK(record.properties.rfind(property::crc32) == record.properties.size() - 20);
    }
}

TEST_CASE_FIXTURE(Fixture, "a clock set back does not keep producers from being asked") {
    open();
    half("a");
    clock.set_back_ms = 3'600'000;
    run_due();
    CHECK(asked_bodies() == "a ");
}

TEST_CASE_FIXTURE(Fixture, "what was ended stays ended, whatever was saved") {
    open();
    std::vector<Place> halves;
    for (int i = 0; i < 10; ++i) halves.push_back(half(std::to_string(i)));
    for (int i = 0; i < 10; i += 2) CHECK(commit(halves[i]) == Kind::settled);
    SUBCASE("a clean stop") {
        close();
        open();
    }
    SUBCASE("a crash that lost the progress") {
        crash();
    }
    SUBCASE("a crash behind a save") {
        save();
        CHECK(roll_back(halves[1]) == Kind::settled);
        crash();
    }
    CHECK(bodies() == "0 2 4 6 8 ");
    for (int i = 0; i < 10; i += 2) CHECK(commit(halves[i]) == Kind::settled);
    CHECK(bodies() == "0 2 4 6 8 ");
    CHECK(roll_back(halves[1]) == Kind::settled);
    CHECK(open_becomes(4));
    next_round();
    CHECK(asked_bodies() == "3 5 7 9 ");
    for (int i = 3; i < 10; i += 2) CHECK(commit(halves[i]) == Kind::settled);
    CHECK(bodies() == "0 2 4 6 8 3 5 7 9 ");
    CHECK(next_round() == -1);
    CHECK(open_becomes(0));
}

TEST_CASE_FIXTURE(Fixture, "a crash between questions does not ask about two copies of one") {
    open();
    const auto a = half("a");
    const auto b = half("b");
    next_round();
    const auto first = asked();
    REQUIRE(first.size() == 2);
    crash();
    CHECK(open_becomes(2));
    next_round();
    CHECK(asked_bodies() == "a b ");
    crash();
    // A late end of any copy still finds the newest one.
    CHECK(commit(a) == Kind::settled);
    CHECK(commit(place_of(*first[1]), true) == Kind::settled);
    CHECK(bodies() == "a b ");
    crash();
    CHECK(commit(b) == Kind::settled);
    CHECK(bodies() == "a b ");
    CHECK(next_round() == -1);
    CHECK(asked().empty());
    CHECK(open_becomes(0));
}

TEST_CASE_FIXTURE(Fixture, "a crash between a commit and its op record is found out") {
    open();
    const auto a = half("a");
    const auto b = half("b");
    // What end() writes, but for the op record.
    message::Draft draft;
    std::string properties(all(broker::half_topic)[0].properties);
    draft.body = "a";
    draft.sys_flag = message::sys_flag::transaction_commit;
    draft.prepared_offset = a.at.value;
    draft.properties = properties;
    append(draft, "T", 2);
    crash();
    CHECK(open_becomes(1));
    CHECK(commit(a) == Kind::settled);
    CHECK(bodies() == "a ");
    // The next op record makes up for it.
    CHECK(roll_back(b) == Kind::settled);
    CHECK(ops() == "1,0, ");
    CHECK(progress() == "2,1");
    CHECK(next_round() == -1);
}

TEST_CASE_FIXTURE(Fixture, "a crash between a copy and its op record is found out") {
    open();
    const auto a = half("a");
    // What a round writes, but for the op record.
    const auto half = broker::Half::read(all(broker::half_topic)[0]);
    REQUIRE(half);
    const auto properties = broker::copied_properties(*half, 1);
    auto draft = broker::copy_of(half->record);
    const std::string body(draft.body);
    draft.body = body;
    draft.properties = properties;
    append(draft, broker::half_topic);
    crash();
    CHECK(open_becomes(1));
    next_round();
    const auto checks = asked();
    REQUIRE(checks.size() == 1);
    CHECK(checks[0]->queue_offset == 2);
    CHECK(commit(a) == Kind::settled);
    CHECK(bodies() == "a ");
    CHECK(next_round() == -1);
    crash();
    CHECK(next_round() == -1);
    CHECK(bodies() == "a ");
}

TEST_CASE_FIXTURE(Fixture, "the progress is saved when what it rests on is on disk") {
    open();
    const auto a = half("a");
    CHECK(commit(a) == Kind::settled);
    save();
    CHECK(store->synced() == store->end());
    std::ifstream in(settings.store.config_dir() / "consumerOffset.json");
    const auto saved = json::parse(std::string(std::istreambuf_iterator<char>(in), {}));
    REQUIRE(saved);
    const auto& table = (*saved)["offsetTable"];
    CHECK(table["RMQ_SYS_TRANS_HALF_TOPIC@CID_RMQ_SYS_TRANS"]["0"].as_int() == 1);
    CHECK(table["RMQ_SYS_TRANS_OP_HALF_TOPIC@CID_RMQ_SYS_TRANS"]["0"].as_int() == 1);
}

TEST_CASE_FIXTURE(Fixture, "open transactions are counted by topic, as RocketMQ reads it") {
    open();
    half("a");
    const auto b = half("b");
    half("c", {}, "U", 0);
    CHECK(open_becomes(2));
    CHECK(open_becomes(1, "U"));
    save();
    const auto content = [&] {
        std::ifstream in(settings.store.config_dir() / "transactionMetrics");
        return std::string(std::istreambuf_iterator<char>(in), {});
    };
    CHECK(content().find('\n') == std::string::npos);
    auto saved = json::parse(content());
    REQUIRE(saved);
    CHECK((*saved)["transactionCount"]["T"]["count"].as_int() == 2);
    CHECK((*saved)["transactionCount"]["T"]["timeStamp"].as_int() == clock.now_ms);
    CHECK((*saved)["dataVersion"]["counter"].as_int() == 3);
    CHECK(commit(b) == Kind::settled);
    next_round();
    CHECK(open_becomes(1));  // a question is no new one
    crash();
    CHECK(open_becomes(1));
    CHECK(open_becomes(1, "U"));
    save();
    saved = json::parse(content());
    REQUIRE(saved);
    CHECK((*saved)["transactionCount"]["T"]["count"].as_int() == 1);
}

TEST_CASE_FIXTURE(Fixture, "RocketMQ's op records and its own copies are understood") {
    open();
    for (int i = 0; i < 6; ++i) half(std::to_string(i));
    message::Draft op;
    op.body = "0,1,3,";
    append(op, broker::op_half_topic);
    op.body = "2";  // as before 5.0
    append(op, broker::op_half_topic);
    op.body = "junk,-4,99999999999999999999,12345678,,";
    append(op, broker::op_half_topic);
    // An immune message that RocketMQ put behind the others: ended by its first offset.
    const auto moved = half("3", {});
    message::Draft draft;
    std::string properties(all(broker::half_topic)[3].properties);
    message::append_property(properties, property::prepared_queue_offset, "3");
    draft.body = "3";
    draft.properties = properties;
    append(draft, broker::half_topic);
    CHECK(roll_back(moved) == Kind::settled);
    crash();
    next_round();
    CHECK(asked_bodies() == "4 5 ");
}

TEST_CASE_FIXTURE(Fixture, "what no broker can deliver is given up") {
    open();
    message::Draft draft;
    draft.body = "no topic";
    append(draft, broker::half_topic);
    const auto usual = half("some");
    const auto bytes = store->record_at(usual.at);
    REQUIRE(bytes);
    const auto properties = message::RecordView::parse(bytes->bytes)->properties;
    const std::string many(message::properties_bytes_max - properties.size() - 10, 'v');
    CHECK(roll_back(usual) == Kind::settled);
    half("long", {{"big", many}});
    next_round();
    CHECK(asked().empty());
    CHECK(bodies(broker::check_max_topic, 0) == "no topic long ");
    CHECK(next_round() == -1);
}

TEST_CASE_FIXTURE(Fixture, "a full disk keeps what is open open") {
    open();
    const auto a = half("a");
    const auto b = half("b");
    close();
    settings.retention.disk_full_percent = 0;
    open();
    CHECK(commit(a) == Kind::not_stored);
    next_round();
    CHECK(asked().empty());
    close();
    settings.retention.disk_full_percent = 100;
    open();
    CHECK(commit(a) == Kind::settled);
    CHECK(roll_back(b) == Kind::settled);
    CHECK(bodies() == "a ");
}

TEST_CASE_FIXTURE(Fixture, "the thread sleeps until a half message comes, and asks in time") {
    settings.transactions.timeout_ms = 0;
    open();
    transactions->start();
    half("a");
    const auto give_up = monotonic_ms() + 10'000;
    while (store->queue(broker::half_topic, 0)->max().value < 2) {
        REQUIRE(monotonic_ms() < give_up);
        std::this_thread::yield();
    }
    transactions->stop();
    CHECK(asked_bodies() == "a ");
}
