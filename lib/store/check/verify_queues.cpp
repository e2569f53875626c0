// The queues: what their files look like, and that each unit has its record. That each record has
// its unit is asked while the log is walked; if as many units were found that way as there are,
// none of them needs a look at its record.

#include <fmt/format.h>

#include <algorithm>

#include "base/parse.h"
#include "message/stored_time.h"
#include "store/check/verify_parts.h"

namespace mqd::store::verifying {
namespace {

constexpr std::int64_t each = Unit::bytes_each;

/// After the last byte that is not zero; `from` if there is none after that, nothing when the
/// file is gone.
std::optional<std::pair<std::size_t, std::size_t>> written_behind(const fs::path& path,
                                                                  std::size_t from) {
    const auto file = ScanFile::open(path);
    if (!file) return std::nullopt;
    const auto first = file->first_nonzero(from);
    if (first >= file->bytes().size()) return std::nullopt;
    return {{first, file->last_nonzero_end(first)}};
}

// ---- plain queues

class QueueCheck {
public:
    QueueCheck(Context& context, QueueView& queue, bool tell)
        : context_(context), queue_(queue), tell_(tell) {}

    void run() {
        queue_.first = queue_.files.begin() / each;
        queue_.end = queue_.first;
        queue_.first_real = -1;
        queue_.last_at = -1;
        queue_.live = queue_.repeats = 0;
        const auto parts = queue_.files.parts();
        for (std::size_t p = 0; p < parts.size() && !ended_; ++p) {
            const auto& part = parts[p];
            const std::int64_t first = part.begin / each;
            const auto count = static_cast<std::int64_t>(part.bytes.size()) / each;
            for (std::int64_t i = 0; i < count && !ended_; ++i) {
                const auto unit = Unit::load(part.bytes.data() + i * each);
                if (unit.is_unused()) {
                    const std::int64_t on = behind_unused(p, first + i);
                    if (on >= first + count || ended_) break;
                    i = on - first - 1;
                    continue;
                }
                take(first + i, unit);
            }
        }
        if (!tell_) return;
        context_.report.units += queue_.live;
        if (queue_.live - queue_.repeats != queue_.matched) look_at_each();
        flush();
    }

private:
    std::int64_t log_end() const { return tell_ ? context_.report.log_end : context_.log.end(); }

    void take(std::int64_t offset, const Unit& unit) {
        // A broker goes on writing: what came after the end that was seen is not looked at.
        if (tell_ && context_.live() && unit.at >= log_end()) {
            ended_ = true;
            return;
        }
        queue_.end = offset + 1;
        if (unit.is_filling()) {
            if (unit.tags_code != 0) bad(offset, "a filling with a tags code");
            if (queue_.first_real >= 0) bad(offset, "a filling among units: its message is lost");
            return;
        }
        if (unit.at < 0 || unit.bytes < static_cast<std::int32_t>(message::record_bytes_min))
            return bad(offset, "no place in a log");
        if (queue_.first_real < 0) {
            queue_.first_real = offset;
            queue_.first_real_at = unit.at;
        }
        const bool repeat = unit == queue_.unit(offset + 1);
        if (unit.at >= log_end()) {
            bad(offset, fmt::format("leads behind the log's end, to {}", unit.at));
        } else if (unit.end() <= context_.log.begin()) {
            if (queue_.live > 0)
                bad(offset, fmt::format("leads before the log's beginning, to {}", unit.at));
        } else {
            ++queue_.live;
            if (repeat) ++queue_.repeats;
            if (unit.at <= queue_.last_at && !repeated_)
                bad(offset, fmt::format("leads back to {}", unit.at));
        }
        queue_.last_at = unit.at;
        repeated_ = repeat;
        if (!tell_ && unit.end() <= context_.log.end())
            context_.queues_end = std::max(context_.queues_end, unit.end());
    }

