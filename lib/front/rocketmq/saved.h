#pragma once
// Answers to changes of the tables, which come when the change is on disk.

#include "front/rocketmq/service.h"

namespace mqd::front::rocketmq {

void reply_when_saved(const Call& call);

}  // namespace mqd::front::rocketmq
