#pragma once
// A thread with a name that ps and gdb show (15 characters of it), and one that lets others go
// first.

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <string>
#include <string_view>
#include <thread>
#include <utility>

namespace mqd {

template <class Function>
std::thread named_thread(std::string_view name, Function function) {
    // By the thread itself: it may be over before another one names it.
    return std::thread(
        [name = std::string(name.substr(0, 15)), function = std::move(function)]() mutable {
            // A name that is not set harms nobody.
            static_cast<void>(::pthread_setname_np(::pthread_self(), name.c_str()));
            function();
        });
}

/// From now on this thread has a tenth of a processor where others want all of it. Linux has a
/// niceness for each thread; where it is not to be had, the thread is only less polite.
inline void let_others_first() {
    constexpr int niceness = 10;
    static_cast<void>(::setpriority(PRIO_PROCESS, static_cast<::id_t>(::gettid()), niceness));
}

}  // namespace mqd
