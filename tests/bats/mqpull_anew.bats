#!/usr/bin/env bats
# mqpull when what it reads goes from under it: a topic that is deleted and made anew or has fewer queues than before,
# messages that are deleted before their turn, a broker that is away.
bats_require_minimum_version 1.5.0
load helpers

setup() { cd "$BATS_TEST_TMPDIR" || return; }

has_lines() { [ -e "$1" ] && [ "$(wc -l < "$1")" -ge "$2" ]; }
says() { grep -q -- "$2" "$1"; }
make_topic() { mqadmin updateTopic -b "$broker" -t T -r "$1" -w "$1" > /dev/null; }
delete_topic() { mqadmin deleteTopic -c DefaultCluster -t T > /dev/null; }
send() { seq -f "$1 %g" "$2" | mqsend -q -t T --queue "${3:-0}"; }
# lag_is N: of the group g, and none is below 0.
lag_is() { [ "$(mqpull -t T -g g --lag | awk '$NF < 0 { exit 1 } { s += $NF } END { print s }')" = "$1" ]; }

@test "a topic that is deleted and made anew is read from its beginning, by itself and in a group" {
  start_broker
  make_topic 1
  send old 1000
  mqpull T --from beginning > plain 2> plain.err 3>&- &
  local plain=$!
  mqpull T -g g --from beginning > group 2> group.err 3>&- &
  local group=$!
  wait_until has_lines plain 1000
  wait_until has_lines group 1000
  delete_topic
  wait_until says plain.err "topic 'T' was deleted on "
  wait_until says group.err "topic 'T' was deleted on "
  make_topic 1
  send new 5
  wait_until has_lines plain 1005
  wait_until has_lines group 1005
  # With more messages than before when they look again: nothing but its name is the same.
  kill -STOP "$plain" "$group"
  delete_topic
  make_topic 1
  send more 3000
  kill -CONT "$plain" "$group"
  wait_until has_lines plain 4005
  wait_until has_lines group 4005
  stop_daemon "$plain" || true
  stop_daemon "$group" || true
  [ "$(grep -c '^more' plain)" = 3000 ]
  [ "$(grep -c '^more' group)" = 3000 ]
  [ "$(sed -n '$p' plain)" = 'more 3000' ]
  says plain.err "topic 'T' was deleted and created again on "
  lag_is 0
}

@test "a stale reader's offset is not committed for the new topic" {
  start_broker
  make_topic 1
  send old 100
  [ "$(mqpull T -g g --from beginning -e | wc -l)" = 100 ]
  lag_is 0
  delete_topic
  make_topic 1
  send new 5
  lag_is 5
  # As a client does that has not heard of it.
  connect "$broker"
  ask 15 '{"consumerGroup":"g","topic":"T","queueId":"0","commitOffset":"100"}'
  disconnect
  [ "$answer_code" = 29 ]
  wait_until logged broker 'commit_refused group=g topic=T queue=0 offset=100 end=5'
  lag_is 5
  mqadmin consumerProgress -g g --out json | grep -q '"diff":-' && return 1
  mqadmin topicStatus -t T > /dev/null
}

@test "with -e a topic that is deleted ends, and what was not read of it is told" {
  start_broker
  make_topic 1
  send old 1000
  mqpull T --from beginning -e --rate 100 > out 2> err 3>&- &
  local reader=$!
  wait_until has_lines out 10
  kill -STOP "$reader"
  delete_topic
  kill -CONT "$reader"
  local status=0
  wait "$reader" || status=$?
  # All of it may have been on its way already.
  [ "$status" = 0 ] && [ "$(wc -l < out)" = 1000 ] || { [ "$status" = 1 ] && says err 'not read'; }
}

