#!/usr/bin/env bats
# mqsend and mqpull in a shell's life: what is closed, full, moved or restarted under them.
bats_require_minimum_version 1.5.0
load helpers

sums() { grep -o 'read .* unknown [0-9]*' <<< "$1" | tail -1; }
all_of() { mqpull -q -t "$1" --from beginning -e "${@:2}"; }
has_stored() { [ "$(all_of "$1" 2> /dev/null | wc -l)" -ge "$2" ]; }
has_lines() { [ "$(wc -l < "$1")" -ge "$2" ]; }

@test "mqsend says so when its standard output is full, and what it has sent is counted" {
  [ -e /dev/full ] || skip "no /dev/full"
  start_broker
  run --separate-stderr bash -c 'seq 10 | mqsend -v -t T --print ids > /dev/full'
  [ "$status" = 1 ]
  [[ $stderr == *'standard output: No space left on device'* ]]
  [ "$(sums "$stderr")" = 'read 10 = acknowledged 10 + refused 0 + unknown 0' ]
  [ "$(all_of T | wc -l)" = 10 ]
}

@test "a closed standard input is an error, a failing pipe shows with pipefail" {
  start_broker
  run --separate-stderr bash -c 'mqsend -t T <&-'
  [ "$status" = 1 ]
  [[ $stderr == *'standard input'* ]]
  mqsend -q -t T <<< a
  run bash -o pipefail -c "mqpull -q -t T --from beginning -e | mqsend -q -t T --queue 99"
  [ "$status" = 4 ]
  run bash -o pipefail -c "mqpull -q -t none -e | mqsend -q -t T"
  [ "$status" = 4 ]
}

@test "no permission to write is status 5" {
  start_broker
  mqadmin updateTopic -t R -c DefaultCluster -p 4 > /dev/null
  run --separate-stderr mqsend -t R <<< a
  [ "$status" = 5 ]
}

@test "a line that is typed is there at once, in both tools" {
  start_broker
  mqadmin updateTopic -t T -c DefaultCluster > /dev/null
  mkfifo "$BATS_TEST_TMPDIR/fifo"
  mqpull -q -t T --from beginning > "$BATS_TEST_TMPDIR/out" 3>&- &
  mqsend -q -t T --shard s < "$BATS_TEST_TMPDIR/fifo" 3>&- &
  local i begin took best=1000000 pipe
  exec {pipe}> "$BATS_TEST_TMPDIR/fifo"
  for i in {1..10}; do
    begin=${EPOCHREALTIME/./}
    echo "$i" >&"$pipe"
    until has_lines "$BATS_TEST_TMPDIR/out" "$i"; do :; done
    took=$((${EPOCHREALTIME/./} - begin))
    [ "$took" -ge "$best" ] || best=$took
  done
  exec {pipe}>&-
  # Whatever else the machine does: one of ten is as quick as it should be.
  [ "$best" -le 50000 ]
}

# A name server, a broker of its own as $first, and topic T there; in the test's folder.
start_movable_broker() {
  start_namesrv
  start_daemon broker broker mqd-broker -n "$namesrv" --store "$BATS_TEST_TMPDIR/store" --listen 127.0.0.1:0
  first=$daemon_pid
  cd "$BATS_TEST_TMPDIR" || return
  mqadmin updateTopic -t T -c DefaultCluster > /dev/null
}

