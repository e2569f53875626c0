// LOCK_BATCH_MQ 41 and UNLOCK_BATCH_MQ 42: spec remoting.md 3.7, semantics.md 4.7.

#include "broker/queue_locks.h"

#include "front/rocketmq/requests.h"
#include "wire/bodies/queues.h"

namespace mqd::front::rocketmq {
namespace {

std::vector<broker::QueueName> names_of(const std::vector<wire::MessageQueue>& queues) {
    std::vector<broker::QueueName> names;
    for (const auto& queue : queues) names.push_back({queue.topic, queue.queue_id});
    return names;
}

}  // namespace

void lock_queues(const Call& call) {
    const auto body = wire::LockBatchBody::read(call.body());
    if (!body) return call.refuse(body.error());
    const auto granted =
        call.broker.locks().lock(body->consumer_group, body->client_id, names_of(body->queues));
    wire::LockBatchAnswer answer;
    for (std::size_t i = 0; i < granted.size(); ++i) {
        if (granted[i]) answer.queues.push_back(body->queues[i]);
    }
    call.reply_body(wire::to_body(answer));
}

void unlock_queues(const Call& call) {
    const auto body = wire::LockBatchBody::read(call.body());
    if (!body) return call.refuse(body.error());
    call.broker.locks().unlock(body->consumer_group, body->client_id, names_of(body->queues));
    call.reply();
}

}  // namespace mqd::front::rocketmq
