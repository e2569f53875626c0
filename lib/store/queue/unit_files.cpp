#include "store/queue/unit_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "store/file_names.h"
#include "store/queue/queue_folders.h"
#include "store/queue/unit.h"

namespace mqd::store {
namespace {

constexpr std::int64_t first_bytes = 1280;
constexpr std::int64_t zeros_bytes = 64 * 1024;
constexpr std::size_t copy_bytes = 256 * 1024;

std::filesystem::path with_suffix(const std::filesystem::path& path, std::string_view suffix) {
    auto out = path;
    out += suffix;
    return out;
}

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

Result<std::shared_ptr<File>> UnitFiles::opened(std::int64_t base) const {
    const OpenFiles::Key key{this, base};
    if (auto file = open_files_.find(key)) return file;  // a path costs more than a short read
    return open_files_.open(key, path_of(base));
}

Result<std::shared_ptr<File>> UnitFiles::file_for(std::int64_t base, bool create) {
    if (!create) return opened(base);
    const OpenFiles::Key key{this, base};
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
        auto file = opened(base);
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
    TRY(const auto file, opened(base));
    TRY(const std::size_t got, file->read(index * unit_bytes_ - base, bytes));
    return got == bytes.size() && !Unit::load(bytes.data()).is_unused();
}

// ---- loading

/// A note, an editor's copy, what NFS keeps of a removed file: none of ours.
Result<std::vector<std::int64_t>> UnitFiles::list() const {
    TRY(const auto names, os_.list(dir_));
    std::vector<std::int64_t> bases;
    for (const auto& name : names) {
        const auto base = parse_file_name(name);
        if (!base) continue;
        TRY(const bool directory, os_.is_directory(dir_ / name));
        if (!directory) bases.push_back(*base);
    }
    return bases;
}

Result<std::int64_t> UnitFiles::load() {
    misfit_.reset();
    TRY(auto bases, list());
    for (const std::int64_t base : bases)
        if (base % file_bytes_ != 0)
            misfit_ = std::make_unique<std::string>(fmt::format(
                "{} is no name of a file of {} bytes", path_of(base).string(), file_bytes_));
    if (fits()) TRY_OK(settle_lengths(bases));
    if (fits()) TRY_OK(settle_gaps(bases));
    if (bases.empty() || !fits()) return std::int64_t{0};
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
/// empty, is as it should be.
Result<> UnitFiles::settle_lengths(std::vector<std::int64_t>& bases) {
    for (std::size_t i = bases.size(); i-- > 0;) {
        TRY(const auto file, opened(bases[i]));
        TRY(const std::int64_t size, file->size());
        if (size == file_bytes_) continue;
        if (mend_ && size < file_bytes_) {
            TRY_OK(file->resize(file_bytes_));
            continue;
        }
        if (size != 0 || i + 1 != bases.size()) {
            misfit_ = std::make_unique<std::string>(fmt::format(
                "{} has {} bytes, not {}", path_of(bases[i]).string(), size, file_bytes_));
            return {};
        }
        open_files_.forget(this, bases[i]);
        TRY_OK(os_.remove(path_of(bases[i])));
        bases.pop_back();
    }
    return {};
}

/// A crash may take a file and leave the next one.
Result<> UnitFiles::settle_gaps(std::vector<std::int64_t>& bases) {
    for (std::size_t i = 1; i < bases.size(); ++i) {
        const std::int64_t expected = bases[i - 1] + file_bytes_;
        if (bases[i] == expected) continue;
        if (!mend_) {
            misfit_ = std::make_unique<std::string>(
                fmt::format("{} is missing", path_of(expected).string()));
            return {};
        }
        TRY_OK(make_between(expected, bases[i] - file_bytes_));
        bases.insert(bases.begin() + static_cast<std::ptrdiff_t>(i), expected);
    }
    return {};
}

// ---- making them fit

Result<> UnitFiles::make_between(std::int64_t first_base, std::int64_t last_base) {
    for (std::int64_t base = first_base; base <= last_base; base += file_bytes_) {
        TRY(const auto file, file_for(base, true));
        TRY(const std::int64_t size, file->size());
        if (size < file_bytes_) TRY_OK(file->resize(file_bytes_));
    }
    return {};
}

Result<> UnitFiles::reshape() {
    open_files_.forget(this, 0);
    misfit_.reset();
    TRY(auto bases, list());
    std::erase_if(bases, [this](std::int64_t base) { return base % unit_bytes_ != 0; });
    if (bases.empty()) return {};
    bool fits = true;
    for (const std::int64_t base : bases) {
        TRY(const auto file, os_.open(path_of(base), OpenMode::read_only));
        TRY(const std::int64_t size, file->size());
        fits = fits && base % file_bytes_ == 0 && size <= file_bytes_;
    }
    const std::int64_t first_base = bases.front() / file_bytes_ * file_bytes_;
    const std::int64_t last_base = bases.back() / file_bytes_ * file_bytes_;
    if (!fits) {
        const auto fresh = with_suffix(dir_, fresh_suffix);
        const auto old = with_suffix(dir_, old_suffix);
        TRY_OK(os_.remove_all(fresh));
        TRY_OK(os_.remove_all(old));
        TRY_OK(os_.make_directories(fresh));
        TRY_OK(copy_to(fresh, bases));
        TRY_OK(os_.sync_directory(fresh));
        TRY_OK(os_.rename(dir_, old));
        TRY_OK(os_.rename(fresh, dir_));
        TRY_OK(os_.sync_directory(dir_.parent_path()));
        TRY_OK(os_.remove_all(old));
    }
    first_ = first_base / unit_bytes_;
    TRY(const auto now, list());
    // The last one's units may reach into a file of the new size that is yet to be named.
    return make_between(first_base, now.empty() ? last_base : std::max(last_base, now.back()));
}

/// Units go by their place in the row, whatever the files are cut into.
Result<> UnitFiles::copy_to(const std::filesystem::path& into,
                            const std::vector<std::int64_t>& bases) {
    std::vector<std::byte> bytes(copy_bytes / static_cast<std::size_t>(unit_bytes_) *
                                 static_cast<std::size_t>(unit_bytes_));
    std::unique_ptr<File> to;
    std::int64_t to_base = -1;
    for (std::size_t i = 0; i < bases.size(); ++i) {
        TRY(const auto from, os_.open(path_of(bases[i]), OpenMode::read_only));
        TRY(std::int64_t size, from->size());
        if (i + 1 < bases.size()) size = std::min(size, bases[i + 1] - bases[i]);
        size = size / unit_bytes_ * unit_bytes_;
        for (std::int64_t at = 0; at < size;) {
            const std::int64_t place = bases[i] + at;
            const std::int64_t base = place / file_bytes_ * file_bytes_;
            const auto part = MutableBytes(bytes).first(static_cast<std::size_t>(std::min(
                {static_cast<std::int64_t>(bytes.size()), size - at, base + file_bytes_ - place})));
            TRY(const std::size_t got, from->read(at, part));
            if (got < part.size()) break;
            at += static_cast<std::int64_t>(got);
            if (std::ranges::all_of(part, [](std::byte b) { return b == std::byte{0}; })) continue;
            if (base != to_base) {
                if (to) TRY_OK(to->sync());
                TRY(to, os_.open(into / file_name(base), OpenMode::create));
                TRY_OK(to->resize(file_bytes_));
                to_base = base;
            }
            TRY_OK(to->write(place - base, part));
        }
    }
    return to ? to->sync() : Result<>{};
}

Result<std::int64_t> UnitFiles::used_end() const {
    TRY(const auto bases, list());
    const std::int64_t chunk_units = static_cast<std::int64_t>(copy_bytes) / unit_bytes_;
    std::vector<std::byte> bytes(static_cast<std::size_t>(chunk_units * unit_bytes_));
    for (auto base = bases.rbegin(); base != bases.rend(); ++base) {
        const std::int64_t first = *base / unit_bytes_;
        for (std::int64_t end = file_end(first); end > first;) {
            const std::int64_t from = std::max(first, end - chunk_units);
            TRY(const std::size_t got, read(from, end, bytes));
            for (auto i = static_cast<std::int64_t>(got); i-- > 0;)
                if (!Unit::load(bytes.data() + i * unit_bytes_).is_unused()) return from + i + 1;
            end = from;
        }
    }
    return std::max<std::int64_t>(0, first());
}

Result<> UnitFiles::extend_front(std::int64_t index) {
    const std::int64_t base = base_of(index);
    if (any() && first() * unit_bytes_ <= base) return {};
    if (any()) TRY_OK(make_between(base, first() * unit_bytes_ - file_bytes_));
    begin_at(index);
    return {};
}

Result<> UnitFiles::remove_all() {
    open_files_.forget(this, 0);
    misfit_.reset();
    TRY(const auto bases, list());
    for (const std::int64_t base : bases) TRY_OK(os_.remove(path_of(base)));
    first_ = -1;
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

/// Removes the files that lie after `from`, up to that of `last_base`, and empties the rest of its
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
