// LOCK_BATCH_MQ 41 and UNLOCK_BATCH_MQ 42: mqd-remoting(7), QUEUE LOCKS.

#include "broker/queue_locks.h"

#include "front/rocketmq/requests.h"
#include "wire/bodies/queues.h"
#include "wire/headers/clients.h"

namespace mqd::front::rocketmq {
namespace {

std::vector<broker::QueueName> names_of(const std::vector<wire::MessageQueue>& queues) {
    std::vector<broker::QueueName> names;
    for (const auto& queue : queues) names.push_back({queue.topic, queue.queue_id});
    return names;
}

broker::Hold hold_of(const wire::LockHeader& header) {
    if (header.hold == wire::LockHeader::order) return broker::Hold::order;
    return header.hold == wire::LockHeader::share ? broker::Hold::share : broker::Hold::time;
}

}  // namespace

void lock_queues(const Call& call, const wire::LockBatchBody& body) {
    const auto header = call.header<wire::LockHeader>();
    if (!header) return call.refuse(header.error());
    const broker::QueueLocks::Claim claim{body.client_id, &call.connection, hold_of(*header)};
    const auto granted =
        call.broker.locks().lock(body.consumer_group, claim, names_of(body.queues));
    wire::LockBatchAnswer answer;
    for (std::size_t i = 0; i < granted.size(); ++i) {
        if (granted[i]) answer.queues.push_back(body.queues[i]);
    }
    const auto known = claim.hold == broker::Hold::time ? wire::LockHeader() : *header;
    const auto text = wire::to_body(answer);
    call.session.reply(call.request, wire::response_code::success, known, as_bytes(text));
}

void unlock_queues(const Call& call, const wire::LockBatchBody& body) {
    call.broker.locks().unlock(body.consumer_group, body.client_id, names_of(body.queues));
    call.reply();
}

}  // namespace mqd::front::rocketmq
