// Whatever single bit of a store is flipped: what is read afterwards is what was written, or it is
// absent and somebody was told. Never another byte, never a crash, never a search without end.

#include <fstream>
#include <map>

#include "store/queue/unit.h"
#include "support.h"

namespace mqd::store::test {
namespace {

const fs::path log_file = fs::path("commitlog") / "00000000000000000000";
const fs::path queue_file = fs::path("consumequeue") / "T" / "0" / "00000000000000000000";

/// One bit of a file is another while this lives.
class Flipped {
public:
    Flipped(const fs::path& path, std::int64_t at, unsigned bit)
        : file_(path, std::ios::in | std::ios::out | std::ios::binary), at_(at) {
        file_.seekg(at);
        was_ = static_cast<char>(file_.get());
        put(static_cast<char>(was_ ^ (1 << bit)));
    }
    ~Flipped() { put(was_); }
    Flipped(const Flipped&) = delete;
    Flipped& operator=(const Flipped&) = delete;

private:
    void put(char byte) {
        file_.seekp(at_);
        file_.put(byte);
        file_.flush();
        REQUIRE(file_.good());
    }
    std::fstream file_;
    const std::int64_t at_;
    char was_ = 0;
};

/// A cleanly stopped store with eight messages in one queue and some of another between them.
struct Sample {
    Folder folder;
    Options options = small(folder.path() / "store");
    std::vector<std::string> records;  // as they were written
    std::vector<std::int64_t> begins;
    std::int64_t log_end = 0;

    explicit Sample(bool with_sum = false) {
        options.commit_log_file_bytes = 4096;
        const auto store = open(options);
        for (int i = 0; i < 8; ++i) {
            add(*store, "T", i, with_sum);
            if (i % 2 == 0) add(*store, "other", i, with_sum);
        }
        wait_dispatched(*store);
        REQUIRE(eventually([&] { return store->indexed() == store->end(); }));
        log_end = store->end().value;
        for (int i = 0; i < 8; ++i) {
            const auto read = store->read(*store->queue("T", 0), {i}, {1, 1, 1}, nullptr);
            REQUIRE(read.messages == 1);
            records.emplace_back(as_text(read.slices.front().bytes));
            begins.push_back(load_be<std::int64_t>(read.slices.front().bytes.data() + 28));
        }
        REQUIRE(store->close());
    }

    static void add(Store& store, std::string_view topic, int i, bool with_sum) {
        std::string properties;
        message::append_property(properties, message::property::uniq_key, "K" + std::to_string(i));
        message::append_property(properties, message::property::tags, "t");
        message::Draft draft;
        draft.topic = topic;
        const std::string body = "body" + std::to_string(i);
        draft.body = body;
        draft.born_host = draft.store_host = *message::Host::make("127.0.0.1", 1);
        draft.properties = properties;
        draft.append_crc = with_sum;
        Buffer record;
        message::encode(draft, record);
        Append unit;
        unit.queue = store.queue(topic, 0);
        unit.records = record.bytes();
        store.append({&unit, 1});
        REQUIRE(unit.stored);
    }

