// Figures of the store on this machine: append, dispatch, read, recovery, opening, latency.
// Not a test: `ninja -C build tests/unit/store/store-bench && build/tests/unit/store/store-bench`.
#include <fmt/format.h>
#include <stdlib.h>
#include <time.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/clock.h"
#include "store/store.h"

namespace mqd::store {
namespace {

namespace fs = std::filesystem;

void encode(Buffer& out, std::string_view topic, std::int32_t queue, std::string_view body) {
    message::Draft draft;
    draft.topic = topic;
    draft.queue_id = queue;
    draft.body = body;
    draft.born_host = *message::Host::make("127.0.0.1", 1);
    draft.store_host = *message::Host::make("127.0.0.1", 2);
    draft.properties =
        "UNIQ_KEY\x01"
        "0123456789ABCDEF0123456789ABCDEF\x02"
        "WAIT\x01"
        "true\x02";
    message::encode(draft, out);
}

struct Batch {
    Buffer records;
    std::vector<Append> units;

    Batch(Store& store, int count, std::size_t record_bytes, int queues, bool scattered) {
        std::vector<std::size_t> ends;
        for (int i = 0; i < count; ++i) {
            encode(records, "bench", i % queues, std::string(record_bytes - 152, 'x'));
            ends.push_back(records.size());
            if (scattered) records.put_be<std::int64_t>(0);
        }
        std::size_t begin = 0;
        for (int i = 0; i < count; ++i) {
            Append unit;
            unit.queue = store.queue("bench", i % queues);
            const auto end = ends[static_cast<std::size_t>(i)];
            unit.records = records.bytes().subspan(begin, end - begin);
            begin = end + (scattered ? 8 : 0);
            units.push_back(unit);
        }
    }
};

void wait_dispatched(const Store& store) {
    while (store.dispatched() < store.end()) std::this_thread::yield();
}

/// Processor time of the calling thread; other people may be using this machine.
std::int64_t cpu_us() {
    ::timespec t{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec * 1'000'000 + t.tv_nsec / 1000;
}

/// Of the dispatcher: user and system ticks of the thread of that name.
std::int64_t dispatcher_cpu_us() {
    for (const auto& task : fs::directory_iterator("/proc/self/task")) {
        std::string name, stat;
        std::getline(std::ifstream(task.path() / "comm"), name);
        if (name != "mqd-dispatch") continue;
        std::getline(std::ifstream(task.path() / "schedstat"), stat);
        return std::atoll(stat.c_str()) / 1000;
    }
    return 0;
}

void report(const char* what, std::int64_t count, std::int64_t us) {
    fmt::print("{:44} {:9.3f} s {:8.2f} M/s\n", what, static_cast<double>(us) / 1e6,
               static_cast<double>(count) / static_cast<double>(us));
}

std::unique_ptr<Store> open(const fs::path& root) {
    Options options;
    options.root = root;
    options.disk_full_percent = 100;
    options.open_queue_files_max = 4096;
    auto store = Store::open(posix_files(), system_clock(), options);
    if (!store) fmt::print("{}\n", store.error().what), ::exit(1);
    return std::move(*store);
}

void appends(const fs::path& root, int records, std::size_t bytes, int queues, bool scattered) {
    auto store = open(root);
    Batch batch(*store, 1000, bytes, queues, scattered);
    fmt::print("-- {} records of {} bytes, {} queues{}\n", records, bytes, queues,
               scattered ? ", scattered" : "");
    const auto cpu = cpu_us();
    const auto start = monotonic_us();
    for (int i = 0; i < records; i += 1000) store->append(batch.units);
    const auto appended = monotonic_us();
    report("append, processor time", records, cpu_us() - cpu);
    wait_dispatched(*store);
    const auto dispatched = monotonic_us();
    report("append", records, appended - start);
    report("append and dispatch", records, dispatched - start);
    report("dispatch, processor time", records, dispatcher_cpu_us());

    std::int64_t got = 0;
    std::size_t slices = 0;
    ReadLimits limits{2000, 64 << 20, 2000};
    const auto read_start = monotonic_us();
    for (int q = 0; q < std::min(queues, 16); ++q) {
        Queue* queue = store->queue("bench", q);
        for (QueueOffset next{0}; next < queue->max();) {
            const auto result = store->read(*queue, next, limits, nullptr);
            next = result.next;
            got += result.messages;
            slices += result.slices.size();
        }
    }
    report(fmt::format("read, {} slices", slices).c_str(), got, monotonic_us() - read_start);
}

void recovery(const fs::path& root) {
    auto start = monotonic_us();
    auto store = open(root);
    const auto end = store->end().value;
    fmt::print("recovery after a kill, {} MB: {:.3f} s\n", end >> 20,
               static_cast<double>(monotonic_us() - start) / 1e6);
    start = monotonic_us();
    if (!store->close()) fmt::print("not closed\n");
    fmt::print("close: {:.3f} s\n", static_cast<double>(monotonic_us() - start) / 1e6);
    start = monotonic_us();
    store = open(root);
    fmt::print("open after a clean stop: {:.3f} s\n",
               static_cast<double>(monotonic_us() - start) / 1e6);
    if (!store->close()) fmt::print("not closed\n");
    store.reset();
    fs::remove_all(root / "consumequeue");
    start = monotonic_us();
    store = open(root);
    fmt::print("open with all queues to be built: {:.3f} s\n",
               static_cast<double>(monotonic_us() - start) / 1e6);
}

void many_queues(const fs::path& root, int topics) {
    auto store = open(root);
    Buffer record;
    auto start = monotonic_us();
    for (int t = 0; t < topics; ++t)
        for (int q = 0; q < 4; ++q) {
            const auto topic = fmt::format("topic-{}", t);
            record.clear();
            encode(record, topic, q, "x");
            Append unit;
            unit.queue = store->queue(topic, q);
            unit.records = record.bytes();
            store->append({&unit, 1});
        }
    const auto appended = monotonic_us();
    wait_dispatched(*store);
    fmt::print("-- {} queues, first message each: append {:.3f} s, dispatched {:.3f} s\n",
               topics * 4, static_cast<double>(appended - start) / 1e6,
               static_cast<double>(monotonic_us() - start) / 1e6);
    report("dispatch, processor time", topics * 4, dispatcher_cpu_us());
    start = monotonic_us();
    if (!store->close()) fmt::print("not closed\n");
    fmt::print("close: {:.3f} s\n", static_cast<double>(monotonic_us() - start) / 1e6);
    start = monotonic_us();
    store = open(root);
    fmt::print("open these queues: {:.3f} s\n", static_cast<double>(monotonic_us() - start) / 1e6);
    store.reset();
    start = monotonic_us();
    store = open(root);
    fmt::print("open these queues after a kill: {:.3f} s\n",
               static_cast<double>(monotonic_us() - start) / 1e6);
}

void idle(const fs::path& root) {
    auto store = open(root);
    Batch batch(*store, 1, 300, 1, false);
    store->append(batch.units);
    const auto process_us = [] {
        ::timespec t{};
        ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
        return t.tv_sec * 1'000'000 + t.tv_nsec / 1000;
    };
    std::this_thread::sleep_for(std::chrono::seconds(3));
    const auto before = process_us();
    std::this_thread::sleep_for(std::chrono::seconds(10));
    fmt::print("idle: {} us of processor time in 10 s\n", process_us() - before);
}

void singles(const fs::path& root) {
    auto store = open(root);
    Batch batch(*store, 1, 300, 1, false);
    constexpr int count = 300'000;
    const auto cpu = cpu_us();
    const auto start = monotonic_us();
    for (int i = 0; i < count; ++i) store->append(batch.units);
    report("single appends", count, monotonic_us() - start);
    report("single appends, processor time", count, cpu_us() - cpu);
    wait_dispatched(*store);

    std::vector<std::int64_t> latency;
    std::atomic<std::int64_t> seen = 0;
    store->on_arrival([&](std::span<const Arrival>) { seen = monotonic_us(); });
    store->queue("bench", 0)->watch();
    for (int i = 0; i < 2000; ++i) {
        std::this_thread::sleep_for(std::chrono::microseconds(500));
        seen = 0;
        const auto before = monotonic_us();
        store->append(batch.units);
        while (seen == 0) std::this_thread::yield();
        latency.push_back(seen - before);
    }
    std::sort(latency.begin(), latency.end());
    fmt::print("append to arrival: p50 {} us, p99 {} us\n", latency[1000], latency[1980]);
}

}  // namespace
}  // namespace mqd::store

int main(int argc, char** argv) {
    using namespace mqd::store;
    const std::string_view what = argc > 1 ? argv[1] : "all";
    const fs::path root = argc > 2 ? argv[2] : "/var/tmp/mqd-store-bench";
    const auto when = [&](std::string_view name, auto part) {
        if (what != "all" && what != name) return;
        fs::remove_all(root);
        part();
        fs::remove_all(root);
    };
    when("singles", [&] { singles(root); });
    when("idle", [&] { idle(root); });
    when("scattered", [&] { appends(root, 2'000'000, 300, 4, true); });
    when("topics", [&] { appends(root, 2'000'000, 300, 1000, false); });
    when("batches", [&] {
        appends(root, 4'000'000, 300, 8, false);
        recovery(root);
    });
    when("queues", [&] { many_queues(root, 10'000); });
    when("some-queues", [&] { many_queues(root, 1'000); });
}
