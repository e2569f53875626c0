#pragma once
// A hash table by name, where a view finds a name without a copy.

#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace mqd {

struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
        return std::hash<std::string_view>{}(text);
    }
};

template <class T>
using ByName = std::unordered_map<std::string, T, TextHash, std::equal_to<>>;

}  // namespace mqd
