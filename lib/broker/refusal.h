#pragma once
// Why the broker does not do what a client asks for, in no protocol's numbers: a front end gives
// each kind the code that its clients know.
//
// Threads: a value.

#include <cstdint>
#include <string>

#include "base/result.h"

namespace mqd::broker {

struct Refusal {
    enum class Why : std::uint8_t {
        none,       ///< it is done
        busy,       ///< not now; the same request may succeed soon
        closed,     ///< nothing is taken: the disk is full, the store closes, the broker follows
        failed,     ///< something went wrong, or is switched off
        forbidden,  ///< a permission is lacking: see `by`
        no_topic,
        no_group,
        invalid,  ///< what is asked for does not exist: a queue, a name
        illegal,  ///< the message cannot be stored as it is
    };
    /// Whose permission is lacking when somebody wants to read.
    enum class By : std::uint8_t { nobody, broker, group, topic, broadcast, subscription };

    Why why = Why::none;
    std::string text = {};
    By by = By::nobody;

    bool is_refused() const { return why != Why::none; }
    /// For what the tables refuse.
    static Refusal of(const Error& error) { return {why_of(error.code), error.what}; }
    static Why why_of(Errc code);
};

}  // namespace mqd::broker
