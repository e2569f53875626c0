#include "store/timer/timer_wheel.h"

#include <fmt/format.h>

#include <algorithm>

namespace mqd::store {
namespace {

constexpr std::int64_t block_bytes = 1 << 20;

}  // namespace

Result<TimerWheel> TimerWheel::load(Files& files, const std::filesystem::path& path) {
    TimerWheel wheel;
    auto opened = files.open(path, OpenMode::read_only);
    if (!opened && opened.error().code == Errc::not_found) return wheel;
    if (!opened) return std::move(opened).error();
    const auto& file = *opened;
    TRY(const auto size, file->size());
    if (size == 0) return wheel;
    if (size != file_bytes)
        return Error{Errc::corrupt,
                     fmt::format("{} has {} bytes instead of {}", path.string(), size, file_bytes)};
    std::vector<std::byte> block(block_bytes);
    for (std::int64_t at = 0; at < size; at += block_bytes) {
        TRY(const auto got, file->read(at, block));
        for (std::size_t in = 0; in + TimerSlot::bytes_each <= got; in += TimerSlot::bytes_each) {
            const auto slot = TimerSlot::load(block.data() + in);
            // A slot lies where its time says; never used ones are all zeros.
            if (slot.time <= 0 || slot.last < 0) continue;
            const std::int64_t index = (at + static_cast<std::int64_t>(in)) / TimerSlot::bytes_each;
            if (slot.time % slots != index) continue;
            wheel.put(slot);
        }
    }
    for (auto& page : wheel.pages_)
        if (page) page->changed = false;
    return wheel;
}

TimerSlot TimerWheel::find(std::int64_t time) const {
    const std::int64_t index = time % slots;
    const auto& page = pages_[page_of(index)];
    if (page) {
        const auto& slot = page->slots[static_cast<std::size_t>(index % slots_a_page)];
        if (slot.time == time) return slot;
    }
    return {time, -1, -1, 0};
}

void TimerWheel::put(const TimerSlot& slot) {
    check(slot.time >= 0);
    const std::int64_t index = slot.time % slots;
    auto& page = pages_[page_of(index)];
    if (!page) page = std::make_unique<Slots>();
    page->slots[static_cast<std::size_t>(index % slots_a_page)] = slot;
    page->changed = true;
}

std::optional<TimerSlot> TimerWheel::next(std::int64_t from, std::int64_t to) const {
    to = std::min(to, from + slots);
    for (std::int64_t time = from; time < to;) {
        const std::int64_t index = time % slots;
        const auto& page = pages_[page_of(index)];
        const std::int64_t rest = std::min(slots_a_page - index % slots_a_page, to - time);
        if (page) {
            for (std::int64_t i = 0; i < rest; ++i) {
                const auto& slot = page->slots[static_cast<std::size_t>(index % slots_a_page + i)];
                if (slot.time == time + i && slot.last >= 0) return slot;
            }
        }
        time += rest;
    }
    return std::nullopt;
}

std::vector<TimerWheel::Page> TimerWheel::take_changes() {
    std::vector<Page> out;
    for (std::size_t i = 0; i < pages_.size(); ++i) {
        if (!pages_[i] || !pages_[i]->changed) continue;
        pages_[i]->changed = false;
        auto& page = out.emplace_back();
        page.at = static_cast<std::int64_t>(i) * Page::bytes_each;
        std::byte* to = page.bytes.data();
        for (const auto& slot : pages_[i]->slots) {
            // Zeros where nothing ever was: that is how the file begins.
            if (slot.time > 0) slot.store(to);
            to += TimerSlot::bytes_each;
        }
    }
    return out;
}

void TimerWheel::put_back(const std::vector<Page>& pages) {
    for (const auto& page : pages)
        pages_[static_cast<std::size_t>(page.at / Page::bytes_each)]->changed = true;
}

Result<> TimerWheel::write(Files& files, const std::filesystem::path& path,
                           const std::vector<Page>& pages) {
    if (pages.empty()) return {};
    TRY(const auto existed, files.exists(path));
    TRY(const auto file, files.open(path, OpenMode::create));
    TRY(const auto size, file->size());
    if (size != file_bytes) TRY_OK(file->resize(file_bytes));
    for (const auto& page : pages) TRY_OK(file->write(page.at, page.bytes));
    TRY_OK(file->sync());
    return existed ? Result<>{} : files.sync_directory(path.parent_path());
}

}  // namespace mqd::store
