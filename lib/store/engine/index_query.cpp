// Messages by key: newest file to oldest, each chain from its newest entry on. Entries know
// seconds and hashes only, so the records themselves decide.

#include <algorithm>

#include "base/log.h"
#include "store/index/index_set.h"
#include "store/engine/reader.h"

namespace mqd::store {

class IndexSet::Search {
public:
    Search(const IndexSet& set, const ReadContext& reading, const KeyQuery& wanted)
        : set_(set),
          reading_(reading),
          wanted_(wanted),
          hash_(IndexHash(wanted.topic).of(wanted.key)) {}

    bool enough() const { return static_cast<std::int64_t>(found_.size()) >= wanted_.max; }

    void look_into(const Item& item) {
        const auto done = follow(item);
        // not_found: its messages were just deleted.
        if (!done && done.error().code != Errc::not_found)
            log::warn("index_not_readable",
                      {{"path", item.path.string()}, {"why", done.error().what}});
    }

    std::vector<Slice> take() {
        std::ranges::sort(found_, {}, &Hit::at);
        std::vector<Slice> out;
        for (Hit& hit : found_) out.push_back(std::move(hit.record));
        return out;
    }

private:
    struct Hit {
        std::int64_t at = 0;
        Slice record;
    };

    Result<> follow(const Item& item) {
        std::shared_ptr<File> file = item.open;
        if (file == nullptr) {
            TRY(file, set_.os_.open(item.path, OpenMode::read_only));
        }
        return read_index_chain(*file, set_.geometry_, hash_,
                                [&](std::int32_t number, const IndexEntry& entry) {
                                    return take_entry(item.header, number, entry);
                                });
    }

    /// False when the chain has no more.
    bool take_entry(const IndexHeader& header, std::int32_t number, const IndexEntry& entry) {
        // Whole seconds, rounded down; the first entry of a file counts from another begin time.
        if (number > 1) {
            const std::int64_t from_ms = header.begin_ts_ms + std::int64_t{1000} * entry.seconds;
            if (from_ms > wanted_.end_ms) return true;
            if (from_ms + 1000 <= wanted_.begin_ms) return false;
        }
        auto slice = record_at(reading_, {entry.at});
        if (!slice) return true;
        const auto record = message::RecordView::parse(slice->bytes);
        if (!record || record->store_ts_ms > wanted_.end_ms) return true;
        if (record->store_ts_ms < wanted_.begin_ms) return false;
        if (has_key(*record) && !known(entry.at)) found_.push_back({entry.at, std::move(*slice)});
        return !enough();
    }

    /// A word twice in KEYS, or a message that was indexed twice.
    bool known(std::int64_t at) const {
        return std::ranges::find(found_, at, &Hit::at) != found_.end();
    }

    bool has_key(const message::RecordView& record) const {
        if (record.topic != wanted_.topic) return false;
        bool found = false;
        for_each_index_key(record.properties,
                           [&](std::string_view key) { found = found || key == wanted_.key; });
        return found;
    }

    const IndexSet& set_;
    const ReadContext& reading_;
    const KeyQuery& wanted_;
    const std::int32_t hash_;
    std::vector<Hit> found_;
};

KeyHits IndexSet::query(const ReadContext& reading, const KeyQuery& wanted) const {
    const auto all = items();
    KeyHits hits;
    if (all.empty()) return hits;
    hits.index_ts_ms = all.back().header.end_ts_ms;
    hits.index_at = {all.back().header.end_at};
    Search search(*this, reading, wanted);
    for (auto item = all.rbegin(); item != all.rend() && !search.enough(); ++item) {
        const IndexHeader& header = item->header;
        if (header.next <= 1) continue;  // new, and its times still those of the one before
        if (header.begin_ts_ms <= wanted.end_ms && header.end_ts_ms >= wanted.begin_ms)
            search.look_into(*item);
        if (header.begin_ts_ms < wanted.begin_ms) break;
    }
    hits.records = search.take();
    return hits;
}

}  // namespace mqd::store
