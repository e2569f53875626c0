#include "sending/metrics.h"

#include <doctest/doctest.h>

#include "wire/codes.h"

using namespace mqd;
using namespace mqd::sending;

TEST_CASE("a reason is the response code's name, or what kind of error it is") {
    CHECK(reason_of({Errc::invalid, "", wire::response_code::message_illegal}) ==
          "MESSAGE_ILLEGAL");
    CHECK(reason_of({Errc::invalid, "", 31'999}) == "code_31999");
    CHECK(reason_of({Errc::corrupt, ""}) == "malformed");
    CHECK(reason_of({Errc::unavailable, ""}) == "unavailable");
}

TEST_CASE("each value has the file's name, so that two files in a folder never clash") {
    Tally tally;
    tally.read = 5;
    tally.acknowledged = 2;
    tally.refused = 3;
    tally.refused_by = {{"malformed", 1}, {"MESSAGE_ILLEGAL", 2}};
    tally.last_success_ms = 1'700'000'000'042;
    const auto text = Metrics("/var/lib/x/orders.prom").text(tally);
    const auto has = [&](std::string_view line) {
        return text.find("\n" + std::string(line) + "\n") != std::string::npos;
    };
    CHECK(has("mqsend_messages_read_total{name=\"orders\"} 5"));
    CHECK(has("mqsend_messages_acknowledged_total{name=\"orders\"} 2"));
    CHECK(has("mqsend_messages_refused_total{name=\"orders\",reason=\"malformed\"} 1"));
    CHECK(has("mqsend_messages_refused_total{name=\"orders\",reason=\"MESSAGE_ILLEGAL\"} 2"));
    CHECK(has("mqsend_last_success_timestamp_seconds{name=\"orders\"} 1700000000.042"));
    CHECK(has("# TYPE mqsend_retries_total counter"));
    CHECK(Metrics("a\"b").text(tally).find("{name=\"a\\\"b\"} 5") != std::string::npos);
}
