#!/usr/bin/env bats
# What groups and the broker itself remember of a store, when the store is not the one they remember:
# cut by a crash, an older copy, without a queue. Later messages are never passed over, and the log says
# what was put right.
bats_require_minimum_version 1.5.0
load helpers

setup() {
  cd "$BATS_TEST_TMPDIR" || exit 1
  printf 'messageDelayLevel=200ms 1h\ntransactionTimeOut=500ms\ntransactionCheckInterval=500ms\n' > broker.conf
}

begin() { start_broker -c broker.conf; }
# send N TEXT: N messages to queue 0 of T.
send() { seq -f "$2 %g" "$1" | mqsend -q -t T --queue 0; }
delayed() { mqsend -q -t T --queue 0 --delay-level 1 <<< "$1"; }
# What the group has not read yet.
pull() { mqpull -q -t T -g G --from beginning -e; }
# consumed N: the group's saved progress in queue 0 of T.
consumed() { tr -d '\t\n ' < store/config/consumerOffset.json | grep -q "\"T@G\":{[^}]*\"0\":$1[,}]"; }
has_arrived() { mqpull -q -t T --from beginning -e | grep -qx "$1"; }
# other_store FROM: the log and the queues of another copy, under the configuration as it is.
other_store() {
  mv store/config config
  rm -r store
  cp -r "$1" store
  rm -r store/config
  mv config store/config
}
no_lag_below_zero() { mqpull -t T -g G --lag | awk '$NF < 0 { exit 1 }'; }

@test "an older store under newer tables: groups and delays go on at its end" {
  begin
  mqadmin updateTopic -b "$broker" -t T -r 1 -w 1 > /dev/null
  send 10 old
  [ "$(pull | wc -l)" = 10 ]
  delayed one
  wait_until has_arrived one
  pull > /dev/null
  stop_daemon "$broker_pid"
  cp -r store old
  begin
  send 50 lost
  pull > /dev/null
  for i in 1 2 3; do delayed "late $i"; wait_until has_arrived "late $i"; done
  pull > /dev/null
  stop_daemon "$broker_pid"
  consumed 64
  other_store old
  begin
  wait_until logged broker 'position_beyond_end .*group=G .*topic=T .*queue=0 .*from=64 .*to=11'
  logged broker 'position_beyond_end group=delay topic=SCHEDULE_TOPIC_XXXX queue=0 from=4 to=1'
  no_lag_below_zero
  send 5 new
  [ "$(pull)" = "$(seq -f 'new %g' 5)" ]
  delayed again
  wait_until has_arrived again
}

@test "a log that was cut after kill -9: what is sent later is read by everybody" {
  begin
  mqadmin updateTopic -b "$broker" -t T -r 1 -w 1 > /dev/null
  send 20 kept
  local cut
  cut=$(mqdump log store --out json -t T 2> /dev/null | tail -1 | sed -E 's/.*"log_offset": ?([0-9]+).*/\1/')
  send 30 lost
  [ "$(pull | wc -l)" = 50 ]
  wait_until consumed 50
  kill -9 "$broker_pid"
  wait "$broker_pid" || true
  truncate -s "$cut" store/commitlog/00000000000000000000
  rm -f store/mqd-milestone
  begin
  wait_until logged broker 'position_beyond_end .*group=G .*from=50 .*to=19'
  no_lag_below_zero
  send 40 new
  [ "$(pull)" = "$(seq -f 'new %g' 40)" ]
  no_lag_below_zero
}

@test "older tables under a newer store: nothing that comes later is passed over" {
  begin
  mqadmin updateTopic -b "$broker" -t T -r 1 -w 1 > /dev/null
  send 10 first
  pull > /dev/null
  stop_daemon "$broker_pid"
  cp -r store/config config
  begin
  send 10 second
  delayed waits
  wait_until has_arrived waits
  pull > /dev/null
  stop_daemon "$broker_pid"
  rm -r store/config
  mv config store/config
  begin
  send 5 new
  delayed again
  wait_until has_arrived again
  pull > "read"
  [ "$(grep -c '^new ' read)" = 5 ]
  [ "$(grep -c '^second ' read)" = 10 ]
}

@test "a topic that nobody has any more leaves no progress to pass over its next life" {
  begin
  mqadmin updateTopic -b "$broker" -t T -r 1 -w 1 > /dev/null
  send 100 old
  pull > /dev/null
  stop_daemon "$broker_pid"
  cp store/config/consumerOffset.json kept
  begin
  mqadmin deleteTopic -c DefaultCluster -t T > /dev/null
  stop_daemon "$broker_pid"
  cp kept store/config/consumerOffset.json
  begin
  wait_until logged broker 'position_beyond_end .*group=G .*topic=T .*from=100 .*to=0'
  mqadmin updateTopic -b "$broker" -t T -r 1 -w 1 > /dev/null
  send 10 new
  [ "$(pull)" = "$(seq -f 'new %g' 10)" ]
}

@test "a queue without its folder: what is sent later is read" {
  begin
  mqadmin updateTopic -b "$broker" -t T -r 1 -w 1 > /dev/null
  send 10 old
  pull > /dev/null
  stop_daemon "$broker_pid"
  rm -r store/consumequeue/T
  begin
  send 5 new
  pull > "read"
  [ "$(grep -c '^new ' read)" = 5 ]
  no_lag_below_zero
}

@test "what was given up is delivered when its producer commits it after all" {
  printf 'transactionCheckMax=1\n' >> broker.conf
  begin
  mqadmin updateTopic -b "$broker" -t T -r 1 -w 1 > /dev/null
  connect "$broker"
  ask 310 "{\"a\":\"P\",\"b\":\"T\",\"c\":\"TBW102\",\"d\":\"4\",\"e\":\"0\",\"f\":\"4\",\"g\":\"0\",\"h\":\"0\",\"i\":\"TRAN_MSG\\u0001true\\u0002PGROUP\\u0001P\\u0002UNIQ_KEY\\u0001K\\u0002\"}" late
  [ "$answer_code" = 0 ]
  local id at
  id=$(sed -E 's/.*"msgId":"([0-9A-F]+)".*/\1/' <<< "$answer_header")
  at=$((16#${id: -16}))
  wait_until logged broker 'transactions_checked.*given_up=1'
  for _ in 1 2; do
    ask 37 "{\"producerGroup\":\"P\",\"tranStateTableOffset\":\"0\",\"commitLogOffset\":\"$at\",\"commitOrRollback\":\"8\",\"fromTransactionCheck\":\"false\",\"msgId\":\"K\"}"
    [ "$answer_code" = 0 ]
  done
  disconnect
  wait_until has_arrived late
  [ "$(mqpull -q -t T --from beginning -e)" = late ]
}
