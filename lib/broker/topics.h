#pragma once
// The topic table, R/config/topics.json (mqd-store(5), TOPICS), and the rule by which a send makes
// a topic (mqd-remoting(7), MAKING TOPICS). A change is in the file of changes before anybody can
// see it, so a message that was taken never outlives its topic; the table follows, many changes at
// a time.
//
// Threads: any. A Topic is const but for the queue handles it resolves on first use.
// Owner:   Broker; the Store outlives it.

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "broker/settings.h"
#include "broker/table_file.h"
#include "json/value.h"
#include "store/store.h"
#include "store/table/table_changes.h"

namespace mqd::broker {

struct TopicConfig {
    std::string name;
    std::int32_t read_queues = 4;
    std::int32_t write_queues = 4;
    std::int32_t perm = 6;  ///< message::perm
    std::int32_t sys_flag = 0;
    bool order = false;
    std::string filter_type = "SINGLE_TAG";
    std::vector<std::pair<std::string, std::string>> attributes;
    json::Value other;  ///< members that we do not know

    /// queue.type=BatchCQ: what producers send as a batch is stored as one record.
    bool is_batch() const;
    json::Value to_json() const;
    /// invalid: no name, or queue counts that no broker has.
    static Result<TopicConfig> from_json(const json::Value& value);
    Result<> check() const;  ///< invalid: the counts or the permission
};

inline constexpr std::int32_t topic_queues_max = 65'536;

class Topic {
public:
    Topic(TopicConfig config, store::Store& store);
    const TopicConfig& config() const { return config_; }
    const std::string& name() const { return config_.name; }
    std::int32_t queues() const { return queue_count_; }  ///< the larger of the two counts

    /// The queue's handle; `id` lies in [0, queues()).
    store::Queue& queue(std::int32_t id) const;
    /// Null when nobody has used that queue yet.
    store::Queue* find_queue(std::int32_t id) const;

private:
    TopicConfig config_;
    store::Store& store_;
    std::int32_t queue_count_;
    std::unique_ptr<std::atomic<store::Queue*>[]> handles_;
};

using TopicRef = std::shared_ptr<const Topic>;

class Topics {
public:
    /// Loads the file and makes the system topics. corrupt, io: the file.
    static Result<std::unique_ptr<Topics>> open(store::Files& files, const Clock& clock,
                                                store::Store& store, const Settings& settings);

    /// Names of the topics with BatchCQ queues, for a store that is not open yet. corrupt, io: the
    /// file.
    static Result<std::vector<std::string>> batch_topics(store::Files& files,
                                                         const Settings& settings);

    TopicRef find(std::string_view name) const;

    struct Wish {
        std::string_view template_topic;
        std::int32_t queues = 4;
        bool unit_mode = false;
    };
    /// The topic, made from the template when it may be. not_found: it may not.
    /// unavailable: a topic of that name is just being deleted. io, refused: as put().
    Result<TopicRef> find_or_create(std::string_view name, const Wish& wish);
    /// Made if need be, and given more queues if it has fewer. unavailable: as above.
    Result<TopicRef> ensure(const TopicConfig& config);

    /// Makes or replaces; on disk after the next sync() or save(). unavailable: as above. invalid:
    /// the topic's queues are of the other kind. io, refused: it could not be written.
    Result<TopicRef> put(TopicConfig config);
    /// The same for all of them or, with an error, none.
    Result<> put_all(std::vector<TopicConfig> configs);
    /// These are ordered, the others are not: what the name servers' ORDER_TOPIC_CONFIG says.
    /// io, refused: as put().
    Result<> set_ordered(const std::set<std::string>& names);
    /// False when there was none. The store's queues are dropped too. io: as Store::delete_topic.
    Result<bool> remove(std::string_view name);
    /// Drops the store's queues of a topic that is not in the table. False when it is. io: as
    /// above.
    Result<bool> remove_unknown(std::string_view name);

    std::vector<TopicRef> all() const;
    std::size_t size() const;
    DataVersion data_version() const;
    /// Name servers pass over a table whose version they have seen, so whoever tells them of two
    /// changes one after the other needs two versions.
    void advance_version();
    /// Moves with every change: caches compare it.
    std::uint64_t version() const { return version_.load(std::memory_order_acquire); }

    /// Before traffic: told of each change after it can be seen; null for a removal.
    void on_change(std::function<void(const std::string& name, const TopicRef&)> listener) {
        listener_ = std::move(listener);
    }

    /// What has been changed is on disk, one way or the other. io
    Result<> sync();
    /// Writes the file if something changed since the last time. Called by one thread.
    Result<> save();
    /// save() for the last time: leaves a table that needs no file of changes.
    Result<> close();

private:
    Topics(store::Files& files, const Clock& clock, store::Store& store, const Settings& settings);
    Result<> load();
    void make_system_topics();
    Result<> check_puttable(const TopicConfig& config) const;
    /// Written down and then seen; they have been checked.
    Result<std::vector<TopicRef>> put_locked(std::vector<TopicConfig> configs) REQUIRES(changing_);
    Result<TopicRef> put_one_locked(TopicConfig config) REQUIRES(changing_);
    std::vector<TopicRef> publish(std::vector<TopicConfig> configs, const DataVersion& version)
        REQUIRES(changing_);
    Result<> write_down(const DataVersion& version, json::Value members) REQUIRES(changing_);
    DataVersion next_version() const;
    Result<> drop_queues(const std::string& name);
    void announce(const TopicRef& made) const;
    Result<TopicRef> announced(Result<TopicRef> made) const;
    json::Value to_json(DataVersion& version) const;

    store::Files& files_;
    const Clock& clock_;
    store::Store& store_;
    const Settings& settings_;
    const std::filesystem::path path_;
    std::function<void(const std::string&, const TopicRef&)> listener_;
    std::atomic<std::uint64_t> version_ = 1;

    // Held by whoever changes the table, also while the change is written; taken before mutex_.
    Mutex changing_;
    store::TableChanges changes_ GUARDED_BY(changing_);

    mutable Mutex mutex_;
    ByName<TopicRef> topics_ GUARDED_BY(mutex_);
    std::vector<std::string> removing_ GUARDED_BY(mutex_);  // their queues are being dropped
    DataVersion data_version_ GUARDED_BY(mutex_);           // changed with both held
    json::Value other_ GUARDED_BY(mutex_);                  // top-level members that we do not know
    std::atomic<bool> dirty_ = false;                       ///< set with the change, under mutex_
};

/// One thread's view of the table: a look-up without lock or shared count.
///
/// Threads: one. What find() gives is good until the next find().
class TopicCache {
public:
    explicit TopicCache(const Topics& topics) : topics_(topics) {}
    const Topic* find(std::string_view name);

private:
    const Topics& topics_;
    std::uint64_t version_ = 0;
    ByName<TopicRef> known_;
};

}  // namespace mqd::broker
