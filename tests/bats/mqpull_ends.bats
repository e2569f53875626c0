#!/usr/bin/env bats
# How mqpull ends: where -e stops whatever goes on, what a signal and a stuck reader cost, and the exit status of each.
bats_require_minimum_version 1.5.0
load helpers

lines() { seq -f 'line %g of the input' "$@"; }
fill() { lines 1 "$2" | mqsend -q -t "$1" --shard s; }
end_of() { mqadmin topicStatus -t "$1" --out json | jq '[.rows[].maxOffset] | add'; }
lag_of() { mqpull -t "$1" -g "$2" --lag | awk '{ s += $6 } END { print s }'; }
has_lines() { [ -e "$1" ] && [ "$(wc -l < "$1")" -ge "$2" ]; }

@test "-e stops where the end was, however fast others send, plain and in a group" {
  start_broker
  fill T 1000
  yes 'live traffic' | mqsend -q -t T --rate 20000 3>&- &
  local sender=$!
  is_flowing() { mqpull -t T -e --from -1 | grep -q live; }
  wait_until is_flowing
  local before after
  for group in '' '-g g'; do
    before=$(end_of T)
    # shellcheck disable=SC2086  # words
    timeout 20 mqpull -t T $group --from beginning -e > "$BATS_TEST_TMPDIR/out"
    after=$(end_of T)
    [ "$(wc -l < "$BATS_TEST_TMPDIR/out")" -ge "$before" ]
    [ "$(wc -l < "$BATS_TEST_TMPDIR/out")" -le "$after" ]
    [ "$(grep -c line "$BATS_TEST_TMPDIR/out")" = 1000 ]
  done
  # The group goes on behind that, with nothing twice.
  kill $sender
  wait $sender || true
  after=$(end_of T)
  [ $(($(wc -l < "$BATS_TEST_TMPDIR/out") + $(mqpull -t T -g g -e | wc -l))) = "$after" ]
}

@test "-e goes over what is filtered out, and so do a group's offsets" {
  start_broker
  for tag in A B; do lines 1 5000 | mqsend -q -t T --tag $tag --queue 0; done
  [ -z "$(timeout 20 mqpull -t T -g g --from beginning -e --tag Z)" ]
  [ "$(lag_of T g)" = 0 ]
  [ "$(timeout 20 mqpull -t T -g h --from beginning -e --tag A | wc -l)" = 5000 ]
  [ "$(lag_of T h)" = 0 ]
  # One that follows, too: nobody waits for a message that matches.
  [ -z "$(mqpull -t T -g i --from beginning --tag Z --idle 500ms)" ]
  [ "$(lag_of T i)" = 0 ]
}

@test "-e goes over what is deleted, from an offset and in a group" {
  printf '%s\n' mappedFileSizeCommitLog=1048576 maxMessageSize=262144 cleanResourceInterval=100ms \
    diskMaxUsedSpaceRatio=100 diskSpaceCleanForciblyRatio=100 diskSpaceWarningLevelRatio=100 > "$BATS_TEST_TMPDIR/small.conf"
  start_broker -c "$BATS_TEST_TMPDIR/small.conf"
  head -c 4000000 /dev/zero | tr '\0' x | fold -w 1000 | mqsend -q -t T --queue 0
  [ "$(mqpull -t T -g g --from beginning -c 5 | wc -l)" = 5 ]
  touch -d '5 days ago' "$BATS_TEST_TMPDIR"/store/commitlog/00000000000000000000
  mqadmin deleteExpiredCommitLog -b "$broker" > /dev/null
  local first
  is_deleted() { first=$(queue_begin T 0) && [ "$first" -gt 0 ]; }
  wait_until is_deleted
  [ "$(timeout 20 mqpull -t T --queue 0 --from 2 -e --out 'format:%o\n' | head -1)" = "$first" ]
  [ "$(timeout 20 mqpull -t T -g g -e | wc -l)" = $((4000 - first)) ]
  [ "$(lag_of T g)" = 0 ]
}