@test "a topic with fewer queues: what is not read any more is told, and read when it is back" {
  start_broker
  make_topic 4
  for queue in 0 1 2 3; do send "queue$queue" 10 "$queue"; done
  mqpull T --from beginning > out 2> err 3>&- &
  local reader=$!
  wait_until has_lines out 40
  make_topic 2
  wait_until says err "topic 'T' no longer has queue 3 on "
  kill -0 "$reader"
  send again 5
  wait_until has_lines out 45
  make_topic 4
  send back 5 3
  wait_until has_lines out 50
  stop_daemon "$reader" || true
  # Nothing twice.
  [ "$(sort out | uniq -d | wc -l)" = 0 ]
  [ "$(grep -c back out)" = 5 ]
}

@test "messages that are deleted before their turn are counted, with -e or a group status 1" {
  printf '%s\n' mappedFileSizeCommitLog=1048576 maxMessageSize=262144 cleanResourceInterval=100ms \
    diskMaxUsedSpaceRatio=100 diskSpaceCleanForciblyRatio=100 diskSpaceWarningLevelRatio=100 > small.conf
  start_broker -c small.conf
  head -c 4000000 /dev/zero | tr '\0' x | fold -w 1000 | mqsend -q -t T --queue 0
  [ "$(mqpull -t T -g g --from beginning -c 5 | wc -l)" = 5 ]
  touch -d '5 days ago' store/commitlog/00000000000000000000
  mqadmin deleteExpiredCommitLog -b "$broker" > /dev/null
  local first
  is_deleted() { first=$(queue_begin T 0) && [ "$first" -gt 5 ]; }
  wait_until is_deleted
  run --separate-stderr mqpull -t T -g g -e
  [ "$status" = 1 ]
  [ "${#lines[@]}" = $((4000 - first)) ]
  [[ $stderr == "mqpull: $((first - 5)) messages of T/"*"/0 were deleted before they were read (offsets 5 to $((first - 1)))" ]]
  # It has been told, and is so no more.
  run --separate-stderr mqpull -t T -g g -e
  [ "$status" = 0 ]
  run --separate-stderr mqpull -t T --queue 0 --from 2 -e
  [ "${#lines[@]}" = $((4000 - first)) ]
  [[ $stderr == "mqpull: T/"*"/0 begins at $first: earlier messages are gone" ]]
  # From its beginning is from where it begins.
  run --separate-stderr mqpull -t T --queue 0 --from 0 -e
  [ -z "$stderr" ]
}

@test "a damaged message is told to whoever reads over it" {
  start_broker
  mqsend -q -t T --queue 0 <<< $'one\ntwo\nthree'
  stop_daemon "$broker_pid"
  local at
  at=$(grep -obUa two store/commitlog/00000000000000000000 | head -1 | cut -d: -f1)
  printf 'X' | dd of=store/commitlog/00000000000000000000 bs=1 seek="$at" conv=notrunc status=none
  start_broker
  run --separate-stderr mqpull T --from beginning -e
  [ "$status" = 1 ]
  [ "$output" = $'one\nthree' ]
  [[ $stderr == 'mqpull: 1 message of T/'*'/0 cannot be read: deleted or damaged (offset 1)' ]]
}

# two_brokers: with a name server of their own; a and b hold T, with two queues each.
two_brokers() {
  start_namesrv
  for name in a b; do
    printf 'brokerName=%s\n' $name > $name.conf
    start_daemon $name broker mqd-broker -c $name.conf -n "$namesrv" --store $name --listen 127.0.0.1:0
    declare -g $name="$(listening $name broker)" ${name}_pid="$daemon_pid"
    mqadmin updateTopic -b "$(listening $name broker)" -t T -r 2 -w 2 > /dev/null
  done
  on_both() { [ "$(mqadmin topicRoute -t T --out json | grep -o '"brokerName":"[ab]"' | sort -u | wc -l)" = 2 ]; }
  wait_until on_both
}

