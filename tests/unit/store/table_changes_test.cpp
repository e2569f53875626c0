// Changes of a table that are kept beside its file.

#include "store/table/table_changes.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <optional>
#include <vector>

#include "faulty_files.h"
#include "json/writer.h"
#include "store/table/config_file.h"
#include "support.h"

namespace mqd::store::test {
namespace {

constexpr const char* table_path = "/store/config/table.json";

using State = std::map<std::string, std::int64_t>;

std::string text_of(std::int64_t counter, json::Value members) {
    return json::to_text(
        json::Value::object({{"dataVersion", json::Value::object({{"counter", counter}})},
                             {"table", std::move(members)}}));
}

/// A table of numbers that is changed, synced and saved, and remembers when what was so.
class Life {
public:
    explicit Life(FaultyFiles& files) : files_(files), changes_(files, table_path) {}

    void put(const std::string& name, std::optional<std::int64_t> value) {
        State next = states_.back();
        if (value)
            next[name] = *value;
        else
            next.erase(name);
        states_.push_back(next);
        started_.push_back(files_.happened());
        REQUIRE(changes_.append(
            text_of(counter(),
                    json::Value::object({{name, value ? json::Value(*value) : json::Value()}}))));
        written_.push_back(files_.happened());
    }
    void sync() {
        REQUIRE(changes_.sync());
        synced_.emplace_back(files_.happened(), counter());
    }
    void save() {
        std::vector<json::Value::Member> members;
        for (const auto& [name, value] : states_.back()) members.emplace_back(name, value);
        REQUIRE(save_config(files_, table_path, text_of(counter(), json::Value::object(members))));
        synced_.emplace_back(files_.happened(), counter());
        REQUIRE(changes_.clear());
    }
    void stop() {
        save();
        REQUIRE(changes_.remove());
    }

    const State& state(std::int64_t counter) const {
        return states_[static_cast<std::size_t>(counter)];
    }
    /// The newest change that was on disk at that time.
    std::int64_t synced_at(std::size_t happened) const {
        std::int64_t out = 0;
        for (const auto& [when, counter] : synced_)
            if (when <= happened) out = counter;
        return out;
    }
    /// The newest change that was written, or begun, at that time.
    std::int64_t written_at(std::size_t happened) const { return count(written_, happened); }
    std::int64_t started_at(std::size_t happened) const { return count(started_, happened); }

private:
    std::int64_t counter() const { return static_cast<std::int64_t>(states_.size()) - 1; }
    static std::int64_t count(const std::vector<std::size_t>& times, std::size_t happened) {
        return std::count_if(times.begin(), times.end(),
                             [happened](std::size_t when) { return when <= happened; });
    }

