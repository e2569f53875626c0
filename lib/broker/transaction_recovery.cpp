#include "broker/transaction_recovery.h"

#include <algorithm>
#include <set>
#include <utility>

#include "broker/half_message.h"
#include "broker/names.h"
#include "broker/queue_walk.h"
#include "message/sys_flag.h"

namespace mqd::broker {
namespace {

// RocketMQ writes the name up to 3 s after the commit, mqd at once.
constexpr std::int64_t unnamed_ms_max = 10'000;

class Recovery {
public:
    Recovery(store::Store& store, std::int64_t half, std::int64_t op)
        : store_(store),
          halves_(*store.queue(half_topic, 0)),
          ops_(*store.queue(op_half_topic, 0)),
          end_(halves_.max().value),
          begin_(std::clamp(half, std::min(halves_.min().value, end_), end_)),
          ledger_(begin_,
                  std::clamp(op, std::min(ops_.min(), ops_.max()).value, ops_.max().value)) {}

    RecoveredTransactions run() {
        replay_ops();
        look_at_open();
        for (const auto& [topic, id] : targets_) look_for_commits(topic, id);
        return {std::move(ledger_), std::move(unnamed_), std::move(open_)};
    }

private:
    void replay_ops() {
        for (auto at = ledger_.op_progress(), end = ops_.max().value; at < end;) {
            at = read_some(store_, ops_, at, end, [&](const message::RecordView& record) {
                std::int64_t last = -1;
                for (const auto half : read_op(record.body)) {
                    if (half >= end_) continue;
                    ledger_.settle(half);
                    last = std::max(last, half);
                }
                ledger_.op_written(record.queue_offset.value, last);
            });
        }
    }

    void look_at_open() {
        for (auto at = ledger_.first_open(); at < end_;) {
            const auto next = read_some(store_, halves_, at, end_, [&](const auto& record) {
                if (!ledger_.is_settled(record.queue_offset.value)) look_at(record);
            });
            at = ledger_.next_open(next);
        }
    }

    void look_at(const message::RecordView& record) {
        const auto half = Half::read(record);
        if (!half) return;  // the next round gives it up
        const auto offset = record.queue_offset.value;
        if (half->is_copy) {
            const bool decided =
                half->moved_by_rocketmq && half->first >= begin_ && ledger_.is_settled(half->first);
            if (decided) return settle(offset);
            // A crash came between this copy and the op record that names the one before.
            const auto before = ledger_.moved_to(half->first).value_or(half->first);
            if (!ledger_.is_settled(before)) {
                settle(before);
                --open_[std::string(half->topic)];
            }
            ledger_.moved(half->first, offset);
        }
        ++open_[std::string(half->topic)];
        targets_.emplace(half->topic, half->queue_id);
    }

    // A crash came between a committed message and its op record: it is one of the last.
    void look_for_commits(const std::string& topic, std::int32_t id) {
        auto* queue = store_.find_queue(topic, id);
        if (queue == nullptr || queue->max() <= queue->min()) return;
        const auto last_ms = store_.store_time(*queue, {queue->max().value - 1});
        if (!last_ms) return;
        const auto from = store_.offset_by_time(*queue, *last_ms - unnamed_ms_max, false);
        for (auto at = from.value, end = queue->max().value; at < end;)
            at = read_some(store_, *queue, at, end,
                           [&](const auto& record) { look_at_end(record); });
    }

    void look_at_end(const message::RecordView& record) {
        if (record.transaction_type() != message::sys_flag::transaction_commit) return;
        const auto slice = store_.record_at({record.prepared_offset});
        if (!slice) return;
        const auto parsed = message::RecordView::parse(slice->bytes);
        if (!parsed || parsed->topic != half_topic) return;
        const auto half = Half::read(*parsed);
        if (!half) return;
        for (const auto offset :
             {parsed->queue_offset.value, ledger_.moved_to(half->first).value_or(-1)}) {
            if (offset < 0 || offset >= end_ || ledger_.is_settled(offset)) continue;
            settle(offset);
            ledger_.forget(half->first);
            --open_[std::string(half->topic)];
        }
    }

    void settle(std::int64_t half) {
        ledger_.settle(half);
        unnamed_.push_back(half);
    }

    store::Store& store_;
    store::Queue& halves_;
    store::Queue& ops_;
    const std::int64_t end_;
    const std::int64_t begin_;  // what lies before was settled in an earlier life
    HalfLedger ledger_;
    std::vector<std::int64_t> unnamed_;
    std::map<std::string, std::int64_t> open_;
    std::set<std::pair<std::string, std::int32_t>> targets_;
};

}  // namespace

RecoveredTransactions recover_transactions(store::Store& store, std::int64_t half,
                                           std::int64_t op) {
    return Recovery(store, half, op).run();
}

}  // namespace mqd::broker
