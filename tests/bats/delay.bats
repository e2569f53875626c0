#!/usr/bin/env bats
# Delayed messages and retries against the real daemon: what waits survives whatever happens.
bats_require_minimum_version 1.5.0
load helpers

# delayed LEVEL BODY: sends to topic T, queue 0.
delayed() {
  ask 310 "{\"a\":\"P\",\"b\":\"T\",\"c\":\"TBW102\",\"d\":\"4\",\"e\":\"0\",\"f\":\"0\",\"g\":\"0\",\"h\":\"0\",\"i\":\"DELAY\\u0001$1\\u0002\"}" "$2"
  [ "$answer_code" = 0 ]
}

# timed PROPERTY VALUE BODY: the same for a timer property.
timed() {
  ask 310 "{\"a\":\"P\",\"b\":\"T\",\"c\":\"TBW102\",\"d\":\"4\",\"e\":\"0\",\"f\":\"0\",\"g\":\"0\",\"h\":\"0\",\"i\":\"$1\\u0001$2\\u0002\"}" "$3"
}

levels() {
  printf 'messageDelayLevel=%s\n' "$1" > "$BATS_TEST_TMPDIR/levels.conf"
}

has_arrived() { [ "$(mqpull -q -t T --from beginning -e)" = "$1" ]; }

# The processor time of all threads so far, in clock ticks.
ticks() { cut -d' ' -f14,15 "/proc/$broker_pid/stat" | tr ' ' '+'; }

@test "a delayed message comes when its time is over, not before" {
  levels '300ms 3s 1h'
  start_broker -c "$BATS_TEST_TMPDIR/levels.conf"
  connect "$broker"
  local before
  before=$(date +%s%3N)
  delayed 2 second
  delayed 3 never
  delayed 1 first
  wait_until has_arrived $'first\nsecond'
  local -a stored
  mapfile -t stored < <(mqpull -q -t T --from beginning -e --out json | sed -E 's/.*"store_ts":([0-9]+).*/\1/')
  [ "${stored[0]}" -ge $((before + 300)) ]
  [ "${stored[1]}" -ge $((before + 3000)) ]
  ask 28 '{}'
  [[ $answer_body == *'"scheduleMessageOffset_1":"1,1"'* ]]
  [[ $answer_body == *'"scheduleMessageOffset_3":"0,1"'* ]]
  disconnect
}

@test "what waits when the broker stops comes when it runs again" {
  levels '1s 1h'
  start_broker -c "$BATS_TEST_TMPDIR/levels.conf"
  connect "$broker"
  delayed 1 later
  disconnect
  stop_daemon "$broker_pid"
  start_broker -c "$BATS_TEST_TMPDIR/levels.conf"
  wait_until has_arrived later
  stop_daemon "$broker_pid"
  grep -Eq '"1": ?1' "$BATS_TEST_TMPDIR/store/config/delayOffset.json"
  start_broker -c "$BATS_TEST_TMPDIR/levels.conf"
  has_arrived later
}

@test "after kill -9 nothing that waited is lost" {
  levels '1s'
  start_broker -c "$BATS_TEST_TMPDIR/levels.conf"
  connect "$broker"
  local i
  for i in {1..50}; do delayed 1 "$i"; done
  disconnect
  kill -9 "$broker_pid"
  wait "$broker_pid" || true
  start_broker -c "$BATS_TEST_TMPDIR/levels.conf"
  all_arrived() { [ "$(mqpull -q -t T --from beginning -e | sort -nu | wc -l)" = 50 ]; }
  wait_until all_arrived
}

@test "after kill -9 in the middle of it nothing is delivered twice" {
  levels '150ms'
  start_broker -c "$BATS_TEST_TMPDIR/levels.conf"
  connect "$broker"
  local i at
  for i in {1..60}; do
    delayed 1 "$i"
    at=$(($(date +%s%3N) + 150 + i * 3))
    timed TIMER_DELIVER_MS "$at" "t$i"
  done
  disconnect
  for i in {1..4}; do
    kill -9 "$broker_pid"
    wait "$broker_pid" || true
    start_broker -c "$BATS_TEST_TMPDIR/levels.conf"
  done
  all_arrived() { [ "$(mqpull -q -t T --from beginning -e | sort -u | wc -l)" = 120 ]; }
  wait_until all_arrived
  [ "$(mqpull -q -t T --from beginning -e | wc -l)" = 120 ]
}

