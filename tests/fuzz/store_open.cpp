// A store of which one file begins with any bytes - the log, a consume queue, an index file, the
// checkpoint, the list of deleted topics - opened as after a clean stop or after a crash: it opens
// or says why not, what it serves are records, it takes a message, and it closes.

#include <array>

#include "../unit/store/faulty_files.h"
#include "base/clock.h"
#include "base/log.h"
#include "message/properties.h"
#include "store/store.h"

using namespace mqd;
using store::test::FaultyFiles;

namespace {

store::Options options() {
    store::Options out;
    out.root = "/store";
    out.commit_log_file_bytes = 4096;
    out.consume_queue_file_bytes = 200;
    out.index_slots = 7;
    out.index_entries = 20;
    out.disk_full_percent = 100;
    return out;
}

bool append(store::Store& opened, std::string_view key) {
    std::string properties;
    message::append_property(properties, message::property::uniq_key, key);
    message::Draft draft;
    draft.topic = "T";
    draft.body = "body";
    draft.born_host = draft.store_host = *message::Host::make("127.0.0.1", 1);
    draft.properties = properties;
    Buffer record;
    message::encode(draft, record);
    store::Append unit;
    unit.queue = opened.queue("T", 0);
    unit.records = record.bytes();
    opened.append({&unit, 1});
    return unit.stored;
}

using Contents = std::map<std::string, std::string>;

/// A store with thirty messages, some queue and index files, and a clean stop.
Contents good_store() {
    log::configure(log::Level::error, log::Style::text);
    FaultyFiles files;
    auto opened = store::Store::open(files, system_clock(), options());
    check(opened.has_value());
    for (int i = 0; i < 30; ++i) check(append(**opened, "k" + std::to_string(i)));
    check((*opened)->close().has_value());
    auto contents = files.contents("/store");
    contents["config/deletedTopics.json"] = R"({"deletedTopics":{"U":100}})";
    return contents;
}

void put(FaultyFiles& files, const std::string& path, std::string_view bytes) {
    const auto full = std::filesystem::path("/store") / path;
    check(files.make_directories(full.parent_path()).has_value());
    const auto file = files.open(full, store::OpenMode::create);
    check(file.has_value() && (*file)->write(0, as_bytes(bytes)).has_value());
}

void use(store::Store& opened) {
    store::Queue& queue = *opened.queue("T", 0);
    for (QueueOffset next = queue.min(); next < queue.max();) {
        const auto result = opened.read(queue, next, {}, nullptr);
        for (const auto& slice : result.slices) {
            for (Bytes rest = slice.bytes; !rest.empty();) {
                const auto record = message::RecordView::parse(rest);
                if (!record) break;  // a head alone was looked at
                rest = rest.subspan(record->bytes.size());
            }
        }
        if (result.next <= next) break;
        next = result.next;
    }
    for (const char* key : {"k0", "k29", "none"})
        check(opened.query({"T", key}).records.size() < 4);
    static_cast<void>(append(opened, "more"));
    static_cast<void>(opened.close());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const Contents good = good_store();
    static constexpr std::array<std::string_view, 5> parts = {
        "commitlog/", "consumequeue/T/0/", "index/", "checkpoint", "config/deletedTopics.json"};
    if (size == 0) return 0;
    const bool crashed = (data[0] & 0x80U) != 0;
    const std::string_view part = parts[(data[0] & 0x7fU) % parts.size()];
    const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
    FaultyFiles files;
    bool placed = false;
    for (const auto& [path, bytes] : good) {
        if (placed || !path.starts_with(part)) {
            put(files, path, bytes);
            continue;
        }
        placed = true;
        std::string mixed(input);
        if (part.find('.') == part.npos && mixed.size() < bytes.size())
            mixed += bytes.substr(mixed.size());
        put(files, path, mixed);
    }
    if (crashed) put(files, "abort", "1");
    auto opened = store::Store::open(files, system_clock(), options());
    if (opened)
        use(**opened);
    else
        check(!opened.error().what.empty());
    return 0;
}
