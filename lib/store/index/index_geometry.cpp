#include "store/index/index_geometry.h"

#include <algorithm>
#include <limits>
#include <unordered_map>

namespace mqd::store {
namespace {

constexpr std::int64_t int32_max = std::numeric_limits<std::int32_t>::max();

class Trial {
public:
    Trial(Bytes file, const IndexHashesAt& hashes_at)
        : file_(file),
          header_(IndexHeader::load(file.data())),
          first_hashes_(header_.next > 1 ? hashes_at(header_.begin_at)
                                         : std::vector<std::int32_t>()) {}

    bool has_entries() const { return header_.next > 1; }
    const IndexHeader& header() const { return header_; }

    /// Cheap tests first: of millions of candidates nearly all fail at the first one.
    bool fits(const IndexGeometry& geometry) const {
        return load_be<std::int64_t>(&file_[at(geometry, 1) + 4]) == header_.begin_at &&
               header_.sound(geometry) && ends_fit(geometry) && chains_fit(geometry);
    }

private:
    static std::size_t at(const IndexGeometry& geometry, std::int32_t number) {
        return static_cast<std::size_t>(geometry.entry_at(number));
    }
    IndexEntry entry(const IndexGeometry& geometry, std::int32_t number) const {
        return IndexEntry::load(&file_[at(geometry, number)]);
    }
    std::int32_t slot(const IndexGeometry& geometry, std::int32_t number) const {
        return load_be<std::int32_t>(&file_[static_cast<std::size_t>(geometry.slot_at(number))]);
    }

    bool ends_fit(const IndexGeometry& geometry) const {
        const auto first = entry(geometry, 1);
        const auto last = entry(geometry, header_.next - 1);
        return first.hash >= 0 && first.older == 0 && last.hash >= 0 && last.at == header_.end_at &&
               slot(geometry, last.hash % geometry.slots) > 0 &&
               (first_hashes_.empty() ||
                std::ranges::find(first_hashes_, first.hash) != first_hashes_.end());
    }

    /// Puts all entries in again: each must lead to the one that was its slot's newest, and the
    /// slots must lead to the last of them, or to one that came while this was looking.
    bool chains_fit(const IndexGeometry& geometry) const {
        std::unordered_map<std::int32_t, std::int32_t> newest;
        for (std::int32_t number = 1; number < header_.next; ++number) {
            const auto is = entry(geometry, number);
            if (is.hash < 0 || is.at < 0) return false;
            auto& before = newest[is.hash % geometry.slots];
            if (is.older != before) return false;
            before = number;
        }
        return std::ranges::all_of(newest, [&](const auto& chain) {
            const auto head = slot(geometry, chain.first);
            return head >= chain.second && head < geometry.entries;
        });
    }

    Bytes file_;
    IndexHeader header_;
    std::vector<std::int32_t> first_hashes_;
};

}  // namespace

std::optional<IndexGeometry> index_geometry(Bytes file, const IndexHashesAt& hashes_at) {
    const auto bytes = static_cast<std::int64_t>(file.size());
    // At least one slot, and the entry that is never used beside one that is.
    const IndexGeometry smallest{1, 2};
    if (bytes < smallest.file_bytes()) return std::nullopt;
    const Trial trial(file, hashes_at);
    if (!trial.has_entries()) return std::nullopt;
    const IndexGeometry usual;
    if (usual.file_bytes() == bytes && trial.fits(usual)) return usual;

    const std::int64_t rest = bytes - IndexGeometry::header_bytes;
    const auto slots_with = [rest](std::int64_t entries) {
        return (rest - entries * IndexGeometry::entry_bytes) / IndexGeometry::slot_bytes;
    };
    if (rest % IndexGeometry::slot_bytes != 0) return std::nullopt;
    std::int64_t entries = std::max<std::int64_t>(trial.header().next, smallest.entries);
    if (slots_with(entries) > int32_max)
        entries = (rest - int32_max * IndexGeometry::slot_bytes) / IndexGeometry::entry_bytes + 1;
    for (; entries <= int32_max && slots_with(entries) > 0; ++entries) {
        const IndexGeometry geometry{static_cast<std::int32_t>(slots_with(entries)),
                                     static_cast<std::int32_t>(entries)};
        if (trial.fits(geometry)) return geometry;
    }
    return std::nullopt;
}

}  // namespace mqd::store
