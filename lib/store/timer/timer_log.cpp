#include "store/timer/timer_log.h"

#include <fmt/format.h>

#include <algorithm>

#include "message/record.h"
#include "store/file_names.h"

namespace mqd::store {

Result<std::unique_ptr<TimerLog>> TimerLog::open(Files& files, std::filesystem::path dir,
                                                 std::int64_t file_bytes) {
    if (file_bytes < TimerUnit::bytes_each + TimerUnit::blank_bytes)
        return Error{Errc::invalid,
                     fmt::format("a timer log file of {} bytes holds no unit", file_bytes)};
    std::unique_ptr<TimerLog> log(new TimerLog(files, std::move(dir), file_bytes));
    TRY_OK(log->load());
    return log;
}

Result<> TimerLog::load() {
    TRY(const auto names, os_.list(dir_));
    for (const auto& name : names) {
        const auto base = parse_file_name(name);
        if (!base) continue;
        const auto path = dir_ / name;
        TRY(auto part, open_part(*base, false));
        TRY(const auto bytes, part.file->size());
        if (bytes == 0 && &name == &names.back()) {
            TRY_OK(os_.remove(path));
            break;
        }
        if (bytes != file_bytes_)
            return Error{Errc::corrupt, fmt::format("{} has {} bytes, the timer log's files {}",
                                                    path.string(), bytes, file_bytes_)};
        if (!parts_.empty() && parts_.back().base + file_bytes_ != *base)
            return Error{Errc::corrupt, fmt::format("a file is missing before {}", path.string())};
        TRY(part.mapping, part.file->map());
        parts_.push_back(std::move(part));
    }
    begin_ = parts_.empty() ? 0 : parts_.front().base;
    end_ = parts_.empty() ? 0 : parts_.back().base + file_bytes_;
    return {};
}

Result<TimerLog::Part> TimerLog::open_part(std::int64_t base, bool create) {
    Part part;
    part.base = base;
    TRY(part.file,
        os_.open(dir_ / file_name(base), create ? OpenMode::create : OpenMode::read_write));
    return part;
}

Result<> TimerLog::add_file(std::int64_t base) {
    if (parts_.empty()) TRY_OK(os_.make_directories(dir_));
    TRY(auto part, open_part(base, true));
    TRY_OK(part.file->resize(file_bytes_));
    TRY(part.mapping, part.file->map());
    TRY_OK(os_.sync_directory(dir_));
    if (parts_.empty()) begin_ = base;
    parts_.push_back(std::move(part));
    return {};
}

/// Where the unit goes that follows one ending at `at`.
std::int64_t TimerLog::next_position(std::int64_t at) const {
    const std::int64_t base = at / file_bytes_ * file_bytes_;
    return at - base < units_a_file() * TimerUnit::bytes_each ? at : base + file_bytes_;
}

std::vector<std::int64_t> TimerLog::positions(std::size_t count) const {
    std::vector<std::int64_t> out(count);
    std::int64_t at = end_;
    for (auto& position : out) {
        position = next_position(at);
        at = position + TimerUnit::bytes_each;
    }
    return out;
}

Result<> TimerLog::append(std::span<const TimerUnit> units,
                          std::span<const std::int64_t> positions) {
    check(units.size() == positions.size());
    Buffer bytes;
    for (std::size_t i = 0; i < units.size();) {
        const std::int64_t base = positions[i] / file_bytes_ * file_bytes_;
        std::int64_t at = positions[i];
        bytes.clear();
        for (; i < units.size() && positions[i] < base + file_bytes_; ++i)
            units[i].store(bytes.extend(TimerUnit::bytes_each));
        const std::int64_t left = base + file_bytes_ - at - static_cast<std::int64_t>(bytes.size());
        if (left < TimerUnit::bytes_each + TimerUnit::blank_bytes) {
            bytes.put_be(static_cast<std::int32_t>(left));
            bytes.put_be(std::int64_t{0});
            bytes.put_be(static_cast<std::int32_t>(message::magic_blank));
        }
        if (part_of(base) == nullptr) TRY_OK(add_file(base));
        const auto& part = *part_of(base);
        {
            const Lock lock(lock_);
            if (std::find(dirty_.begin(), dirty_.end(), part.file) == dirty_.end())
                dirty_.push_back(part.file);
        }
        TRY_OK(part.file->write(at - base, bytes.bytes()));
    }
    if (!units.empty()) end_ = positions.back() + TimerUnit::bytes_each;
    return {};
}

const TimerLog::Part* TimerLog::part_of(std::int64_t position) const {
    const std::int64_t index =
        parts_.empty() || position < begin_ ? -1 : (position - begin_) / file_bytes_;
    return index < 0 || index >= static_cast<std::int64_t>(parts_.size())
               ? nullptr
               : &parts_[static_cast<std::size_t>(index)];
}

std::optional<TimerUnit> TimerLog::read(std::int64_t position) const {
    const Part* part = position >= end_ ? nullptr : part_of(position);
    if (part == nullptr) return std::nullopt;
    const std::int64_t in_file = position - part->base;
    if (in_file % TimerUnit::bytes_each != 0 || in_file >= units_a_file() * TimerUnit::bytes_each)
        return std::nullopt;
    const std::byte* from = part->mapping->bytes().data() + in_file;
    if (!TimerUnit::is_unit(from, position)) return std::nullopt;
    return TimerUnit::load(from);
}

std::int64_t TimerLog::first_at_or_behind(std::int64_t at) const {
    at = std::max(at, begin_);
    const std::int64_t base = at / file_bytes_ * file_bytes_;
    const std::int64_t units = (at - base + TimerUnit::bytes_each - 1) / TimerUnit::bytes_each;
    return base + units * TimerUnit::bytes_each;
}

/// Moves `at` over a file's end.
std::optional<TimerUnit> TimerLog::unit_at_or_behind(std::int64_t& at) const {
    const std::int64_t next = next_position(at);
    const auto unit = read(next);
    if (unit) at = next;
    return unit;
}

Result<> TimerLog::end_at(std::int64_t position) {
    while (!parts_.empty() && parts_.back().base >= position && parts_.size() > 1) {
        TRY_OK(os_.remove(dir_ / file_name(parts_.back().base)));
        parts_.pop_back();
    }
    end_ = std::max(position, begin_);
    if (parts_.empty()) return {};
    // Stale units after the end would count again after the next start.
    const auto& last = parts_.back();
    const auto bytes = last.mapping->bytes();
    const auto from = std::min(static_cast<std::size_t>(end_ - last.base), bytes.size());
    const auto rest = bytes.subspan(from);
    const auto is_zero = [](std::byte b) { return b == std::byte{0}; };
    if (next_position(end_) >= last.base + file_bytes_ ||
        std::all_of(rest.begin(), rest.end(), is_zero))
        return {};
    constexpr std::size_t piece_bytes = 1 << 16;
    const std::vector<std::byte> zeros(std::min(piece_bytes, rest.size()));
    for (std::size_t at = from; at < bytes.size(); at += zeros.size())
        TRY_OK(last.file->write(static_cast<std::int64_t>(at),
                                Bytes(zeros).first(std::min(zeros.size(), bytes.size() - at))));
    return last.file->sync();
}

Result<> TimerLog::sync() {
    std::vector<std::shared_ptr<File>> dirty;
    {
        const Lock lock(lock_);
        dirty.swap(dirty_);
    }
    for (std::size_t i = 0; i < dirty.size(); ++i) {
        auto synced = dirty[i]->sync();
        if (synced) continue;
        const Lock lock(lock_);
        dirty_.insert(dirty_.end(), dirty.begin() + static_cast<std::ptrdiff_t>(i), dirty.end());
        return synced;
    }
    return {};
}

Result<> TimerLog::remove_expired(std::int64_t log_begin) {
    while (parts_.size() > 1) {
        const std::int64_t base = parts_.front().base;
        const auto last = read(base + (units_a_file() - 1) * TimerUnit::bytes_each);
        if (!last || last->at >= log_begin) break;
        TRY_OK(os_.remove(dir_ / file_name(base)));
        parts_.erase(parts_.begin());
        begin_ = parts_.front().base;
    }
    return {};
}

Result<> TimerLog::remove_all() {
    parts_.clear();
    begin_ = end_ = 0;
    return os_.remove_all(dir_);
}

}  // namespace mqd::store
