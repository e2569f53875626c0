#pragma once
// What is added to a message's properties after it was accepted: by the broker when it is delayed,
// sent back, asked about or buried, and by clients that send it back themselves. The door keeps
// room for all of it (mqd-remoting(7), DELAYED MESSAGES, TRANSACTIONS and RETRIES), so that
// whatever was accepted can be retried, asked about and buried.
//
// Threads: pure functions.

#include <cstddef>
#include <string>
#include <string_view>

namespace mqd::broker {

/// The most that can be added, each name once: with a value of its greatest length, and the CRC.
/// A half message's copies carry more, and so may it then.
std::size_t later_properties_bytes(bool is_half);

/// `properties` without those that later_properties_bytes() counts, and without what a broker adds
/// to all that comes in.
std::string without_later_properties(std::string_view properties);

}  // namespace mqd::broker
