#pragma once
// Which topics there are, by R/config/topics.json: what another broker has deleted is not there any
// more, while its records are.
//
// Threads: a value.

#include <filesystem>
#include <set>
#include <string>
#include <string_view>

#include "store/files.h"

namespace mqd::store {

class TopicNames {
public:
    static TopicNames load(Files& files, const std::filesystem::path& config);
    /// False only when it is sure that there is no such topic.
    bool may_have(std::string_view topic) const;
    /// True when it is sure that there is, and that clients, not the broker itself, write there.
    bool has(std::string_view topic) const;

private:
    bool known_ = false;
    std::set<std::string, std::less<>> names_;
};

}  // namespace mqd::store
