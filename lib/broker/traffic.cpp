#include "broker/traffic.h"

#include <fmt/format.h>

#include "base/parse.h"

namespace mqd::broker {
namespace {

constexpr std::int64_t samples_an_hour_step = 60;  // ten minutes
constexpr std::int64_t samples_a_day_step = 360;   // an hour

/// `T@G` has these two, `3@T@G` a number in front: whatever is missing is empty.
struct Key {
    std::optional<std::int32_t> queue;
    std::string_view topic, group;
};

/// Names can contain no `@`.
std::optional<Key> parse_key(std::string_view text, std::string_view form) {
    Key key;
    const auto words = split(text, '@');
    const auto names = split(form, '@');
    if (words.size() != names.size()) return std::nullopt;
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (names[i] == "queue") {
            key.queue = parse_int<std::int32_t>(words[i]);
            if (!key.queue) return std::nullopt;
        }
        if (names[i] == "topic") key.topic = words[i];
        if (names[i] == "group") key.group = words[i];
    }
    return key;
}

struct Statistic {
    std::string_view name, form;
    Flow::Value value;
    bool of_gets;
};
constexpr Statistic statistics[] = {
    {"TOPIC_PUT_NUMS", "topic", Flow::messages, false},
    {"TOPIC_PUT_SIZE", "topic", Flow::bytes, false},
    {"TOPIC_PUT_LATENCY", "queue@topic", Flow::micros, false},
    {"QUEUE_PUT_NUMS", "topic@queue", Flow::messages, false},
    {"QUEUE_PUT_SIZE", "topic@queue", Flow::bytes, false},
    {"BROKER_PUT_NUMS", "cluster", Flow::messages, false},
    {"GROUP_GET_NUMS", "topic@group", Flow::messages, true},
    {"GROUP_GET_SIZE", "topic@group", Flow::bytes, true},
    {"GROUP_GET_LATENCY", "queue@topic@group", Flow::micros, true},
    {"QUEUE_GET_NUMS", "topic@queue@group", Flow::messages, true},
    {"QUEUE_GET_SIZE", "topic@queue@group", Flow::bytes, true},
    {"BROKER_GET_NUMS", "cluster", Flow::messages, true},
};

bool fits(const Key& key, const store::Queue& queue) {
    return (key.topic.empty() || queue.topic() == key.topic) &&
           (!key.queue || queue.id() == *key.queue);
}

void add_to(Flow::Values& sum, const Flow::Values& values) {
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += values[i];
}

}  // namespace

Flow::Values Flow::now() const {
    Values out{};
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = now_[i].load(std::memory_order_relaxed);
    return out;
}

/// Of several flows: now, and at the oldest moment of each ring.
struct Traffic::Sum {
    std::size_t minute_at, hour_at, day_at;
    Flow::Values now{}, minute{}, hour{}, day{};
    bool is_empty = true;

    void add(const Flow& flow) {
        add_to(now, flow.now());
        add_to(minute, flow.minute_[minute_at]);
        add_to(hour, flow.hour_[hour_at]);
        add_to(day, flow.day_[day_at]);
        is_empty = false;
    }
    static Snapshot between(const Flow::Values& then, const Flow::Values& now,
                            std::int64_t elapsed_ms, Flow::Value value) {
        Snapshot out;
        const std::int64_t count = now[value] - then[value];
        const std::int64_t times = now[Flow::times] - then[Flow::times];
        // Times are told in milliseconds.
        const double unit = value == Flow::micros ? 1000 : 1;
        const double sum = static_cast<double>(count) / unit;
        out.sum = static_cast<std::int64_t>(sum);
        if (elapsed_ms > 0) out.tps = sum * 1000 / static_cast<double>(elapsed_ms);
        if (times > 0) out.avgpt = sum / static_cast<double>(times);
        return out;
    }
};

Traffic::Traffic(const Clock& clock) : clock_(clock) {
    const std::int64_t now = clock.monotonic_ms();
    minute_.at_ms.fill(now);
    hour_.at_ms.fill(now);
    day_.at_ms.fill(now);
    next_sample_ms_ = now + sample_ms;
}

FlowRef Traffic::puts(const store::Queue& queue) {
    const Lock lock(mutex_);
    auto& flow = puts_[&queue];
    if (flow == nullptr) flow = std::make_shared<Flow>();
    return flow;
}

FlowRef Traffic::gets(const store::Queue& queue, std::string_view group) {
    const Lock lock(mutex_);
    auto found = gets_.find(group);
    if (found == gets_.end()) found = gets_.emplace(std::string(group), ByQueue()).first;
    auto& flow = found->second[&queue];
    if (flow == nullptr) flow = std::make_shared<Flow>();
    return flow;
}

void Traffic::count(std::string_view name, std::string_view topic, std::string_view group) {
    const Lock lock(mutex_);
    auto& flow = rare_[std::string(name)][fmt::format("{}@{}", topic, group)];
    if (flow == nullptr) flow = std::make_shared<Flow>();
    flow->add(1, 0, 0);
}

template <class Call>
void Traffic::for_each(Call call) const {
    for (const auto& [queue, flow] : puts_) call(*flow);
    for (const auto& [group, flows] : gets_) {
        for (const auto& [queue, flow] : flows) call(*flow);
    }
    for (const auto& [name, flows] : rare_) {
        for (const auto& [key, flow] : flows) call(*flow);
    }
}

