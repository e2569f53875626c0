#pragma once
// What a message of the soak says of itself: `STREAM NUMBER` and filling.
//
// Threads: pure functions.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mqd::soak {

/// What is sent; one topic each.
enum class Stream : std::uint8_t { ordered, plain, delayed, transactions };
inline constexpr std::size_t stream_count = 4;

inline constexpr std::array<const char*, stream_count> topics = {
    "soak-ordered", "soak-plain", "soak-delayed", "soak-transactions"};
inline const char* topic_of(Stream stream) {
    return topics[static_cast<std::size_t>(stream)];
}

inline constexpr const char* ordered_group = "soak-in-order";
inline constexpr const char* shared_group = "soak-shared";

/// The ordered stream's shards: a number's remainder.
inline constexpr std::int64_t shards = 24;
inline constexpr std::int32_t queues_of_a_topic = 4;

struct Text {
    Stream stream = Stream::ordered;
    std::int64_t number = 0;
};
std::string text_of(Stream stream, std::int64_t number);
std::optional<Text> parse_text(std::string_view body);

/// How often the shared group's members fail a plain message, before they have done with it. One
/// that always fails ends among the dead letters.
inline constexpr int always = 17;  // the default of 16 retries, and the first delivery
inline int failures_of(std::int64_t number) {
    if (number % 211 == 5) return always;
    if (number % 29 == 2) return 2;
    return number % 13 == 1 ? 1 : 0;
}

enum class Decision : std::uint8_t { commit, roll_back };
inline Decision decision_of(std::int64_t number) {
    return number % 3 == 0 ? Decision::roll_back : Decision::commit;
}
/// Whether the producer says nothing until it is asked.
inline bool waits_for_question(std::int64_t number) {
    return number % 5 == 0;
}

}  // namespace mqd::soak
