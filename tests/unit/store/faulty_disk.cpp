#include "faulty_disk.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <functional>

namespace mqd::store::test {

namespace fs = std::filesystem;

// ---- bytes

void Blob::resize(std::size_t size) {
    if (size > capacity_) {
        check(!pinned_);
        const std::size_t capacity = std::max(size, 2 * capacity_);
        auto bytes = std::make_unique<std::byte[]>(capacity);
        if (size_ > 0) std::memcpy(bytes.get(), bytes_.get(), size_);
        bytes_ = std::move(bytes);
        capacity_ = capacity;
    }
    if (size < size_) std::memset(bytes_.get() + size, 0, size_ - size);
    size_ = size;
}

void Blob::write(std::size_t at, Bytes bytes) {
    if (bytes.empty()) return;
    if (at + bytes.size() > size_) resize(at + bytes.size());
    std::memcpy(bytes_.get() + at, bytes.data(), bytes.size());
}

std::string Operation::to_string() const {
    switch (kind) {
        case Kind::make:
            return fmt::format("make {} {} in {}", makes_directory ? "directory" : "file", name,
                               directory);
        case Kind::remove:
            return fmt::format("remove {} from {}", name, directory);
        case Kind::rename:
            return fmt::format("rename {} to {} in {}", name, to, directory);
        case Kind::write:
            return fmt::format("write {} bytes at {} of {}", bytes.size(), at, node);
        case Kind::resize:
            return fmt::format("resize {} to {}", node, at);
        case Kind::sync:
            return fmt::format("sync {} before {}", node, at);
        case Kind::sync_all:
            return fmt::format("sync all before {}", at);
        case Kind::failed_sync:
            return fmt::format("failed sync of {}", node);
    }
    return {};
}

std::string Survival::to_string() const {
    switch (kind) {
        case Kind::synced:
            return "what was synced";
        case Kind::everything:
            return "everything";
        case Kind::some:
            break;
    }
    return fmt::format("some of it, seed {}", seed);
}

// ---- operations

void Disk::apply(std::shared_ptr<const Operation> operation, std::size_t number) {
    using Kind = Operation::Kind;
    switch (operation->kind) {
        case Kind::sync:
            return sync(nodes_[operation->node], operation->at);
        case Kind::sync_all:
            for (Node& node : nodes_) sync(node, operation->at);
            return;
        case Kind::failed_sync:
            if (!nodes_[operation->node].is_directory) nodes_[operation->node].pending.clear();
            return;
        default:
            return change(std::move(operation), number);
    }
}

void Disk::change(std::shared_ptr<const Operation> operation, std::size_t number) {
    using Kind = Operation::Kind;
    if (operation->kind == Kind::write || operation->kind == Kind::resize) {
        Node& node = nodes_[operation->node];
        if (operation->kind == Kind::write)
            node.blob->write(operation->at, operation->bytes);
        else
            node.blob->resize(operation->at);
        node.pending.push_back({number, std::move(operation)});
        return;
    }
    if (operation->kind == Kind::make) {
        check(operation->node == nodes_.size());
        Node& made = nodes_.emplace_back();
        made.is_directory = operation->makes_directory;
        if (!made.is_directory) made.blob = std::make_shared<Blob>();
    }
    Node& directory = nodes_[operation->directory];
    change_entries(directory.entries, *operation);
    directory.pending.push_back({number, std::move(operation)});
}

void Disk::change_entries(Entries& entries, const Operation& operation) {
    using Kind = Operation::Kind;
    if (operation.kind == Kind::make) entries[operation.name] = operation.node;
    if (operation.kind == Kind::remove) entries.erase(operation.name);
    if (operation.kind == Kind::rename) {
        const auto it = entries.find(operation.name);
        check(it != entries.end());
        const NodeId node = it->second;
        entries.erase(it);
        entries[operation.to] = node;
    }
}

void Disk::change_bytes(std::vector<std::byte>& bytes, const Operation& operation) {
    if (operation.kind == Operation::Kind::resize) return bytes.resize(operation.at);
    const std::size_t end = operation.at + operation.bytes.size();
    if (bytes.size() < end) bytes.resize(end);
    std::copy(operation.bytes.begin(), operation.bytes.end(),
              bytes.begin() + static_cast<std::ptrdiff_t>(operation.at));
}

void Disk::sync(Node& node, std::size_t before) {
    const auto end = std::find_if(node.pending.begin(), node.pending.end(),
                                  [&](const Pending& p) { return p.number >= before; });
    for (auto it = node.pending.begin(); it != end; ++it) {
        if (node.is_directory)
            change_entries(node.synced_entries, *it->operation);
        else
            change_bytes(node.synced_bytes, *it->operation);
    }
    node.pending.erase(node.pending.begin(), end);
}

// ---- crashes

Disk::Entries Disk::surviving_entries(const Node& node, const Survival& survival,
                                      std::mt19937_64& random) {
    if (survival.kind == Survival::Kind::everything) return node.entries;
    Entries entries = node.synced_entries;
    if (survival.kind == Survival::Kind::synced) return entries;
    const std::size_t kept = random() % (node.pending.size() + 1);
    for (std::size_t i = 0; i < kept; ++i) change_entries(entries, *node.pending[i].operation);
    return entries;
}

std::vector<std::byte> Disk::surviving_bytes(const Node& node, const Survival& survival,
                                             std::mt19937_64& random) {
    if (survival.kind == Survival::Kind::everything) {
        const Bytes bytes = node.blob->bytes();
        return {bytes.begin(), bytes.end()};
    }
    std::vector<std::byte> bytes = node.synced_bytes;
    if (survival.kind == Survival::Kind::synced) return bytes;
    const std::uint64_t kept_of_8 = 1 + random() % 7;
    for (const Pending& pending : node.pending) {
        if (random() % 8 >= kept_of_8) continue;
        if (pending.operation->kind == Operation::Kind::write)
            write_sectors(bytes, *pending.operation, random);
        else
            change_bytes(bytes, *pending.operation);
    }
    return bytes;
}

void Disk::write_sectors(std::vector<std::byte>& bytes, const Operation& operation,
                         std::mt19937_64& random) {
    const std::size_t end = operation.at + operation.bytes.size();
    for (std::size_t at = operation.at; at < end;) {
        const std::size_t next = std::min(end, (at / sector_bytes + 1) * sector_bytes);
        if (random() % 8 != 0) {
            if (bytes.size() < next) bytes.resize(next);
            std::copy_n(operation.bytes.begin() + static_cast<std::ptrdiff_t>(at - operation.at),
                        next - at, bytes.begin() + static_cast<std::ptrdiff_t>(at));
        }
        at = next;
    }
}

Disk Disk::crashed(const Survival& survival, const Operation* torn, std::size_t torn_bytes) const {
    std::mt19937_64 random(survival.seed);
    Disk out;
    // Depth first by name, so that a seed means the same however the nodes are numbered.
    const std::function<void(NodeId, NodeId)> copy = [&](NodeId from, NodeId to) {
        const auto entries = surviving_entries(nodes_[from], survival, random);
        for (const auto& [name, node] : entries) {
            const NodeId made = out.nodes_.size();
            Node& fresh = out.nodes_.emplace_back();
            out.nodes_[to].entries[name] = out.nodes_[to].synced_entries[name] = made;
            fresh.is_directory = nodes_[node].is_directory;
            if (fresh.is_directory) {
                copy(node, made);
                continue;
            }
            fresh.synced_bytes = surviving_bytes(nodes_[node], survival, random);
            if (torn != nullptr && torn->node == node) {
                Operation part = *torn;
                part.bytes.resize(torn_bytes);
                change_bytes(fresh.synced_bytes, part);
            }
            fresh.blob = std::make_shared<Blob>();
            fresh.blob->write(0, fresh.synced_bytes);
        }
    };
    copy(root, root);
    return out;
}

// ---- looking

std::optional<NodeId> Disk::find(const fs::path& path) const {
    NodeId node = root;
    for (const auto& part : path.relative_path()) {
        if (part.empty()) continue;
        if (!nodes_[node].is_directory) return std::nullopt;
        const auto it = nodes_[node].entries.find(part.string());
        if (it == nodes_[node].entries.end()) return std::nullopt;
        node = it->second;
    }
    return node;
}

void Disk::visit(NodeId directory, const std::string& path, const Visitor& visitor) const {
    for (const auto& [name, node] : nodes_[directory].entries) {
        visitor(path + name, nodes_[node]);
        if (nodes_[node].is_directory) visit(node, path + name + "/", visitor);
    }
}

std::map<std::string, std::string> Disk::files(const fs::path& folder) const {
    std::map<std::string, std::string> out;
    const auto node = find(folder);
    if (!node || !nodes_[*node].is_directory) return out;
    visit(*node, "", [&](const std::string& path, const Node& file) {
        if (!file.is_directory) out[path] = as_text(file.blob->bytes());
    });
    return out;
}

std::uint64_t Disk::fingerprint() const {
    std::uint64_t sum = 14695981039346656037ULL;
    const auto mix = [&](std::string_view text) {
        sum = (sum ^ std::hash<std::string_view>{}(text)) * 1099511628211ULL;
    };
    visit(root, "", [&](const std::string& path, const Node& node) {
        mix(path);
        if (!node.is_directory) mix(as_text(node.blob->bytes()));
    });
    return sum;
}

void Disk::write_to(const fs::path& folder) const {
    fs::create_directories(folder);
    visit(root, "", [&](const std::string& path, const Node& node) {
        if (node.is_directory)
            fs::create_directories(folder / path);
        else
            std::ofstream(folder / path, std::ios::binary) << as_text(node.blob->bytes());
    });
}

}  // namespace mqd::store::test
