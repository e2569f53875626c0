#pragma once
// Every queue of the store by topic and id, and which topics have been deleted.
//
// Threads: any.
// Owner:   the store; a queue lives as long as the table, deleted or not.

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/mutex.h"
#include "store/consume_queue.h"
#include "store/deleted_topics.h"

namespace mqd::store {

class QueueTable {
public:
    explicit QueueTable(QueueContext context) : context_(std::move(context)) {}

    /// Takes in the directories; reads no queue. `deleted`: topics of which records before that
    /// offset stay out. io
    Result<> scan(const DeletedTopics::Map& deleted);
    /// True when scan() has found no queue at all.
    bool empty() const;

    ConsumeQueue* find(std::string_view topic, std::int32_t id) const;
    ConsumeQueue* find_or_make(std::string_view topic, std::int32_t id);
    /// The same for a record at `at`; null when it belongs to a deleted topic, or to one whose
    /// queues are of another kind (batch, spec 3.3).
    ConsumeQueue* for_record(std::string_view topic, std::int32_t id, std::int64_t at);
    std::vector<ConsumeQueue*> all() const;

    /// A topic is deleted in two steps: its queues take no appends any more; then they are taken
    /// out, and records before `log_end`, taken in between, stay out for good.
    void mark_deleted(std::string_view topic);
    std::vector<ConsumeQueue*> remove(std::string_view topic, std::int64_t log_end);

private:
    struct TextHash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const {
            return std::hash<std::string_view>{}(text);
        }
    };
    struct Topic {
        std::vector<ConsumeQueue*> queues;  // by id; few have more than a handful
        std::int64_t ignore_before = 0;
    };
    ConsumeQueue* add(Topic& topic, std::string_view name, std::int32_t id, bool on_disk)
        REQUIRES(lock_);
    Topic& topic_of(std::string_view name) REQUIRES(lock_);
    static ConsumeQueue* find_in(const Topic& topic, std::int32_t id);

    const QueueContext context_;
    mutable Mutex lock_;  // held for look-ups only
    std::unordered_map<std::string, Topic, TextHash, std::equal_to<>> topics_ GUARDED_BY(lock_);
    std::vector<std::unique_ptr<ConsumeQueue>> owned_ GUARDED_BY(lock_);
    std::set<std::string, std::less<>> batch_topics_;  // fixed after scan()
};

}  // namespace mqd::store
