#include "faulty_files.h"

#include <fmt/format.h>

#include "base/clock.h"

namespace mqd::store::test {

namespace fs = std::filesystem;

std::string Fault::to_string() const {
    static constexpr const char* names[] = {"none", "EIO", "ENOSPC", "short write"};
    return fmt::format("{} {} call {}", names[static_cast<int>(kind)], for_good ? "from" : "at",
                       call);
}

// ---- the journal

void FaultyFiles::happen(Operation operation) {
    auto shared = std::make_shared<const Operation>(std::move(operation));
    disk_.apply(shared, journal_.size());
    journal_.push_back(std::move(shared));
    happened_.store(journal_.size(), std::memory_order_release);
}

Journal FaultyFiles::journal() const {
    const Lock lock(lock_);
    return journal_;
}

Disk FaultyFiles::after_crash(const Survival& survival) const {
    const Lock lock(lock_);
    return disk_.after_crash(survival);
}

std::map<std::string, std::string> FaultyFiles::contents(const fs::path& folder) const {
    const Lock lock(lock_);
    return disk_.files(folder);
}

// ---- faults

void FaultyFiles::set(Fault fault) {
    const Lock lock(lock_);
    fault_ = fault;
}

std::optional<std::string> FaultyFiles::failed_call() const {
    const Lock lock(lock_);
    if (failed_call_.empty()) return std::nullopt;
    return failed_call_;
}

Result<> FaultyFiles::count(const char* what, const fs::path& path, bool takes_space,
                            Fault::Kind* kind) {
    const std::uint64_t call = calls_.fetch_add(1);
    const bool hit = fault_.kind != Fault::Kind::none &&
                     (fault_.for_good ? call >= fault_.call : call == fault_.call);
    if (!hit) return {};
    const bool no_space =
        fault_.kind == Fault::Kind::no_space || fault_.kind == Fault::Kind::short_write;
    if (no_space && !takes_space) return {};
    if (failed_call_.empty()) failed_call_ = fmt::format("{} {}", what, path.string());
    if (kind != nullptr) *kind = fault_.kind;
    return Error{no_space ? Errc::refused : Errc::io,
                 fmt::format("{} {}: {}", what, path.string(), fault_.to_string())};
}

// ---- an open file

class FaultyFiles::OpenFile final : public File {
public:
    OpenFile(FaultyFiles& owner, NodeId node, std::shared_ptr<Blob> blob, fs::path path,
             bool locked)
        : owner_(owner),
          node_(node),
          blob_(std::move(blob)),
          path_(std::move(path)),
          locked_(locked) {}
    ~OpenFile() override {
        if (!locked_) return;
        const Lock lock(owner_.lock_);
        owner_.locked_.erase(node_);
    }

    Result<std::size_t> read(std::int64_t at, MutableBytes into) const override {
        const Lock lock(owner_.lock_);
        TRY_OK(owner_.count("read", path_, false));
        const Bytes bytes = blob_->bytes();
        const auto from = static_cast<std::size_t>(at);
        if (from >= bytes.size()) return std::size_t{0};
        const std::size_t size = std::min(into.size(), bytes.size() - from);
        std::memcpy(into.data(), bytes.data() + from, size);
        return size;
    }

    Result<> write(std::int64_t at, Bytes bytes) override { return write_all(at, {&bytes, 1}); }
    Result<> write_all(std::int64_t at, std::span<const Bytes> pieces) override {
        Operation operation;
        operation.kind = Operation::Kind::write;
        operation.node = node_;
        operation.at = static_cast<std::size_t>(at);
        for (const Bytes piece : pieces)
            operation.bytes.insert(operation.bytes.end(), piece.begin(), piece.end());
        const Lock lock(owner_.lock_);
        auto fault = Fault::Kind::none;
        auto ok = owner_.count("write", path_, true, &fault);
        if (fault == Fault::Kind::short_write) operation.bytes.resize(operation.bytes.size() / 2);
        if (ok || fault == Fault::Kind::short_write) owner_.happen(std::move(operation));
        return ok;
    }

