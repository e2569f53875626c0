// QUERY_MESSAGE 12: the messages of a topic that have a key, mqd-remoting(7), LOOKING UP MESSAGES.

#include <algorithm>

#include "front/rocketmq/read_elsewhere.h"
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

void answer_query(remoting::Session& session, const remoting::Ticket& ticket, store::KeyHits hits) {
    const wire::QueryMessageResponse index{hits.index_ts_ms, hits.index_at.value};
    if (hits.records.empty())
        return session.reply(ticket, wire::response_code::query_not_found, index, {},
                             "can not find message, maybe time range not correct");
    session.reply_pieces(ticket, wire::response_code::success, index, newest(hits.records));
}

}  // namespace

void query_message(const Call& call, const wire::QueryMessage& header) {
    const std::int32_t wanted = header.unique_key.value_or(false) ? unique_key_max : header.max_num;
    const auto ticket = call.session.ticket(call.request);
    read_elsewhere(
        call, ticket,
        [&store = call.broker.store(), topic = std::string(header.topic),
         key = std::string(header.key), most = std::clamp(wanted, 0, messages_max),
         begin_ms = header.begin_timestamp, end_ms = header.end_timestamp] {
            return store.query({topic, key, most, begin_ms, end_ms});
        },
        [ticket](remoting::Session& session, Connection&, store::KeyHits hits) {
            answer_query(session, ticket, std::move(hits));
        });
}

}  // namespace mqd::front::rocketmq
