#pragma once
// How the groups consume, and whether they may: the rules of at-least-once, held at every step.
//
//  * A member's reading of a queue goes offset by offset: nothing is passed over.
//  * It begins no further than the group has done: nothing is lost between two members. For the
//    ordered group that is order too: what comes first comes in order, whatever comes again.
//  * It begins no earlier than what a broker must have kept of the group's commits: nothing comes
//    again but what was not committed, or committed just before a kill.
//  * Two members never work on a queue of the ordered group if one broker's life gave both a lock.
//
// Threads: any.
// Owner:   main; the members end before it.

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "base/mutex.h"
#include "problems.h"
#include "timeline.h"

namespace mqd::soak {

class GroupBook {
public:
    GroupBook(const Timeline& timeline, Problems& problems)
        : timeline_(timeline), problems_(problems) {}

    /// A member's reading of a queue, from its beginning to its end.
    struct Reading {
        std::string name;  ///< for problems
        void* queue = nullptr;
        std::int64_t next = 0;
        int locked_in_life = -1;  ///< when a lock was last granted; -1: none is known
    };
    /// `asked_ms`: when the broker was asked where the group stands, by the timeline.
    std::shared_ptr<Reading> begin(const std::string& group, const std::string& topic,
                                   std::int32_t queue, std::int64_t start, std::int64_t asked_ms);
    void locked(Reading& reading, int life);
    void delivered(Reading& reading, std::int64_t offset);
    void settled(Reading& reading, std::int64_t offset);
    /// Before it is sent.
    void committing(Reading& reading, std::int64_t offset);
    void end(const std::shared_ptr<Reading>& reading);

    /// Everything below is done by somebody.
    std::int64_t done(const std::string& group, const std::string& topic, std::int32_t queue) const;
    struct Counts {
        std::int64_t delivered = 0;
        std::int64_t again = 0;  ///< of these, what was delivered before
        std::int64_t readings = 0;
    };
    Counts counts() const;

private:
    struct Commit {
        std::int64_t at_ms;
        std::int64_t offset;
    };
    struct Queue {
        std::vector<bool> delivered, settled;
        std::int64_t done = 0;
        std::deque<Commit> commits;
        std::vector<std::shared_ptr<Reading>> readings;
    };
    static std::int64_t kept(const Queue& queue, std::int64_t asked_ms,
                             const std::vector<Outage>& outages);

    const Timeline& timeline_;
    Problems& problems_;
    mutable Mutex lock_;
    std::map<std::tuple<std::string, std::string, std::int32_t>, Queue> queues_ GUARDED_BY(lock_);
    Counts counts_ GUARDED_BY(lock_);
};

}  // namespace mqd::soak
