// mqdump against stores written by RocketMQ 5.3.3 itself. They are too big to lie in this
// repository: MQD_SAMPLE_DIR names the directory with the archives and their lists; without it, a
// directory shared/data beside the source tree is looked for.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <stdlib.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "base/crc.h"
#include "base/parse.h"
#include "json/value.h"
#include "message/types.h"

using namespace mqd;
namespace fs = std::filesystem;

namespace {

fs::path sample_dir() {
    if (const char* named = ::getenv("MQD_SAMPLE_DIR")) return named;
    for (fs::path dir = fs::absolute(__FILE__); dir.has_relative_path(); dir = dir.parent_path())
        if (fs::exists(dir / "shared" / "data" / "expected.jsonl")) return dir / "shared" / "data";
    return {};
}

struct Run {
    int status = -1;
    std::string out;
};

Run shell(const std::string& command) {
    Run run;
    std::FILE* pipe = ::popen(command.c_str(), "r");
    REQUIRE(pipe != nullptr);
    char block[65536];
    for (std::size_t n = 0; (n = std::fread(block, 1, sizeof block, pipe)) > 0;)
        run.out.append(block, n);
    run.status = WEXITSTATUS(::pclose(pipe));
    return run;
}

// The lists write addresses as hexadecimal digits where they are IPv6.
std::string host_text(const std::string& listed) {
    const auto colon = listed.rfind(':');
    if (colon != 32) return listed;
    message::Host host;
    host.is_v6 = true;
    for (std::size_t i = 0; i < 16; ++i)
        host.ip[i] = static_cast<std::uint8_t>(std::stoi(listed.substr(i * 2, 2), nullptr, 16));
    host.port = std::stoi(listed.substr(colon + 1));
    return host.to_string();
}

std::string body_of(const json::Value& record) {
    if (!record.has("body_b64")) return record["body"].as_text();
    const auto body = base64_decode(record["body_b64"].as_text());
    REQUIRE(body);
    return *body;
}

std::map<std::string, std::string> properties_of(const json::Value& record) {
    std::map<std::string, std::string> all;
    for (const auto* map : {"properties", "system"})
        for (const auto& [name, value] : record[map].members()) all[name] = value.as_text();
    std::string keys;
    for (const auto& key : record["keys"].items())
        keys += (keys.empty() ? "" : " ") + key.as_text();
    if (!keys.empty()) all["KEYS"] = keys;
    if (record.has("tags")) all["TAGS"] = record["tags"].as_text();
    if (record.has("shard")) all["__SHARDINGKEY"] = record["shard"].as_text();
    if (record["id"].as_text() != record["offset_id"].as_text())
        all["UNIQ_KEY"] = record["id"].as_text();
    return all;
}

void compare(const json::Value& listed, const json::Value& record) {
    for (const auto& [theirs, ours] : {std::pair{"topic", "topic"}, {"msgId", "offset_id"}})
        CHECK(record[ours].as_text() == listed[theirs].as_text());
    for (const auto& [theirs, ours] : {std::pair{"queueId", "queue"},
                                       {"queueOffset", "offset"},
                                       {"size", "size"},
                                       {"storeTimestamp", "store_ts"},
                                       {"bornTimestamp", "born_ts"},
                                       {"sysFlag", "sys_flag"},
                                       {"flag", "flag"},
                                       {"reconsumeTimes", "reconsume"}})
        CHECK(record[ours].as_int(-1) == listed[theirs].as_int(-2));
    CHECK(record["born_host"].as_text() == host_text(listed["bornHost"].as_text()));
    CHECK(record["store_host"].as_text() == host_text(listed["storeHost"].as_text()));
    std::map<std::string, std::string> properties;
    for (const auto& [name, value] : listed["properties"].members())
        properties[name] = value.as_text();
    CHECK(properties_of(record) == properties);
    const auto body = body_of(record);
    if ((listed["sysFlag"].as_int() & 1) == 0) {
        CHECK(static_cast<std::int64_t>(body.size()) == listed["bodyLen"].as_int());
        CHECK((body.empty() ? 0 : crc31(as_bytes(body))) == listed["bodyCrc"].as_int());
    } else {
        CHECK(body.size() > 4096);  // what the clients compress; the list has the packed bytes
    }
}

// A sample store, unpacked for as long as this lives, as mqdump prints it.
class Sample {
public:
    Sample(const fs::path& dir, const std::string& name) {
        folder_ = (fs::temp_directory_path() / "mqd-dump-XXXXXX").string();
        REQUIRE(::mkdtemp(folder_.data()) != nullptr);
        const auto archive = dir / (name + ".tar.gz");
        REQUIRE(shell(fmt::format("tar xzf '{}' -C {}", archive.string(), folder_)).status == 0);
        store = folder_ + "/" + name + "/store";
        for (auto& record : rows("log", "", "json")) {
            const auto at = record["log_offset"].as_int();
            records.emplace(at, std::move(record));
        }
        stat = rows("stat", "", "json").at(0);
    }
    ~Sample() {
        std::error_code ignored;
        fs::remove_all(folder_, ignored);
    }
    Sample(const Sample&) = delete;
    Sample& operator=(const Sample&) = delete;

