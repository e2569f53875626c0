#include "store/queue_table.h"

#include <algorithm>

#include "base/parse.h"

namespace mqd::store {
namespace {

/// A topic is a directory's name; what is none gets a queue that takes nothing.
bool is_directory_name(std::string_view name) {
    return !name.empty() && name.front() != '.' && name.find('/') == name.npos &&
           name.find('\0') == name.npos;
}

bool id_less(const ConsumeQueue* queue, std::int32_t id) {
    return queue->id() < id;
}

}  // namespace

Result<> QueueTable::scan(const DeletedTopics::Map& deleted) {
    const auto batch_root = context_.root.parent_path() / "batchconsumequeue";
    TRY(const auto batch_topics, context_.files.list(batch_root));
    batch_topics_.insert(batch_topics.begin(), batch_topics.end());
    TRY(const auto topics, context_.files.list(context_.root));
    const Lock lock(lock_);
    for (const auto& [name, end] : deleted) topic_of(name).ignore_before = end;
    for (const auto& name : topics) {
        const auto dir = context_.root / name;
        TRY(const bool directory, context_.files.is_directory(dir));
        if (!directory) continue;
        TRY(const auto ids, context_.files.list(dir));
        Topic& topic = topic_of(name);
        for (const auto& text : ids)
            if (const auto id = parse_int<std::int32_t>(text)) add(topic, name, *id, true);
    }
    return {};
}

bool QueueTable::empty() const {
    const Lock lock(lock_);
    return owned_.empty();
}

QueueTable::Topic& QueueTable::topic_of(std::string_view name) {
    const auto it = topics_.find(name);
    return it != topics_.end() ? it->second : topics_[std::string(name)];
}

ConsumeQueue* QueueTable::find_in(const Topic& topic, std::int32_t id) {
    const auto it = std::lower_bound(topic.queues.begin(), topic.queues.end(), id, id_less);
    return it != topic.queues.end() && (*it)->id() == id ? *it : nullptr;
}

ConsumeQueue* QueueTable::add(Topic& topic, std::string_view name, std::int32_t id, bool on_disk) {
    owned_.push_back(std::make_unique<ConsumeQueue>(context_, std::string(name), id,
                                                    topic.ignore_before, on_disk));
    ConsumeQueue* queue = owned_.back().get();
    if (!is_directory_name(name)) queue->mark_deleted();
    topic.queues.insert(std::lower_bound(topic.queues.begin(), topic.queues.end(), id, id_less),
                        queue);
    return queue;
}

ConsumeQueue* QueueTable::find(std::string_view topic, std::int32_t id) const {
    const Lock lock(lock_);
    const auto it = topics_.find(topic);
    return it == topics_.end() ? nullptr : find_in(it->second, id);
}

ConsumeQueue* QueueTable::find_or_make(std::string_view name, std::int32_t id) {
    const Lock lock(lock_);
    Topic& topic = topic_of(name);
    ConsumeQueue* queue = find_in(topic, id);
    return queue != nullptr ? queue : add(topic, name, id, false);
}

ConsumeQueue* QueueTable::for_record(std::string_view name, std::int32_t id, std::int64_t at) {
    if (!batch_topics_.empty() && batch_topics_.contains(name)) return nullptr;
    const Lock lock(lock_);
    Topic& topic = topic_of(name);
    if (at < topic.ignore_before) return nullptr;
    ConsumeQueue* queue = find_in(topic, id);
    if (queue == nullptr) queue = add(topic, name, id, false);
    return queue->deleted() ? nullptr : queue;
}

std::vector<ConsumeQueue*> QueueTable::all() const {
    const Lock lock(lock_);
    std::vector<ConsumeQueue*> out;
    out.reserve(owned_.size());
    for (const auto& [name, topic] : topics_)
        out.insert(out.end(), topic.queues.begin(), topic.queues.end());
    return out;
}

void QueueTable::mark_deleted(std::string_view name) {
    const Lock lock(lock_);
    for (ConsumeQueue* queue : topic_of(name).queues) queue->mark_deleted();
}

std::vector<ConsumeQueue*> QueueTable::remove(std::string_view name, std::int64_t log_end) {
    const Lock lock(lock_);
    Topic& topic = topic_of(name);
    topic.ignore_before = log_end;
    for (ConsumeQueue* queue : topic.queues) queue->mark_deleted();
    return std::exchange(topic.queues, {});
}

}  // namespace mqd::store
