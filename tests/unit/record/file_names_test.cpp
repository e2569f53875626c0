#include "record/file_names.h"

#include <doctest/doctest.h>
#include <stdlib.h>
#include <time.h>

#include <string>

using namespace mqd;
using record::FileNames;
using record::parse_rotation;

namespace {

// 2026-11-20T10:05:09.123 in UTC, 11:05 with the zone below.
constexpr std::int64_t moment_ms = 1'795'169'109'123;
constexpr std::int64_t minute_ms = 60'000, hour_ms = 60 * minute_ms, day_ms = 24 * hour_ms;

struct Zone {
    explicit Zone(const char* name) {
        ::setenv("TZ", name, 1);
        ::tzset();
    }
    ~Zone() {
        ::unsetenv("TZ");
        ::tzset();
    }
};

FileNames names(std::string_view pattern) {
    const auto parsed = FileNames::parse(pattern);
    REQUIRE(parsed);
    return *parsed;
}

}  // namespace

TEST_CASE("a name has the local time in it, and a number before its ending from the second on") {
    const Zone zone("CET-1");
    const auto hourly = names("%Y-%m-%d_%H.jsonl.zst");
    CHECK(hourly.name(moment_ms, 0) == "2026-11-20_11.jsonl.zst");
    CHECK(hourly.name(moment_ms, 1) == "2026-11-20_11-1.jsonl.zst");
    CHECK(hourly.name(moment_ms, 12) == "2026-11-20_11-12.jsonl.zst");
    CHECK(names("%F %H%M%S %j %y %s 100%%").name(moment_ms, 0) ==
          "2026-11-20 110509 324 26 1795169109 100%");
    CHECK(names(".hidden").name(moment_ms, 2) == ".hidden-2");
    CHECK(names("plain").name(moment_ms, 0) == "plain");
    CHECK(names("a.%H.log").name(moment_ms, 3) == "a-3.11.log");
}

TEST_CASE("a name is known again, and what could not be one is not") {
    const auto hourly = names("log-%F_%H.jsonl");
    for (int number : {0, 1, 77}) CHECK(hourly.matches(hourly.name(moment_ms, number)));
    for (const auto* other :
         {"", "log-2026-11-20_11", "log-2026-11-20_1.jsonl", "log-2026-11-20_11.jsonl2",
          "log-2026-11-20_11-.jsonl", "log-2026-11-20_11-x.jsonl", "log-2026-1120_11.jsonl",
          "movie.jsonl", "xlog-2026-11-20_11.jsonl", "log-2026-11-20_11-1"})
        CHECK_FALSE(hourly.matches(other));
    const auto counted = names("%s-a%%.gz");
    CHECK(counted.matches("12-a%.gz"));
    CHECK(counted.matches("1795169109-a%-4.gz"));
    CHECK_FALSE(counted.matches("-a%.gz"));
}

TEST_CASE("the ending says how a file is packed") {
    CHECK(names("a.jsonl").packing() == Packing::none);
    CHECK(names("a.jsonl.gz").packing() == Packing::gzip);
    CHECK(names("%Y.zst").packing() == Packing::zstd);
    CHECK(names("agz").packing() == Packing::none);
}

TEST_CASE("a pattern that is no name is refused") {
    for (const auto* wrong : {"", "a/b", "%Y/%m", "a%", "%q", "%E", ".", ".."})
        CHECK_FALSE(FileNames::parse(wrong));
    CHECK_FALSE(FileNames::parse(std::string(300, 'x')));
    CHECK_FALSE(FileNames::parse(std::string_view("a\0b", 3)));
}

TEST_CASE("a file ends at the next full hour or day of the local clock") {
    const Zone zone("CET-1");
    const std::int64_t hour = moment_ms - moment_ms % hour_ms;
    CHECK(parse_rotation("1h")->end_ms(moment_ms) == hour + hour_ms);
    CHECK(parse_rotation("1h")->end_ms(hour) == hour + hour_ms);
    CHECK(parse_rotation("15m")->end_ms(moment_ms) == hour + 15 * minute_ms);
    // Midnight in this zone is 23:00 in UTC.
    const std::int64_t day = moment_ms - moment_ms % day_ms;
    CHECK(parse_rotation("1d")->end_ms(moment_ms) == day + day_ms - hour_ms);
    CHECK_FALSE(parse_rotation("1G")->end_ms(moment_ms));
}

TEST_CASE("a rotation is a time, a size, or both in any order") {
    CHECK(parse_rotation("1h,1G")->bytes == std::int64_t{1} << 30);
    CHECK(parse_rotation("1h,1G")->every_ms == hour_ms);
    CHECK(parse_rotation("64k,500ms")->every_ms == 500);
    CHECK(parse_rotation("1m")->every_ms == minute_ms);
    CHECK(parse_rotation("1M")->bytes == 1 << 20);
    CHECK_FALSE(parse_rotation("1M")->every_ms);
    for (const auto* wrong : {"", "1h,", "1h,2h", "1M,2M", "1h,1M,1k", "soon", "0", "0s", "-1h"})
        CHECK_FALSE(parse_rotation(wrong));
}
