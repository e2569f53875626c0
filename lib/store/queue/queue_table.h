#pragma once
// Every queue of the store by topic and id, and which topics have been deleted.
//
// Threads: any.
// Owner:   the store; a queue lives as long as the table, deleted or not.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/by_name.h"
#include "base/mutex.h"
#include "store/table/deleted_topics.h"
#include "store/queue/stored_queue.h"

namespace mqd::store {

class QueueTable {
public:
    explicit QueueTable(QueueContext context) : context_(std::move(context)) {}

    /// Takes in the directories, whose kind is their queues'; reads no queue. `deleted`: topics of
    /// which records before that offset stay out. io
    Result<> scan(const DeletedTopics::Map& deleted);
    /// True when there is no queue at all; none of that kind.
    bool empty() const;
    bool empty(bool batch) const;

    StoredQueue* find(std::string_view topic, std::int32_t id) const;
    StoredQueue* find_or_make(std::string_view topic, std::int32_t id);
    /// The same for a record; null when it belongs to a deleted topic. An inner batch tells what
    /// kind of queue its topic has.
    StoredQueue* for_record(const message::RecordView& record);
    /// What kind of queues a topic gets that has none yet.
    void set_batch(std::string_view topic, bool batch);
    std::vector<StoredQueue*> all() const;

    /// What a queue must have. Records of a deleted topic tell nothing. False: its folder is gone,
    /// and it is not to be made.
    bool expect(const QueueEnd& end, bool make);

    /// The log ends at `log_end`: what comes there belongs to no topic that was deleted before.
    /// Before all threads.
    void recovered(std::int64_t log_end);

    /// A topic is deleted in two steps: its queues take no appends for now; then they are taken
    /// out, and records before `log_end`, taken in between, stay out for good.
    void close(std::string_view topic, bool closed);
    std::vector<StoredQueue*> remove(std::string_view topic, std::int64_t log_end);

private:
    struct Topic {
        std::vector<StoredQueue*> queues;  // by id; few have more than a handful
        std::int64_t ignore_before = 0;
        bool batch = false;
    };
    Result<> scan_kind(const std::filesystem::path& root, bool batch);
    StoredQueue* add(Topic& topic, std::string_view name, std::int32_t id, bool on_disk)
        REQUIRES(lock_);
    Topic& topic_of(std::string_view name) REQUIRES(lock_);
    static StoredQueue* find_in(const Topic& topic, std::int32_t id);

    const QueueContext context_;
    mutable Mutex lock_;  // held for look-ups only
    ByName<Topic> topics_ GUARDED_BY(lock_);
    std::vector<std::unique_ptr<StoredQueue>> owned_ GUARDED_BY(lock_);
};

}  // namespace mqd::store
