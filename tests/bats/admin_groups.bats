#!/usr/bin/env bats
# mqadmin(1), Consumer groups. All tests share one broker.
bats_require_minimum_version 1.5.0
load helpers
load admin
load file_broker

setup_file() {
  start_file_broker
  seq 10 | mqsend -q -t orders
  mqpull -q orders -g billing --from beginning -c 4 > /dev/null
  disown -a
}

offset_of() { mqadmin offset show -g "$1" -t orders --out jsonl | jq .offset; }

@test "a group is made, overwritten with defaults for what is not given, and deleted" {
  run -0 mqadmin updateSubGroup -c DefaultCluster -g made -r 3 -s false -q 2 -a false
  [ "${lines[0]}" = "create subscription group to $broker success." ]
  [[ ${lines[1]} == 'SubscriptionGroupConfig [groupName=made, consumeEnable=false, '*' retryQueueNums=2, retryMaxTimes=3, '* ]]
  run -0 mqadmin getConsumerConfig -g made
  grep -Eqx 'retryMaxTimes += +3' <<< "$output"
  fits getConsumerConfig -g made
  fits updateSubGroup -b "$broker" -g made
  [ "$(mqadmin getConsumerConfig -g made --out json | jq -c '.[] | [.retryMaxTimes, .consumeEnable]')" = '[16,true]' ]
  refused 2 'is required' updateSubGroup -b "$broker"
  refused 2 'one of --brokerAddr or --clusterName' updateSubGroup -g made
  refused 2 '--groupRetryPolicy is no JSON object' updateSubGroup -b "$broker" -g made -p '['
  refused 1 'INVALID_PARAMETER' updateSubGroup -b "$broker" -g 'no good name'
  refused 4 "cluster 'none' does not exist" updateSubGroup -c none -g made

  run -2 bash -c "echo n | script -qec 'mqadmin deleteSubGroup -b $broker -g made' /dev/null"
  [[ $output == *"delete group 'made'? [y/N]"* ]]
  run -0 mqadmin getConsumerConfig -g made
  fits deleteSubGroup -c DefaultCluster -g made -r true --yes
  refused 4 "has group 'made'" getConsumerConfig -g made
  unreachable getConsumerConfig -g made
}

@test "consumerConnection shows the members of a group" {
  mqpull -q orders -g online --from end --tag blue > out 3>&- &
  local member=$!
  is_online() { mqadmin consumerConnection -g online > members 2> /dev/null; }
  wait_until is_online
  [[ $(head -n 1 members) =~ ^'#ClientId '\ *'#ClientAddr '\ *'#Language  #Version'$ ]]
  grep -Eqx 'orders +blue' members
  grep -qx 'MessageModel: CLUSTERING' members
  fits consumerConnection -g online
  [ "$(mqadmin consumerConnection -g online -b "$broker" --out json | jq '.[0].subscriptions | length')" = 2 ]
  run -0 mqadmin consumerProgress
  grep -Eq '^online +1 +[0-9]+ +PUSH +CLUSTERING ' <<< "$output"
  kill "$member"
  wait "$member" || true
  refused 4 "group 'online' has no members now" consumerConnection -g online
  refused 4 "group 'nobody' is not known to $namesrv" consumerConnection -g nobody
}

@test "brokerConsumeStats prints all groups of a broker, or those that are behind" {
  run -0 mqadmin brokerConsumeStats -b "$broker"
  [[ ${lines[0]} =~ ^'#Topic '\ *'#Group '\ *'#Broker Name '\ *'#QID  #Broker Offset  #Consumer Offset  #Diff  #LastTime'$ ]]
  grep -Eq '^orders +billing ' <<< "$output"
  fits brokerConsumeStats -b "$broker" -l 1
  [ "$(mqadmin brokerConsumeStats -b "$broker" -l 1000000 --out json | jq '.rows | length')" = 0 ]
  run -3 mqadmin brokerConsumeStats -b 127.0.0.1:1 --timeout 200ms
}

@test "offsets are moved to a time, to an offset, and to the end" {
  run -0 mqadmin resetOffsetByTime -g billing -t orders -s 0
  [[ ${lines[1]} =~ ^$name\ +0\ +0$ ]]
  [ "$(offset_of billing)" = 0 ]
  mqadmin resetOffsetByTime -g billing -t orders -s 1000 -b "$broker" -q 0 -o 5 > /dev/null
  [ "$(offset_of billing)" = 5 ]
  # The reference's tool does nothing here.
  mqadmin resetOffsetByTime -g billing -t orders -s 1000 -b "$broker" -q 0 -o 0 > /dev/null
  [ "$(offset_of billing)" = 0 ]
  fits resetOffsetByTime -g billing -t orders -s now
  [ "$(offset_of billing)" = 10 ]
  mqadmin resetOffsetByTime -g billing -t orders -s 2020-01-01#00:00:00:000 > /dev/null
  [ "$(offset_of billing)" = 0 ]
  fits skipAccumulatedMessage -g billing -t orders
  [ "$(offset_of billing)" = 10 ]
  refused 4 'Group missing does not exist' resetOffsetByTime -g missing -t orders -s now
  refused 4 "'none'" skipAccumulatedMessage -g billing -t none
  refused 2 '-b and -q belong together' resetOffsetByTime -g billing -t orders -s now -q 0
  refused 2 '--timestamp' resetOffsetByTime -g billing -t orders -s yesterday
}

