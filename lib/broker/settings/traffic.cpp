#include "broker/settings/traffic.h"

#include "config/config.h"

namespace mqd::broker {

void SendSettings::describe(config::Config& c) {
    c.integer("startAcceptSendRequestTimeStamp", accept_from_ms, 0, 1LL << 52,
              "sends are refused before this time, milliseconds since 1970");
    c.size("maxMessageSize", message_bytes_max, 1, 16'000'000, "largest body");
}

void ReadSettings::describe(config::Config& c) {
    c.integer("pullMessageThreadPoolNums", threads, 1, 1024,
              "threads that read what has to be fetched from the disk");
    c.integer("maxHoldPullRequests", held_max, 0, 100'000'000, "most pulls that wait at a time");
}

}  // namespace mqd::broker
