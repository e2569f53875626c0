#pragma once
// One request to many servers at once: a command takes as long as the slowest of them.
//
// Threads: the tool's one thread.

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "admin.h"
#include "client/calls.h"

namespace mqd::admin {

/// So many requests are under way at once: more would only fill a server's queue.
inline constexpr std::size_t asked_at_once = 256;

/// `ask(calls, item)` adds one call for the item. The answers stand in the order of the items; what
/// could not be reached is tried again as Admin::call() does, by `again(item)`.
template <class Item, class Ask, class Again>
std::vector<Result<remoting::Answer>> ask_all(Admin& admin, const std::vector<Item>& items,
                                              const Ask& ask, const Again& again) {
    std::vector<Result<remoting::Answer>> answers;
    for (std::size_t from = 0; from < items.size(); from += asked_at_once) {
        const auto to = std::min(from + asked_at_once, items.size());
        client::Calls calls(admin.client());
        for (auto i = from; i < to; ++i) ask(calls, items[i]);
        for (auto& answer : calls.wait()) answers.push_back(std::move(answer));
        for (auto i = from; i < to; ++i)
            if (!answers[i] && answers[i].error().remote_code < 0 &&
                answers[i].error().code == Errc::unavailable)
                answers[i] = again(items[i]);
    }
    return answers;
}

/// The same request to each target.
template <class H>
std::vector<Result<remoting::Answer>> ask_each(Admin& admin, const std::vector<Target>& targets,
                                               std::int32_t code, const H& header) {
    return ask_all(
        admin, targets,
        [&](client::Calls& calls, const Target& target) {
            calls.add(target.address, code, header);
        },
        [&](const Target& target) { return admin.call(target.address, code, header); });
}

}  // namespace mqd::admin
