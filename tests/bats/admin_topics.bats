#!/usr/bin/env bats
# mqadmin(1), Topics: updateTopicPerm, topicClusterList, updateOrderConf, allocateMQ.
bats_require_minimum_version 1.5.0
load helpers
load admin

setup() {
  start_broker
  name=$(mqadmin clusterList --out jsonl | jq -r .broker)
  mqadmin updateTopic -c DefaultCluster -t orders -r 4 -w 3 -a +message.type=FIFO > /dev/null
  wait_until is_routed orders
}
is_routed() { mqadmin topicRoute -t "$1" > /dev/null 2>&1; }
perm_of() { mqadmin topicRoute -t "$1" | jq '.queueDatas[0].perm'; }
has_perm() { [ "$(perm_of orders)" = "$1" ]; }

@test "updateTopicPerm changes who may use a topic, and nothing else of it" {
  run -0 mqadmin updateTopicPerm -c DefaultCluster -t orders -p 4
  [ "$output" = "update topic perm from 6 to 4 in $broker success." ]
  wait_until has_perm 4
  run -5 --separate-stderr mqsend -t orders --timeout 1s <<< a
  fits updateTopicPerm -b "$broker" -t orders -p 6
  wait_until has_perm 6
  mqsend -q -t orders <<< a
  # All else is as it was.
  [ "$(mqadmin topicRoute -t orders | jq -c '.queueDatas[0] | [.readQueueNums, .writeQueueNums]')" = '[4,3]' ]
  [ "$(mqadmin updateTopic -b "$broker" -t orders -r 4 -w 3 --out json | jq -r '.[0].previous.attributes["message.type"]')" = FIFO ]
  refused 4 "No topic in this broker. topic: none" updateTopicPerm -c DefaultCluster -t none -p 6
  refused 2 "'3' is none of 2, 4 and 6" updateTopicPerm -c DefaultCluster -t orders -p 3
  unreachable updateTopicPerm -c DefaultCluster -t orders -p 6
}

@test "topicClusterList prints the clusters that have a topic" {
  run -0 mqadmin topicClusterList -t orders
  [ "$output" = DefaultCluster ]
  fits topicClusterList -t orders
  refused 4 "topic 'none' does not exist" topicClusterList -t none
  unreachable topicClusterList -t orders
}

@test "updateOrderConf sets, prints and deletes the queues of an ordered topic" {
  refused 4 "topic 'orders' has no order configuration" updateOrderConf -t orders -m get
  run -0 mqadmin updateOrderConf -t orders -m put -v "$name:4"
  [ "$output" = "update orderConf success. topic=[orders], orderConf=[$name:4]" ]
  run -0 mqadmin updateOrderConf -t orders
  [ "$output" = "get orderConf success. topic=[orders], orderConf=[$name:4]" ]
  fits updateOrderConf -t orders -m get
  run -0 mqadmin updateOrderConf -t orders -m delete
  refused 4 "topic 'orders' has no order configuration" updateOrderConf -t orders -m get
  run -2 mqadmin updateOrderConf -t orders -m put
}

@test "allocateMQ shares queues as consumers do" {
  run -0 mqadmin allocateMQ -t orders -i b,a,c --out jsonl
  [ "$(jq -r '"\(.member) \(.queueId)"' <<< "$output" | sort | paste -sd, )" = "a 0,a 1,b 2,c 3" ]
  fits allocateMQ -t orders -i a
  # More members than queues: some have none.
  [ "$(mqadmin allocateMQ -t orders -i a,b,c,d,e --out json | jq length)" = 4 ]
  refused 4 "topic 'none' does not exist" allocateMQ -t none -i a
}

@test "updateTopicList makes all topics of a file, or none" {
  cd "$BATS_TEST_TMPDIR"
  echo '[{"topicName":"list-a","readQueueNums":2,"writeQueueNums":2,"perm":6},{"topicName":"list-b"}]' > topics.json
  run -0 mqadmin updateTopicList -c DefaultCluster -f topics.json
  [ "${lines[0]}" = "submit topic list-a to $broker success." ]
  wait_until is_routed list-b
  [ "$(mqadmin topicRoute -t list-a | jq '.queueDatas[0].readQueueNums')" = 2 ]
  fits updateTopicList -b "$broker" -f topics.json
  echo '[{"topicName":"list-c"},{"topicName":"no good name"}]' > bad.json
  refused 1 INVALID_PARAMETER updateTopicList -b "$broker" -f bad.json
  run -4 mqadmin topicRoute -t list-c
  echo '[{"name":"list-c"}]' > bad.json
  refused 2 'bad.json: one has no topicName' updateTopicList -b "$broker" -f bad.json
  refused 4 'none.json: No such file' updateTopicList -b "$broker" -f none.json
}
