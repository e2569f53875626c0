#!/usr/bin/env bats
# Transactions against the real daemon: what was ended is ended, whatever happens.
bats_require_minimum_version 1.5.0
load helpers

# half BODY: sends a half message to topic T, queue 0, of producer group P; where it lies is then in
# $half_offset and $half_at.
half() {
  ask 310 "{\"a\":\"P\",\"b\":\"T\",\"c\":\"TBW102\",\"d\":\"4\",\"e\":\"0\",\"f\":\"4\",\"g\":\"0\",\"h\":\"0\",\"i\":\"TRAN_MSG\\u0001true\\u0002PGROUP\\u0001P\\u0002UNIQ_KEY\\u0001$1\\u0002\"}" "$1"
  [ "$answer_code" = 0 ]
  half_offset=$(sed -E 's/.*"queueOffset":"?([0-9]+).*/\1/' <<< "$answer_header")
  local id
  id=$(sed -E 's/.*"msgId":"([0-9A-F]+)".*/\1/' <<< "$answer_header")
  half_at=$((16#${id:16}))
}

# end STATE [OFFSET AT]: 8 commits and 12 rolls back, the last half message or that one.
end() {
  ask 37 "{\"producerGroup\":\"P\",\"tranStateTableOffset\":\"${2-$half_offset}\",\"commitLogOffset\":\"${3-$half_at}\",\"commitOrRollback\":\"$1\",\"fromTransactionCheck\":\"false\",\"msgId\":\"x\"}"
}

start() { # KEY=VALUE...
  printf '%s\n' "$@" > "$BATS_TEST_TMPDIR/broker.conf"
  start_broker -c "$BATS_TEST_TMPDIR/broker.conf"
  connect "$broker"
}

restart() { # SIGNAL
  disconnect
  stop_daemon "$broker_pid" "$1" || true
  start_broker -c "$BATS_TEST_TMPDIR/broker.conf"
  connect "$broker"
}

delivered() { mqpull -q -t T --from beginning -e; }
given_up() { mqpull -q -t TRANS_CHECK_MAX_TIME_TOPIC --from beginning -e; }
is_given_up() { [ "$(given_up)" = "$1" ]; }

@test "a half message is delivered when it is committed, and not when it is rolled back" {
  start transactionTimeOut=6000
  half yes
  [ -z "$(delivered)" ]
  end 8
  [ "$answer_code" = 0 ]
  [ "$(delivered)" = yes ]
  end 8
  [ "$answer_code" = 0 ]
  half no
  end 12
  [ "$answer_code" = 0 ]
  [ "$(delivered)" = yes ]
  end 8 77 "$half_at"
  [ "$answer_code" = 1 ]
  disconnect
}

@test "a half message outlives kill -9, and can be committed then" {
  start transactionTimeOut=6000
  half kept
  restart KILL
  end 8
  [ "$answer_code" = 0 ]
  [ "$(delivered)" = kept ]
  restart KILL
  end 8
  [ "$answer_code" = 0 ]
  [ "$(delivered)" = kept ]
  restart TERM
  end 8
  [ "$(delivered)" = kept ]
  disconnect
}

@test "what was ended is not asked about after kill -9, and not given up" {
  start transactionTimeOut=0 transactionCheckInterval=50 transactionCheckMax=0
  local i
  for i in {1..20}; do
    # The broker gives up what is not ended at once: this is too early only if it comes first.
    half "$i"
    end $((i % 2 ? 8 : 12))
  done
  local before given_up_before
  before=$(delivered | wc -l)
  given_up_before=$(given_up | wc -l)
  restart KILL
  half last
  all_given_up() { given_up | grep -qx last; }
  wait_until all_given_up
  [ "$(given_up | wc -l)" = $((given_up_before + 1)) ]
  [ "$(delivered | wc -l)" = "$before" ]
  disconnect
}

@test "a producer that says nothing is asked, and its answer counts" {
  start transactionTimeOut=100 transactionCheckInterval=100 transactionCheckMax=10000
  ask 34 '{}' '{"clientID":"c","producerDataSet":[{"groupName":"P"}],"consumerDataSet":[]}'
  [ "$answer_code" = 0 ]
  half later
  local offset at
  take_frame
  [ "$answer_code" = 39 ]
  [[ $answer_header == *'"msgId":"later"'* ]]
  offset=$(sed -E 's/.*"tranStateTableOffset":"?([0-9]+).*/\1/' <<< "$answer_header")
  at=$(sed -E 's/.*"commitLogOffset":"?([0-9]+).*/\1/' <<< "$answer_header")
  [ "$offset" -gt "$half_offset" ]
  disconnect
  connect "$broker"
  end 8 "$offset" "$at"
  [ "$answer_code" = 0 ]
  [ "$(delivered)" = later ]
  end 8
  [ "$(delivered)" = later ]
  disconnect
}

@test "a transaction that nobody ends is given up, also over restarts" {
  start transactionTimeOut=0 transactionCheckInterval=1000 transactionCheckMax=6
  half lost
  asked() { [ "$(mqpull -q -t RMQ_SYS_TRANS_HALF_TOPIC --from beginning -e | wc -l)" -gt "$1" ]; }
  wait_until asked 1
  restart KILL
  wait_until asked 3
  restart TERM
  wait_until is_given_up lost
  [ "$(mqpull -q -t RMQ_SYS_TRANS_HALF_TOPIC --from beginning -e | wc -l)" = 7 ]
  [ -z "$(delivered)" ]
  disconnect
  stop_daemon "$broker_pid"
  grep -Eq '"RMQ_SYS_TRANS_HALF_TOPIC@CID_RMQ_SYS_TRANS": ?' "$BATS_TEST_TMPDIR/store/config/consumerOffset.json"
  grep -q '"transactionCount":{}' "$BATS_TEST_TMPDIR/store/config/transactionMetrics"
}

@test "open transactions cost no processor time" {
  start transactionTimeOut=3600000
  local i before
  for i in {1..20}; do half "$i"; done
  disconnect
  ticks() { cut -d' ' -f14,15 "/proc/$broker_pid/stat" | tr ' ' '+'; }
  before=$(($(ticks)))
  sleep 2
  [ $(($(ticks) - before)) -le 3 ]
}
