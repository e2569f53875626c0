#pragma once
// What the parts of verify() share: the store's files as they were found, mapped, and where
// findings go.
//
// Threads: the views are read by all of verify's threads; findings are told by one.
// Owner:   verify().

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "json/value.h"
#include "store/queue/batch_unit.h"
#include "store/log/checkpoint.h"
#include "store/queue/delay_levels.h"
#include "store/files.h"
#include "store/index/index_format.h"
#include "store/check/scan.h"
#include "store/queue/unit.h"
#include "store/check/verify.h"

namespace mqd::store::verifying {

namespace fs = std::filesystem;

/// A row of files of one size, mapped.
class FileRow {
public:
    /// The files of the row that are there, whatever their length.
    static Result<FileRow> open(const fs::path& dir, std::span<const std::int64_t> begins);

    struct Part {
        std::int64_t begin = 0;
        fs::path path;
        std::shared_ptr<Mapping> mapping;
        Bytes bytes;
        std::int64_t end() const { return begin + static_cast<std::int64_t>(bytes.size()); }
    };
    std::span<const Part> parts() const { return parts_; }
    bool empty() const { return parts_.empty(); }
    std::int64_t begin() const { return empty() ? 0 : parts_.front().begin; }
    std::int64_t end() const { return empty() ? 0 : parts_.back().end(); }
    /// `n` bytes at `at`; empty where no file has them all.
    Bytes at(std::int64_t at, std::size_t n) const {
        const Part* part = part_at(at);
        if (part == nullptr || part->end() - at < static_cast<std::int64_t>(n)) return {};
        return part->bytes.subspan(static_cast<std::size_t>(at - part->begin), n);
    }
    /// From `at` to its file's end.
    Bytes rest(std::int64_t at) const {
        const Part* part = part_at(at);
        return part == nullptr ? Bytes{}
                               : part->bytes.subspan(static_cast<std::size_t>(at - part->begin));
    }
    const Part* part_at(std::int64_t at) const;

private:
    std::vector<Part> parts_;
};

/// What a misfit is that is no file of ours; a broker passes it over.
inline constexpr std::string_view no_file = "no file of a store";

/// A name that is no file of a row, or a file of another length than most.
struct Misfit {
    std::string name;
    Finding::Kind kind = Finding::Kind::foreign;
    std::int64_t at = 0;
    std::string what;
};
struct RowShape {
    std::int64_t file_bytes = 0;  ///< of most of them
    std::vector<std::int64_t> begins;
    std::vector<Misfit> misfits;
};
/// Names, lengths and gaps of a directory; `file_bytes` 0: as most of them have.
Result<RowShape> row_shape(const fs::path& dir, std::int64_t file_bytes);

struct QueueView {
    enum class Kind { plain, batch };
    std::string topic;
    std::int32_t id = 0;
    Kind kind = Kind::plain;
    std::string path;  ///< in the store
    FileRow files;
    FileRow extension;

    // found by examine_queue()
    std::int64_t first = 0;        ///< offset of the first unit in the files
    std::int64_t first_real = -1;  ///< and of the first that is no filling
    std::int64_t first_real_at = 0;
    std::int64_t end = 0;  ///< one past the last unit; of batch queues: messages
    std::int64_t last_at = -1;
    std::int64_t matched = 0;  ///< records that have their unit
    std::int64_t live = 0;     ///< units whose record the log should have
    std::int64_t repeats = 0;  ///< of these, those that stand for a lost message
    /// Ranges of units that have been told of, in order.
    std::vector<std::pair<std::int64_t, std::int64_t>> told;

    std::optional<Unit> unit(std::int64_t offset) const {
        if (offset < 0 || offset >= files.end() / Unit::bytes_each) return std::nullopt;
        const Bytes bytes = files.at(offset * Unit::bytes_each, Unit::bytes_each);
        if (bytes.empty()) return std::nullopt;
        return Unit::load(bytes.data());
    }
};

/// The unit that a record has in a batch queue, byte for byte (mqd-store(5), BATCH QUEUES).
std::array<std::byte, BatchUnit::bytes_each> batch_unit_of(const message::RecordView& record);

struct Context {
    Context(Places store, const VerifyOptions& how,
            const std::function<void(const Finding&)>& findings)
        : root(std::move(store)), options(how), sink(findings) {}

    Places root;
    const VerifyOptions& options;
    const std::function<void(const Finding&)>& sink;
    VerifyReport report;

    FileRow log;
    std::int64_t log_file_bytes = 0;
    std::vector<std::unique_ptr<QueueView>> queues;
    std::map<std::string, std::map<std::int32_t, std::size_t>, std::less<>> queue_numbers;
    std::set<std::string, std::less<>> batch_topics;
    std::set<std::string, std::less<>> topics;  ///< of topics.json
    bool topics_known = false;
    std::map<std::string, std::int64_t, std::less<>> deleted_topics;
    std::map<std::int32_t, std::int64_t> delays_ms;  ///< by level, as the queues have them
    std::optional<Checkpoint> checkpoint;
    std::map<std::string, json::Value> configs;  ///< by name, those that could be read
    std::int64_t queues_end = 0;                 ///< after the last record with a unit
    std::int64_t newest_ts_ms = 0;               ///< store time of the last record
    std::int64_t newest_unit_ts_ms = 0;          ///< of the last that gets a unit
    std::int64_t first_ts_ms = 0;
    bool checkpoint_log_seen = false, checkpoint_queues_seen = false;

    void tell(const Finding& finding) {
        ++report.findings;
        sink(finding);
    }
    bool live() const { return report.user.has_value(); }
    bool stopped() const { return options.stop() || report.interrupted; }
    /// The number of a queue in `queues`, -1 when there is none.
    std::int64_t find_queue(std::string_view topic, std::int32_t id) const;
    /// A record that begins at `at`: its shape, place and body CRC are right.
    std::optional<message::RecordView> record_at(std::int64_t at) const;
    /// The unit's code that a record should have.
    std::int64_t tags_code(const message::RecordView& record) const;
};

// The parts, in this order.
void load_config(Context& context);  // before the log, which grows meanwhile
Result<> load_log(Context& context);
Result<> load_queues(Context& context);
Result<> check_log(Context& context);  // records, and that each has its unit
void check_queues(Context& context);   // that each unit has its record
Result<> check_index(Context& context);
Result<> check_checkpoint(Context& context);
void check_offsets(Context& context);
Result<> check_timers(Context& context);

}  // namespace mqd::store::verifying
