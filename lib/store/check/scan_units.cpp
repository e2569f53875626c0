#include "store/check/scan_units.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "store/queue/batch_unit.h"
#include "store/file_names.h"

namespace mqd::store {
namespace {

namespace fs = std::filesystem;
using Kind = QueueScan::Kind;

constexpr std::int64_t offset_max = std::numeric_limits<std::int64_t>::max() - INT16_MAX;
constexpr std::string_view plain_dir = "consumequeue";
constexpr std::string_view batch_dir = "batchconsumequeue";
constexpr std::string_view extension_dir = "consumequeue_ext";

/// By the directories it lies in; a copy elsewhere by what only one kind can begin with.
std::optional<Kind> kind_of(const fs::path& path, Bytes bytes) {
    const auto root = fs::absolute(path).parent_path().parent_path().parent_path().filename();
    if (root == plain_dir) return Kind::plain;
    if (root == batch_dir) return Kind::batch;
    if (root == extension_dir) return Kind::extension;
    if (ExtensionUnit::parse(bytes)) return Kind::extension;  // else 0, an offset's front
    if (bytes.size() >= static_cast<std::size_t>(BatchUnit::bytes_each)) {
        const auto batch = BatchUnit::load(bytes.data());
        // In a plain queue the next unit's offset begins with two zeros in that place.
        constexpr std::size_t compacted_at = 38;
        if (batch.is_valid() && load_be<std::int32_t>(&bytes[compacted_at]) == -1)
            return Kind::batch;
    }
    if (bytes.size() >= static_cast<std::size_t>(Unit::bytes_each)) {
        const auto unit = Unit::load(bytes.data());
        constexpr std::int64_t log_end_max = 1LL << 56U;  // text, and what not, is beyond it
        if (unit.at >= 0 && unit.at < log_end_max && unit.bytes > 0) return Kind::plain;
    }
    return std::nullopt;
}

}  // namespace

Result<ExtensionFiles> ExtensionFiles::open(const fs::path& dir) {
    ExtensionFiles out;
    auto segments = list_segments(dir);
    if (!segments && segments.error().code != Errc::not_found) return std::move(segments).error();
    if (segments) out.segments_ = std::move(*segments);
    return out;
}

Result<std::optional<ExtensionUnit>> ExtensionFiles::find(std::int64_t address) {
    const std::int64_t offset = ExtensionUnit::offset_of(address);
    for (const auto& segment : segments_) {
        if (offset < segment.begin || offset >= segment.end()) continue;
        if (!file_ || file_begin_ != segment.begin) {
            auto file = ScanFile::open(segment.path);
            if (!file && file.error().code == Errc::not_found) break;  // expired this moment
            if (!file) return std::move(file).error();
            file_ = std::move(*file);
            file_begin_ = segment.begin;
        }
        const auto from = static_cast<std::size_t>(offset - file_begin_);
        if (from >= file_->bytes().size()) break;
        return ExtensionUnit::parse(file_->bytes().subspan(from));
    }
    return std::optional<ExtensionUnit>();
}

Result<std::unique_ptr<QueueScan>> QueueScan::open(const Places& store, std::string_view topic,
                                                   std::int32_t id) {
    TRY(const auto there, look_at(store.root()));
    if (there != There::folder)
        return Error{Errc::not_found, fmt::format("{}: no such store", store.root().native())};
    const auto queue = fs::path(topic) / std::to_string(id);
    const bool escapes =
        topic.empty() || topic.find('/') != std::string_view::npos || topic == "." || topic == "..";
    for (const auto& [dir, kind] :
         {std::pair{fs::path(plain_dir), Kind::plain}, {fs::path(batch_dir), Kind::batch}}) {
        if (escapes) break;
        auto segments = list_segments(store / (dir / queue));
        if (!segments && segments.error().code == Errc::not_found) continue;
        if (!segments) return std::move(segments).error();
        std::unique_ptr<QueueScan> scan(new QueueScan(kind, std::move(*segments)));
        TRY(scan->extensions_, ExtensionFiles::open(store / (fs::path(extension_dir) / queue)));
        return scan;
    }
    return Error{Errc::not_found,
                 fmt::format("{} has no queue {} of topic '{}'", store.root().native(), id, topic)};
}

Result<std::unique_ptr<QueueScan>> QueueScan::open_file(const fs::path& path, fs::path name) {
    if (name.empty()) name = path;
    TRY(auto file, ScanFile::open(path));
    const auto kind = kind_of(name, file.bytes());
    if (!kind) return Error{Errc::corrupt, fmt::format("{}: no file of a queue", name.native())};
    const auto bytes = static_cast<std::int64_t>(file.bytes().size());
    const Segment segment{path, parse_file_name(name.filename().native()).value_or(0), bytes,
                          bytes};
    std::unique_ptr<QueueScan> scan(new QueueScan(*kind, {segment}));
    // In its place it has company: R/consumequeue/<topic>/<id>/<file>.
    const auto queue = fs::absolute(name).parent_path();
    const auto root = queue.parent_path().parent_path();
    if (*kind == Kind::plain && root.filename() == plain_dir) {
        TRY(scan->extensions_,
            ExtensionFiles::open(root.parent_path() / extension_dir /
                                 queue.parent_path().filename() / queue.filename()));
    }
    return scan;
}

std::int64_t QueueScan::unit_bytes() const {
    return kind_ == Kind::plain ? Unit::bytes_each : BatchUnit::bytes_each;
}

/// False: there is no further file.
Result<bool> QueueScan::load() {
    while (segment_ < segments_.size()) {
        if (file_ && loaded_ == segment_) return true;
        auto file = ScanFile::open(segments_[segment_].path);
        if (file) {
            file_ = std::move(*file);
            loaded_ = segment_;
            return true;
        }
        if (file.error().code != Errc::not_found) return std::move(file).error();
        ++segment_;  // expired this moment
        at_ = 0;
    }
    return false;
}

Result<> QueueScan::seek(std::int64_t offset) {
    rewind(0, 0);
    if (kind_ == Kind::plain) {
        const auto most = std::numeric_limits<std::int64_t>::max() / Unit::bytes_each;
        const std::int64_t byte = std::min(offset, most) * Unit::bytes_each;
        while (segment_ < segments_.size() && segments_[segment_].end() <= byte) ++segment_;
        if (segment_ < segments_.size() && segments_[segment_].begin < byte)
            at_ = static_cast<std::size_t>(byte - segments_[segment_].begin);
        return {};
    }
    // Their places say nothing about queue offsets.
    for (;;) {
        const auto segment = segment_;
        const auto at = at_;
        TRY(const auto unit, next());
        const bool there = unit && (kind_ == Kind::extension ? unit->offset >= offset
                                                             : unit->offset + unit->count > offset);
        if (!unit) return {};
        if (there) return rewind(segment, at), Result<>();
    }
}

Result<> QueueScan::seek_back(std::int64_t count) {
    rewind(0, 0);
    std::int64_t units = 0;
    for (;; ++units) {
        TRY(const auto unit, next());
        if (!unit) break;
    }
    rewind(0, 0);
    for (; units > count; --units) TRY_OK(next());
    return {};
}

Result<std::optional<QueueUnit>> QueueScan::next() {
    while (!done_) {
        TRY(const bool there, load());
        if (!there) break;
        auto unit = kind_ == Kind::extension ? take_extension() : take();
        if (unit && unit->address && kind_ == Kind::plain) {
            TRY(unit->extension, extensions_.find(*unit->address));
            if (unit->extension) {
                unit->tags_code = unit->extension->tags_code;
                unit->store_ts_ms = unit->extension->store_ts_ms;
            }
        }
        if (unit) return unit;
    }
    done_ = true;
    return std::optional<QueueUnit>();
}

/// Nothing: at the file's end, or done.
std::optional<QueueUnit> QueueScan::take() {
    const Bytes bytes = file_->bytes();
    const auto step = static_cast<std::size_t>(unit_bytes());
    for (; at_ <= bytes.size() && bytes.size() - at_ >= step; at_ += step) {
        const auto unit = Unit::load(&bytes[at_]);
        QueueUnit out;
        out.at = {unit.at};
        out.bytes = unit.bytes;
        out.tags_code = unit.tags_code;
        if (kind_ == Kind::batch) {
            const auto batch = BatchUnit::load(&bytes[at_]);
            if (!batch.is_valid() || batch.offset > offset_max) break;
            out.offset = batch.offset;
            out.count = batch.count;
            out.store_ts_ms = batch.store_ts_ms;
        } else {
            if (unit.is_filling()) continue;
            if (unit.at < 0 || unit.bytes <= 0) break;
            out.offset =
                (segments_[segment_].begin + static_cast<std::int64_t>(at_)) / Unit::bytes_each;
            if (ExtensionUnit::is_address(unit.tags_code)) out.address = unit.tags_code;
        }
        at_ += step;
        return out;
    }
    done_ = at_ <= bytes.size() && bytes.size() - at_ >= step;
    ++segment_;
    at_ = 0;
    return std::nullopt;
}

std::optional<QueueUnit> QueueScan::take_extension() {
    const Bytes bytes = file_->bytes();
    const auto rest = bytes.subspan(std::min(at_, bytes.size()));
    if (auto unit = ExtensionUnit::parse(rest)) {
        QueueUnit out;
        out.offset = segments_[segment_].begin + static_cast<std::int64_t>(at_);
        out.count = 0;
        out.bytes = unit->bytes;
        out.tags_code = unit->tags_code;
        out.store_ts_ms = unit->store_ts_ms;
        out.address = ExtensionUnit::address_of(out.offset);
        at_ += static_cast<std::size_t>(unit->bytes);
        out.extension = unit;
        return out;
    }
    done_ = rest.size() >= 2 && load_be<std::int16_t>(rest.data()) != ExtensionUnit::file_end;
    ++segment_;
    at_ = 0;
    return std::nullopt;
}

}  // namespace mqd::store
