#include "store/check/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/parse.h"
#include "message/stored_time.h"
#include "store/file_names.h"
#include "store/check/verify_parts.h"

namespace mqd::store {

std::string Finding::to_string() const {
    std::string out = path;
    const bool units = part == Part::queue && kind == Kind::other;
    if (at >= 0) out += units ? fmt::format(" unit {}", at) : fmt::format(" at {}", at);
    if (count > 1 && units) out += fmt::format(" and {} more", count - 1);
    if (count > 0 && !units) out += fmt::format(", {} bytes", count);
    out += ": " + what;
    if (mend == Mend::start) out += " (the next start mends it)";
    if (mend == Mend::nothing) out += " (cannot be mended)";
    return out;
}

Result<VerifyReport> verify(const Places& store, const VerifyOptions& options,
                            const std::function<void(const Finding&)>& sink) {
    using namespace verifying;
    bool is_store = false;
    for (const auto* const name : {"commitlog", "consumequeue", "checkpoint"}) {
        TRY(const auto there, look_at(store / name));
        is_store = is_store || there != There::nothing;
    }
    std::error_code code;
    if (!is_store)
        return Error{Errc::not_found, fmt::format("{}: no such store", store.root().native())};
    Context context(store, options, sink);
    context.report.user = store_user(store.root());
    context.report.crashed = !context.live() && fs::exists(store / "abort", code);
    // A broker appends to the log first and to everything else after it, so what is read before
    // the log may lag behind it but never lead.
    load_config(context);
    TRY_OK(load_log(context));
    TRY_OK(load_queues(context));
    TRY_OK(check_log(context));
    if (!context.stopped()) check_queues(context);
    if (!context.stopped()) TRY_OK(check_index(context));
    if (!context.stopped()) TRY_OK(check_checkpoint(context));
    if (!context.stopped()) check_offsets(context);
    if (!context.stopped()) TRY_OK(check_timers(context));
    context.report.interrupted = options.stop();
    return context.report;
}

namespace verifying {

// ---- rows of files

Result<FileRow> FileRow::open(const fs::path& dir, std::span<const std::int64_t> begins) {
    FileRow row;
    for (const std::int64_t begin : begins) {
        Part part;
        part.begin = begin;
        part.path = dir / file_name(begin);
        auto file = posix_files().open(part.path, OpenMode::read_only);
        if (!file && file.error().code == Errc::not_found) continue;  // deleted this moment
        if (!file) return std::move(file).error();
        TRY(part.mapping, (*file)->map());
        part.bytes = part.mapping->bytes();
        if (!part.bytes.empty()) row.parts_.push_back(std::move(part));
    }
    return row;
}

const FileRow::Part* FileRow::part_at(std::int64_t at) const {
    if (empty() || at < begin() || at >= end()) return nullptr;
    const auto holds = [at](const Part& part) { return part.begin <= at && at < part.end(); };
    // Of one size and without gaps, as they nearly always are.
    const auto guess = static_cast<std::size_t>(
        (at - begin()) / static_cast<std::int64_t>(parts_.front().bytes.size()));
    if (guess < parts_.size() && holds(parts_[guess])) return &parts_[guess];
    const auto behind = std::ranges::upper_bound(parts_, at, {}, &Part::begin);
    if (behind == parts_.begin()) return nullptr;
    const Part& part = *std::prev(behind);
    return holds(part) ? &part : nullptr;
}

Result<RowShape> row_shape(const fs::path& dir, std::int64_t file_bytes) {
    RowShape shape;
    std::map<std::int64_t, std::int64_t> lengths;  // by begin
    TRY(const auto names, posix_files().list(dir));
    for (const auto& name : names) {
        std::error_code code;
        const auto status = fs::status(dir / name, code);
        if (code) continue;
        const auto begin = parse_file_name(name);
        if (!begin || fs::is_directory(status)) {
            shape.misfits.push_back({name, Finding::Kind::foreign, -1, std::string(no_file)});
            continue;
        }
        const auto bytes = static_cast<std::int64_t>(fs::file_size(dir / name, code));
        if (!code) lengths[*begin] = bytes;
    }
    // An empty last file was made and never used.
    if (!lengths.empty() && lengths.rbegin()->second == 0) lengths.erase(lengths.rbegin()->first);
    std::map<std::int64_t, int> votes;
    for (const auto& [begin, bytes] : lengths) ++votes[bytes];
    shape.file_bytes = file_bytes;
    if (file_bytes == 0 && !votes.empty())
        shape.file_bytes =
            std::ranges::max_element(votes, {}, [](auto& v) { return v.second; })->first;
    // The distance of two names says it too, which tells when there are as many short as whole.
    if (file_bytes == 0 && lengths.size() == 2 && votes.size() == 2)
        shape.file_bytes = std::max(
            lengths.begin()->second,
            std::min(lengths.rbegin()->first - lengths.begin()->first, lengths.rbegin()->second));
    std::int64_t expected = -1;
    for (const auto& [begin, bytes] : lengths) {
        const auto name = file_name(begin);
        if (shape.file_bytes == 0 || begin % shape.file_bytes != 0) {
            shape.misfits.push_back(
                {name, Finding::Kind::foreign, -1,
                 fmt::format("no name of a file of {} bytes", shape.file_bytes)});
            continue;
        }
        if (bytes != shape.file_bytes)
            shape.misfits.push_back(
                {name, Finding::Kind::length, begin,
                 fmt::format("{} bytes, not {} as the others", bytes, shape.file_bytes)});
        if (expected >= 0 && begin != expected)
            shape.misfits.push_back({file_name(expected), Finding::Kind::missing, expected,
                                     fmt::format("missing, up to {}", name)});
        expected = begin + shape.file_bytes;
        shape.begins.push_back(begin);
    }
    return shape;
}

// ---- what all parts ask

std::int64_t Context::find_queue(std::string_view topic, std::int32_t id) const {
    const auto found = queue_numbers.find(topic);
    if (found == queue_numbers.end()) return -1;
    const auto queue = found->second.find(id);
    return queue == found->second.end() ? -1 : static_cast<std::int64_t>(queue->second);
}

std::optional<message::RecordView> Context::record_at(std::int64_t at) const {
    const Bytes rest = log.rest(at);
    if (rest.size() < message::record_bytes_min) return std::nullopt;
    auto record = message::RecordView::parse(rest);
    if (!record || record->at.value != at || !record->body_crc_ok()) return std::nullopt;
    return *record;
}

std::int64_t Context::tags_code(const message::RecordView& record) const {
    if (record.topic == schedule_topic) [[unlikely]] {
        const auto text = message::find_property(record.properties, message::property::delay);
        const auto level = text ? parse_int<std::int64_t>(*text) : std::nullopt;
        const auto delay = delays_ms.find(record.queue_id + 1);
        if (level && *level > 0 && delay != delays_ms.end())
            return message::stored_ms(record) + delay->second;
    }
    return message::tags_code(record.properties);
}

std::array<std::byte, BatchUnit::bytes_each> batch_unit_of(const message::RecordView& record) {
    std::array<std::byte, BatchUnit::bytes_each> bytes;
    BatchUnit{{record.at.value, static_cast<std::int32_t>(record.bytes.size()),
               message::tags_code(record.properties)},
              record.store_ts_ms,
              record.queue_offset.value,
              static_cast<std::int16_t>(record.messages())}
        .store(bytes.data());
    return bytes;
}

}  // namespace verifying
}  // namespace mqd::store