@test "a timer message comes at its time, to the millisecond" {
  start_broker
  connect "$broker"
  local before at stored
  before=$(date +%s%3N)
  at=$((before + 1234))
  timed TIMER_DELIVER_MS "$at" exact
  [ "$answer_code" = 0 ]
  [[ $answer_header == *recallHandle* ]]
  timed TIMER_DELAY_MS 700 later
  [ "$answer_code" = 0 ]
  timed TIMER_DELIVER_MS $((before - 1000)) past
  [ "$answer_code" = 0 ]
  timed TIMER_DELAY_SEC 259300 'too far'
  [ "$answer_code" = 13 ]
  timed TIMER_DELAY_SEC soon 'no number'
  [ "$answer_code" = 13 ]
  wait_until has_arrived $'past\nlater\nexact'
  stored=$(mqpull -q -t T --from beginning -e --out json | sed -nE 's/.*"store_ts":([0-9]+).*/\1/p' | tail -1)
  [ "$stored" -ge "$at" ]
  ask 61 '{}'
  [[ $answer_body == *'"T":{"count":0'* ]]
  ask 60 '{}'
  [ ${#answer_body} -le 56 ] # bash drops NUL bytes
  disconnect
}

@test "mqdump verify finds nothing wrong with what was delayed and delivered" {
  levels '100ms 1h'
  start_broker -c "$BATS_TEST_TMPDIR/levels.conf"
  connect "$broker"
  local i
  for i in {1..3}; do delayed 1 "$i"; done
  timed TIMER_DELAY_MS 200 4
  disconnect
  wait_until has_arrived $'1\n2\n3\n4'
  stop_daemon "$broker_pid"
  mqdump verify --deep "$BATS_TEST_TMPDIR/store"
}

@test "a timer message is recalled where that is allowed" {
  printf 'recallMessageEnable=true\nbrokerName=b\n' > "$BATS_TEST_TMPDIR/recall.conf"
  start_broker -c "$BATS_TEST_TMPDIR/recall.conf"
  connect "$broker"
  timed TIMER_DELAY_MS 1500 recalled
  local handle
  handle=$(sed -E 's/.*"recallHandle":"([^"]*)".*/\1/' <<< "$answer_header")
  timed TIMER_DELAY_MS 1600 kept
  ask 370 "{\"producerGroup\":\"P\",\"topic\":\"T\",\"recallHandle\":\"$handle\"}"
  [ "$answer_code" = 0 ]
  [[ $answer_header == *msgId* ]]
  ask 370 "{\"topic\":\"nowhere\",\"recallHandle\":\"$handle\"}"
  [ "$answer_code" = 17 ]
  ask 370 '{"topic":"T","recallHandle":"nonsense"}'
  [ "$answer_code" = 604 ]
  wait_until has_arrived kept
  has_arrived kept
  ask 370 "{\"topic\":\"T\",\"recallHandle\":\"$handle\"}"
  [ "$answer_code" = 604 ] # its time is over
  disconnect
}

@test "a message sent back comes again, and at last lies with the dead letters" {
  levels '10ms 20ms 30ms 40ms'
  start_broker -c "$BATS_TEST_TMPDIR/levels.conf"
  connect "$broker"
  printf 'work\n' | mqsend -q -t T --queue 0
  ask 36 '{"offset":"0","group":"G","delayLevel":"1"}'
  [ "$answer_code" = 0 ]
  retried() { [ "$(mqpull -q -t %RETRY%G --from beginning -e)" = work ]; }
  wait_until retried
  ask 36 '{"offset":"0","group":"G","delayLevel":"-1"}'
  [ "$answer_code" = 0 ]
  dead() { [ "$(mqpull -q -t %DLQ%G --from beginning -e)" = work ]; }
  wait_until dead
  ask 36 '{"offset":"123456789","group":"G","delayLevel":"0"}'
  [ "$answer_code" = 1 ]
  disconnect
}

@test "waiting costs no processor time" {
  levels '1h 2h'
  start_broker -c "$BATS_TEST_TMPDIR/levels.conf"
  connect "$broker"
  local i before
  for i in {1..20}; do delayed 1 "$i"; done
  disconnect
  before=$(($(ticks)))
  sleep 2
  [ $(($(ticks) - before)) -le 3 ]
}
