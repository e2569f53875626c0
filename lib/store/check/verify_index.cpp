#include "store/check/verify_index.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/parse.h"
#include "message/sys_flag.h"
#include "store/check/verify_parts.h"

namespace mqd::store::verifying {
namespace {

IndexEntry entry_of(Bytes file, const IndexGeometry& geometry, std::int32_t number) {
    return IndexEntry::load(file.data() + geometry.entry_at(number));
}

/// Does the file make sense by this geometry, as far as its header and its ends tell?
bool fits(Bytes file, const IndexGeometry& geometry, const IndexHeader& header,
          const std::vector<std::int32_t>& first_keys) {
    const auto first = entry_of(file, geometry, 1);
    if (first.at != header.begin_at || first.older != 0 || first.hash < 0) return false;
    if (!first_keys.empty() && std::ranges::find(first_keys, first.hash) == first_keys.end())
        return false;
    const auto last = entry_of(file, geometry, header.next - 1);
    if (last.at != header.end_at || last.hash < 0) return false;
    const auto slot =
        load_be<std::int32_t>(file.data() + geometry.slot_at(last.hash % geometry.slots));
    return slot == header.next - 1;
}

class IndexCheck {
public:
    explicit IndexCheck(Context& context) : context_(context) {}

    Result<> run() {
        const auto dir = context_.root / "index";
        TRY(const auto names, posix_files().list(dir));
        for (const auto& name : names) {
            std::error_code code;
            if (!parse_int<std::int64_t>(name) || fs::is_directory(dir / name, code)) continue;
            auto file = ScanFile::open(dir / name);
            if (!file && file.error().code == Errc::not_found) continue;  // expired this moment
            if (!file) return std::move(file).error();
            files_.push_back({name, std::move(*file), {}});
        }
        find_geometry();
        for (std::size_t i = 0; i < files_.size() && !context_.stopped(); ++i) check(i);
        if (context_.options.deep) check_coverage();
        return {};
    }

private:
    struct Item {
        std::string name;
        ScanFile file;
        IndexHeader header;  ///< as it was when the check began; `next` 1: nothing to go by
        bool sound = false;
    };

    std::vector<std::int32_t> keys_at(std::int64_t at) const {
        std::vector<std::int32_t> hashes;
        const auto record = context_.record_at(at);
        if (!record || record->transaction_type() == message::sys_flag::transaction_rollback)
            return hashes;
        const IndexHash hash(record->topic);
        for_each_index_key(record->properties,
                           [&](std::string_view key) { hashes.push_back(hash.of(key)); });
        return hashes;
    }

    /// All have one, so the first that shows it speaks for those of its length.
    void find_geometry() {
        std::map<std::size_t, int> lengths;
        for (const auto& item : files_) ++lengths[item.file.bytes().size()];
        if (lengths.empty()) return;
        bytes_ = std::ranges::max_element(lengths, {}, [](auto& l) { return l.second; })->first;
        for (const auto& item : files_) {
            if (item.file.bytes().size() != bytes_) continue;
            geometry_ =
                index_geometry(item.file.bytes(), [this](std::int64_t at) { return keys_at(at); });
            if (geometry_) return;
        }
        if (IndexGeometry{}.file_bytes() == static_cast<std::int64_t>(bytes_))
            geometry_ = IndexGeometry{};
    }

    void tell(const Item& item, std::int64_t at, std::string what) {
        context_.tell({Finding::Part::index, Finding::Kind::other, mend_, "index/" + item.name, at,
                       0, std::move(what)});
    }

    void check(std::size_t i) {
        Item& item = files_[i];
        const Bytes file = item.file.bytes();
        const bool last = i + 1 == files_.size();
        // A start after a crash makes the newest file again in any case.
        mend_ = context_.report.crashed && last ? Finding::Mend::start : Finding::Mend::repair;
        if (file.size() != bytes_)
            return tell(item, -1,
                        fmt::format("{} bytes, not {} as the others", file.size(), bytes_));
        const bool unused = item.file.first_nonzero(0) == file.size();
        if (unused) return;  // made, and nothing put in yet
        item.header = IndexHeader::load(file.data());
        if (!geometry_)
            return tell(item, -1, "neither its header nor any number of slots fits its entries");
        growing_ = context_.live() && last && !item.header.full(*geometry_);
        const auto found = context_.report.findings;
        if (item.header.next <= 1) {
            // A new file hands on its predecessor's end until its first entry.
            if (item.header.next < 0 || item.header.slots_used != 0 ||
                item.header.begin_at != item.header.end_at)
                tell(item, 0, "its header has entries, and no number of them");
            return;
        }
        if (!item.header.sound(*geometry_)) return tell(item, 0, "its header cannot be");
        check_header(i);
        check_entries(item, i == 0 ? nullptr : &files_[i - 1].header);
        if (!growing_) check_rest(item);
        item.sound = context_.report.findings == found;
        context_.report.index_entries += item.header.next - 1;
    }