@test "--rate gives so many a second, evenly, and holds nothing else up" {
  start_broker
  fill T 400
  local begin
  begin=$(date +%s%3N)
  mqpull -t T -g g --from beginning -e --rate 400 > "$BATS_TEST_TMPDIR/out" 3>&- &
  local puller=$!
  wait_until has_lines "$BATS_TEST_TMPDIR/out" 100
  [ $(($(date +%s%3N) - begin)) -ge 240 ]
  run ! has_lines "$BATS_TEST_TMPDIR/out" 390
  wait $puller
  [ $(($(date +%s%3N) - begin)) -ge 990 ]
  [ "$(wc -l < "$BATS_TEST_TMPDIR/out")" = 400 ]
  mqpull -t T -g h --from beginning --rate 1 > "$BATS_TEST_TMPDIR/slow" 3>&- &
  puller=$!
  wait_until has_lines "$BATS_TEST_TMPDIR/slow" 1
  stop_daemon $puller || true
  [ "$(lag_of T h)" = $((400 - $(wc -l < "$BATS_TEST_TMPDIR/slow"))) ]
  for wrong in 0 -1 x; do run -2 mqpull -t T --rate $wrong; done
}

@test "SIGTERM does not wait for ever for a reader that takes nothing" {
  start_broker
  lines 1 20000 | mqsend -q -t T --queue 0
  mkfifo "$BATS_TEST_TMPDIR/fifo"
  mqpull -t T -g g --from beginning > "$BATS_TEST_TMPDIR/fifo" 2> "$BATS_TEST_TMPDIR/err" 3>&- &
  local puller=$!
  exec {pipe}< "$BATS_TEST_TMPDIR/fifo"
  is_stuck() { grep -q pipe_write "/proc/$puller/wchan" 2> /dev/null || grep -q '^State:.S' /proc/$puller/status; }
  local first
  read -r first <&"$pipe"
  wait_until is_stuck
  status=0
  stop_daemon $puller || status=$?
  [ "$status" = 143 ]
  [ "$(cat "$BATS_TEST_TMPDIR/err")" = 'mqpull: standard output: its reader has not taken everything, and what it left is not committed' ]
  # What the reader has taken is committed, and nothing of what still lies in the pipe.
  [ "$first" = 'line 1 of the input' ]
  [ "$(lag_of T g)" = 19999 ]
  exec {pipe}<&-
}

@test "a second signal ends at once, without a commit" {
  start_broker
  lines 1 20000 | mqsend -q -t T --queue 0
  mkfifo "$BATS_TEST_TMPDIR/fifo"
  mqpull -t T -g g --from beginning > "$BATS_TEST_TMPDIR/fifo" 3>&- &
  local puller=$!
  exec {pipe}< "$BATS_TEST_TMPDIR/fifo"
  head -c 100 <&"$pipe" > /dev/null
  local begin=$SECONDS
  kill $puller
  # One that is still pending would be taken together with the first.
  has_taken_it() { grep -q '^SigPnd:.0*$' /proc/$puller/status && grep -q '^ShdPnd:.0*$' /proc/$puller/status; }
  wait_until has_taken_it
  kill $puller
  status=0
  wait $puller || status=$?
  [ "$status" = 143 ]
  [ $((SECONDS - begin)) -le 2 ]
  exec {pipe}<&-
}

@test "a topic that may not be read is status 5" {
  start_broker
  mqadmin updateTopic -b "$broker" -t W -p 2 > /dev/null
  run --separate-stderr mqpull -t W -e
  [ "$status" = 5 ]
  [[ $stderr == "mqpull: topic 'W' has no readable queue: "* ]]
}

@test "a broker that does not answer is status 3 with -e, and waited for without" {
  start_broker
  fill T 3
  mqpull -t T --from beginning > "$BATS_TEST_TMPDIR/out" 3>&- &
  local puller=$!
  wait_until has_lines "$BATS_TEST_TMPDIR/out" 3
  stop_daemon "$broker_pid"
  run --separate-stderr mqpull -t T -e --timeout 500ms
  [ "$status" = 3 ]
  [ "${#stderr_lines[@]}" = 1 ]
  run --separate-stderr mqpull -t T -e --timeout 2s
  [ "$status" = 3 ]
  [ "${#stderr_lines[@]}" = 2 ]
  [[ ${stderr_lines[0]} == 'mqpull: waiting: '* ]]
  kill -0 $puller
  start_daemon broker broker mqd-broker --standalone --store "$BATS_TEST_TMPDIR/store" --listen "$broker" --namesrv-port "${namesrv##*:}"
  fill T 1
  wait_until has_lines "$BATS_TEST_TMPDIR/out" 4
  stop_daemon $puller || true
}
