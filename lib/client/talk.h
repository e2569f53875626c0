#pragma once
// What goes on inside, for whoever wants to know it (-v): lines for a person.
//
// Threads: the tool's one thread.

#include <fmt/format.h>

#include <functional>
#include <string_view>
#include <utility>

namespace mqd::client {

struct Talk {
    enum Level {
        nothing = 0,
        trouble = 1,     ///< what is tried again, and what has come, moved or gone
        everything = 2,  ///< every request
    };
    int level = nothing;
    std::function<void(std::string_view)> say = {};

    template <class... Args>
    void operator()(Level of, fmt::format_string<Args...> text, Args&&... args) const {
        if (of <= level) say(fmt::format(text, std::forward<Args>(args)...));
    }
};

}  // namespace mqd::client
