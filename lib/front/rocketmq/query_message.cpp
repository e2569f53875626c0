// QUERY_MESSAGE 12: the messages of a topic that have a key, spec remoting.md 3.3.

#include <algorithm>

#include "front/rocketmq/requests.h"
#include "wire/headers/messages.h"

namespace mqd::front::rocketmq {
namespace {

constexpr std::int32_t messages_max = 64;       // maxMsgsNumBatch
constexpr std::int32_t unique_key_max = 32;     // defaultQueryMaxNum, whatever the client asks for
constexpr std::size_t answer_bytes = 15 << 20;  // clients take frames of 16 MiB

/// The newest ones that fit into an answer, one at least.
std::vector<net::Piece> newest(std::vector<store::Slice>& records) {
    std::size_t first = records.size();
    std::size_t bytes = 0;
    while (first > 0) {
        bytes += records[first - 1].bytes.size();
        if (bytes > answer_bytes && first < records.size()) break;
        --first;
    }
    std::vector<net::Piece> out;
    for (; first < records.size(); ++first)
        out.push_back({records[first].bytes, std::move(records[first].pin)});
    return out;
}

}  // namespace

void query_message(const Call& call) {
    const auto header = call.header<wire::QueryMessage>();
    if (!header) return call.refuse(header.error());
    const std::int32_t wanted =
        header->unique_key.value_or(false) ? unique_key_max : header->max_num;
    auto hits =
        call.broker.store().query({header->topic, header->key, std::clamp(wanted, 0, messages_max),
                                   header->begin_timestamp, header->end_timestamp});
    const wire::QueryMessageResponse index{hits.index_ts_ms, hits.index_at.value};
    if (hits.records.empty())
        return call.session.reply(call.request, wire::response_code::query_not_found, index, {},
                                  "can not find message, maybe time range not correct");
    call.session.reply_pieces(call.session.ticket(call.request), wire::response_code::success,
                              index, newest(hits.records));
}

}  // namespace mqd::front::rocketmq
