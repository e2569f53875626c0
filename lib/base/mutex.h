#pragma once
// A mutex that clang's -Wthread-safety understands, and the words that say which fields it guards.

#include <condition_variable>
#include <mutex>

#if defined(__clang__)
#define MQD_THREAD_ATTRIBUTE(x) __attribute__((x))
#else
#define MQD_THREAD_ATTRIBUTE(x)
#endif
#define GUARDED_BY(x) MQD_THREAD_ATTRIBUTE(guarded_by(x))
#define REQUIRES(...) MQD_THREAD_ATTRIBUTE(requires_capability(__VA_ARGS__))
#define EXCLUDES(...) MQD_THREAD_ATTRIBUTE(locks_excluded(__VA_ARGS__))
#define MQD_NO_THREAD_ANALYSIS MQD_THREAD_ATTRIBUTE(no_thread_safety_analysis)

namespace mqd {

class MQD_THREAD_ATTRIBUTE(capability("mutex")) Mutex {
public:
    void lock() MQD_THREAD_ATTRIBUTE(acquire_capability()) { mutex_.lock(); }
    void unlock() MQD_THREAD_ATTRIBUTE(release_capability()) { mutex_.unlock(); }
    bool try_lock() MQD_THREAD_ATTRIBUTE(try_acquire_capability(true)) { return mutex_.try_lock(); }

private:
    std::mutex mutex_;
};

class MQD_THREAD_ATTRIBUTE(scoped_lockable) Lock {
public:
    explicit Lock(Mutex& mutex) MQD_THREAD_ATTRIBUTE(acquire_capability(mutex)) : mutex_(mutex) {
        mutex_.lock();
    }
    ~Lock() MQD_THREAD_ATTRIBUTE(release_capability()) { mutex_.unlock(); }
    Lock(const Lock&) = delete;
    Lock& operator=(const Lock&) = delete;

private:
    Mutex& mutex_;
};

/// Waits with a Mutex held: `while (!ready_) condition_.wait(mutex_);`
class Condition {
public:
    void wait(Mutex& mutex) REQUIRES(mutex) { condition_.wait(mutex); }
    /// False when the time was over first.
    template <class Duration>
    bool wait_for(Mutex& mutex, Duration duration) REQUIRES(mutex) {
        return condition_.wait_for(mutex, duration) == std::cv_status::no_timeout;
    }
    void notify_one() { condition_.notify_one(); }
    void notify_all() { condition_.notify_all(); }

private:
    std::condition_variable_any condition_;
};

}  // namespace mqd
