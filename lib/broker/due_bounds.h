#pragma once
// When waiting messages are due at the latest, whatever the clock said when they were stored: it
// may have been ahead, and then what they say of themselves lies far away.
//
// Threads: a value.

#include <cstdint>
#include <vector>

#include "json/value.h"

namespace mqd::broker {

class DueBounds {
public:
    /// Messages before `end` of the queue are due at `due_ms`, if not before.
    void add(std::int64_t end, std::int64_t due_ms);
    /// When the message at `offset` is due that says `due_ms` of itself.
    std::int64_t of(std::int64_t offset, std::int64_t due_ms) const;
    /// Nothing before `offset` is asked for any more. True: something was forgotten.
    bool forget_before(std::int64_t offset);
    /// The queue ends here.
    void cut(std::int64_t end);
    bool empty() const { return bounds_.empty(); }

    /// [[end, due], ...]
    json::Value to_json() const;
    static DueBounds from_json(const json::Value& value);
    bool operator==(const DueBounds&) const = default;

private:
    static constexpr std::size_t bounds_max = 16;
    struct Bound {
        std::int64_t end = 0, due_ms = 0;
        bool operator==(const Bound&) const = default;
    };
    std::vector<Bound> bounds_;  // both grow
};

}  // namespace mqd::broker
