#pragma once
// A store in a time of its own, for the tests of what waits in it; nothing runs but when told.

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <thread>

#include "broker/counters.h"
#include "support.h"

namespace mqd::test {

struct WaitingStore {
    Folder folder;
    broker::Settings settings = settings_in(folder);
    ManualClock clock;
    broker::Counters counters{clock};
    std::unique_ptr<store::Store> store;

    void open_store() {
        auto opened = store::Store::open(store::posix_files(), clock, settings.store_options());
        REQUIRE(opened);
        store = std::move(*opened);
        REQUIRE(store::posix_files().make_directories(settings.store.config_dir()));
    }
    void close_store() {
        if (store != nullptr) CHECK(store->close());
        store.reset();
    }
    void append(message::Draft draft, store::Queue& queue) const {
        draft.topic = queue.topic();
        draft.queue_id = queue.id();
        Buffer record;
        message::encode(draft, record);
        store::Append unit;
        unit.queue = &queue;
        unit.records = record.bytes();
        store->append({&unit, 1});
        REQUIRE(unit.stored);
    }
    /// Until the consume queues have all that the log has.
    void settle() const {
        const auto give_up = monotonic_ms() + 10'000;
        while (store->dispatched() < store->end()) {
            REQUIRE(monotonic_ms() < give_up);
            std::this_thread::yield();
        }
    }
    std::string bodies(std::string_view topic = "T", std::int32_t queue = 0) const {
        std::string out;
        auto& from = *store->queue(topic, queue);
        for (QueueOffset at; at < from.max(); at = at + 1) {
            const auto read = store->read(from, at, {.messages = 1}, nullptr);
            REQUIRE(read.messages == 1);
            const auto record = message::RecordView::parse(read.slices[0].bytes);
            REQUIRE(record);
            (out += record->body) += ' ';
        }
        return out;
    }
};

}  // namespace mqd::test
