#pragma once
// One strict JSON object, member by member and without a tree: for input that comes by the
// million. Over simdjson; strings are views of unescaped text, everything else is a view of the
// input as it was written, so that 1.00 stays 1.00.
//
// Threads: one at a time; the views live as long as the text, and until the next read().

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mqd::json {

class ObjectReader {
public:
    enum class Kind { null, boolean, number, text, array, object };
    struct Member {
        std::string_view key;  ///< empty for the items of an array
        Kind kind = Kind::null;
        std::string_view text;  ///< of a text unescaped, of the others as written
        std::uint32_t first_child = 0;
        std::uint32_t child_count = 0;
    };
    /// That many bytes after the text must be readable; their value does not matter.
    static constexpr std::size_t padding_bytes = 64;

    ObjectReader();
    ~ObjectReader();
    ObjectReader(const ObjectReader&) = delete;
    ObjectReader& operator=(const ObjectReader&) = delete;

    /// `readable_bytes`: of the memory that begins with the text, padding included.
    /// invalid: not one JSON object in UTF-8, or nested deeper than 64.
    Result<> read(std::string_view text, std::size_t readable_bytes);

    /// In the order of the text; a name may be there twice.
    std::span<const Member> members() const { return members_; }
    /// The members or items right below an object or array.
    std::span<const Member> children(const Member& parent) const {
        return std::span(children_).subspan(parent.first_child, parent.child_count);
    }

    /// `json`, which is valid, without the blanks between its tokens.
    static void minify(std::string_view json, std::string& out);

private:
    struct State;
    std::unique_ptr<State> state_;
    std::vector<Member> members_;
    std::vector<Member> children_;
};

}  // namespace mqd::json
