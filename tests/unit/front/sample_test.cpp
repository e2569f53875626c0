// Stores written by RocketMQ 5.3.3 itself, served by a broker: each line of their lists is asked
// for by request. They are too big to lie in this repository: MQD_SAMPLE_DIR names the directory
// with the archives and their lists; without it, a directory shared/data beside the source tree is
// looked for.
#include <fstream>
#include <set>

#include "base/crc.h"
#include "broker/names.h"
#include "json/value.h"
#include "support.h"
#include "wire/headers/messages.h"
#include "wire/headers/offsets.h"

using namespace mqd;
using namespace mqd::test;
namespace fs = std::filesystem;

namespace {

struct Sample {
    const char* archive;
    const char* list;
    int messages, queues;
};
constexpr Sample samples[] = {
    {"rocketmq-5.3.3-store.tar.gz", "expected.jsonl", 477, 17},
    {"rocketmq-5.3.3-store-extras.tar.gz", "extras.expected.jsonl", 54, 4},
};

fs::path sample_dir() {
    if (const char* named = ::getenv("MQD_SAMPLE_DIR")) return named;
    for (fs::path dir = fs::absolute(__FILE__); dir.has_relative_path(); dir = dir.parent_path())
        if (fs::exists(dir / "shared" / "data" / samples[0].archive))
            return dir / "shared" / "data";
    return {};
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

struct SampleBroker : Fixture {
    std::unique_ptr<Client> user;

    void open(const fs::path& dir, const Sample& sample) {
        const auto command = fmt::format("tar xzf '{}' -C '{}' --strip-components=1",
                                         (dir / sample.archive).string(), folder.path.string());
        REQUIRE(::system(command.c_str()) == 0);
        const bool is_extras = &sample == &samples[1];
        settings.identity.cluster = "mqdCluster";
        settings.identity.name = "broker-a";
        settings.store.commit_log_file_bytes = is_extras ? 65'536 : 262'144;
        settings.sends.message_bytes_max = is_extras ? 32'768 : 131'072;
        settings.store.consume_queue_file_bytes = 400;
        settings.store.batch_queue_file_bytes = 460;
        settings.store.index_slots = 500;
        settings.store.index_entries = 300;
        settings.retention.keep_hours = 1'000'000;
        start();
        const auto give_up = monotonic_ms() + 10'000;
        while (store->indexed() < store->end() || store->dispatched() < store->end()) {
            REQUIRE(monotonic_ms() < give_up);
            std::this_thread::yield();
        }
        user = client();
    }

    std::int64_t offset(std::int32_t request, const json::Value& line) {
        const auto topic = line["topic"].as_text();
        wire::QueueHeader header;
        header.topic = topic;
        header.queue_id = static_cast<std::int32_t>(line["queueId"].as_int());
        const auto answer = user->call(request, header);
        CHECK(answer.code == rc::success);
        return parse_int<std::int64_t>(answer.find("offset")).value_or(-1);
    }

    Records pull(const std::string& topic, std::int64_t queue, std::int64_t at) {
        auto header = pull_header(at);
        header.topic = topic;
        header.queue_id = static_cast<std::int32_t>(queue);
        header.max_msg_nums = 1;
        const auto answer = user->call(code::pull_message, header);
        REQUIRE(answer.code == rc::success);
        auto out = records(answer.body);
        REQUIRE(out.size() == 1);
        return out;
    }

    void check_message(const json::Value& line) {
        const auto topic = line["topic"].as_text();
        const auto found = pull(topic, line["queueId"].as_int(), line["queueOffset"].as_int());
        const auto& record = found[0];
        CAPTURE(line["msgId"].as_text());
        CHECK(record.topic == topic);
        CHECK(record.at.value == line["physicalOffset"].as_int());
        CHECK(record.queue_offset.value == line["queueOffset"].as_int());
        CHECK(static_cast<std::int64_t>(record.bytes.size()) == line["size"].as_int());
        CHECK(static_cast<std::int64_t>(record.body.size()) == line["bodyLen"].as_int());
        CHECK((record.body.empty() ? 0 : crc31(as_bytes(record.body))) == line["bodyCrc"].as_int());
        CHECK(record.store_ts_ms == line["storeTimestamp"].as_int());
        CHECK(record.born_ts_ms == line["bornTimestamp"].as_int());
        CHECK(record.sys_flag == line["sysFlag"].as_int());
        CHECK(record.flag == line["flag"].as_int());
        CHECK(record.reconsume_times == line["reconsumeTimes"].as_int());
        CHECK(record.prepared_offset == line["preparedTransactionOffset"].as_int());
        CHECK(record.born_host.to_string() == host_text(line["bornHost"].as_text()));
        CHECK(record.store_host.to_string() == host_text(line["storeHost"].as_text()));
        CHECK(message::offset_id(record.store_host, record.at) == line["msgId"].as_text());
        for (const auto& [name, text] : line["properties"].members())
            CHECK(value(record, name) == text.as_text());
        check_keys(line, record);
        wire::ViewMessage view;
        view.offset = record.at.value;
        CHECK(records(user->call(code::view_message_by_id, view).body)[0].at == record.at);
    }

    void check_keys(const json::Value& line, const message::RecordView& record) {
        std::vector<std::string> keys;
        const auto words = line["keys"].as_text();
        for (const auto key : split(words, ' ')) keys.emplace_back(key);
        keys.push_back(line["uniqKey"].as_text());
        for (const auto& key : keys) {
            if (key.empty()) continue;
            CAPTURE(key);
            wire::QueryMessage query;
            query.topic = record.topic;
            query.key = key;
            query.max_num = 64;
            query.begin_timestamp = query.end_timestamp = record.store_ts_ms;
            const auto answer = user->call(code::query_message, query);
            REQUIRE(answer.code == rc::success);
            const auto hits = records(answer.body);
            CHECK(std::any_of(hits.list.begin(), hits.list.end(),
                              [&](const auto& hit) { return hit.at == record.at; }));
        }
    }

    /// Delays that have run out meanwhile have been delivered behind what the list has, and
    /// transactions that nobody can ever end have been noted as ended.
    void check_queue(const json::Value& line) {
        const auto topic = line["topic"].as_text();
        CAPTURE(topic);
        const std::int64_t listed = line["maxOffset"].as_int();
        const std::int64_t max = offset(code::get_max_offset, line);
        CHECK(offset(code::get_min_offset, line) == line["minOffset"].as_int());
        CHECK(max >= listed);
        for (std::int64_t at = listed; at < max; ++at) {
            const auto later = pull(topic, line["queueId"].as_int(), at);
            CHECK(later[0].at.value >= listed_end);
            const auto sign = topic == broker::op_half_topic ? message::property::tags
                                                             : message::property::real_topic;
            CHECK(value(later[0], sign) != "");
        }
    }

    void check_unit(const json::Value& line) {
        const std::int64_t base = line["baseOffset"].as_int();
        for (std::int64_t at = base; at < base + line["batchNum"].as_int(); ++at) {
            const auto found = pull(line["topic"].as_text(), line["queueId"].as_int(), at);
            CHECK(found[0].at.value == line["physicalOffset"].as_int());
            CHECK(found[0].messages() == line["batchNum"].as_int());
        }
    }

    /// Each group's offsets, as RocketMQ saved them.
    int check_groups() {
        std::ifstream file(settings.store.config_dir() / "consumerOffset.json");
        const auto table = json::parse(std::string{std::istreambuf_iterator<char>(file), {}});
        REQUIRE(table);
        int offsets = 0;
        for (const auto& [name, queues] : (*table)["offsetTable"].members()) {
            const auto at = name.rfind('@');
            for (const auto& [queue, committed] : queues.members()) {
                wire::QueryConsumerOffset query;
                query.topic = std::string_view(name).substr(0, at);
                query.consumer_group = std::string_view(name).substr(at + 1);
                query.queue_id = parse_int<std::int32_t>(queue).value_or(-1);
                const auto answer = user->call(code::query_consumer_offset, query);
                CHECK(answer.find("offset") == std::to_string(committed.as_int()));
                ++offsets;
            }
        }
        return offsets;
    }

    static std::string_view value(const message::RecordView& record, std::string_view name) {
        return message::find_property(record.properties, name).value_or("");
    }

    std::int64_t listed_end = 0;
};

std::vector<json::Value> lines_of(const fs::path& list) {
    std::ifstream lines(list);
    std::vector<json::Value> out;
    for (std::string line; std::getline(lines, line);) {
        auto value = json::parse(line);
        REQUIRE(value);
        out.push_back(std::move(*value));
    }
    return out;
}

}  // namespace

TEST_CASE_FIXTURE(SampleBroker, "a broker serves a store of RocketMQ as its list says") {
    const fs::path dir = sample_dir();
    if (dir.empty()) {
        MESSAGE("skipped: MQD_SAMPLE_DIR does not name the sample stores");
        return;
    }
    const Sample* sample = nullptr;
    SUBCASE("the plain one") {
        sample = &samples[0];
    }
    SUBCASE("with IPv6, CRCs, extensions, batches and expired files") {
        sample = &samples[1];
    }
    open(dir, *sample);
    const auto lines = lines_of(dir / sample->list);
    for (const auto& line : lines)
        if (line["kind"].as_text() == "store") listed_end = line["maxPhyOffset"].as_int();
    int messages = 0, queues = 0;
    for (const auto& line : lines) {
        const auto kind = line["kind"].as_text();
        if (kind == "message") {
            check_message(line);
            ++messages;
        } else if (kind == "queue" || kind == "batchQueue") {
            check_queue(line);
            ++queues;
        } else if (kind == "batchUnit") {
            check_unit(line);
        } else if (kind == "store") {
            CHECK(store->begin().value == line["minPhyOffset"].as_int());
        } else if (kind == "cqExt" && line["topic"].as_text() == "FilterTopic") {
            // The codes lie in the extension: a tag filter has to find them all the same.
            auto header = pull_header(25, 4);
            header.topic = "FilterTopic";
            header.subscription = "T1";
            const auto tagged = records(user->call(code::pull_message, header).body);
            REQUIRE(tagged.size() > 0);
            for (const auto& record : tagged.list)
                CHECK(value(record, message::property::tags) == "T1");
        }
    }
    CHECK(messages == sample->messages);
    CHECK(queues == sample->queues);
    CHECK(check_groups() > 3);
}