    /// The offset to go on at after an unused unit, or ends the queue.
    std::int64_t behind_unused(std::size_t p, std::int64_t offset) {
        const auto parts = queue_.files.parts();
        for (std::size_t q = p; q < parts.size(); ++q) {
            const std::int64_t first = parts[q].begin / each;
            const std::int64_t from = q == p ? (offset - first) * each : 0;
            const auto written = written_behind(parts[q].path, static_cast<std::size_t>(from));
            if (!written) continue;
            const std::int64_t next = first + static_cast<std::int64_t>(written->first) / each;
            const auto unit = queue_.unit(next);
            if (unit && q == p && has_record(next, *unit)) {
                bad(offset, "unused, with units behind it", next - offset);
                return next;
            }
            if (q > p && unit && has_record(next, *unit)) {
                bad(offset, "unused, with units behind it", first - offset);
                return first;  // after this file: the caller's loop comes to the next
            }
            if (!context_.live())
                bad(next, "not zero, behind the queue's end",
                    first + (static_cast<std::int64_t>(written->second) + each - 1) / each - next);
            break;
        }
        ended_ = true;
        return offset;
    }

    bool has_record(std::int64_t offset, const Unit& unit) const {
        const auto record = context_.record_at(unit.at);
        if (!record || record->bytes.size() != static_cast<std::size_t>(unit.bytes)) return false;
        if (message::find_property(record->properties, "INNER_MULTI_DISPATCH")) return true;
        return record->topic == queue_.topic && record->queue_id == queue_.id &&
               record->queue_offset.value == offset;
    }

    void look_at_each() {
        for (std::int64_t offset = queue_.first; offset < queue_.end; ++offset) {
            const auto unit = queue_.unit(offset);
            if (!unit || unit->is_filling() || unit->is_unused() ||
                unit->end() <= context_.log.begin() || unit->at >= log_end())
                continue;
            if (has_record(offset, *unit)) continue;
            const auto after = queue_.unit(offset + 1);
            if (after == unit) continue;
            bad(offset, fmt::format("leads to {}, where its record is not", unit->at));
        }
    }

    /// Neighbours are told as one; what the log's walk has told is not told again.
    void bad(std::int64_t offset, std::string what, std::int64_t count = 1) {
        if (!tell_) return;
        for (const auto& [first, end] : queue_.told)
            if (offset >= first && offset < end) return;
        if (bad_count_ > 0 && offset == bad_first_ + bad_count_) {
            bad_count_ += count;
            return;
        }
        flush();
        bad_first_ = offset;
        bad_count_ = count;
        bad_what_ = std::move(what);
    }
    void flush() {
        if (bad_count_ == 0) return;
        context_.tell({Finding::Part::queue, Finding::Kind::other, Finding::Mend::repair,
                       queue_.path, bad_first_, bad_count_, bad_what_});
        queue_.told.emplace_back(bad_first_, bad_first_ + bad_count_);
        bad_count_ = 0;
    }

