#include "store/check/scan_index.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/parse.h"
#include "message/sys_flag.h"
#include "store/files.h"
#include "store/index/index_file.h"
#include "store/index/index_geometry.h"

namespace mqd::store {
namespace {

namespace fs = std::filesystem;

/// Nothing: no file, deleted this moment, or too short for a header.
Result<std::optional<IndexFileFacts>> facts_of(const fs::path& path) {
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode))
        return std::optional<IndexFileFacts>();
    auto file = posix_files().open(path, OpenMode::read_only);
    if (!file && file.error().code == Errc::not_found) return std::optional<IndexFileFacts>();
    if (!file) return std::move(file).error();
    std::array<std::byte, IndexGeometry::header_bytes> header;
    TRY(const std::size_t got, (*file)->read(0, header));
    if (got < header.size()) return std::optional<IndexFileFacts>();
    return std::optional(
        IndexFileFacts{path, info.st_size, info.st_blocks * 512, IndexHeader::load(header.data())});
}

std::vector<std::int32_t> hashes_at(LogScan* log, std::int64_t at) {
    std::vector<std::int32_t> hashes;
    if (log == nullptr) return hashes;
    const auto record = log->record_at({at});
    if (!record) return hashes;
    const IndexHash hash(record->topic);
    for_each_index_key(record->properties,
                       [&](std::string_view key) { hashes.push_back(hash.of(key)); });
    return hashes;
}

}  // namespace

Result<IndexScan> IndexScan::open(const Places& store) {
    const fs::path& path = store.root();
    IndexScan out;
    TRY(const auto there, look_at(path));
    if (there == There::nothing)
        return Error{Errc::not_found, fmt::format("{}: no such store or file", path.native())};
    std::vector<fs::path> paths{path};
    if (there == There::folder) {
        paths.clear();
        TRY(const auto names, posix_files().list(store / "index"));
        for (const auto& name : names)
            if (parse_int<std::int64_t>(name)) paths.push_back(store / "index" / name);
    }
    for (const auto& each : paths) {
        TRY(auto facts, facts_of(each));
        if (facts) out.files_.push_back(std::move(*facts));
    }
    std::ranges::sort(out.files_, {}, &IndexFileFacts::path);
    return out;
}

/// All have one, so the first file that shows it speaks for all.
Result<const IndexGeometry*> IndexScan::geometry(LogScan* log) {
    for (const auto& facts : files_) {
        if (geometry_) break;
        if (facts.entries() == 0) continue;
        auto file = ScanFile::open(facts.path);
        if (!file && file.error().code == Errc::not_found) continue;  // expired this moment
        if (!file) return std::move(file).error();
        geometry_ =
            index_geometry(file->bytes(), [log](std::int64_t at) { return hashes_at(log, at); });
    }
    if (geometry_) return &*geometry_;
    return Error{Errc::corrupt, "no number of slots fits the index files"};
}

Result<> IndexScan::find(std::int32_t hash, LogScan* log,
                         const std::function<bool(const IndexHit&)>& f) {
    if (std::ranges::all_of(files_, [](const auto& file) { return file.entries() == 0; }))
        return {};
    TRY(const IndexGeometry* const shape, geometry(log));
    std::optional<Error> first;
    bool wanted = true;
    for (auto facts = files_.rbegin(); facts != files_.rend() && wanted; ++facts) {
        if (facts->entries() == 0) continue;
        const auto chain = [&]() -> Result<> {
            if (facts->bytes != shape->file_bytes())
                return Error{Errc::corrupt, "its length is not that of the others"};
            TRY(const auto file, posix_files().open(facts->path, OpenMode::read_only));
            return read_index_chain(*file, *shape, hash,
                                    [&](std::int32_t number, const IndexEntry& entry) {
                                        wanted = f({facts->path, number, {entry.at}});
                                        return wanted;
                                    });
        }();
        if (chain || chain.error().code == Errc::not_found || first) continue;
        first = Error{chain.error().code,
                      fmt::format("{}: {}", facts->path.native(), chain.error().what)};
    }
    if (first) return *first;
    return {};
}

bool has_key(const message::RecordView& record, std::string_view key) {
    bool found = false;
    for_each_index_key(record.properties, [&](std::string_view word) { found |= word == key; });
    return found;
}

}  // namespace mqd::store
