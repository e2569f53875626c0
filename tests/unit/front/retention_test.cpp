#include "support.h"

#include "wire/bodies/topic.h"
#include "wire/headers/offsets.h"

using namespace mqd;
using namespace mqd::test;

namespace {

template <class Condition>
void wait_for(Condition condition) {
    const auto give_up = monotonic_ms() + 10'000;
    while (!condition()) {
        REQUIRE(monotonic_ms() < give_up);
        std::this_thread::yield();
    }
}

}  // namespace

TEST_CASE_FIXTURE(Fixture, "expired log files go on request, and readers of them move on") {
    settings.store.commit_log_file_bytes = 65'536;
    settings.store.consume_queue_file_bytes = 200;
    settings.durability.flush_sync = true;  // only what is on disk goes
    settings.retention.keep_hours = 0;
    settings.retention.delete_hours = "";
    settings.retention.delete_pause_ms = 0;
    settings.retention.disk_begin_percent = settings.retention.disk_force_percent = 100;
    start();
    const auto user = client();
    const std::string body(10'000, 'x');
    for (int i = 0; i < 30; ++i)
        REQUIRE(user->call(code::send_message_v2, send_header(), body).code == rc::success);
    wait_readable(30);
    const auto queue_files = [&] {
        const auto dir = folder.path / "store" / "consumequeue" / "T" / "0";
        return std::distance(std::filesystem::directory_iterator(dir), {});
    };
    REQUIRE(queue_files() == 3);
    CHECK(user->call(code::delete_expired_commitlog).code == rc::success);
    wait_for([&] { return store->begin().value == 4 * 65'536; });
    CHECK(user->call(code::clean_expired_consumequeue).code == rc::success);
    CHECK(queue_files() == 1);

    const auto first = user->call(code::get_min_offset, wire::QueueHeader{"T", 0});
    const auto min = first.find("offset");
    CHECK(min == "24");  // six messages a file
    const auto below = user->call(code::pull_message, pull_header(3));
    CHECK(below.code == rc::pull_offset_moved);
    CHECK(below.find("nextBeginOffset") == min);
    CHECK(below.find("minOffset") == min);
    CHECK(user->call(code::pull_message, pull_header(24)).code == rc::success);
    const auto info = wire::KvTable::read(user->call(code::get_broker_runtime_info).body);
    REQUIRE(info);
    CHECK(info->table.at("commitLogMinOffset") == std::to_string(4 * 65'536));
    CHECK(info->table.at("consumeQueueDiskRatio").starts_with("0."));
    CHECK(info->table.at("commitLogDiskRatio").starts_with("0."));
}

TEST_CASE_FIXTURE(Fixture, "what is left of topics in no table is dropped on request") {
    start();
    const auto user = client();
    REQUIRE(user->call(code::send_message_v2, send_header(), "known").code == rc::success);
    Buffer record;
    message::Draft draft;
    draft.topic = "Ghost";
    draft.body = "b";
    draft.born_host = draft.store_host = broker->store_host();
    message::encode(draft, record);
    store::Append unit;
    unit.queue = store->queue("Ghost", 0);
    unit.records = record.bytes();
    store->append({&unit, 1});
    REQUIRE(unit.stored);
    wait_for([&] { return store->dispatched() == store->end(); });
    broker->offsets().commit("G", "Ghost", 0, 1);
    broker->offsets().commit("G", "T", 0, 1);

    CHECK(user->call(code::clean_unused_topic).code == rc::success);
    CHECK(store->queue("Ghost", 0)->max().value == 0);
    CHECK_FALSE(std::filesystem::exists(folder.path / "store" / "consumequeue" / "Ghost"));
    CHECK_FALSE(broker->offsets().find("G", "Ghost", 0));
    CHECK(broker->offsets().find("G", "T", 0) == 1);
    CHECK(user->call(code::pull_message, pull_header(0)).code == rc::success);
}
