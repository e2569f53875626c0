#pragma once
// A thread with a name that ps and gdb show (15 characters).

#include <pthread.h>

#include <thread>
#include <utility>

namespace mqd::store {

template <class Function>
std::thread named_thread(const char* name, Function function) {
    std::thread thread(std::move(function));
    ::pthread_setname_np(thread.native_handle(), name);
    return thread;
}

}  // namespace mqd::store
