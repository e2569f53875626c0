#include <algorithm>
#include <limits>

#include "base/parse.h"
#include "store/check/scan.h"
#include "store/queue/batch_unit.h"

namespace mqd::store {
namespace {

namespace fs = std::filesystem;

// One unit of either kind: messages [offset, offset + count) in `bytes` bytes of the log.
struct Entry {
    std::int64_t offset = 0;
    std::int64_t count = 1;
    std::int64_t at = 0;
    std::int64_t bytes = 0;
    bool used = false;
    bool filling = false;
    std::int64_t log_end = 0;
};

bool can_be(const BatchUnit& unit) {
    return unit.is_valid() && unit.offset <= std::numeric_limits<std::int64_t>::max() - unit.count;
}

Entry entry_of(bool batch, const std::byte* at, std::int64_t position) {
    if (!batch) {
        const auto unit = Unit::load(at);
        const bool used = unit.at >= 0 && unit.bytes > 0;
        return {position, 1, unit.at, unit.bytes, used, unit.is_filling(), unit.end()};
    }
    const auto unit = BatchUnit::load(at);
    return {unit.offset,  unit.count, unit.unit.at,   unit.unit.bytes,
            can_be(unit), false,      unit.unit.end()};
}

Result<> sum_up(const fs::path& dir, PhysicalOffset log_begin, QueueSummary& queue) {
    TRY(const auto segments, list_segments(dir));
    const std::int64_t unit_bytes = queue.batch ? BatchUnit::bytes_each : Unit::bytes_each;
    bool any = false;
    bool any_kept = false;
    for (const auto& segment : segments) {
        queue.allocated_bytes += segment.allocated_bytes;
        TRY(const auto file, ScanFile::open(segment.path));
        const auto units = static_cast<std::int64_t>(file.bytes().size()) / unit_bytes;
        for (std::int64_t i = 0; i < units; ++i) {
            const auto entry = entry_of(queue.batch, file.bytes().data() + i * unit_bytes,
                                        segment.begin / unit_bytes + i);
            if (entry.filling) continue;
            if (!entry.used) return {};
            if (!any) queue.first_on_disk = entry.offset;
            any = true;
            if (entry.at >= log_begin.value) {
                if (!any_kept) queue.min = {entry.offset};
                any_kept = true;
                queue.bytes += entry.bytes;
            }
            queue.max = {entry.offset + entry.count};
            if (!any_kept) queue.min = queue.max;
            ++queue.units;
            queue.last_at = {entry.at};
            queue.log_end = {entry.log_end};
        }
    }
    return {};
}

/// Of a folder that cannot be listed; one that was deleted this moment has no queues.
Result<> refusal(const fs::path& path, int error_number) {
    if (error_number == ENOENT || error_number == ENOTDIR) return {};
    auto error = errno_error(path.native(), error_number);
    if (error_number == EACCES || error_number == EPERM) error.code = Errc::refused;
    return error;
}

Result<> add_queues(const fs::path& root, bool batch, PhysicalOffset log_begin,
                    std::vector<QueueSummary>& into) {
    TRY(const auto there, look_at(root));
    if (there != There::folder) return {};
    std::error_code code;
    for (fs::directory_iterator topics(root, code), end; !code && topics != end;
         topics.increment(code)) {
        std::error_code inner;
        for (fs::directory_iterator ids(topics->path(), inner); !inner && ids != end;
             ids.increment(inner)) {
            const auto id = parse_int<std::int32_t>(ids->path().filename().native());
            if (!id || !ids->is_directory(inner)) continue;
            QueueSummary queue;
            queue.topic = topics->path().filename().native();
            queue.id = *id;
            queue.batch = batch;
            TRY_OK(sum_up(ids->path(), log_begin, queue));
            into.push_back(std::move(queue));
        }
        if (inner) return refusal(topics->path(), inner.value());
    }
    if (code) return refusal(root, code.value());
    return {};
}

}  // namespace

Result<std::vector<QueueSummary>> scan_queues(const Places& store, PhysicalOffset log_begin) {
    std::vector<QueueSummary> queues;
    TRY_OK(add_queues(store / "consumequeue", false, log_begin, queues));
    TRY_OK(add_queues(store / "batchconsumequeue", true, log_begin, queues));
    std::ranges::sort(queues, [](const QueueSummary& a, const QueueSummary& b) {
        return std::tie(a.topic, a.id) < std::tie(b.topic, b.id);
    });
    return queues;
}

}  // namespace mqd::store
