#include "members.h"

#include <chrono>
#include <random>

#include "text.h"

namespace mqd::soak {
namespace {

constexpr int members_of_a_group = 3;
constexpr std::int64_t life_ms_min = 1500;
constexpr std::int64_t life_ms_max = 9000;
constexpr std::int64_t pause_ms = 200;

}  // namespace

Members::Members(Books books, const std::string& namesrv, std::uint64_t seed) : books_(books) {
    for (int i = 0; i < members_of_a_group; ++i) {
        Member::Options ordered;
        ordered.namesrv = namesrv;
        ordered.group = ordered_group;
        ordered.topics = {topic_of(Stream::ordered)};
        ordered.is_orderly = true;
        ordered.seed = ++seed;
        threads_.emplace_back([this, ordered] { run(ordered); });
        Member::Options shared;
        shared.namesrv = namesrv;
        shared.group = shared_group;
        shared.topics = {topic_of(Stream::plain), topic_of(Stream::delayed),
                         topic_of(Stream::transactions)};
        shared.seed = ++seed;
        threads_.emplace_back([this, shared] { run(shared); });
    }
}

void Members::stop() {
    stops_ = true;
    for (auto& thread : threads_) thread.join();
    threads_.clear();
}

void Members::run(const Member::Options& options) {
    std::mt19937_64 random(options.seed);
    auto next = options;
    while (!stops_) {
        next.seed = random();
        auto member = Member::join(books_, next);
        if (member) {
            ++lives_;
            live(**member,
                 std::uniform_int_distribution<std::int64_t>(life_ms_min, life_ms_max)(random));
            const bool vanishes = !stops_ && random() % 3 == 0;
            if (!vanishes) (*member)->leave();
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(pause_ms));
    }
}

void Members::live(Member& member, std::int64_t life_ms) {
    const auto end_ms = books_.timeline.now_ms() + life_ms;
    while (!stops_ && (stays_ || books_.timeline.now_ms() < end_ms)) member.work();
}

}  // namespace mqd::soak
