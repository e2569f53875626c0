#include "store/unit_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "store/file_names.h"
#include "store/unit.h"

namespace mqd::store {
namespace {

constexpr std::int64_t first_bytes = 1280;
constexpr std::int64_t zeros_bytes = 64 * 1024;

}  // namespace

UnitFiles::UnitFiles(Files& files, OpenFiles& open_files, std::filesystem::path dir,
                     std::int64_t unit_bytes, std::int64_t file_bytes, bool mend)
    : os_(files),
      open_files_(open_files),
      dir_(std::move(dir)),
      unit_bytes_(unit_bytes),
      file_bytes_(file_bytes),
      mend_(mend) {}

std::filesystem::path UnitFiles::path_of(std::int64_t base) const {
    return dir_ / file_name(base);
}

Result<std::shared_ptr<File>> UnitFiles::file_for(std::int64_t base, bool create) {
    const OpenFiles::Key key{this, base};
    if (!create) return open_files_.open(key, path_of(base));
    if (auto file = open_files_.find(key)) return file;
    made_files_ = true;
    return open_files_.create(key, path_of(base), file_bytes_);
}

// ---- reading

Result<std::size_t> UnitFiles::read(std::int64_t first, std::int64_t limit, MutableBytes into,
                                    bool now) const {
    const std::int64_t wanted =
        std::min(limit - first, static_cast<std::int64_t>(into.size()) / unit_bytes_);
    std::int64_t done = 0;
    while (done < wanted) {
        const std::int64_t base = base_of(first + done);
        const std::int64_t in_file = (first + done) * unit_bytes_ - base;
        const auto bytes = static_cast<std::size_t>(
            std::min((wanted - done) * unit_bytes_, file_bytes_ - in_file));
        auto file = open_files_.open({this, base}, path_of(base));
        if (!file && done > 0) break;  // the next read will say so
        if (!file) return std::move(file).error();
        const auto part = into.subspan(static_cast<std::size_t>(done * unit_bytes_), bytes);
        TRY(const std::size_t got,
            now ? (*file)->read_now(in_file, part) : (*file)->read(in_file, part));
        done += static_cast<std::int64_t>(got) / unit_bytes_;
        if (got < bytes && now && done == 0) return Error{Errc::unavailable, "not in memory"};
        if (got < bytes) break;
    }
    return static_cast<std::size_t>(done);
}

Result<bool> UnitFiles::is_used(std::int64_t index) const {
    std::array<std::byte, Unit::bytes_each> bytes;  // both kinds begin with it
    const std::int64_t base = base_of(index);
    TRY(const auto file, open_files_.open({this, base}, path_of(base)));
    TRY(const std::size_t got, file->read(index * unit_bytes_ - base, bytes));
    return got == bytes.size() && !Unit::load(bytes.data()).is_unused();
}

// ---- loading

Result<std::int64_t> UnitFiles::load() {
    TRY(const auto names, os_.list(dir_));
    std::vector<std::int64_t> bases;
    for (const auto& name : names) {
        const auto base = parse_file_name(name);
        if (!base || *base % file_bytes_ != 0)
            return Error{Errc::corrupt, fmt::format("{} is no file of a queue of {}-byte files",
                                                    (dir_ / name).string(), file_bytes_)};
        bases.push_back(*base);
    }
    TRY_OK(settle_lengths(bases));
    if (bases.empty()) return std::int64_t{0};
    first_ = bases.front() / unit_bytes_;
    std::int64_t end = first();
    for (auto it = bases.rbegin(); it != bases.rend(); ++it) {
        TRY(const std::int64_t used, used_in_file(*it));
        if (used == 0) continue;
        end = *it / unit_bytes_ + used;
        break;
    }
    if (mend_) TRY_OK(cut(end, bases.back()));
    return end;
}

/// A crash may have left any file shorter than it was made. Otherwise only the last one, and that
/// empty, is no reason to refuse.
Result<> UnitFiles::settle_lengths(std::vector<std::int64_t>& bases) {
    for (std::size_t i = bases.size(); i-- > 0;) {
        TRY(const auto file, open_files_.open({this, bases[i]}, path_of(bases[i])));
        TRY(const std::int64_t size, file->size());
        if (mend_ && size <= file_bytes_) {
            if (size < file_bytes_) TRY_OK(file->resize(file_bytes_));
            continue;
        }
        if (size == file_bytes_) break;
        if (size != 0)
            return Error{Errc::corrupt, fmt::format("{} has {} bytes, not {}",
                                                    path_of(bases[i]).string(), size, file_bytes_)};
        open_files_.forget(this, bases[i]);
        TRY_OK(os_.remove(path_of(bases[i])));
        bases.pop_back();
    }
    return {};
}

Result<std::int64_t> UnitFiles::used_in_file(std::int64_t base) const {
    const std::int64_t first = base / unit_bytes_;
    const std::int64_t units = file_bytes_ / unit_bytes_;
    const std::int64_t first_units = first_bytes / unit_bytes_;
    std::array<std::byte, first_bytes> bytes;
    TRY(const std::size_t got, read(first, first + units, bytes));
    std::int64_t low = 0;
    while (low < static_cast<std::int64_t>(got) &&
           !Unit::load(bytes.data() + low * unit_bytes_).is_unused())
        ++low;
    if (low < first_units) return low;
    // Many queues are short: look further in growing steps before halving.
    std::int64_t high = low;
    for (bool used = true; used && high < units;) {
        low = high;
        high = std::min(units, high * 8);
        TRY(used, is_used(first + high - 1));
        if (used) low = high;
    }
    while (low < high) {
        const std::int64_t middle = (low + high) / 2;
        TRY(const bool used, is_used(first + middle));
        if (used)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

// ---- expiry

/// The first unit in [from, to) that leads to a record.
Result<std::optional<UnitFiles::Place>> UnitFiles::next_record(std::int64_t from,
                                                               std::int64_t to) const {
    std::array<std::byte, first_bytes> bytes;
    while (from < to) {
        const auto got = read(from, to, bytes);
        if (!got && got.error().code != Errc::not_found) return got.error();
        if (!got || *got == 0) {
            from = file_end(from);
            continue;
        }
        for (std::size_t i = 0; i < *got; ++i, ++from) {
            const auto unit = Unit::load(bytes.data() + i * static_cast<std::size_t>(unit_bytes_));
            if (!unit.is_filling()) return std::optional(Place{from, unit.at});
        }
    }
    return std::optional<Place>();
}

/// Halves by the next record of each unit: those lie in order.
Result<std::int64_t> UnitFiles::first_of(std::int64_t log_begin, std::int64_t from,
                                         std::int64_t to) const {
    std::int64_t low = from;
    std::int64_t high = to;
    std::int64_t found = to;
    while (low < high) {
        // Nearly always the first unit is the one: look there before halving.
        const std::int64_t middle = low == from ? low : low + (high - low) / 2;
        TRY(const auto record, next_record(middle, high));
        if (record && record->record_at < log_begin) {
            low = record->index + 1;
            continue;
        }
        if (record) found = record->index;
        high = middle;
    }
    return found;
}

Result<> UnitFiles::remove_before(std::int64_t index) {
    const std::int64_t end = base_of(index);
    for (std::int64_t base = first() * unit_bytes_; any() && base < end; base += file_bytes_) {
        TRY_OK(os_.remove(path_of(base)));
        open_files_.forget(this, base, base + 1);
        first_.store((base + file_bytes_) / unit_bytes_, std::memory_order_release);
    }
    return {};
}

// ---- writing

Result<> UnitFiles::write(std::int64_t first, Bytes units) {
    while (!units.empty()) {
        const std::int64_t base = base_of(first);
        const std::int64_t in_file = first * unit_bytes_ - base;
        const auto bytes = static_cast<std::size_t>(
            std::min(static_cast<std::int64_t>(units.size()), file_bytes_ - in_file));
        TRY(const auto file, file_for(base, true));
        TRY_OK(file->write(in_file, units.first(bytes)));
        first += static_cast<std::int64_t>(bytes) / unit_bytes_;
        units = units.subspan(bytes);
    }
    return {};
}

Result<> UnitFiles::truncate(std::int64_t from, std::int64_t to) {
    if (from >= to) return {};
    return mend_ ? cut(from, base_of(to - 1)) : zero(from, to);
}

/// Removes the files that lie behind `from`, up to that of `last_base`, and empties the rest of its
/// own: units that reached the disk though one before them did not must not stay.
Result<> UnitFiles::cut(std::int64_t from, std::int64_t last_base) {
    std::int64_t base = last_base;
    for (; base > first() * unit_bytes_ && base >= from * unit_bytes_; base -= file_bytes_) {
        open_files_.forget(this, base);
        TRY_OK(os_.remove(path_of(base)));
    }
    const std::int64_t used_bytes = from * unit_bytes_ - base;
    if (used_bytes >= file_bytes_) return {};
    auto file = file_for(base, false);
    if (!file && file.error().code == Errc::not_found) return {};
    if (!file) return std::move(file).error();
    TRY_OK((*file)->resize(used_bytes));
    return (*file)->resize(file_bytes_);
}

Result<> UnitFiles::mend(std::int64_t first, Bytes units) {
    const std::int64_t base = base_of(first);
    TRY(const auto file, file_for(base, false));
    TRY_OK(file->write(first * unit_bytes_ - base, units));
    return file->sync();
}

Result<> UnitFiles::zero(std::int64_t from, std::int64_t to) {
    if (from >= to) return {};
    const std::vector<std::byte> zeros(
        static_cast<std::size_t>(std::min((to - from) * unit_bytes_, zeros_bytes)));
    std::int64_t at = from * unit_bytes_;
    while (at < to * unit_bytes_) {
        const std::int64_t base = at / file_bytes_ * file_bytes_;
        const std::int64_t size = std::min({static_cast<std::int64_t>(zeros.size()),
                                            to * unit_bytes_ - at, base + file_bytes_ - at});
        auto file = file_for(base, false);
        if (!file && file.error().code != Errc::not_found) return std::move(file).error();
        if (file)
            TRY_OK((*file)->write(at - base, Bytes(zeros).first(static_cast<std::size_t>(size))));
        at += size;
    }
    return {};
}

Result<> UnitFiles::sync(std::int64_t from, std::int64_t to) {
    if (made_files_.exchange(false)) {
        const auto topic = dir_.parent_path();
        for (const auto& folder : {dir_, topic, topic.parent_path()}) {
            if (auto ok = os_.sync_directory(folder); !ok) {
                made_files_ = true;
                return ok;
            }
        }
    }
    for (std::int64_t base = base_of(from); base < to * unit_bytes_; base += file_bytes_) {
        auto file = file_for(base, false);
        if (!file && file.error().code == Errc::not_found) continue;
        if (!file) return std::move(file).error();
        TRY_OK((*file)->sync());
    }
    return {};
}

}  // namespace mqd::store
