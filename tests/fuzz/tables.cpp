// The broker's tables - topics and their changes, groups, offsets, delay levels - read from any
// text: refused, or taken, and then what is saved is taken again and is the same.

#include "../unit/store/faulty_files.h"
#include "base/clock.h"
#include "base/log.h"
#include "broker/delay_offsets.h"
#include "broker/groups.h"
#include "broker/offsets.h"
#include "broker/topics.h"

using namespace mqd;
using store::test::FaultyFiles;

namespace {

struct Place {
    broker::Settings settings;
    FaultyFiles files;
    std::unique_ptr<store::Store> store;

    Place() {
        log::configure(log::Level::error, log::Style::text);
        settings.store.root = "/store";
        settings.identity.name = "b";
        store::Options options;
        options.root = "/store";
        options.commit_log_file_bytes = 4096;
        options.index = false;
        auto opened = store::Store::open(files, system_clock(), options);
        check(opened.has_value());
        store = std::move(*opened);
    }
};

void put(FaultyFiles& files, const std::filesystem::path& path, std::string_view text) {
    check(files.make_directories(path.parent_path()).has_value());
    const auto file = files.open(path, store::OpenMode::create);
    check(file.has_value() && (*file)->write(0, as_bytes(text)).has_value());
}

void read_topics(const Place& place, FaultyFiles& files) {
    const auto table = broker::Topics::open(files, system_clock(), *place.store, place.settings);
    if (!table) return;
    const auto topics = (*table)->size();
    check((*table)->save().has_value());
    const auto again = broker::Topics::open(files, system_clock(), *place.store, place.settings);
    check(again.has_value() && (*again)->size() == topics);
}

void read_groups(const Place& place, FaultyFiles& files) {
    const auto table = broker::Groups::open(files, system_clock(), place.settings);
    if (!table) return;
    check((*table)->save().has_value());
    const auto again = broker::Groups::open(files, system_clock(), place.settings);
    check(again.has_value() && (*again)->all().size() == (*table)->all().size());
}

void read_offsets(const Place& place, FaultyFiles& files) {
    const auto table = broker::Offsets::open(files, system_clock(), place.settings);
    if (!table) return;
    (*table)->commit("group", "topic", 1, 17);
    check((*table)->save().has_value());
    const auto again = broker::Offsets::open(files, system_clock(), place.settings);
    check(again.has_value() && (*again)->find("group", "topic", 1) == 17);
}

void read_delays(const Place& place, FaultyFiles& files) {
    broker::DelayOffsets table(files, system_clock(), *place.store, place.settings);
    if (!table.load()) return;
    table.set(3, 17);
    check(table.save().has_value());
    broker::DelayOffsets again(files, system_clock(), *place.store, place.settings);
    check(again.load().has_value() && again.find(3) == 17);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const Place place;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    using Reader = void (*)(const Place&, FaultyFiles&);
    static constexpr std::pair<const char*, Reader> tables[] = {
        {"topics.json", read_topics},
        {"topics.json.changes", read_topics},
        {"subscriptionGroup.json", read_groups},
        {"consumerOffset.json", read_offsets},
        {"delayOffset.json", read_delays}};
    for (const auto& [name, read] : tables) {
        FaultyFiles files;
        put(files, place.settings.store.config_dir() / name, text);
        read(place, files);
    }
    return 0;
}