@test "mqsend, a reader and a group go on when the name server restarts and the broker moves elsewhere" {
  local first sender
  start_movable_broker
  env --default-signal=HUP mqpull -v -t T --from beginning > out 2> out.log 3>&- &
  local reader=$!
  mqpull -q -t T -g g --from beginning > group 3>&- &
  { seq 1 100; until [ -e go ]; do sleep 0.02; done; seq 101 200; } | mqsend -v -t T --timeout 60s 2> err 3>&- &
  sender=$!
  wait_until has_lines group 100
  wait_until has_lines out 100
  stop_daemon "$namesrv_pid" || true
  stop_daemon "$first" || true
  start_daemon namesrv namesrv mqd-namesrv --listen "$namesrv"
  start_daemon moved broker mqd-broker -n "$namesrv" --store "$BATS_TEST_TMPDIR/store" --listen 127.0.0.1:0
  touch go
  wait "$sender"
  # What was tried again is told at the end.
  grep -q 'read 200 = acknowledged 200 + refused 0 + unknown 0.*, retries [1-9]' err
  wait_until has_lines group 200
  [ "$(sort -nu group)" = "$(seq 200)" ]
  wait_until has_lines out 200
  [ "$(sort -nu out)" = "$(seq 200)" ]
  local ended=0
  stop_daemon "$reader" HUP || ended=$?
  [ "$ended" = 129 ]
  grep -q 'mqpull: [0-9]* messages, [1-9][0-9]* requests repeated' out.log
}

@test "one-way sending goes on where the broker is now, and what was lost on the way is counted" {
  local first sender
  start_movable_broker
  {
    echo first
    until [ -e go ]; do sleep 0.02; done
    # More than the sockets hold: the rest waits in mqsend, or before it.
    yes "$(printf 'x%.0s' {1..1000})" | head -n 20000
  } | mqsend -v -t T --oneway --on-error skip --timeout 60s 2> err 3>&- &
  sender=$!
  wait_until has_stored T 1
  freeze "$first"
  touch go
  is_held() { local n; n=$(awk '/^rchar/ { print $2 }' "/proc/$sender/io"); sleep 0.3; [ "$n" -gt 1000000 ] && [ "$n" = "$(awk '/^rchar/ { print $2 }' "/proc/$sender/io")" ]; }
  wait_until is_held
  kill -9 "$first"
  wait "$first" || true
  start_daemon moved broker mqd-broker -n "$namesrv" --store "$BATS_TEST_TMPDIR/store" --listen 127.0.0.1:0
  local ended=0
  wait "$sender" || ended=$?
  [ "$ended" = 1 ]
  local handed refused unknown
  read -r handed refused unknown < <(sed -nE 's/.*read 20001 = handed over ([0-9]+) \+ refused ([0-9]+) \+ unknown ([0-9]+).*/\1 \2 \3/p' err)
  # What was written to the connection that broke is neither here nor there; the rest never left.
  [ "$unknown" -gt 0 ]
  [ "$refused" -gt 0 ]
  [ $((handed + refused + unknown)) = 20001 ]
  # Whatever is said to have arrived is there.
  [ "$(all_of T | wc -l)" -ge "$handed" ]
}

@test "queues that a topic gets in mid-stream are sent to and read, plain and in a group" {
  start_broker
  cd "$BATS_TEST_TMPDIR"
  mqadmin updateTopic -t T -c DefaultCluster -r 1 -w 1 > /dev/null
  mqpull -v -t T --from beginning > out 2> out.log 3>&- &
  mqpull -v -t T -g g --from beginning > group 2> group.log 3>&- &
  local n=0 count
  { until [ -e stop ]; do echo $((++n)); sleep 0.02; done; } | mqsend -v -t T --print json > fates 2> err.log 3>&- &
  local sender=$!
  wait_until has_lines out 5
  wait_until has_lines group 5
  mqadmin updateTopic -t T -c DefaultCluster -r 4 -w 4 > /dev/null
  wait_until grep -q '"queue":3' fates
  touch stop
  wait "$sender"
  grep -q 'mqsend: T/.*/3 on .* is new' err.log
  count=$(wc -l < fates)
  grep -q "read $count = acknowledged $count + refused 0 + unknown 0" err.log
  wait_until has_lines out "$count"
  wait_until has_lines group "$count"
  [ "$(sort -n out)" = "$(seq "$count")" ]
  [ "$(sort -n group)" = "$(seq "$count")" ]
  grep -q 'mqpull: reads T/.*/3 on .* from 0 on' out.log
  grep -q 'mqpull: reads T/.*/3 on .* from 0 on' group.log
}
