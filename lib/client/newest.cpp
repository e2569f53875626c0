#include "client/newest.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/parse.h"
#include "message/record.h"
#include "wire/codes.h"
#include "wire/headers/pull.h"

namespace mqd::client {
namespace {

/// Later than any clock that a broker may have.
constexpr std::int64_t time_max_ms = std::int64_t{1} << 43;
constexpr std::int32_t pulled_bytes_max = 1 << 20;
constexpr std::int64_t pulled_messages_max = 4096;

/// A message where several are as new as one another.
struct Tied {
    std::int64_t log_offset = 0;
    std::size_t queue = 0;
    std::int64_t offset = 0;
};

class Search {
public:
    Search(Client& client, const std::vector<Queue>& queues, const std::vector<Bounds>& bounds)
        : client_(client), queues_(queues), bounds_(bounds) {}

    /// Of each queue the first message that was stored then or later.
    Result<std::vector<std::int64_t>> since(std::int64_t time_ms) const {
        TRY(auto at, offsets_by_time(client_, queues_, time_ms));
        for (std::size_t i = 0; i < at.size(); ++i)
            at[i] = std::clamp(at[i], bounds_[i].min, bounds_[i].max);
        return at;
    }
    std::int64_t left(const std::vector<std::int64_t>& from) const {
        std::int64_t messages = 0;
        for (std::size_t i = 0; i < from.size(); ++i) messages += bounds_[i].max - from[i];
        return messages;
    }

    /// Adds the messages of [from, to) of one queue.
    Result<> read(std::size_t queue, std::int64_t from, std::int64_t to,
                  std::vector<Tied>& into) const;

private:
    Client& client_;
    const std::vector<Queue>& queues_;
    const std::vector<Bounds>& bounds_;
};

Result<> Search::read(std::size_t queue, std::int64_t from, std::int64_t to,
                      std::vector<Tied>& into) const {
    const Queue& is = queues_[queue];
    while (from < to) {
        wire::PullMessage header;
        header.consumer_group = tools_group;
        header.topic = is.topic;
        header.queue_id = is.id;
        header.queue_offset = from;
        header.max_msg_nums = static_cast<std::int32_t>(std::min(to - from, pulled_messages_max));
        header.sys_flag = wire::pull_flag::subscription;
        header.subscription = "*";
        header.max_msg_bytes = pulled_bytes_max;
        const auto answer = client_.channel(is.address)
                                ->call_and_wait(wire::request_code::pull_message, header, {},
                                                client_.options().timeout_ms);
        if (!answer) return answer.error();
        const auto next = parse_int<std::int64_t>(answer->find("nextBeginOffset"));
        // What is not there any more is not among the newest.
        if (!next || *next <= from) return {};
        Bytes rest =
            answer->code == wire::response_code::success ? as_bytes(answer->body) : Bytes();
        while (!rest.empty()) {
            TRY(const auto message, message::RecordView::parse(rest));
            rest = rest.subspan(message.bytes.size());
            const std::int64_t first = message.queue_offset.value;
            for (std::int64_t at = std::max(first, from);
                 at < std::min<std::int64_t>(first + message.messages(), to); ++at)
                into.push_back({message.at.value, queue, at});
        }
        from = *next;
    }
    return {};
}

}  // namespace

Result<std::vector<std::int64_t>> newest_starts(Client& client, const std::vector<Queue>& queues,
                                                const std::vector<Bounds>& bounds,
                                                std::int64_t count) {
    const Search search(client, queues, bounds);
    std::vector<std::int64_t> all, none;
    for (const auto& is : bounds) {
        all.push_back(is.min);
        none.push_back(is.max);
    }
    if (count == 0) return none;
    if (search.left(all) <= count) return all;
    // `enough` are stored at `low` or later, too few at `high`.
    std::int64_t low = 0, high = time_max_ms;
    auto enough = all, few = none;
    while (high - low > 1) {
        const std::int64_t middle = low + (high - low) / 2;
        TRY(auto at, search.since(middle));
        if (search.left(at) >= count) {
            low = middle;
            enough = std::move(at);
        } else {
            high = middle;
            few = std::move(at);
        }
    }
    // What is missing is among those of the one millisecond between.
    const std::int64_t missing = count - search.left(few);
    std::vector<Tied> tied;
    for (std::size_t i = 0; i < queues.size(); ++i)
        TRY_OK(search.read(i, std::max(enough[i], few[i] - missing), few[i], tied));
    const auto newer = [](const Tied& a, const Tied& b) {
        return std::pair(a.log_offset, a.offset) > std::pair(b.log_offset, b.offset);
    };
    const auto wanted = std::min<std::size_t>(tied.size(), static_cast<std::size_t>(missing));
    std::partial_sort(tied.begin(), tied.begin() + static_cast<std::ptrdiff_t>(wanted), tied.end(),
                      newer);
    for (std::size_t i = 0; i < wanted; ++i)
        few[tied[i].queue] = std::min(few[tied[i].queue], tied[i].offset);
    return few;
}

}  // namespace mqd::client
