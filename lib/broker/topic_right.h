#pragma once
// Whether whoever asks may do what it wants to a topic that only a stored message names: the front
// end's answer, which asks the gate (access/gate.h).
//
// Threads: the one that the operation runs on.

#include <functional>
#include <string_view>

#include "base/result.h"

namespace mqd::broker {

/// refused: it may not; the text is for the client.
using TopicRight = std::function<Result<>(std::string_view topic)>;

}  // namespace mqd::broker