    Result<> sync() override { return owner_.sync_node(node_, "sync", path_); }
    Result<std::int64_t> size() const override {
        const Lock lock(owner_.lock_);
        TRY_OK(owner_.count("stat", path_, false));
        return static_cast<std::int64_t>(blob_->size());
    }
    Result<> resize(std::int64_t bytes) override {
        const Lock lock(owner_.lock_);
        TRY_OK(owner_.count("resize", path_, bytes > static_cast<std::int64_t>(blob_->size())));
        Operation operation;
        operation.kind = Operation::Kind::resize;
        operation.node = node_;
        operation.at = static_cast<std::size_t>(bytes);
        owner_.happen(std::move(operation));
        return {};
    }
    Result<std::unique_ptr<Mapping>> map() const override {
        const Lock lock(owner_.lock_);
        TRY_OK(owner_.count("map", path_, false));
        blob_->pin();
        return std::unique_ptr<Mapping>(std::make_unique<BlobMapping>(blob_));
    }

private:
    class BlobMapping final : public Mapping {
    public:
        explicit BlobMapping(std::shared_ptr<Blob> blob)
            : blob_(std::move(blob)), bytes_(blob_->bytes()) {}
        Bytes bytes() const override { return bytes_; }

    private:
        const std::shared_ptr<Blob> blob_;
        const Bytes bytes_;
    };

