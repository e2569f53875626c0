// Messages by key.

#include "support.h"

#include "wire/headers/messages.h"

using namespace mqd;
using namespace mqd::test;

namespace {

struct Indexed : Fixture {
    std::unique_ptr<Client> user;

    Indexed() {
        settings.store.index_slots = 100;
        settings.store.index_entries = 1000;
        start();
        user = client();
    }
    void send(std::string_view body, std::string_view unique, std::string_view keys) {
        CHECK(user->call(code::send_message_v2,
                         send_header(properties({{message::property::uniq_key, unique},
                                                 {message::property::keys, keys}})),
                         body)
                  .code == rc::success);
    }
    void wait_indexed() const {
        const auto give_up = monotonic_ms() + 10'000;
        while (store->indexed() < store->end()) {
            REQUIRE(monotonic_ms() < give_up);
            std::this_thread::yield();
        }
    }
    static wire::QueryMessage by(std::string_view key, std::int32_t max = 32) {
        wire::QueryMessage header;
        header.topic = "T";
        header.key = key;
        header.max_num = max;
        return header;
    }
};

}  // namespace

TEST_CASE_FIXTURE(Indexed, "messages are found by a word of their keys and by their unique key") {
    send("m0", "u0", "a b");
    send("m1", "u1", "b");
    wait_indexed();
    const auto answer = user->call(code::query_message, by("b"));
    CHECK(answer.code == rc::success);
    const auto found = records(answer.body);
    REQUIRE(found.size() == 2);
    CHECK(found[0].body == "m0");
    CHECK(found[1].body == "m1");
    CHECK(answer.find("indexLastUpdateTimestamp") == std::to_string(found[1].store_ts_ms));
    CHECK(answer.find("indexLastUpdatePhyoffset") == std::to_string(found[1].at.value));

    auto unique = by("u0", 0);
    unique.unique_key = true;
    const auto one = user->call(code::query_message, unique);
    CHECK(one.code == rc::success);
    REQUIRE(records(one.body).size() == 1);
    CHECK(records(one.body)[0].body == "m0");
}

TEST_CASE_FIXTURE(Indexed, "no message for a key is answered 22, with what the index has seen") {
    CHECK(user->call(code::query_message, by("a")).find("indexLastUpdatePhyoffset") == "0");
    send("m0", "u0", "a");
    wait_indexed();
    auto header = by("a");
    header.end_timestamp = 1;
    for (const auto& wanted : {by("nothing"), header}) {
        const auto answer = user->call(code::query_message, wanted);
        CHECK(answer.code == rc::query_not_found);
        CHECK(answer.body.empty());
        CHECK(answer.find("indexLastUpdateTimestamp") != "0");
        CHECK(answer.find("indexLastUpdatePhyoffset") == "0");
    }
}

TEST_CASE_FIXTURE(Indexed, "at most 64 messages are given, the newest ones, in order") {
    for (int i = 0; i < 70; ++i) send("m" + std::to_string(i), "u" + std::to_string(i), "a");
    wait_indexed();
    const auto answer = user->call(code::query_message, by("a", 1000));
    const auto found = records(answer.body);
    REQUIRE(found.size() == 64);
    for (std::size_t i = 0; i < found.size(); ++i)
        CHECK(found[i].body == "m" + std::to_string(i + 6));
    CHECK(records(user->call(code::query_message, by("a", 2)).body).size() == 2);
    CHECK(user->call(code::query_message, by("a", -1)).code == rc::query_not_found);
}