    void check_header(std::size_t i) {
        const Item& item = files_[i];
        const auto& header = item.header;
        if (i > 0 && header.begin_at < files_[i - 1].header.end_at)
            tell(item, 16, "it begins before the file in front of it ends");
        const auto first = entry_of(item.file.bytes(), *geometry_, 1);
        const auto last = entry_of(item.file.bytes(), *geometry_, header.next - 1);
        if (first.at != header.begin_at)
            tell(item, 16,
                 fmt::format("it begins at {}, its first entry at {}", header.begin_at, first.at));
        if (last.at != header.end_at)
            tell(item, 24,
                 fmt::format("it ends at {}, its last entry at {}", header.end_at, last.at));
        if (header.end_at >= context_.report.log_end && !context_.live())
            tell(item, 24, "it is ahead of the log");
        const auto begin = context_.record_at(header.begin_at);
        if (begin && begin->store_ts_ms != header.begin_ts_ms)
            tell(item, 0, "its begin time is not its first record's");
        const auto end = context_.record_at(header.end_at);
        if (end && end->store_ts_ms != header.end_ts_ms)
            tell(item, 8, "its end time is not its last record's");
    }

    /// Puts all entries in again, which must lead to the same chains and slots.
    void check_entries(const Item& item, const IndexHeader* before) {
        const Bytes file = item.file.bytes();
        const auto& geometry = *geometry_;
        std::vector<std::int32_t> slots(static_cast<std::size_t>(geometry.slots));
        std::int32_t used = 0;
        std::int64_t previous_at = 0;
        for (std::int32_t n = 1; n < item.header.next; ++n) {
            const auto entry = entry_of(file, geometry, n);
            if (entry.hash < 0) {
                tell(item, geometry.entry_at(n), "an entry's hash is negative");
                return;
            }
            auto& slot = slots[static_cast<std::size_t>(entry.hash % geometry.slots)];
            if (entry.older != slot) {
                tell(item, geometry.entry_at(n),
                     fmt::format("entry {} leads on to {}, not to {}", n, entry.older, slot));
                return;
            }
            if (slot == 0) ++used;
            slot = n;
            if (entry.at < previous_at)
                tell(item, geometry.entry_at(n), fmt::format("entry {} leads back", n));
            previous_at = entry.at;
            check_record(item, n, entry, before);
        }
        if (growing_) return;  // its slots may be ahead of its header
        for (std::int32_t s = 0; s < geometry.slots; ++s) {
            const auto there = load_be<std::int32_t>(file.data() + geometry.slot_at(s));
            if (there == slots[static_cast<std::size_t>(s)]) continue;
            tell(item, geometry.slot_at(s),
                 fmt::format("slot {} leads to {}, not to {}", s, there,
                             slots[static_cast<std::size_t>(s)]));
            return;
        }
        // Old RocketMQs counted entries.
        if (item.header.slots_used != used && item.header.slots_used != item.header.next - 1)
            tell(item, 32, fmt::format("{} slots in use, not {}", used, item.header.slots_used));
    }

    void check_record(const Item& item, std::int32_t n, const IndexEntry& entry,
                      const IndexHeader* before) {
        if (entry.at < context_.log.begin()) return;
        const Bytes rest = context_.log.rest(entry.at);
        const auto record = rest.size() < message::record_bytes_min
                                ? Result<message::RecordView>(Error{})
                                : message::RecordView::parse(rest);
        const auto at = geometry_->entry_at(n);
        if (!record || record->at.value != entry.at) {
            tell(item, at,
                 fmt::format("entry {} leads to {}, where no record begins", n, entry.at));
            return;
        }
        if (entry.seconds != seconds(item.header.begin_ts_ms, record->store_ts_ms) &&
            !(n == 1 && is_inherited(entry, record->store_ts_ms, before)))
            tell(item, at, fmt::format("the time of entry {} is not its record's", n));
        if (!context_.options.deep) return;
        const auto keys = keys_at(entry.at);
        if (std::ranges::find(keys, entry.hash) == keys.end())
            tell(item, at, fmt::format("entry {} is no key of its record at {}", n, entry.at));
    }

    static std::int32_t seconds(std::int64_t begin_ts_ms, std::int64_t ts_ms) {
        return static_cast<std::int32_t>(std::clamp<std::int64_t>(
            (ts_ms - begin_ts_ms) / 1000, 0, std::numeric_limits<std::int32_t>::max()));
    }

    /// The first entry's time counts from the end of the file before, which may have expired
    /// (mqd-store(5), INDEX FILES).
    bool is_inherited(const IndexEntry& entry, std::int64_t ts_ms,
                      const IndexHeader* before) const {
        if (before == nullptr) return context_.log.begin() > 0 && entry.seconds >= 0;
        if (before->next <= 1) return entry.seconds >= 0;
        return entry.seconds == seconds(before->end_ts_ms, ts_ms);
    }

