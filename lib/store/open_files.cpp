#include "store/open_files.h"

namespace mqd::store {

std::shared_ptr<File> OpenFiles::find(const Key& key) {
    const Lock lock(lock_);
    const auto it = by_key_.find(key);
    if (it == by_key_.end()) return nullptr;
    recent_.splice(recent_.begin(), recent_, it->second);
    return it->second->file;
}

Result<std::shared_ptr<File>> OpenFiles::open(const Key& key, const std::filesystem::path& path) {
    if (auto file = find(key)) return file;
    TRY(auto file, os_.open(path, OpenMode::read_write));
    return keep(key, std::move(file));
}

Result<std::shared_ptr<File>> OpenFiles::create(const Key& key, const std::filesystem::path& path,
                                                std::int64_t bytes) {
    if (auto file = find(key)) return file;
    auto there = os_.open(path, OpenMode::create);
    if (!there && there.error().code == Errc::not_found) {
        TRY_OK(os_.make_directories(path.parent_path()));
        there = os_.open(path, OpenMode::create);
    }
    TRY(auto file, std::move(there));
    TRY(const std::int64_t size, file->size());
    if (size < bytes) TRY_OK(file->resize(bytes));
    return keep(key, std::move(file));
}

std::shared_ptr<File> OpenFiles::keep(const Key& key, std::unique_ptr<File> file) {
    std::shared_ptr<File> out = std::move(file);
    std::shared_ptr<File> closing;  // after the lock
    const Lock lock(lock_);
    const auto [it, fresh] = by_key_.try_emplace(key);
    if (!fresh) return it->second->file;  // somebody else was faster
    recent_.push_front({key, out});
    it->second = recent_.begin();
    if (recent_.size() > open_max_) {
        closing = std::move(recent_.back().file);
        by_key_.erase(recent_.back().key);
        recent_.pop_back();
    }
    return out;
}

void OpenFiles::forget(const void* owner, std::int64_t from_base, std::int64_t to_base) {
    std::list<Entry> closing;
    const Lock lock(lock_);
    for (auto it = recent_.begin(); it != recent_.end();) {
        const auto here = it++;
        const OpenFiles::Key& key = here->key;
        if (key.owner != owner || key.base < from_base || key.base >= to_base) continue;
        by_key_.erase(key);
        closing.splice(closing.end(), recent_, here);
    }
}

}  // namespace mqd::store