    /// The queue's records by their offsets, pulled as a consumer does.
    std::map<std::int64_t, std::string> pull(const Store& store, Queue& queue) const {
        std::map<std::int64_t, std::string> out;
        QueueOffset next = queue.min();
        for (int pulls = 0; next < queue.max(); ++pulls) {
            REQUIRE(pulls < 100);
            const auto read = store.read(queue, next, {}, nullptr);
            REQUIRE(read.next > next);
            next = read.next;
            for (const auto& slice : read.slices)
                for (Bytes rest = slice.bytes; !rest.empty();) {
                    const auto record = message::RecordView::parse(rest);
                    REQUIRE(record.has_value());
                    CHECK(out.emplace(record->queue_offset.value, as_text(record->bytes)).second);
                    rest = rest.subspan(record->bytes.size());
                }
        }
        return out;
    }
};

/// May the byte of a record be another without anybody being able to tell? Flags, times, hosts, and
/// what the properties say.
bool is_uncovered(std::string_view record, std::size_t at) {
    const auto view = message::RecordView::parse(as_bytes(record));
    REQUIRE(view.has_value());
    const auto properties = record.size() - view->properties.size();
    return (at >= 16 && at < 20) || (at >= 36 && at < 84) || at >= properties;
}

/// Calls f(store, queue, at) with each bit of the file before `bytes` flipped once, read through
/// the mapping and otherwise.
template <class Function>
void with_each_flip(const Sample& sample, const fs::path& name, std::int64_t bytes, Function f) {
    for (const std::int64_t warm_bytes : {0, 1 << 20}) {
        auto options = sample.options;
        options.warm_bytes = warm_bytes;
        const auto store = open(options);
        Queue& queue = *store->queue("T", 0);
        REQUIRE(sample.pull(*store, queue).size() == 8);
        for (std::int64_t at = 0; at < bytes; ++at)
            for (unsigned bit = 0; bit < 8; ++bit) {
                CAPTURE(at);
                CAPTURE(bit);
                const Flipped flipped(options.root / name, at, bit);
                f(*store, queue, at);
            }
        REQUIRE(store->close());
    }
}

/// What was pulled with one bit of the log flipped: all that was written, but for the record that
/// was hit, which is absent, or other where it has nothing that covers it.
void check_pulled(const Sample& sample, const std::map<std::int64_t, std::string>& found,
                  std::int64_t flipped_at, bool covered) {
    for (std::int64_t i = 0; i < 8; ++i) {
        CAPTURE(i);
        const auto& is = sample.records[static_cast<std::size_t>(i)];
        const std::int64_t in_record = flipped_at - sample.begins[static_cast<std::size_t>(i)];
        const bool hit = in_record >= 0 && in_record < static_cast<std::int64_t>(is.size());
        const auto it = found.find(i);
        if (!hit)
            CHECK((it != found.end() && it->second == is));
        else if (it != found.end() && it->second != is)
            CHECK((!covered && is_uncovered(is, static_cast<std::size_t>(in_record))));
    }
    for (const auto& [offset, record] : found) CHECK((offset >= 0 && offset < 8));
}

}  // namespace

TEST_CASE("a flipped bit in the log is never given out where something covers it") {
    for (const bool with_sum : {false, true}) {
        const Sample sample(with_sum);
        with_each_flip(sample, log_file, sample.log_end,
                       [&](Store& store, Queue& queue, std::int64_t at) {
                           const auto found = sample.pull(store, queue);
                           check_pulled(sample, found, at, with_sum);
                           if (found.size() < 8) CHECK(store.damaged_places() > 0);
                       });
    }
}

TEST_CASE("a flipped bit in a record is no message by id or key, nor a time that misleads") {
    const Sample sample(true);
    with_each_flip(
        sample, log_file, sample.log_end, [&](Store& store, Queue& queue, std::int64_t at) {
            for (std::size_t i = 0; i < 8; i += 3) {
                const auto slice = store.record_at({sample.begins[i]});
                if (slice) CHECK(as_text(slice->bytes) == sample.records[i]);
                const std::string key = "K" + std::to_string(i);
                for (const auto& hit : store.query({"T", key, 32}).records)
                    CHECK(as_text(hit.bytes) == sample.records[i]);
                const std::int64_t in_record = at - sample.begins[i];
                const bool hit = in_record >= 0 &&
                                 in_record < static_cast<std::int64_t>(sample.records[i].size());
                CHECK(slice.has_value() != hit);
                CHECK(store.store_time(queue, {static_cast<std::int64_t>(i)}).has_value() != hit);
            }
        });
}

TEST_CASE("with a flipped bit in its consume queue every message is found all the same") {
    const Sample sample;
    with_each_flip(sample, queue_file, 8 * Unit::bytes_each,
                   [&](Store& store, Queue& queue, std::int64_t) {
                       const auto found = sample.pull(store, queue);
                       REQUIRE(found.size() == 8);
                       for (std::int64_t i = 0; i < 8; ++i)
                           CHECK(found.at(i) == sample.records[static_cast<std::size_t>(i)]);
                   });
}

TEST_CASE("a damaged unit that a reader has come upon is put right on disk") {
    const Sample sample;
    const auto path = sample.options.root / queue_file;
    const auto bytes = [&] {
        std::ifstream file(path, std::ios::binary);
        std::string out(8 * Unit::bytes_each, '\0');
        file.read(out.data(), static_cast<std::streamsize>(out.size()));
        return out;
    };
    const auto was = bytes();
    const auto store = open(sample.options);
    Queue& queue = *store->queue("T", 0);
    REQUIRE(sample.pull(*store, queue).size() == 8);
    for (const std::int64_t at : {3 * 20 + 2, 4 * 20 + 11}) {
        std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(at);
        file.write("garbage", 7);
    }
    REQUIRE(bytes() != was);
    CHECK(sample.pull(*store, queue).size() == 8);
    CHECK(store->damaged_places() == 2);
    CHECK(eventually([&] { return bytes() == was; }));
    CHECK(sample.pull(*store, queue).size() == 8);
    CHECK(store->damaged_places() == 2);
}

TEST_CASE("a read that may not wait leaves what is not warm, or damaged, to others") {
    const Sample sample;
    auto options = sample.options;
    {
        const auto store = open(options);
        Queue& queue = *store->queue("T", 0);
        CHECK_FALSE(store->read_now(queue, {0}, {}, nullptr).has_value());  // not of this life
        CHECK(store->read_now(queue, {8}, {}, nullptr)->status == ReadStatus::offset_overflow_one);
        const auto sent = append(*store, "T", 0, "new");
        wait_dispatched(*store);
        CHECK(store->is_warm(sent.at));
        const auto read = store->read_now(queue, {8}, {}, nullptr);
        REQUIRE(read.has_value());
        CHECK(read->messages == 1);
        const Flipped flipped(options.root / queue_file, 8 * 20 + 7, 3);
        CHECK_FALSE(store->read_now(queue, {8}, {}, nullptr).has_value());
        CHECK(store->read(queue, {8}, {}, nullptr).messages == 1);
    }
    options.warm_bytes = 0;
    const auto store = open(options);
    append(*store, "T", 0, "newer");
    wait_dispatched(*store);
    CHECK_FALSE(store->read_now(*store->queue("T", 0), {9}, {}, nullptr).has_value());
}

}  // namespace mqd::store::test