    void check_rest(const Item& item) {
        const auto from = static_cast<std::size_t>(geometry_->entry_at(item.header.next));
        const auto first = item.file.first_nonzero(from);
        if (first < item.file.bytes().size())
            tell(item, static_cast<std::int64_t>(first), "not zero, behind the last entry");
        const auto none = entry_of(item.file.bytes(), *geometry_, 0);
        if (none.hash != 0 || none.at != 0 || none.seconds != 0 || none.older != 0)
            tell(item, geometry_->entry_at(0), "not zero, in front of the first entry");
    }

    /// Every key of every record between the index's ends has its entry.
    void check_coverage() {
        if (files_.empty() || !geometry_) return;
        std::size_t i = 0;
        std::int32_t n = 1;
        const auto skip_ended = [&] {
            while (i < files_.size() && n >= files_[i].header.next) {
                ++i;
                n = 1;
            }
        };
        for (const auto& item : files_)
            if (!item.sound && item.header.next > 1) return;  // told already
        skip_ended();
        if (i == files_.size()) return;
        const std::int64_t begin = entry_of(files_[i].file.bytes(), *geometry_, n).at;
        const std::int64_t end = std::min(last_end() + 1, context_.report.log_end);
        for (std::int64_t at = std::max(begin, context_.log.begin()); at < end;) {
            if (context_.stopped()) return;
            const Bytes rest = context_.log.rest(at);
            if (rest.size() < 8) break;
            const auto head = message::RecordHead::read(rest.data());
            if (head.is_blank() || rest.size() < message::record_bytes_min) {
                at += static_cast<std::int64_t>(rest.size());
                continue;
            }
            const auto record = message::RecordView::parse(rest);
            if (!record) {  // damage, which has been told of; the entries know what comes after
                skip_ended();
                while (i < files_.size() &&
                       entry_of(files_[i].file.bytes(), *geometry_, n).at <= at) {
                    ++n;
                    skip_ended();
                }
                if (i == files_.size()) return;
                at = entry_of(files_[i].file.bytes(), *geometry_, n).at;
                continue;
            }
            auto keys = keys_at(at);
            for (;; ++n) {
                skip_ended();
                if (i == files_.size()) break;
                const auto entry = entry_of(files_[i].file.bytes(), *geometry_, n);
                if (entry.at > at) break;
                if (entry.at < at) continue;
                const auto key = std::ranges::find(keys, entry.hash);
                if (key != keys.end()) keys.erase(key);
            }
            if (!keys.empty() && at > begin && at < last_end()) {
                const auto& item = files_[std::min(i, files_.size() - 1)];
                tell(item, -1,
                     fmt::format("{} keys of the record at {} are not in it", keys.size(), at));
            }
            at += static_cast<std::int64_t>(record->bytes.size());
        }
    }

    std::int64_t last_end() const {
        for (auto item = files_.rbegin(); item != files_.rend(); ++item)
            if (item->header.next > 1) return item->header.end_at;
        return 0;
    }

    Context& context_;
    std::vector<Item> files_;
    std::size_t bytes_ = 0;
    std::optional<IndexGeometry> geometry_;
    bool growing_ = false;
    Finding::Mend mend_ = Finding::Mend::repair;
};

}  // namespace

std::optional<IndexGeometry> index_geometry(Bytes file, const KeysAt& keys_at) {
    const auto bytes = static_cast<std::int64_t>(file.size());
    if (bytes < IndexGeometry::header_bytes + IndexGeometry::entry_bytes) return std::nullopt;
    const auto header = IndexHeader::load(file.data());
    if (header.next <= 1 || header.slots_used <= 0) return std::nullopt;
    const auto first_keys = keys_at(header.begin_at);
    const IndexGeometry usual;
    if (usual.file_bytes() == bytes && header.sound(usual) && fits(file, usual, header, first_keys))
        return usual;
    // Slots and entries share what the header leaves: each way to share it in whole entries.
    const std::int64_t rest = bytes - IndexGeometry::header_bytes;
    for (std::int64_t entries = header.next; entries * IndexGeometry::entry_bytes < rest &&
                                             entries <= std::numeric_limits<std::int32_t>::max();
         ++entries) {
        const std::int64_t left = rest - entries * IndexGeometry::entry_bytes;
        if (left % IndexGeometry::slot_bytes != 0) return std::nullopt;
        const std::int64_t slots = left / IndexGeometry::slot_bytes;
        if (slots > std::numeric_limits<std::int32_t>::max() || slots < header.slots_used) continue;
        const IndexGeometry geometry{static_cast<std::int32_t>(slots),
                                     static_cast<std::int32_t>(entries)};
        if (header.sound(geometry) && fits(file, geometry, header, first_keys)) return geometry;
    }
    return std::nullopt;
}

Result<> check_index(Context& context) {
    return IndexCheck(context).run();
}

}  // namespace mqd::store::verifying