@test "a group gets the offsets that another one has" {
  mqadmin offset set -g billing -t orders --to 7 > /dev/null
  mqadmin updateSubGroup -b "$broker" -g copy > /dev/null
  fits cloneGroupOffset -s billing -d copy -t orders -o true
  [ "$(offset_of copy)" = 7 ]
  refused 4 "group 'nobody' has no offsets of topic 'orders'" cloneGroupOffset -s nobody -d copy -t orders -o true
  refused 4 'missing' cloneGroupOffset -s billing -d missing -t orders -o true
}

@test "queryCq prints the units of a queue" {
  run -0 mqadmin queryCq -t orders -q 0 -i 0 -c 3
  [[ ${lines[0]} =~ ^'#Offset  #Physic Offset  #Physic Size  #Tags Code' ]]
  fits queryCq -t orders -q 0 -i 2 -c 2 -b "$broker"
  [ "$(mqadmin queryCq -t orders -q 0 -i 2 -c 2 --out json | jq -c '[.rows[].offset]')" = '[2,3]' ]
  [ "$(mqadmin queryCq -t orders -q 0 -i 0 --out json | jq .totals.maxOffset)" = 10 ]
  refused 4 "topic 'none'" queryCq -t none -q 0 -i 0
}

@test "setConsumeMode stores how a group gets its messages" {
  fits setConsumeMode -b "$broker" -t orders -g billing -m POP
  fits setConsumeMode -c DefaultCluster -t orders -g billing -m PULL
  refused 2 'neither PULL nor POP' setConsumeMode -b "$broker" -t orders -g billing -m PUSH
  run -3 mqadmin setConsumeMode -b 127.0.0.1:1 -t orders -g billing -m POP --timeout 200ms
}

@test "updateSubGroupList makes the groups of a file" {
  echo '[{"groupName":"list-a","retryMaxTimes":2},{"groupName":"list-b"}]' > groups.json
  run -0 mqadmin updateSubGroupList -c DefaultCluster -f groups.json
  [ "${lines[0]}" = "submit subscription group list-a to $broker success." ]
  [ "$(mqadmin getConsumerConfig -g list-a --out json | jq '.[0].retryMaxTimes')" = 2 ]
  fits updateSubGroupList -b "$broker" -f groups.json
  echo '[{"groupName":"no good name"}]' > bad.json
  refused 1 INVALID_PARAMETER updateSubGroupList -b "$broker" -f bad.json
  echo '{}' > bad.json
  refused 2 'bad.json: it is no JSON array' updateSubGroupList -b "$broker" -f bad.json
  refused 4 'none.json: No such file' updateSubGroupList -b "$broker" -f none.json
}

# answer BODY: to the frame that was taken.
answer() {
  local LC_ALL=C header
  header="{\"code\":0,\"language\":\"JAVA\",\"version\":479,\"opaque\":$(sed -E 's/.*"opaque":(-?[0-9]+).*/\1/' <<< "$answer_header"),\"flag\":1,\"extFields\":{}}"
  { put_int $((4 + ${#header} + ${#1})); put_int ${#header}; printf '%s%s' "$header" "$1"; } >&"$socket"
}

# beat GROUP EXPRESSION: a member with its heartbeat.
beat() {
  ask 34 '{}' '{"clientID":"10.0.0.1@1","consumerDataSet":[{"groupName":"'"$1"'","consumeType":"CONSUME_PASSIVELY","messageModel":"CLUSTERING","consumeFromWhere":"CONSUME_FROM_LAST_OFFSET","subscriptionDataSet":[{"topic":"orders","subString":"'"$2"'","expressionType":"TAG","subVersion":1}],"unitMode":false}],"producerDataSet":[]}'
}

@test "consumerStatus prints what the members say of themselves" {
  connect "$broker"
  beat asked '*'
  mqadmin consumerStatus -g asked --out json > told 2> err &
  local asking=$!
  # The broker may also tell of a change of the group.
  until take_frame && [ "$answer_code" = 307 ]; do :; done
  answer '{"mqTable":{{"brokerName":"b","queueId":0,"topic":"orders"}:{"cachedMsgCount":3,"commitOffset":7,"droped":false,"locked":true,"lastPullTimestamp":1700000000000}},"properties":{"PROP_CONSUME_TYPE":"CONSUME_PASSIVELY"},"statusTable":{"orders":{"consumeOKTPS":1.5,"consumeFailedMsgs":2}},"subscriptionSet":[{"topic":"orders","subString":"*","expressionType":"TAG"}]}'
  wait "$asking"
  fits_schema consumerStatus < told
  [ "$(jq -c '.[0] | [.clientId, .queues[0].commitOffset, .queues[0].cachedCount, .rates[0].failedLastHour, .problems]' told)" = '["10.0.0.1@1",7,3,2,[]]' ]
  refused 4 "group 'asked' has no member 'nobody'" consumerStatus -g asked -i nobody
  # A member that says nothing.
  run -1 mqadmin consumerStatus -g asked -b "$broker" --timeout 300ms --out json
  [ "$(jq -r '.[0].problems[0]' <<< "$(grep '^\[' <<< "$output")")" = "it does not say how it is: $broker did not answer within 300 ms" ]
  disconnect
  has_no_members() { run ! mqadmin consumerStatus -g asked; [[ $output == *"group 'asked' has no members now"* ]]; }
  wait_until has_no_members
}