    FaultyFiles& owner_;
    const NodeId node_;
    const std::shared_ptr<Blob> blob_;
    const fs::path path_;
    const bool locked_;
};

// ---- files and folders

Result<FaultyFiles::Place> FaultyFiles::place_of(const fs::path& path) {
    const auto directory = disk_.find(path.parent_path());
    if (!directory || !disk_.is_directory(*directory))
        return Error{Errc::not_found, fmt::format("{}: no such directory", path.string())};
    const auto& entries = disk_.entries(*directory);
    const auto it = entries.find(path.filename().string());
    return Place{*directory, path.filename().string(),
                 it == entries.end() ? std::nullopt : std::optional(it->second)};
}

Result<NodeId> FaultyFiles::make(const Place& place, bool directory) {
    Operation operation;
    operation.kind = Operation::Kind::make;
    operation.node = disk_.next_node();
    operation.directory = place.directory;
    operation.name = place.name;
    operation.makes_directory = directory;
    const NodeId node = operation.node;
    happen(std::move(operation));
    return node;
}

Result<std::unique_ptr<File>> FaultyFiles::open(const fs::path& path, OpenMode mode) {
    const Lock lock(lock_);
    TRY(const Place place, place_of(path));
    const bool makes = mode == OpenMode::create && !place.node;
    TRY_OK(count("open", path, makes));
    if (!place.node && !makes)
        return Error{Errc::not_found, fmt::format("open {}: no such file", path.string())};
    NodeId node = 0;
    if (makes) {
        TRY(node, make(place, false));
    } else {
        node = *place.node;
    }
    if (disk_.is_directory(node))
        return Error{Errc::io, fmt::format("open {}: is a directory", path.string())};
    return std::unique_ptr<File>(
        std::make_unique<OpenFile>(*this, node, disk_.blob(node), path, false));
}

Result<std::vector<std::string>> FaultyFiles::list(const fs::path& dir) {
    const Lock lock(lock_);
    TRY_OK(count("list", dir, false));
    std::vector<std::string> names;
    const auto node = disk_.find(dir);
    if (!node) return names;
    for (const auto& entry : disk_.entries(*node)) names.push_back(entry.first);
    return names;
}

Result<bool> FaultyFiles::exists(const fs::path& path) {
    const Lock lock(lock_);
    TRY_OK(count("exists", path, false));
    return disk_.find(path).has_value();
}

Result<bool> FaultyFiles::is_directory(const fs::path& path) {
    const Lock lock(lock_);
    TRY_OK(count("is directory", path, false));
    const auto node = disk_.find(path);
    return node && disk_.is_directory(*node);
}

Result<std::int64_t> FaultyFiles::modified_ms(const fs::path& path) {
    const Lock lock(lock_);
    TRY_OK(count("stat", path, false));
    if (!disk_.find(path)) return Error{Errc::not_found, fmt::format("stat {}", path.string())};
    return system_clock().wall_ms();
}

Result<std::int64_t> FaultyFiles::changed_ns(const fs::path& path) {
    const Lock lock(lock_);
    TRY_OK(count("stat", path, false));
    const auto node = disk_.find(path);
    if (!node || disk_.is_directory(*node))
        return Error{Errc::not_found, fmt::format("stat {}", path.string())};
    const auto text = as_text(disk_.blob(*node)->bytes());
    return static_cast<std::int64_t>(std::hash<std::string_view>{}(text) % 1'000'000'000);
}

Result<> FaultyFiles::make_directories(const fs::path& dir) {
    const Lock lock(lock_);
    TRY_OK(count("make directories", dir, !disk_.find(dir)));
    fs::path path = "/";
    for (const auto& part : dir.relative_path()) {
        path /= part;
        TRY(const Place place, place_of(path));
        if (!place.node) TRY_OK(make(place, true));
    }
    return {};
}

Result<> FaultyFiles::rename(const fs::path& from, const fs::path& to) {
    const Lock lock(lock_);
    TRY_OK(count("rename", from, true));
    TRY(const Place source, place_of(from));
    TRY(const Place target, place_of(to));
    check(source.directory == target.directory);  // all that the store does, and the disk knows
    if (!source.node)
        return Error{Errc::not_found, fmt::format("rename {}: no such file", from.string())};
    Operation operation;
    operation.kind = Operation::Kind::rename;
    operation.directory = source.directory;
    operation.name = source.name;
    operation.to = target.name;
    happen(std::move(operation));
    return {};
}

Result<> FaultyFiles::remove(const fs::path& path) {
    const Lock lock(lock_);
    TRY_OK(count("remove", path, false));
    const auto place = place_of(path);
    if (!place || !place->node) return {};
    remove_tree(place->directory, place->name);
    return {};
}

Result<> FaultyFiles::remove_all(const fs::path& dir) {
    const Lock lock(lock_);
    TRY_OK(count("remove all", dir, false));
    const auto place = place_of(dir);
    if (!place || !place->node) return {};
    remove_tree(place->directory, place->name);
    return {};
}

/// What is inside goes first, one operation each.
void FaultyFiles::remove_tree(NodeId directory, const std::string& name) {
    const NodeId node = disk_.entries(directory).at(name);
    if (disk_.is_directory(node)) {
        const auto inside = disk_.entries(node);
        for (const auto& entry : inside) remove_tree(node, entry.first);
    }
    Operation operation;
    operation.kind = Operation::Kind::remove;
    operation.directory = directory;
    operation.name = name;
    happen(std::move(operation));
}

/// Nothing is safe before the call is over, and then what had happened before it began.
Result<> FaultyFiles::sync_node(NodeId node, const char* what, const fs::path& path) {
    Operation operation;
    operation.kind = Operation::Kind::sync;
    operation.node = node;
    operation.at = happened();
    const Lock lock(lock_);
    auto ok = count(what, path, false);
    if (!ok) operation.kind = Operation::Kind::failed_sync;
    happen(std::move(operation));
    return ok;
}

Result<> FaultyFiles::sync_directory(const fs::path& dir) {
    std::optional<NodeId> node;
    {
        const Lock lock(lock_);
        node = disk_.find(dir);
    }
    if (!node) return Error{Errc::not_found, fmt::format("sync {}: is not there", dir.string())};
    return sync_node(*node, "sync directory", dir);
}

Result<> FaultyFiles::sync_filesystem(const fs::path& path) {
    Operation operation;
    operation.kind = Operation::Kind::sync_all;
    operation.at = happened();
    const Lock lock(lock_);
    TRY_OK(count("sync all", path, false));
    happen(std::move(operation));
    return {};
}

Result<Files::Space> FaultyFiles::space(const fs::path& path) {
    const Lock lock(lock_);
    TRY_OK(count("space of", path, false));
    return Space{1 << 30, 1 << 30, 10};
}

Result<std::unique_ptr<File>> FaultyFiles::lock(const fs::path& path) {
    TRY(auto file, open(path, OpenMode::create));
    TRY_OK(file->write(0, as_bytes("lock")));
    const Lock lock(lock_);
    TRY(const Place place, place_of(path));
    if (!locked_.insert(*place.node).second)
        return Error{Errc::refused, fmt::format("{} is held", path.string())};
    return std::unique_ptr<File>(
        std::make_unique<OpenFile>(*this, *place.node, disk_.blob(*place.node), path, true));
}

}  // namespace mqd::store::test