    /// What the command prints, a JSON value a line; its status must be 0. `path` is in the store.
    std::vector<json::Value> rows(const std::string& command, const std::string& arguments,
                                  const std::string& out = "jsonl",
                                  const std::string& path = "") const {
        const auto run = shell(fmt::format("'{}' {} '{}{}' {} --out {}", ::getenv("MQDUMP"),
                                           command, store, path, arguments, out));
        INFO(command, " ", arguments, " ", path);
        CHECK(run.status == 0);
        std::vector<json::Value> values;
        for (const auto line : split(trimmed(run.out), '\n')) {
            if (line.empty()) continue;
            auto value = json::parse(line);
            REQUIRE(value);
            values.push_back(std::move(*value));
        }
        return values;
    }

    std::string store;
    std::map<std::int64_t, json::Value> records;
    json::Value stat;

private:
    std::string folder_;
};

using Names = std::vector<std::pair<const char*, const char*>>;

void check_numbers(const json::Value& listed, const json::Value& ours, const Names& names) {
    for (const auto& [theirs, name] : names) {
        INFO(theirs);
        CHECK(ours[name].as_int(-1) == listed[theirs].as_int(-2));
    }
}

/// The object of that list whose members are those; fails where there is none.
const json::Value& find(const json::Value& list,
                        const std::vector<std::pair<const char*, json::Value>>& wanted) {
    for (const auto& item : list.items()) {
        bool is_it = true;
        for (const auto& [name, value] : wanted)
            is_it = is_it && item[name].as_text() == value.as_text();
        if (is_it) return item;
    }
    static const json::Value none;
    FAIL_CHECK("not in the list: ", wanted[0].second.as_text());
    return none;
}

std::string queue_arguments(const json::Value& listed) {
    return fmt::format("'{}' {}", listed["topic"].as_text(), listed["queueId"].as_int());
}

/// Every message that an index, a queue or get leads to is the one that the list has there.
void check_message(const Sample& sample, const json::Value& listed) {
    const auto found = sample.records.find(listed["physicalOffset"].as_int());
    REQUIRE(found != sample.records.end());
    compare(listed, found->second);
}

void check_queue(const Sample& sample, const json::Value& listed) {
    const auto& queue =
        find(sample.stat["queues"], {{"topic", listed["topic"]}, {"queue", listed["queueId"]}});
    CHECK(queue["max"].as_int() == listed["maxOffset"].as_int());
    if (listed.has("minOffset")) CHECK(queue["min"].as_int() == listed["minOffset"].as_int());
    const auto units = sample.rows("queue", queue_arguments(listed));
    REQUIRE(!units.empty());
    const auto& last = units.back();
    if (listed["kind"].as_text() == "batchQueue") {
        // Of these the list has the place of the last unit, not its end.
        check_numbers(listed, queue, {{"units", "units"}, {"maxPhysical", "last_at"}});
        CHECK(static_cast<std::int64_t>(units.size()) == listed["units"].as_int());
        CHECK(last["offset"].as_int() + last["messages"].as_int() == listed["maxOffset"].as_int());
        return;
    }
    check_numbers(listed, queue,
                  {{"maxPhysical", "log_end"}, {"firstOffsetOnDisk", "first_on_disk"}});
    CHECK(units.front()["offset"].as_int() == listed["firstOffsetOnDisk"].as_int());
    CHECK(last["offset"].as_int() + 1 == listed["maxOffset"].as_int());
    CHECK(last["log_offset"].as_int() + last["size"].as_int() == listed["maxPhysical"].as_int());
    for (const auto& unit : units) {
        const auto record = sample.records.find(unit["log_offset"].as_int());
        if (record == sample.records.end()) {  // it has expired, its unit not yet
            CHECK(unit["log_offset"].as_int() < sample.stat["log_begin"].as_int());
            continue;
        }
        CHECK(record->second["topic"].as_text() == listed["topic"].as_text());
        CHECK(record->second["offset"].as_int() == unit["offset"].as_int());
        CHECK(record->second["size"].as_int() == unit["size"].as_int());
    }
}

void check_batch_unit(const Sample& sample, const json::Value& listed) {
    const auto units = json::Value::array(sample.rows("queue", queue_arguments(listed)));
    check_numbers(listed, find(units, {{"offset", listed["baseOffset"]}}),
                  {{"physicalOffset", "log_offset"},
                   {"size", "size"},
                   {"tagsCode", "tags_code"},
                   {"storeTimestamp", "store_ts"},
                   {"batchNum", "messages"}});
}

/// In its own file, and where its queue's unit leads to it, if that has not expired.
void check_extension(const Sample& sample, const json::Value& listed) {
    const auto dir = fmt::format("/consumequeue_ext/{}/{}", listed["topic"].as_text(),
                                 listed["queueId"].as_int());
    auto units = json::Value::array();
    for (const auto& file : fs::directory_iterator(sample.store + dir))
        for (auto& unit :
             sample.rows("queue", "", "jsonl", dir + "/" + file.path().filename().string()))
            units.push(std::move(unit));
    const auto& unit = find(units, {{"address", listed["address"]}});
    const Names names = {{"tagsCode", "tags_code"}, {"storeTimestamp", "store_ts"}};
    check_numbers(listed, unit, names);
    CHECK(unit["size"].as_int() == listed["size"].as_int());
    CHECK(unit["bitmap"].as_text() == listed["bitMapHex"].as_text());
    for (const auto& resolved : sample.rows("queue", queue_arguments(listed))) {
        if (resolved["address"].as_int() != listed["address"].as_int()) continue;
        check_numbers(listed, resolved, names);
        CHECK(resolved["extension_size"].as_int() == listed["size"].as_int());
        CHECK(resolved["bitmap"].as_text() == listed["bitMapHex"].as_text());
    }
}

void check_file_end(const Sample& sample, const json::Value& listed) {
    const auto& segment = find(sample.stat["segments"], {{"file", listed["file"]}});
    CHECK(segment["used"].as_int() == listed["position"].as_int());
    CHECK(segment.has("blank") == (listed["reason"].as_text() == "blank"));
    CHECK(segment["blank"].as_int() == listed["blankSize"].as_int());
}

void check_line(const Sample& sample, const json::Value& listed) {
    const auto kind = listed["kind"].as_text();
    INFO(kind);
    if (kind == "message") return check_message(sample, listed);
    if (kind == "queue" || kind == "batchQueue") return check_queue(sample, listed);
    if (kind == "batchUnit") return check_batch_unit(sample, listed);
    if (kind == "cqExt") return check_extension(sample, listed);
    if (kind == "fileEnd") return check_file_end(sample, listed);
    if (kind == "index")
        return check_numbers(listed, find(sample.stat["index"], {{"file", listed["file"]}}),
                             {{"size", "bytes"},
                              {"beginTimestamp", "begin_ts"},
                              {"endTimestamp", "end_ts"},
                              {"beginPhyOffset", "begin"},
                              {"endPhyOffset", "end"},
                              {"hashSlotCount", "slots_used"},
                              {"indexCount", "next"}});
    if (kind == "checkpoint")
        return check_numbers(listed, sample.stat["checkpoint"],
                             {{"physicMsgTimestamp", "log_ts"},
                              {"logicsMsgTimestamp", "queues_ts"},
                              {"indexMsgTimestamp", "index_ts"},
                              {"masterFlushedOffset", "master_flushed"},
                              {"confirmPhyOffset", "confirm_offset"}});
    if (kind == "timercheck")
        return check_numbers(listed, sample.stat["timers"],
                             {{"lastReadTimeMs", "read_ts"},
                              {"lastTimerLogFlushPos", "log_flushed"},
                              {"lastTimerQueueOffset", "queue_offset"},
                              {"masterTimerQueueOffset", "master_queue_offset"},
                              {"stateVersion", "state_version"},
                              {"timestamp", "ts"},
                              {"counter", "counter"}});
    REQUIRE(kind == "store");
    check_numbers(
        listed, sample.stat,
        {{"minPhyOffset", "log_begin"}, {"maxPhyOffset", "log_end"}, {"messages", "messages"}});
    CHECK(sample.stat["abort"].as_bool() == listed["abort"].as_bool());
    CHECK(sample.stat["clean"].as_bool());
}

/// By each of its ids, and by one of its keys through the index. A process each, so not for all.
void check_ways_to(const Sample& sample, const json::Value& listed) {
    const auto at = listed["physicalOffset"].as_int();
    for (const auto& id : {listed["msgId"].as_text(), std::to_string(at)}) {
        const auto got = sample.rows("get", id, "json");
        REQUIRE(got.size() == 1);
        compare(listed, got[0]);
    }
    std::vector<std::string> keys;
    const auto words = listed["keys"].as_text();
    for (const auto word : split(words, ' '))
        if (!word.empty()) keys.emplace_back(word);
    if (listed.has("uniqKey") && !listed["uniqKey"].as_text().empty()) {
        keys.push_back(listed["uniqKey"].as_text());
        bool there = false;
        for (const auto& got : sample.rows("get", keys.back(), "json")) {
            CHECK(got["id"].as_text() == keys.back());
            there = there || got["log_offset"].as_int() == at;
        }
        CHECK(there);
    }
    for (const auto& key : keys) {
        const auto hits = json::Value::array(sample.rows(
            "index", fmt::format("--key '{}' -t '{}'", key, listed["topic"].as_text())));
        const auto& hit = find(hits, {{"log_offset", at}});
        CHECK(hit["record"].as_text() == "found");
        CHECK(hit["queue"].as_int() == listed["queueId"].as_int());
        CHECK(hit["offset"].as_int() == listed["queueOffset"].as_int());
        CHECK(hit["store_ts"].as_int() == listed["storeTimestamp"].as_int());
    }
}

/// Those that waited when the broker stopped: levels behind delayOffset.json's offsets, and timers
/// due at timercheck's time or later.
void check_timers(const Sample& sample, const std::vector<json::Value>& list) {
    std::map<std::int64_t, std::int64_t> waiting;  // log offset to due time
    for (const auto& unit : sample.rows("queue", "SCHEDULE_TOPIC_XXXX 15"))
        waiting[unit["log_offset"].as_int()] = unit["due_ts"].as_int();
    for (const auto& unit : sample.rows("queue", "SCHEDULE_TOPIC_XXXX 17"))
        waiting[unit["log_offset"].as_int()] = unit["due_ts"].as_int();
    for (const auto& listed : list) {
        if (listed["topic"].as_text() != "rmq_sys_wheel_timer") continue;
        const auto due = listed["properties"]["TIMER_OUT_MS"].as_int();
        if (listed["kind"].as_text() != "message") continue;
        if (due >= sample.stat["timers"]["read_ts"].as_int())
            waiting[listed["physicalOffset"].as_int()] = due;
    }
    CHECK(waiting.size() == 36);
    std::int64_t before = 0;
    for (const auto& pending : sample.rows("timers", "")) {
        const auto expected = waiting.find(pending["log_offset"].as_int());
        REQUIRE(expected != waiting.end());
        CHECK(pending["due_ts"].as_int() == expected->second);
        CHECK(pending["due_ts"].as_int() >= before);
        before = pending["due_ts"].as_int();
        const auto& record = sample.records.at(expected->first);
        CHECK(pending["topic"].as_text() == record["system"]["REAL_TOPIC"].as_text());
        waiting.erase(expected);
    }
    CHECK(waiting.empty());
}

}  // namespace

