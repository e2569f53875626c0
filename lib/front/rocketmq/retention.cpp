// CLEAN_EXPIRED_CONSUMEQUEUE 306, CLEAN_UNUSED_TOPIC 316, DELETE_EXPIRED_COMMITLOG 329:
// mqd-store(5), RETENTION. Files are removed by the threads that do so anyway.

#include "front/rocketmq/requests.h"
#include "front/rocketmq/saved.h"

namespace mqd::front::rocketmq {
namespace {

// The reference's, one each cleanResourceInterval.
constexpr int rounds_asked = 20;

}  // namespace

void clean_expired_queues(const Call& call) {
    call.broker.store().clean_queues(
        [ticket = call.session.ticket(call.request)](const Result<>& cleaned) {
            reply_outcome(ticket, cleaned);
        });
}

void clean_unused_topics(const Call& call) {
    call.broker.save_soon(
        [ticket = call.session.ticket(call.request), &broker = call.broker](const Result<>&) {
            reply_outcome(ticket, broker.delete_unknown_topics());
        });
}

/// Its rounds take minutes: nobody waits for their end.
void delete_expired_log(const Call& call) {
    call.broker.store().delete_expired(rounds_asked);
    call.reply();
}

}  // namespace mqd::front::rocketmq
