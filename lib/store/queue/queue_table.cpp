#include "store/queue/queue_table.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "base/parse.h"
#include "store/queue/batch_queue.h"
#include "store/queue/consume_queue.h"
#include "store/queue/queue_folders.h"

namespace mqd::store {
namespace {

/// A topic is a directory's name; what is none gets a queue that takes nothing.
bool is_directory_name(std::string_view name) {
    return !name.empty() && name.front() != '.' && name.find('/') == name.npos &&
           name.find('\0') == name.npos;
}

bool id_less(const StoredQueue* queue, std::int32_t id) {
    return queue->id() < id;
}

}  // namespace

Result<> QueueTable::scan(const DeletedTopics::Map& deleted) {
    {
        const Lock lock(lock_);
        for (const auto& [name, end] : deleted) topic_of(name).ignore_before = end;
    }
    TRY_OK(scan_kind(context_.root, false));
    return scan_kind(context_.batch_root, true);
}

Result<> QueueTable::scan_kind(const std::filesystem::path& root, bool batch) {
    TRY(const auto topics, context_.files.list(root));
    for (const auto& name : topics) {
        const auto dir = root / name;
        TRY(const bool directory, context_.files.is_directory(dir));
        if (!directory) continue;
        TRY(auto ids, context_.files.list(dir));
        bool settled = false;
        for (const auto& text : ids) {
            TRY(const bool was_one, settle_queue_folder(context_.files, dir, text));
            settled = settled || was_one;
        }
        if (settled) {
            TRY(ids, context_.files.list(dir));
        }
        const Lock lock(lock_);
        Topic& topic = topic_of(name);
        if (!topic.queues.empty()) {
            log::error("queues_of_both_kinds", {{"topic", name}, {"ignored", dir.string()}});
            continue;
        }
        topic.batch = batch;
        for (const auto& text : ids) {
            const auto id = parse_int<std::int32_t>(text);
            // A copy by the name of 00 is not that queue's folder.
            if (id && *id >= 0 && fmt::to_string(*id) == text) add(topic, name, *id, true);
        }
    }
    return {};
}

bool QueueTable::empty() const {
    const Lock lock(lock_);
    return owned_.empty();
}

bool QueueTable::empty(bool batch) const {
    const Lock lock(lock_);
    return std::none_of(owned_.begin(), owned_.end(),
                        [batch](const auto& queue) { return queue->is_batch() == batch; });
}

QueueTable::Topic& QueueTable::topic_of(std::string_view name) {
    const auto it = topics_.find(name);
    return it != topics_.end() ? it->second : topics_[std::string(name)];
}

StoredQueue* QueueTable::find_in(const Topic& topic, std::int32_t id) {
    const auto it = std::lower_bound(topic.queues.begin(), topic.queues.end(), id, id_less);
    return it != topic.queues.end() && (*it)->id() == id ? *it : nullptr;
}

StoredQueue* QueueTable::add(Topic& topic, std::string_view name, std::int32_t id, bool on_disk) {
    const std::int64_t from = topic.ignore_before;
    if (topic.batch)
        owned_.push_back(
            std::make_unique<BatchQueue>(context_, std::string(name), id, from, on_disk));
    else
        owned_.push_back(
            std::make_unique<ConsumeQueue>(context_, std::string(name), id, from, on_disk));
    StoredQueue* queue = owned_.back().get();
    if (!is_directory_name(name)) queue->mark_deleted();
    topic.queues.insert(std::lower_bound(topic.queues.begin(), topic.queues.end(), id, id_less),
                        queue);
    return queue;
}

StoredQueue* QueueTable::find(std::string_view topic, std::int32_t id) const {
    const Lock lock(lock_);
    const auto it = topics_.find(topic);
    return it == topics_.end() ? nullptr : find_in(it->second, id);
}

StoredQueue* QueueTable::find_or_make(std::string_view name, std::int32_t id) {
    const Lock lock(lock_);
    Topic& topic = topic_of(name);
    StoredQueue* queue = find_in(topic, id);
    return queue != nullptr ? queue : add(topic, name, id, false);
}

StoredQueue* QueueTable::for_record(const message::RecordView& record) {
    const Lock lock(lock_);
    Topic& topic = topic_of(record.topic);
    if (record.at.value < topic.ignore_before) return nullptr;
    if (record.is_inner_batch() && topic.queues.empty()) topic.batch = true;
    StoredQueue* queue = find_in(topic, record.queue_id);
    if (queue == nullptr) queue = add(topic, record.topic, record.queue_id, false);
    return queue->deleted() ? nullptr : queue;
}

void QueueTable::set_batch(std::string_view name, bool batch) {
    const Lock lock(lock_);
    const auto it = topics_.find(name);
    if (it == topics_.end() && !batch) return;
    Topic& topic = it == topics_.end() ? topic_of(name) : it->second;
    if (topic.queues.empty()) topic.batch = batch;
}

std::vector<StoredQueue*> QueueTable::all() const {
    const Lock lock(lock_);
    std::vector<StoredQueue*> out;
    out.reserve(owned_.size());
    for (const auto& [name, topic] : topics_)
        out.insert(out.end(), topic.queues.begin(), topic.queues.end());
    return out;
}

bool QueueTable::expect(const QueueEnd& end, bool make) {
    StoredQueue* queue = nullptr;
    {
        const Lock lock(lock_);
        const auto found = topics_.find(end.topic);
        if (found == topics_.end() && !make) return false;
        Topic& topic = found != topics_.end() ? found->second : topic_of(end.topic);
        if (end.last_at < topic.ignore_before) return true;
        queue = find_in(topic, end.id);
        if (queue == nullptr && !make) return false;
        if (queue == nullptr) {
            if (topic.queues.empty()) topic.batch = end.batch;
            queue = add(topic, end.topic, end.id, true);
        }
    }
    const Expected known = queue->expected();
    if (known.max >= 0 && !can_follow(known.max, known.last_at, end.max, end.last_at)) return true;
    queue->expect({end.min, end.max, end.last_at});
    if (queue->loaded() && queue->max().value < end.max)
        log::error("queue_lacks_units", {{"topic", end.topic},
                                         {"queue", end.id},
                                         {"ends", queue->max().value},
                                         {"expected", end.max},
                                         {"mended", "by the next start"}});
    return true;
}

void QueueTable::recovered(std::int64_t log_end) {
    const Lock lock(lock_);
    for (auto& [name, topic] : topics_) {
        if (topic.ignore_before <= log_end) continue;
        topic.ignore_before = log_end;
        for (StoredQueue* queue : topic.queues) queue->set_ignore_before(log_end);
    }
}

void QueueTable::close(std::string_view name, bool closed) {
    const Lock lock(lock_);
    for (StoredQueue* queue : topic_of(name).queues) queue->close(closed);
}

std::vector<StoredQueue*> QueueTable::remove(std::string_view name, std::int64_t log_end) {
    const Lock lock(lock_);
    Topic& topic = topic_of(name);
    topic.ignore_before = log_end;
    topic.batch = false;
    for (StoredQueue* queue : topic.queues) queue->mark_deleted();
    return std::exchange(topic.queues, {});
}

}  // namespace mqd::store