TEST_CASE("mqdump prints all that the lists of the RocketMQ stores have, line for line") {
    const auto dir = sample_dir();
    REQUIRE(::getenv("MQDUMP") != nullptr);
    if (dir.empty()) {
        MESSAGE("skipped: MQD_SAMPLE_DIR does not name the sample stores");
        return;
    }
    struct Listing {
        std::string name, list;
        std::map<std::string, int> kinds;
    };
    const std::vector<Listing> listings = {{"rocketmq-5.3.3-store",
                                            "expected.jsonl",
                                            {{"message", 477},
                                             {"queue", 17},
                                             {"fileEnd", 4},
                                             {"index", 4},
                                             {"checkpoint", 1},
                                             {"timercheck", 1},
                                             {"store", 1}}},
                                           {"rocketmq-5.3.3-store-extras",
                                            "extras.expected.jsonl",
                                            {{"message", 54},
                                             {"queue", 3},
                                             {"fileEnd", 2},
                                             {"batchQueue", 1},
                                             {"batchUnit", 17},
                                             {"cqExt", 62},
                                             {"store", 1}}}};
    for (const auto& listing : listings) {
        const Sample sample(dir, listing.name);
        std::vector<json::Value> list;
        std::map<std::string, int> kinds;
        std::ifstream file(dir / listing.list);
        for (std::string line; std::getline(file, line);) {
            auto listed = json::parse(line);
            REQUIRE(listed);
            const auto kind = (*listed)["kind"].as_text();
            check_line(sample, *listed);
            if (kind == "message" && kinds[kind] % 20 == 0) check_ways_to(sample, *listed);
            ++kinds[kind];
            list.push_back(std::move(*listed));
        }
        CHECK(kinds == listing.kinds);
        CHECK(static_cast<int>(sample.records.size()) == listing.kinds.at("message"));
        if (sample.stat.has("timers") && sample.stat["timers"]["queue_offset"].as_int() > 0)
            check_timers(sample, list);
    }
}

TEST_CASE("mqdump prints the tables of a RocketMQ store") {
    const auto dir = sample_dir();
    if (dir.empty()) return;
    const Sample sample(dir, "rocketmq-5.3.3-store");
    const auto topics = json::Value::array(sample.rows("topics", ""));
    CHECK(topics.items().size() == 18);
    const auto& orders = find(topics, {{"topic", "OrdersTopic"}});
    CHECK(orders["read_queues"].as_int() == 4);
    CHECK(orders["perm"].as_int() == 6);
    const auto groups = json::Value::array(sample.rows("groups", ""));
    CHECK(groups.items().size() == 12);
    const auto& half =
        find(groups,
             {{"group", "CID_RMQ_SYS_TRANS"}, {"topic", "RMQ_SYS_TRANS_HALF_TOPIC"}, {"queue", 0}});
    CHECK(half["offset"].as_int() == 20);
    CHECK(half["max"].as_int() == 25);
    CHECK(half["lag"].as_int() == 5);
    const Sample extras(dir, "rocketmq-5.3.3-store-extras");
    CHECK(find(json::Value::array(extras.rows("topics", "")),
               {{"topic", "BatchTopic"}})["attributes"]["queue.type"]
              .as_text() == "BatchCQ");
}
