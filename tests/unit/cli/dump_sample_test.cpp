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

}  // namespace

TEST_CASE("mqdump log prints every message of a RocketMQ store as the list has it") {
    const auto dir = sample_dir();
    const char* mqdump = ::getenv("MQDUMP");
    REQUIRE(mqdump != nullptr);
    if (dir.empty()) {
        MESSAGE("skipped: MQD_SAMPLE_DIR does not name the sample stores");
        return;
    }
    struct Sample {
        std::string name, list;
        int messages;
    };
    for (const auto& sample :
         {Sample{"rocketmq-5.3.3-store", "expected.jsonl", 477},
          Sample{"rocketmq-5.3.3-store-extras", "extras.expected.jsonl", 54}}) {
        std::string folder = (fs::temp_directory_path() / "mqd-dump-XXXXXX").string();
        REQUIRE(::mkdtemp(folder.data()) != nullptr);
        REQUIRE(shell(fmt::format("tar xzf '{}' -C {}", (dir / (sample.name + ".tar.gz")).string(),
                                  folder))
                    .status == 0);
        const auto store = folder + "/" + sample.name + "/store";
        const auto log = shell(fmt::format("'{}' log {} --out json", mqdump, store));
        const auto stat = shell(fmt::format("'{}' stat {} --out json", mqdump, store));
        std::error_code ignored;
        fs::remove_all(folder, ignored);
        CHECK(log.status == 0);
        CHECK(stat.status == 0);

        std::map<std::int64_t, json::Value> records;
        for (const auto line : split(trimmed(log.out), '\n')) {
            auto record = json::parse(line);
            REQUIRE(record);
            const auto at = (*record)["log_offset"].as_int();
            records.emplace(at, std::move(*record));
        }
        const auto facts = json::parse(trimmed(stat.out));
        REQUIRE(facts);
        CHECK((*facts)["clean"].as_bool());
        CHECK((*facts)["messages"].as_int() == sample.messages);

        std::ifstream list(dir / sample.list);
        int messages = 0, queues = 0;
        for (std::string line; std::getline(list, line);) {
            const auto listed = json::parse(line);
            REQUIRE(listed);
            const auto kind = (*listed)["kind"].as_text();
            if (kind == "message") {
                const auto found = records.find((*listed)["physicalOffset"].as_int());
                REQUIRE(found != records.end());
                compare(*listed, found->second);
                ++messages;
            } else if (kind == "queue" || kind == "batchQueue") {
                for (const auto& queue : (*facts)["queues"].items()) {
                    if (queue["topic"].as_text() != (*listed)["topic"].as_text() ||
                        queue["queue"].as_int() != (*listed)["queueId"].as_int())
                        continue;
                    CHECK(queue["max"].as_int() == (*listed)["maxOffset"].as_int());
                    // Of a batch queue the list has the place of the last unit, not its end.
                    if (kind == "queue")
                        CHECK(queue["log_end"].as_int() == (*listed)["maxPhysical"].as_int());
                    if (listed->has("minOffset"))
                        CHECK(queue["min"].as_int() == (*listed)["minOffset"].as_int());
                    ++queues;
                }
            }
        }
        CHECK(messages == sample.messages);
        CHECK(records.size() == static_cast<std::size_t>(sample.messages));
        CHECK(queues == static_cast<int>((*facts)["queues"].items().size()));
    }
}
