#!/usr/bin/env bats
bats_require_minimum_version 1.5.0
load helpers

setup() {
  start_broker
  cluster=$(mqadmin clusterList --out jsonl | sed -E 's/.*"cluster":"([^"]*)".*/\1/')
}

route_is() { [ "$(mqadmin topicRoute -t "$1" --out jsonl | sed -E 's/.*"readQueueNums":([0-9]+).*/\1/')" = "$2" ]; }

@test "a topic is made, overwritten with defaults for what is not given, and deleted" {
  run -0 mqadmin updateTopic -c "$cluster" -t orders -r 3 -w 2 -p 6
  [ "${lines[0]}" = "create topic to $broker success." ]
  [ "${lines[1]}" = "TopicConfig [topicName=orders, readQueueNums=3, writeQueueNums=2, perm=RW-, topicFilterType=SINGLE_TAG, topicSysFlag=0, order=false, attributes={}]" ]
  wait_until route_is orders 3
  run -0 mqadmin updateTopic -b "$broker" -t orders --out json
  [[ $output == '[{"broker":"'$broker'","topic":"orders","readQueueNums":8,"writeQueueNums":8,"perm":6,"order":false,"attributes":{},"created":false,"previous":{"readQueueNums":3,'* ]]
  run -0 mqadmin updateTopic -b "$broker" -t new --out json
  [[ $output == *'"created":true}]' ]]

  run -0 mqadmin deleteTopic -t orders -c "$cluster"
  [ "$output" = "delete topic [orders] from broker [$broker] success.
delete topic [orders] from NameServer [$namesrv] success." ]
  run -4 --separate-stderr mqadmin topicRoute -t orders
  [ "$stderr" = "mqadmin: topic 'orders' does not exist on $namesrv (TOPIC_NOT_EXIST)" ]
}

@test "an ordered topic has its order configuration on the name server" {
  mqadmin updateTopic -c "$cluster" -t ordered -w 4 -o true
  connect "$namesrv"
  ask 101 '{"namespace":"ORDER_TOPIC_CONFIG","key":"ordered"}'
  disconnect
  [ "$answer_code" = 0 ]
  [[ $answer_header == *':4"'* ]]
}

@test "deleting asks on a terminal and does nothing without a yes" {
  mqadmin updateTopic -b "$broker" -t orders -r 2 -w 2
  wait_until route_is orders 2
  run -2 bash -c "echo n | script -qec 'mqadmin deleteTopic -t orders -c $cluster' /dev/null"
  [[ $output == *"delete topic 'orders' from cluster '$cluster'? [y/N]"* ]]
  route_is orders 2
  run -0 script -qec "mqadmin deleteTopic -t orders -c $cluster --yes" /dev/null
  run -4 mqadmin topicRoute -t orders
}

@test "topicList prints names, and with objects what kind they are" {
  mqadmin updateTopic -b "$broker" -t orders
  wait_until route_is orders 8
  run -0 mqadmin topicList
  grep -qx orders <<< "$output"
  run -0 mqadmin topicList --out jsonl
  grep -qx '{"topic":"orders","type":"normal"}' <<< "$output"
  grep -qx '{"topic":"SCHEDULE_TOPIC_XXXX","type":"system"}' <<< "$output"
  grep -qx "{\"topic\":\"$cluster\",\"type\":\"system\"}" <<< "$output"
  run -0 mqadmin topicList -c
  [[ ${lines[0]} =~ ^'#Cluster Name '\ *'#Topic '\ *'#Consumer Group'$ ]]
  grep -Eqx "$cluster +orders" <<< "$output"
}

@test "topicStatus counts the messages of each queue" {
  mqadmin updateTopic -b "$broker" -t orders -r 2 -w 2
  wait_until route_is orders 2
  seq 10 | mqsend -q -t orders --queue 1
  counted() { [ "$(mqadmin topicStatus -t orders --out jsonl | grep -c '"messages":10,')" = 1 ]; }
  wait_until counted
  run -0 mqadmin topicStatus -t orders --out jsonl
  [[ ${lines[0]} == '{"topic":"orders","broker":"'*'","queueId":0,"minOffset":0,"maxOffset":0,"messages":0}' ]]
  [[ ${lines[1]} == *'"queueId":1,"minOffset":0,"maxOffset":10,"messages":10,"lastUpdate":'* ]]
  [[ ${lines[2]} == '{"totals":{"putTps":'* ]]
  run -0 mqadmin topicStatus -t orders
  [[ ${lines[0]} =~ ^'#Broker Name '\ *'#QID '\ *'#Min Offset '\ *'#Max Offset '\ *'#Last Updated'$ ]]
  run -4 mqadmin topicStatus -t orders -c no-such-cluster
}

@test "topicRoute prints the route as JSON text or a line for each broker" {
  mqadmin updateTopic -b "$broker" -t orders -r 2 -w 1
  wait_until route_is orders 2
  run -0 mqadmin topicRoute -t orders
  [[ $output == *'"readQueueNums":2,'* ]]
  run -0 mqadmin topicRoute -t orders -l
  [[ ${lines[1]} =~ ^$cluster\ .*\ 0=$broker\ +2\ +1\ +6$ ]]
}

@test "clusterList and brokerStatus show the broker's values" {
  run -0 mqadmin clusterList
  [[ ${lines[0]} == '#Cluster Name  '*'#ACTIVATED' ]]
  [[ ${lines[1]} == "$cluster "*" $broker "*" true" ]]
  run -0 mqadmin clusterList -m -i 1 --once
  [[ ${lines[0]} == *'#InTotalYest'* ]]
  run -0 mqadmin brokerStatus -b "$broker"
  grep -Eq '^brokerActive +: true$' <<< "$output"
  diff <(sed 's/ *:.*//' <<< "$output") <(sed 's/ *:.*//' <<< "$output" | LC_ALL=C sort)
  run -0 mqadmin brokerStatus -c "$cluster" --out jsonl
  grep -qx '{"addr":"'"$broker"'","key":"brokerActive","value":"true"}' <<< "$output"
}

@test "consumerProgress tells how far a group is behind" {
  mqadmin updateTopic -b "$broker" -t orders -r 1 -w 1
  wait_until route_is orders 1
  seq 10 | mqsend -q -t orders
  connect "$broker"
  ask 200 '{}' '{"groupName":"billing"}'
  ask 15 '{"consumerGroup":"billing","topic":"orders","queueId":"0","commitOffset":"4"}'
  disconnect
  [ "$answer_code" = 0 ]
  behind() { mqadmin consumerProgress -g billing --out jsonl | grep -q '"brokerOffset":10,"consumerOffset":4,"diff":6,'; }
  wait_until behind
  run -0 mqadmin consumerProgress -g billing
  [[ ${lines[0]} =~ ^'#Topic '\ *'#Broker Name '\ *'#QID '\ *'#Broker Offset '\ *'#Consumer Offset '\ *'#Diff '\ *'#Inflight '\ *'#LastTime'$ ]]
  [[ $output == *"Consume Diff Total: 6"* ]]
  run -0 mqadmin consumerProgress -g billing --out json
  [[ $output == *'"totals":{"diff":6,'*'"members":0}}' ]]
  run -4 --separate-stderr mqadmin consumerProgress -g nobody
  [ "$stderr" = "mqadmin: group 'nobody' has no offsets on $namesrv" ]
  run -0 mqadmin consumerProgress
}

@test "commands are found whatever their case, and -n may stand before other options or behind" {
  unset NAMESRV_ADDR
  run -0 mqadmin TOPICLIST -n "$namesrv"
  run -0 mqadmin topiclist --out jsonl --namesrvAddr "127.0.0.1:1;$namesrv"
  printf '[profile.here]\nnamesrv = "%s"\n' "$namesrv" > "$BATS_TEST_TMPDIR/mqd.toml"
  run -0 mqadmin topicList --config "$BATS_TEST_TMPDIR/mqd.toml" --profile here
  MQD_CONFIG=$BATS_TEST_TMPDIR/mqd.toml MQD_PROFILE=here run -0 mqadmin topicList
}

@test "every kind of failure has its status and one line" {
  run -2 --separate-stderr mqadmin topicLst
  [ "$stderr" = "mqadmin: there is no command 'topicLst'; did you mean topicList? (see mqadmin --help)" ]
  run -2 --separate-stderr mqadmin updateTopic -t x
  [ "$stderr" = "mqadmin: one of --brokerAddr or --clusterName is required (see mqadmin updateTopic --help)" ]
  run -2 mqadmin updateTopic -b "$broker" -t x -o maybe
  run -3 --separate-stderr mqadmin topicList -n 127.0.0.1:1 --timeout 300ms
  [ "${#stderr_lines[@]}" = 1 ]
  [[ $stderr == *127.0.0.1:1* ]]
  # Who has said nothing is told where to say it, if nobody listens at the default either.
  if ! (exec 3<> /dev/tcp/127.0.0.1/9876) 2> /dev/null; then
    NAMESRV_ADDR='' run -3 --separate-stderr mqadmin topicList --timeout 300ms
    [[ $stderr == *127.0.0.1:9876*'(set the name servers with -n or $NAMESRV_ADDR)' ]]
  fi
  run -4 --separate-stderr mqadmin updateTopic -c nope -t x
  [ "$stderr" = "mqadmin: cluster 'nope' does not exist on $namesrv; there are $cluster" ]
  run -1 --separate-stderr mqadmin updateTopic -b "$broker" -t 'no good name'
  [ "${#stderr_lines[@]}" = 1 ]
  run -1 --separate-stderr bash -c 'mqadmin topicList > /dev/full'
  [ "$stderr" = "mqadmin: standard output: No space left on device" ]
}

@test "help lists the commands, and each ends with three examples" {
  run -0 mqadmin --help
  for command in $(sed -n '/^commands:/,/^$/s/^  \([^ ]*\) .*/\1/p' <<< "$output"); do
    [ "$command" = help ] && continue
    run -0 mqadmin help "$command"
    [ "$(sed '1,/^examples:/d' <<< "$output" | grep -c '^  [^ ]')" = 3 ]
    # ... and stands in the man page with all of its own options.
    for option in $(sed -n "/^options of this command:/,/^\$/p" <<< "$output" | grep -o -- '--[a-zA-Z]*'); do
      sed -n "/^\.It Cm $command\$/,/^\.It Cm/p" "$BATS_TEST_DIRNAME/../../man/mqadmin.1" | grep -q -- "Fl -${option#--}" ||
        { echo "mqadmin(1) does not have $command $option" >&2; return 1; }
    done
  done
  run -2 mqadmin
}

@test "cleaning up, on one broker and on all" {
  run -0 mqadmin cleanExpiredCQ -b "$broker"
  [ "$output" = success ]
  run -0 mqadmin deleteExpiredCommitLog -c "$cluster" --out jsonl
  [ "$output" = "{\"addr\":\"$broker\",\"ok\":true}" ]
  seq 3 | mqsend -q -t kept
  run -0 mqadmin cleanUnusedTopic
  [ "$output" = success ]
  [ "$(mqpull -q -t kept --from beginning -e | wc -l)" = 3 ]
  run -4 mqadmin cleanUnusedTopic -c nowhere
  run -3 mqadmin cleanExpiredCQ -b 127.0.0.1:1 --timeout 300ms
}

@test "deleteTopic tells what was not there, and deletes it all the same" {
  run -0 mqadmin updateTopic -c "$cluster" -t here
  run -0 mqadmin deleteTopic --yes -c "$cluster" -t here
  run -4 --separate-stderr mqadmin deleteTopic --yes -c "$cluster" -t here
  [ "$stderr" = "mqadmin: there was no topic 'here', neither on $namesrv nor on a broker of '$cluster'" ]
  # The requests were sent, and answered.
  [[ $output == *"delete topic [here] from broker [$broker] success."* ]]
  [[ $output == *"delete topic [here] from NameServer [$namesrv] success."* ]]
  run -4 mqadmin deleteTopic --yes -c nowhere -t here
  run -4 mqadmin consumerProgress -c nowhere
  run -4 mqadmin consumerProgress -g nosuch
}

@test "a refusal for good is not tried again" {
  local began=${EPOCHREALTIME/./}
  run -1 --separate-stderr mqadmin updateTopic -b "$broker" -t 'no good name' --timeout 1h
  [ "${#stderr_lines[@]}" = 1 ]
  [ $((${EPOCHREALTIME/./} - began)) -lt 60000000 ]
}

@test "one option with two values is wrong usage, the same one twice is not" {
  run -2 --separate-stderr mqadmin topicList -n "$namesrv" -n 127.0.0.1:1
  [ "$stderr" = "mqadmin: --namesrv is given twice: '$namesrv' and '127.0.0.1:1' (see mqadmin topicList --help)" ]
  run -0 mqadmin topicList -n "$namesrv" --namesrvAddr "$namesrv"
  run -2 mqadmin updateTopic -b "$broker" -t a --topic b
}

@test "an output that cannot be written is one line and status 1" {
  local command
  for command in topicList clusterList "topicRoute -t TBW102" "brokerStatus -b $broker" "updateTopic -b $broker -t T" --help "topicList --help" --version; do
    [ ! -e /dev/full ] || {
      run --separate-stderr bash -c "mqadmin $command > /dev/full"
      [ "$status" = 1 ] || { echo "full: status $status: $command"; return 1; }
      [ "$(grep -v -e 'waiting: ' -e 'continues after' <<< "$stderr")" = 'mqadmin: standard output: No space left on device' ] || { echo "$command: $stderr"; return 1; }
    }
    run --separate-stderr bash -c "mqadmin $command >&-"
    [ "$status" = 1 ] || { echo "closed: status $status: $command"; return 1; }
    [ "$(grep -v -e 'waiting: ' -e 'continues after' <<< "$stderr")" = 'mqadmin: standard output: Bad file descriptor' ] || { echo "$command: $stderr"; return 1; }
  done
  run --separate-stderr bash -o pipefail -c 'for i in {1..400}; do echo; done | { mqadmin brokerStatus -b '"$broker"' | true; }'
  [ -z "$stderr" ]
}
