#include "store/log/cold_pages.h"

#include <algorithm>

#include "store/log/commit_log.h"

namespace mqd::store {

/// True when it is new; `gone` are those that have no room any more.
bool ColdPages::add(const Part& part, std::vector<Part>& gone) {
    const auto [it, fresh] = by_at_.try_emplace(part.at);
    if (!fresh) {
        recent_.splice(recent_.begin(), recent_, it->second);
        it->second->file = part.file;
        return false;
    }
    recent_.push_front(part);
    it->second = recent_.begin();
    if (recent_.size() > parts_max) {
        gone.push_back(std::move(recent_.back()));
        by_at_.erase(gone.back().at);
        recent_.pop_back();
    }
    return true;
}

void ColdPages::reading(const LogFile& of, const std::shared_ptr<File>& file, std::int64_t from,
                        std::int64_t to, bool fetched) {
    const auto part_at = [&](std::int64_t at) {
        const std::int64_t in_file = (at - of.base) / part_bytes * part_bytes;
        return Part{of.base + in_file, file, in_file};
    };
    std::vector<Part> gone;
    std::vector<std::int64_t> wanted;
    {
        const Lock lock(lock_);
        // What others keep in memory is theirs to keep; what we brought in is used again, and goes
        // on ahead of the reader.
        bool ours = fetched;
        for (Part part = part_at(from); part.at < to; part = part_at(part.at + part_bytes)) {
            if (!ours && !by_at_.contains(part.at)) continue;
            ours = true;
            if (add(part, gone)) wanted.push_back(part.at);
        }
        const Part next = part_at(to - 1 + part_bytes);
        if (ours && next.at < of.limit() && add(next, gone)) wanted.push_back(next.at);
    }
    for (const Part& part : gone)
        if (const auto is = part.file.lock()) is->wont_need(part.in_file, part_bytes);
    for (const std::int64_t at : wanted) {
        // Of the part being read only what is still to come.
        const std::int64_t begin = std::clamp(to, at, at + part_bytes);
        const std::int64_t bytes = std::min(at + part_bytes, of.limit()) - begin;
        if (bytes > 0) file->will_need(begin - of.base, bytes);
    }
}

}  // namespace mqd::store
