#include "client/retry.h"

#include <doctest/doctest.h>

#include "client/errors.h"
#include "wire/codes.h"

using namespace mqd;
using namespace mqd::client;
namespace code = mqd::wire::response_code;

namespace {

Result<remoting::Answer> answer(std::int32_t of) {
    remoting::Answer made;
    made.code = of;
    return made;
}

const Result<remoting::Answer> silence = Error{Errc::unavailable, "no answer"};

Attempts attempts(int made, int retries_max) {
    Attempts a;
    a.made = made;
    a.retries_max = retries_max;
    a.now_ms = 100;
    a.deadline_ms = 200;
    return a;
}

}  // namespace

TEST_CASE("what the master has in its log is stored, whatever it misses") {
    for (const auto ok : {code::success, code::flush_disk_timeout, code::flush_slave_timeout,
                          code::slave_not_available})
        CHECK(judge(answer(ok), attempts(1, 0)) == Verdict::stored);
}

TEST_CASE("busy is waited for, without retries and behind every deadline") {
    auto late = attempts(5, 0);
    late.now_ms = 1000;
    CHECK(judge(answer(code::system_busy), late) == Verdict::wait);
}

TEST_CASE("silence is tried again within retries and time, then the fate is unknown") {
    auto a = attempts(1, 1);
    CHECK(judge(silence, a) == Verdict::again);
    a.may_be_stored = true;
    a.made = 2;
    CHECK(judge(silence, a) == Verdict::unknown);
    a.made = 1;
    a.now_ms = a.deadline_ms;
    CHECK(judge(silence, a) == Verdict::unknown);
}

TEST_CASE("what never left this machine is refused, not unknown") {
    CHECK(judge(silence, attempts(1, 0)) == Verdict::refused);
}

TEST_CASE("a broker in trouble is tried again, one that knows better is not") {
    // 204 and 205 are RocketMQ's NO_BUYER_ID and NOT_IN_CURRENT_UNIT.
    for (const auto trouble :
         {code::system_error, code::service_not_available, code::go_away, 204, 205})
        CHECK(judge(answer(trouble), attempts(1, 1)) == Verdict::again);
    for (const auto no : {code::message_illegal, code::invalid_parameter,
                          code::subscription_group_not_exist, code::request_code_not_supported})
        CHECK(judge(answer(no), attempts(1, 9)) == Verdict::refused);
}

TEST_CASE("an unknown topic and a missing permission are tried again only elsewhere") {
    for (const auto no : {code::topic_not_exist, code::no_permission}) {
        auto a = attempts(1, 1);
        CHECK(judge(answer(no), a) == Verdict::refused);
        a.has_other_broker = true;
        CHECK(judge(answer(no), a) == Verdict::again);
        a.made = 2;
        CHECK(judge(answer(no), a) == Verdict::refused);
    }
}

TEST_CASE("a refusal after an attempt of unknown end leaves the fate unknown") {
    auto a = attempts(2, 1);
    a.may_be_stored = true;
    CHECK(judge(answer(code::topic_not_exist), a) == Verdict::unknown);
}

TEST_CASE("the waits between attempts double to a second") {
    CHECK(backoff_ms(1) == 50);
    CHECK(backoff_ms(2) == 100);
    CHECK(backoff_ms(3) == 200);
    CHECK(backoff_ms(6) == 1000);
    CHECK(backoff_ms(1000) == 1000);
}

TEST_CASE("response codes are told apart by what a caller can do") {
    CHECK(errc_of(code::topic_not_exist) == Errc::not_found);
    CHECK(errc_of(code::subscription_group_not_exist) == Errc::not_found);
    CHECK(errc_of(code::query_not_found) == Errc::not_found);
    CHECK(errc_of(code::consumer_not_online) == Errc::not_found);
    CHECK(errc_of(code::no_permission) == Errc::refused);
    CHECK(errc_of(code::system_error) == Errc::unavailable);
    CHECK(errc_of(code::message_illegal) == Errc::invalid);
    CHECK(errc_of(code::invalid_parameter) == Errc::invalid);
    CHECK(errc_of(9999) == Errc::invalid);
}

TEST_CASE("an error says which server, what, and the code's name, in one line") {
    const auto error = error_of("10.0.0.1:1", code::no_permission, "not you\nSee https://...");
    CHECK(error.what == "10.0.0.1:1: not you (NO_PERMISSION)");
    CHECK(error.remote_code == code::no_permission);
    CHECK(error_of("h:1", 9999, "").what == "h:1: code 9999");
}
