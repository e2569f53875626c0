#pragma once
// What was found to be wrong. The first of each kind are kept in words, all are counted.
//
// Threads: any.
// Owner:   main.

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "base/mutex.h"

namespace mqd::soak {

class Problems {
public:
    void add(const std::string& kind, const std::string& what) {
        Lock lock(lock_);
        const auto seen = ++kinds_[kind];
        if (seen <= kept_of_a_kind) texts_.push_back(kind + ": " + what);
    }
    std::vector<std::string> texts() const {
        Lock lock(lock_);
        auto all = texts_;
        for (const auto& [kind, seen] : kinds_)
            if (seen > kept_of_a_kind)
                all.push_back(kind + ": " + std::to_string(seen) + " times in all");
        return all;
    }
    bool empty() const {
        Lock lock(lock_);
        return kinds_.empty();
    }

private:
    static constexpr std::size_t kept_of_a_kind = 5;
    mutable Mutex lock_;
    std::map<std::string, std::size_t> kinds_ GUARDED_BY(lock_);
    std::vector<std::string> texts_ GUARDED_BY(lock_);
};

}  // namespace mqd::soak
