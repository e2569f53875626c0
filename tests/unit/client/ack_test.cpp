#include "client/ack.h"

#include <doctest/doctest.h>

#include "client/retry.h"
#include "wire/codes.h"

using namespace mqd;
using namespace mqd::client;
namespace code = mqd::wire::response_code;

namespace {

Verdict verdict(Ack ack, std::int32_t response_code) {
    remoting::Answer answer;
    answer.code = response_code;
    Attempts attempts;
    attempts.ack = ack;
    attempts.retries_max = 16;
    attempts.deadline_ms = 1;
    return judge(answer, attempts);
}

Errc refusal(Ack ack, std::string_view config) {
    const auto wait_ms = ack_wait_ms(ack, "b:1", config);
    REQUIRE_FALSE(wait_ms);
    return wait_ms.error().code;
}

}  // namespace

TEST_CASE("a broker is believed to wait when its configuration says so") {
    CHECK(ack_wait_ms(Ack::one, "b:1", "").value_or(-1) == 0);
    CHECK(ack_wait_ms(Ack::flush, "b:1", "a=b\nflushDiskType=SYNC_FLUSH\n").value_or(-1) == 5000);
    CHECK(ack_wait_ms(Ack::flush, "b:1", "flushDiskType=SYNC_FLUSH\r\nsyncFlushTimeout=700\r\n")
              .value_or(-1) == 700);
    CHECK(ack_wait_ms(Ack::all, "b:1", "brokerRole=SYNC_MASTER\ninSyncReplicas=2\nslaveTimeout=9")
              .value_or(-1) == 9);
    // RocketMQ 4 has no such number and waits for a slave.
    CHECK(ack_wait_ms(Ack::all, "b:1", "brokerRole=SYNC_MASTER").value_or(-1) == 3000);
    CHECK(ack_wait_ms(Ack::all, "b:1",
                      "brokerRole=SYNC_MASTER\ninSyncReplicas=1\nallAckInSyncStateSet=true\n"
                      "minInSyncReplicas=2")
              .value_or(-1) == 3000);
}

TEST_CASE("a broker that answers before it is so far cannot be asked for it") {
    CHECK(refusal(Ack::flush, "") == Errc::unsupported);
    CHECK(refusal(Ack::flush, "flushDiskType=ASYNC_FLUSH") == Errc::unsupported);
    CHECK(refusal(Ack::flush, "xflushDiskType=SYNC_FLUSH") == Errc::unsupported);
    CHECK(refusal(Ack::all, "brokerRole=ASYNC_MASTER\ninSyncReplicas=2") == Errc::unsupported);
    CHECK(refusal(Ack::all, "brokerRole=SYNC_MASTER\ninSyncReplicas=1") == Errc::unsupported);
    CHECK(refusal(Ack::all,
                  "brokerRole=SYNC_MASTER\ninSyncReplicas=1\n"
                  "allAckInSyncStateSet=true\nminInSyncReplicas=1") == Errc::unsupported);
    const auto error = ack_wait_ms(Ack::flush, "b:1", "flushDiskType=ASYNC_FLUSH").error();
    CHECK(error.what.find("b:1") != std::string::npos);
    CHECK(error.what.find("flushDiskType is ASYNC_FLUSH") != std::string::npos);
}

TEST_CASE("an answer counts for what was asked for") {
    for (const auto ack : {Ack::one, Ack::all, Ack::flush})
        CHECK(verdict(ack, code::success) == Verdict::stored);
    CHECK(verdict(Ack::one, code::flush_disk_timeout) == Verdict::stored);
    CHECK(verdict(Ack::one, code::flush_slave_timeout) == Verdict::stored);
    CHECK(verdict(Ack::flush, code::flush_disk_timeout) == Verdict::unknown);
    CHECK(verdict(Ack::flush, code::flush_slave_timeout) == Verdict::unknown);
    CHECK(verdict(Ack::flush, code::slave_not_available) == Verdict::unknown);
    CHECK(verdict(Ack::all, code::flush_disk_timeout) == Verdict::stored);
    CHECK(verdict(Ack::all, code::flush_slave_timeout) == Verdict::unknown);
    CHECK(verdict(Ack::all, code::slave_not_available) == Verdict::unknown);
}