    FaultyFiles& files_;
    TableChanges changes_;
    std::vector<State> states_{{}};
    std::vector<std::size_t> started_, written_;
    std::vector<std::pair<std::size_t, std::int64_t>> synced_;
};

struct Found {
    std::int64_t counter = 0;
    State state;
};

Found found_on(FaultyFiles& files) {
    json::Value saved;
    const auto loaded = load_config(files, table_path, [&saved](std::string_view text) -> Result<> {
        TRY(saved, json::parse(text));
        return {};
    });
    CHECK((loaded || loaded.error().code == Errc::not_found));
    const auto merged = with_changes(files, table_path, std::move(saved), "table");
    REQUIRE(merged);
    Found out;
    out.counter = (*merged)["dataVersion"]["counter"].as_int();
    for (const auto& [name, value] : (*merged)["table"].members()) out.state[name] = value.as_int();
    return out;
}

void live(Life& life) {
    life.put("a", 1);
    life.put("b", 2);
    life.sync();
    life.put("c", 3);
    life.save();
    life.put("a", std::nullopt);
    life.put("c", 4);
    life.sync();
    life.put("a", 5);
    life.save();
    life.save();
    life.put("b", std::nullopt);
    life.put("d", 6);
    life.sync();
    life.stop();
    life.put("e", 7);
    life.sync();
    life.put("a", 8);
}

}  // namespace

TEST_CASE(
    "after a crash at any time a table has what was synced, or all if only the process died") {
    FaultyFiles files;
    Life life(files);
    live(life);
    for (Replay replay(files.start(), files.journal());; replay.step()) {
        CAPTURE(replay.happened());
        const auto synced = life.synced_at(replay.happened());
        const auto written = life.written_at(replay.happened());
        const auto started = life.started_at(replay.happened());
        {
            FaultyFiles after(replay.after_crash({Survival::Kind::everything, 0}));
            const auto found = found_on(after);
            CHECK(found.counter >= written);
            CHECK(found.counter <= started);
            CHECK(found.state == life.state(found.counter));
        }
        {
            FaultyFiles after(replay.after_crash({Survival::Kind::synced, 0}));
            const auto found = found_on(after);
            CHECK(found.counter >= synced);
            CHECK(found.counter <= started);
            CHECK(found.state == life.state(found.counter));
        }
        for (std::uint64_t seed = 0; seed < 20; ++seed) {
            FaultyFiles after(replay.after_crash({Survival::Kind::some, seed}));
            const auto found = found_on(after);
            CHECK(found.counter >= synced);
            CHECK(found.counter <= started);
        }
        if (replay.at_end()) break;
    }
}

TEST_CASE("changes written where there was no room leave the others, and the next is taken") {
    FaultyFiles files;
    TableChanges changes(files, table_path);
    const auto put = [&](std::int64_t counter, const char* name) {
        return changes.append(text_of(counter, json::Value::object({{name, counter}})));
    };
    REQUIRE(put(1, "a"));
    for (const auto kind : {Fault::Kind::no_space, Fault::Kind::io, Fault::Kind::short_write}) {
        files.set({kind, files.calls(), false});
        CHECK_FALSE(put(2, "lost"));
        files.set({});
    }
    CHECK(found_on(files).state == State{{"a", 1}});
    REQUIRE(put(2, "b"));
    CHECK(found_on(files).state == State{{"a", 1}, {"b", 2}});

    // Not even the part of a line can be taken back: it is passed over.
    files.set({Fault::Kind::short_write, files.calls(), true});
    CHECK_FALSE(put(3, "lost for good, and longer than what comes next"));
    files.set({});
    CHECK(found_on(files).state == State{{"a", 1}, {"b", 2}});
    REQUIRE(put(3, "c"));
    CHECK(found_on(files).state == State{{"a", 1}, {"b", 2}, {"c", 3}});
    REQUIRE(changes.clear());
    CHECK(read_changes(files, table_path)->changes.empty());
}

TEST_CASE("a damaged change is passed over, told with its place, and the next ones are taken") {
    const Folder folder;
    const auto path = folder.path() / "table.json";
    TableChanges changes(posix_files(), path);
    for (int i = 1; i <= 3; ++i)
        REQUIRE(changes.append(
            text_of(i, json::Value::object({{std::string(1, static_cast<char>('a' + i)), i}}))));
    const auto file = folder.path() / "table.json.changes";
    std::string whole(fs::file_size(file), '\0');
    std::ifstream(file, std::ios::binary).read(whole.data(), std::ssize(whole));
    const auto second = whole.find('\n') + 1;
    const auto third = whole.find('\n', second) + 1;
    for (std::size_t bit = second * 8; bit < third * 8; ++bit) {
        auto flipped = whole;
        flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
        std::ofstream(file, std::ios::binary) << flipped;
        const auto read = read_changes(posix_files(), path);
        REQUIRE(read);
        // Without its line end the second takes the third with it.
        CHECK(read->changes.size() == (bit / 8 == third - 1 ? 1 : 2));
        REQUIRE_FALSE(read->damaged.empty());
        CHECK(read->damaged.front().at == static_cast<std::int64_t>(second));
    }
    // Of the file that a former process left, nothing stays either.
    TableChanges later(posix_files(), path);
    REQUIRE(later.clear());
    CHECK(fs::file_size(file) == 0);
}

}  // namespace mqd::store::test