@test "of two brokers one is away: the other is read, and what is missing is told" {
  two_brokers
  seq 100 | mqsend -q -t T --batch-bytes 1
  [ "$(mqpull T --from beginning -e | wc -l)" = 100 ]
  [ "$(mqpull T --broker a --from beginning -e | wc -l)" -lt 100 ]
  # It says nothing, and the name server still knows it.
  freeze "$b_pid"
  run --separate-stderr mqpull T --from beginning -e --timeout 2s
  [ "$status" = 1 ]
  [ "${#lines[@]}" -gt 0 ]
  [ "${#lines[@]}" -lt 100 ]
  [[ $stderr == *"broker 'b' was not read to the end: "* ]]
  run --separate-stderr mqpull T --from beginning -e --timeout 2s --broker b
  [ "$status" = 3 ]
  run --separate-stderr mqpull T --from beginning -e --timeout 2s --brokers 2
  [ "$status" = 3 ]
  [ -z "$output" ]
  # Who follows reads on, and has the rest when it is back.
  mqpull T --from beginning > out 2> err 3>&- &
  local reader=$!
  wait_until has_lines out "$(mqpull T --broker a --from beginning -e | wc -l)"
  kill -CONT "$b_pid"
  wait_until has_lines out 100
  stop_daemon "$reader" || true
  [ "$(sort -u out | wc -l)" = 100 ]
}

@test "of a group's brokers one is away: the others are read, and it is when it is back" {
  two_brokers
  seq 100 | mqsend -q -t T --batch-bytes 1
  local at_a
  at_a=$(mqpull T --broker a --from beginning -e | wc -l)
  freeze "$b_pid"
  run --separate-stderr mqpull T -g g --from beginning -e --timeout 2s
  [ "$status" = 1 ]
  [ "${#lines[@]}" = "$at_a" ]
  [[ $stderr == *"broker 'b' was not read to the end: "* ]]
  run --separate-stderr mqpull T -g all --from beginning -e --timeout 2s --brokers 2
  [ "$status" = 3 ]
  [ -z "$output" ]
  mqpull T -g h --from beginning > out 2> err 3>&- &
  local reader=$!
  wait_until has_lines out "$at_a"
  wait_until says err "waiting: .*$b"
  # What comes meanwhile goes to the other, and is read.
  seq 101 110 | mqsend -q -t T
  wait_until has_lines out $((at_a + 10))
  kill -CONT "$b_pid"
  has_all() { [ "$(sort -u out | wc -l)" = "$1" ]; }
  wait_until has_all 110
  wait_until says err 'continues after'
  # It falls silent under its reader.
  freeze "$b_pid"
  seq 111 120 | mqsend -q -t T
  wait_until has_all 120
  kill -CONT "$b_pid"
  seq 121 130 | mqsend -q -t T --batch-bytes 1
  wait_until has_all 130
  stop_daemon "$reader" || true
  [ "$(sort -u out | wc -l)" = 130 ]
  # Nothing is read twice; what was sent while one was silent may be there twice.
  [ -z "$(sort out | uniq -d | grep -Ev '^1(0[1-9]|1[0-9]|20)$')" ]
  [ "$(mqpull T -g g --from beginning -e | sort -u | wc -l)" = $((130 - at_a)) ]
}

@test "--brokers says who must hold the topic" {
  two_brokers
  seq 10 | mqsend -q -t T
  for are in 1 2 a a,b 'b,'; do [ "$(mqpull T --from beginning -e --brokers "$are" | wc -l)" = 10 ]; done
  run --separate-stderr mqpull T --from beginning -e --timeout 500ms --brokers 3
  [ "$status" = 3 ]
  [[ $stderr == *"topic 'T' is on 2 of 3 brokers: a, b" ]]
  run --separate-stderr mqpull T --from beginning -e --timeout 500ms --brokers a,c
  [ "$status" = 3 ]
  [[ $stderr == *"topic 'T' is not on broker 'c'" ]]
  run --separate-stderr mqpull T --from beginning -e --timeout 500ms --brokers 3,
  [ "$status" = 3 ]
  [[ $stderr == *"topic 'T' is not on broker '3'" ]]
  for wrong in 0 '' ','; do
    run -2 mqpull T -e --brokers "$wrong"
  done
}