    Context& context_;
    QueueView& queue_;
    const bool tell_;
    bool ended_ = false;
    bool repeated_ = false;
    std::int64_t bad_first_ = 0, bad_count_ = 0;
    std::string bad_what_;
};

// ---- queues of batches, and extensions

void examine_batches(Context& context, QueueView& queue, bool tell) {
    const auto bad = [&](std::int64_t at, std::string what) {
        if (tell)
            context.tell({Finding::Part::queue, Finding::Kind::other, Finding::Mend::repair,
                          queue.path, at, 1, std::move(what)});
    };
    queue.live = 0;
    bool any = false;
    for (const auto& part : queue.files.parts()) {
        const auto count = static_cast<std::int64_t>(part.bytes.size()) / BatchUnit::bytes_each;
        for (std::int64_t i = 0; i < count; ++i) {
            const std::byte* at = part.bytes.data() + i * BatchUnit::bytes_each;
            const auto unit = BatchUnit::load(at);
            const std::int64_t number = part.begin / BatchUnit::bytes_each + i;
            if (unit.unit.bytes == 0) {
                const auto written =
                    written_behind(part.path, static_cast<std::size_t>(i * BatchUnit::bytes_each));
                if (written && !context.live()) bad(number, "not zero, behind the queue's end");
                break;
            }
            if (context.live() && tell && unit.unit.at >= context.report.log_end) break;
            if (!unit.is_valid()) {
                bad(number, "no unit of a batch");
                continue;
            }
            if (any && unit.offset < queue.end)
                bad(number, fmt::format("begins at {}, before {}", unit.offset, queue.end));
            if (any && unit.unit.at <= queue.last_at)
                bad(number, fmt::format("leads back to {}", unit.unit.at));
            if (!any) queue.first = queue.first_real = unit.offset;
            any = true;
            queue.end = unit.offset + unit.count;
            queue.last_at = unit.unit.at;
            if (unit.unit.at >= context.log.begin()) ++queue.live;
            if (!tell && unit.unit.end() <= context.log.end())
                context.queues_end = std::max(context.queues_end, unit.unit.end());
        }
    }
    if (!tell) return;
    context.report.units += queue.live;
    if (queue.live != queue.matched)
        context.tell(
            {Finding::Part::queue, Finding::Kind::other, Finding::Mend::repair, queue.path, -1, 0,
             fmt::format("{} batches with their record, of {}", queue.matched, queue.live)});
}

/// mqd-store(5), EXTENSION: units end to end, then -1 or zeros.
void check_extension(Context& context, const QueueView& queue) {
    constexpr std::size_t head_bytes = 20;
    for (const auto& part : queue.extension.parts()) {
        std::size_t at = 0;
        const auto path = "consumequeue_ext" + queue.path.substr(queue.path.find('/')) + "/" +
                          part.path.filename().native();
        const auto bad = [&](std::string what) {
            context.tell({Finding::Part::queue, Finding::Kind::foreign, Finding::Mend::repair, path,
                          static_cast<std::int64_t>(at), 0, std::move(what)});
        };
        while (at + 2 <= part.bytes.size()) {
            const auto size = load_be<std::int16_t>(&part.bytes[at]);
            if (size == -1 || size == 0) {
                const auto written = written_behind(part.path, at + (size == -1 ? 2 : 0));
                if (written && !context.live()) bad("not zero, behind the end");
                break;
            }
            if (size < static_cast<std::int16_t>(head_bytes) ||
                at + static_cast<std::size_t>(size) > part.bytes.size() ||
                load_be<std::int16_t>(&part.bytes[at + 18]) !=
                    size - static_cast<std::int16_t>(head_bytes)) {
                bad("no unit of an extension");
                break;
            }
            at += static_cast<std::size_t>(size);
        }
    }
}

// ---- loading

struct Found {
    std::string topic;
    std::int32_t id = 0;
    fs::path dir;
    RowShape shape;
};

Result<std::vector<Found>> find_rows(const fs::path& root) {
    std::vector<Found> out;
    TRY(const auto topics, posix_files().list(root));
    for (const auto& topic : topics) {
        std::error_code code;
        if (!fs::is_directory(root / topic, code)) continue;
        TRY(const auto ids, posix_files().list(root / topic));
        for (const auto& text : ids) {
            const auto id = parse_int<std::int32_t>(text);
            if (!id || !fs::is_directory(root / topic / text, code)) continue;
            TRY(auto shape, row_shape(root / topic / text, 0));
            out.push_back({topic, *id, root / topic / text, std::move(shape)});
        }
    }
    std::map<std::int64_t, std::size_t> votes;
    for (const auto& found : out) votes[found.shape.file_bytes] += found.shape.begins.size();
    votes.erase(0);
    if (votes.size() < 2) return out;
    const auto most =
        std::ranges::max_element(votes, {}, [](auto& vote) { return vote.second; })->first;
    for (auto& found : out) {
        if (found.shape.file_bytes == most) continue;
        TRY(found.shape, row_shape(found.dir, most));
    }
    return out;
}

void tell_misfits(Context& context, const Found& found, const std::string& path) {
    for (const auto& misfit : found.shape.misfits)
        context.tell({Finding::Part::queue, misfit.kind, Finding::Mend::repair,
                      path + "/" + misfit.name, -1, 0, misfit.what});
}

Result<> load_kind(Context& context, const std::string& root, QueueView::Kind kind) {
    TRY(const auto rows, find_rows(context.root / root));
    for (const auto& found : rows) {
        auto queue = std::make_unique<QueueView>();
        queue->topic = found.topic;
        queue->id = found.id;
        queue->kind = kind;
        queue->path = fmt::format("{}/{}/{}", root, found.topic, found.id);
        tell_misfits(context, found, queue->path);
        TRY(queue->files, FileRow::open(found.dir, found.shape.begins));
        if (kind == QueueView::Kind::batch) context.batch_topics.insert(found.topic);
        context.queue_numbers[found.topic].try_emplace(found.id, context.queues.size());
        context.queues.push_back(std::move(queue));
    }
    return {};
}

/// What each level of the delay queues waits, as their units have it: the default, or another
/// one that they agree on.
void find_delays(Context& context) {
    constexpr std::int64_t units_looked_at = 64;
    constexpr int votes_that_tell = 3;
    const auto defaults = DelayLevels::parse({});
    for (const auto& queue : context.queues) {
        if (queue->topic != schedule_topic || queue->kind != QueueView::Kind::plain) continue;
        const std::int32_t level = queue->id + 1;
        std::map<std::int64_t, int> votes;
        for (std::int64_t i = queue->first; i < queue->end && i < queue->first + units_looked_at;
             ++i) {
            const auto unit = queue->unit(i);
            const auto record = unit ? context.record_at(unit->at) : std::nullopt;
            if (!record || unit->tags_code <= Unit::extension_max) continue;
            ++votes[unit->tags_code - message::stored_ms(*record)];
        }
        const bool known = defaults && level >= 1 && level <= defaults->count();
        std::int64_t delay_ms = known ? defaults->wait_ms(level) : 0;
        if (!votes.empty() && !votes.contains(delay_ms)) {
            const auto most =
                std::ranges::max_element(votes, {}, [](auto& vote) { return vote.second; });
            // Levels of RocketMQ are whole seconds, and no flipped bit is a thousand.
            const bool is_told = most->first % 1000 == 0 || most->second >= votes_that_tell;
            if (most->first > 0 && is_told) delay_ms = most->first;
        }
        context.delays_ms[level] = delay_ms;
    }
}

}  // namespace

Result<> load_queues(Context& context) {
    using Kind = QueueView::Kind;
    TRY_OK(load_kind(context, "consumequeue", Kind::plain));
    TRY_OK(load_kind(context, "batchconsumequeue", Kind::batch));
    TRY(const auto extensions, find_rows(context.root / "consumequeue_ext"));
    for (const auto& found : extensions) {
        const auto number = context.find_queue(found.topic, found.id);
        if (number < 0) continue;
        QueueView& queue = *context.queues[static_cast<std::size_t>(number)];
        tell_misfits(context, found, fmt::format("consumequeue_ext/{}/{}", found.topic, found.id));
        TRY(queue.extension, FileRow::open(found.dir, found.shape.begins));
    }
    for (auto& queue : context.queues) {
        if (queue->kind == Kind::batch)
            examine_batches(context, *queue, false);
        else
            QueueCheck(context, *queue, false).run();
    }
    find_delays(context);
    return {};
}

void check_queues(Context& context) {
    for (auto& queue : context.queues) {
        if (context.stopped()) return;
        if (queue->kind == QueueView::Kind::batch)
            examine_batches(context, *queue, true);
        else
            QueueCheck(context, *queue, true).run();
        check_extension(context, *queue);
    }
}

}  // namespace mqd::store::verifying