void Traffic::note(Flow& flow, bool hour, bool day) {
    flow.keep(flow.minute_[minute_.next]);
    if (hour) flow.keep(flow.hour_[hour_.next]);
    if (day) flow.keep(flow.day_[day_.next]);
}

void Traffic::sample() {
    const std::int64_t now = clock_.monotonic_ms();
    const Lock lock(mutex_);
    if (now < next_sample_ms_) return;
    next_sample_ms_ = now + sample_ms;
    ++samples_;
    const bool hour = samples_ % samples_an_hour_step == 0;
    const bool day = samples_ % samples_a_day_step == 0;
    if (day) forget_idle();
    for_each([&](Flow& flow) MQD_NO_THREAD_ANALYSIS { note(flow, hour, day); });
    const auto advance = [now](auto& ring) {
        ring.at_ms[ring.next] = now;
        ring.next = (ring.next + 1) % ring.at_ms.size();
    };
    advance(minute_);
    if (hour) advance(hour_);
    if (day) advance(day_);
}

/// Groups are named by clients, some anew for each run: what has not moved for a day goes.
void Traffic::forget_idle() {
    bool any = false;
    const auto drop = [&](auto& flows) MQD_NO_THREAD_ANALYSIS {
        const auto gone = std::erase_if(flows, [&](const auto& entry) MQD_NO_THREAD_ANALYSIS {
            return entry.second->now() == entry.second->day_[day_.next];
        });
        any = any || gone > 0;
    };
    for (auto& [group, flows] : gets_) drop(flows);
    for (auto& [name, flows] : rare_) drop(flows);
    std::erase_if(gets_, [](const auto& entry) { return entry.second.empty(); });
    if (any) generation_.fetch_add(1, std::memory_order_release);
}

std::optional<Traffic::View> Traffic::view(std::string_view name, std::string_view text) const {
    const std::int64_t now = clock_.monotonic_ms();
    const Lock lock(mutex_);
    Sum sum{minute_.next, hour_.next, day_.next};
    auto value = Flow::messages;
    if (const auto rare = rare_.find(name); rare != rare_.end()) {
        if (const auto found = rare->second.find(text); found != rare->second.end())
            sum.add(*found->second);
    }
    for (const auto& is : statistics) {
        if (is.name != name) continue;
        const auto key = parse_key(text, is.form);
        if (!key) return std::nullopt;
        value = is.value;
        const auto add = [&](const ByQueue& flows) {
            for (const auto& [queue, flow] : flows) {
                if (fits(*key, *queue)) sum.add(*flow);
            }
        };
        if (!is.of_gets) add(puts_);
        if (is.of_gets && key->group.empty()) {
            for (const auto& [group, flows] : gets_) add(flows);
        } else if (is.of_gets) {
            if (const auto found = gets_.find(key->group); found != gets_.end()) add(found->second);
        }
    }
    if (sum.is_empty) return std::nullopt;
    const auto of = [&](const Flow::Values& then, const auto& ring) {
        return Sum::between(then, sum.now, now - ring.at_ms[ring.next], value);
    };
    return View{of(sum.minute, minute_), of(sum.hour, hour_), of(sum.day, day_)};
}

double Traffic::put_tps(std::string_view topic) const {
    const auto is = view("TOPIC_PUT_NUMS", topic);
    return is ? is->minute.tps : 0;
}

double Traffic::get_tps(std::string_view topic, std::string_view group) const {
    const auto is = view("GROUP_GET_NUMS", fmt::format("{}@{}", topic, group));
    return is ? is->minute.tps : 0;
}

void Traffic::forget_topic(std::string_view topic) {
    const auto is_of = [&](const auto& entry) { return entry.first->topic() == topic; };
    const auto begins_with = fmt::format("{}@", topic);
    const Lock lock(mutex_);
    std::erase_if(puts_, is_of);
    for (auto& [group, flows] : gets_) std::erase_if(flows, is_of);
    for (auto& [name, flows] : rare_)
        std::erase_if(flows, [&](const auto& is) { return is.first.starts_with(begins_with); });
    generation_.fetch_add(1, std::memory_order_release);
}

void Traffic::forget_group(std::string_view group) {
    const auto ends_with = fmt::format("@{}", group);
    const Lock lock(mutex_);
    if (const auto found = gets_.find(group); found != gets_.end()) gets_.erase(found);
    for (auto& [name, flows] : rare_)
        std::erase_if(flows, [&](const auto& is) { return is.first.ends_with(ends_with); });
    generation_.fetch_add(1, std::memory_order_release);
}

void TrafficCache::forget_if_older() {
    const auto generation = traffic_.generation();
    if (generation == generation_) return;
    generation_ = generation;
    puts_.clear();
    gets_.clear();
}

Flow& TrafficCache::puts(const store::Queue& queue) {
    forget_if_older();
    auto& flow = puts_[&queue];
    if (flow == nullptr) flow = traffic_.puts(queue);
    return *flow;
}

Flow& TrafficCache::gets(const store::Queue& queue, std::string_view group) {
    forget_if_older();
    auto found = gets_.find(group);
    if (found == gets_.end()) found = gets_.try_emplace(std::string(group)).first;
    auto& flow = found->second[&queue];
    if (flow == nullptr) flow = traffic_.gets(queue, group);
    return *flow;
}

}  // namespace mqd::broker
