#include "sending/composer.h"

#include <doctest/doctest.h>

#include "base/clock.h"
#include "base/parse.h"
#include "message/properties.h"

using namespace mqd;
using namespace mqd::sending;

namespace {

Settings to_topic() {
    Settings settings;
    settings.topic = "T";
    return settings;
}

/// The property's value in what `settings` make of the record; empty: it is not there.
std::string property_of(const Settings& settings, const record::Record& record,
                        std::string_view name) {
    auto composer = Composer::make(settings);
    REQUIRE(composer);
    const auto message = composer->compose(record);
    REQUIRE(message);
    return std::string(message::find_property(message->properties, name).value_or(""));
}

}  // namespace

TEST_CASE("a record's delay level and time become properties, and it travels alone") {
    record::Record record;
    record.body = "b";
    record.tags = "t";
    record.delay_level = 3;
    auto composer = Composer::make(to_topic());
    REQUIRE(composer);
    auto message = composer->compose(record);
    REQUIRE(message);
    CHECK(message->properties ==
          "TAGS\x01t\x02"
          "DELAY\x01"
          "3\x02");
    CHECK(message->alone);

    record.delay_level.reset();
    record.deliver_at_ms = 1'700'000'000'000;
    message = composer->compose(record);
    REQUIRE(message);
    CHECK(message->properties ==
          "TAGS\x01t\x02TIMER_DELIVER_MS\x01"
          "1700000000000\x02");
    CHECK(message->alone);

    // Nothing of it is left for the next one, which is delivered at once.
    record.deliver_at_ms = 0;
    message = composer->compose(record);
    REQUIRE(message);
    CHECK(message->properties == "TAGS\x01t\x02");
    CHECK_FALSE(message->alone);
    record.clear();
    message = composer->compose(record);
    REQUIRE(message);
    CHECK(message->properties.empty());
}

TEST_CASE("an option's delay takes the place of the record's") {
    record::Record record;
    record.delay_level = 3;
    Settings settings = to_topic();
    settings.delay.at_ms = 42;
    CHECK(property_of(settings, record, "TIMER_DELIVER_MS") == "42");
    CHECK(property_of(settings, record, "DELAY").empty());
    settings.delay = {};
    settings.delay.level = 7;
    CHECK(property_of(settings, record, "DELAY") == "7");
    settings.keys = {"k"};
    record.delay_level.reset();
    CHECK(property_of(settings, record, "KEYS") == "k");
    CHECK(property_of(settings, record, "DELAY") == "7");
}

TEST_CASE("a delay counts from the moment the message is made") {
    Settings settings = to_topic();
    settings.delay.ms = 60'000;
    const auto before = wall_ms();
    const auto at = parse_int<std::int64_t>(property_of(settings, {}, "TIMER_DELIVER_MS"));
    REQUIRE(at);
    CHECK(*at >= before + 60'000);
    CHECK(*at <= wall_ms() + 60'000);
}

TEST_CASE("a delay that makes no sense is refused") {
    auto composer = Composer::make(to_topic());
    REQUIRE(composer);
    record::Record record;
    record.delay_level = 1;
    record.deliver_at_ms = 1;
    CHECK(composer->compose(record).error().code == Errc::invalid);
    record.delay_level.reset();
    record.deliver_at_ms = -1;
    CHECK(composer->compose(record).error().code == Errc::invalid);
    record.deliver_at_ms.reset();
    record.delay_level = -1;
    CHECK(composer->compose(record).error().code == Errc::invalid);
}
