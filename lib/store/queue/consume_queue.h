#pragma once
// One queue's consume queue: unit n, where message n of the queue lies, at byte 20 n of a row of
// equally sized files in R/consumequeue/<topic>/<id>. Bytes: mqd-store(5), UNITS.
//
// Threads, Owner: stored_queue.h.

#include <cstdint>
#include <string>

#include "store/queue/stored_queue.h"

namespace mqd::store {

class ConsumeQueue final : public StoredQueue {
public:
    ConsumeQueue(const QueueContext& context, std::string topic, std::int32_t id,
                 std::int64_t ignore_before, bool on_disk)
        : StoredQueue(context, false, std::move(topic), id, ignore_before, on_disk) {}

    Result<std::size_t> read(std::int64_t first, std::int64_t limit, bool now,
                             std::span<QueuedUnit> into) const override;
    std::pair<std::filesystem::path, std::int64_t> place_of(std::int64_t offset) const override {
        return files_.place_of(offset);
    }
    Result<Unit> unit(std::int64_t offset) const;
    QueueOffset next_file(QueueOffset offset) const override {
        return {files_.file_end(offset.value)};
    }
    /// The units' bytes, as UnitFiles::read.
    Result<std::size_t> read_units(std::int64_t first, std::int64_t limit,
                                   MutableBytes into) const {
        return files_.read(first, limit, into);
    }
    /// True when the record that `unit` names is there and says it is this queue's `offset`.
    bool is_mine(const Unit& unit, std::int64_t offset) const {
        return StoredQueue::is_mine({unit, offset, 1});
    }

    /// Writes units at `first`, filling a gap after written(). refused: no space; io. May be
    /// repeated after an error.
    Result<> write_units(std::int64_t first, Bytes units, std::int64_t last_at);
    /// Writes units to a queue that has not been loaded, for which listing and reading its files is
    /// too much, on the word that the units before them are there. False: the files contradict, or
    /// only loading can tell. refused: no space; io.
    Result<bool> write_unloaded(std::int64_t first, Bytes units, std::int64_t first_at);
    /// Overwrites units below written().
    Result<> rewrite_units(std::int64_t first, Bytes units) { return files_.write(first, units); }
    /// Puts a damaged unit right, if it is still there and as it `was`. not_found, refused, io.
    Result<> mend(std::int64_t offset, const Unit& was, const Unit& right);
    /// Drops and zeroes every unit from `offset` on.
    Result<> truncate(std::int64_t offset);
    Result<> truncate_to_log(std::int64_t end) override;
    /// The topic's next life begins with that number, which may lie below the first one kept.
    Result<> begin_anew(std::int64_t offset);
    bool ends_with_file() const override { return files_.file_begin(written_) == written_; }
    Result<> sync() override;

    Result<MendPlan> begin_mend() override;
    Result<> end_mend(const MendPlan& plan) override;

private:
    Result<> load_files() override;
    Result<std::string> find_misfit() const override;
    Result<std::string> find_bad_edge() const;
    Result<bool> is_sound(const Unit& unit, std::int64_t offset) const;
    Result<> drop_bad_tail(std::int64_t known_end);
    Result<> find_bad_units(MendPlan& plan, bool mending) const;
    Result<> find_log_range(MendPlan& plan) const;
    Result<> fill_holes(const MendPlan& plan);
    Result<> fill_hole(std::int64_t from, std::int64_t to, const Unit& before, bool has_before);
    Result<> drop_strangers(std::int64_t end);
    Result<std::int64_t> first_message(std::int64_t from) const;
    Result<> expire_units() override;
    Result<> fill(std::int64_t from, std::int64_t to, const Unit& filling);

    std::int64_t synced_ = 0;  // sync()'s
};

}  // namespace mqd::store
