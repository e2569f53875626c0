#!/usr/bin/env bats
# mqsend --spool: whatever is killed, what was read arrives.
bats_require_minimum_version 1.5.0
load helpers

setup() { spool=$BATS_TEST_TMPDIR/spool; }

sums() { grep -o 'read .* unknown [0-9]*' <<< "$stderr" | tail -1; }
all_of() { mqpull -q -t "$1" --from beginning -e "${@:2}"; }
has_stored() { [ "$(all_of "$1" | wc -l)" -ge "$2" ]; }
lines() { seq -f 'line %g of the input' "$@"; }
is_empty_spool() { [ "$(ls "$spool")" = lock ]; }

# The same broker again, at the same addresses.
restart_broker() {
  start_daemon broker broker mqd-broker --standalone --store "$BATS_TEST_TMPDIR/store" \
    --listen "$broker" --namesrv-port "${namesrv##*:}"
  broker_pid=$daemon_pid
}
kill_broker() {
  kill -9 "$broker_pid"
  wait "$broker_pid" || true
}
# The addresses of a broker that is down.
start_and_stop_broker() {
  start_broker
  stop_daemon "$broker_pid"
}

@test "wrong uses of the spool are one line and status 2" {
  for wrong in '--drain' "--drain --spool $spool file" "-t T --spool $spool --oneway" "-t T --spool $spool --spool-max 1M"; do
    # shellcheck disable=SC2086  # words
    run --separate-stderr mqsend $wrong < /dev/null
    [ "$status" = 2 ]
    [ "${#stderr_lines[@]}" = 1 ]
  done
  run --separate-stderr mqsend --drain --spool "$BATS_TEST_TMPDIR/none"
  [ "$status" = 4 ]
}

@test "with a broker that takes all, nothing stays in the spool" {
  start_broker
  lines 1 20000 > "$BATS_TEST_TMPDIR/in"
  run --separate-stderr mqsend -v -t T --shard s --spool "$spool" --print json "$BATS_TEST_TMPDIR/in"
  [ "$status" = 0 ]
  [ "$(sums)" = 'read 20000 = acknowledged 20000 + spooled 0 + refused 0 + unknown 0' ]
  [ "$(grep -c '"level":"memory"' <<< "$output")" = 20000 ]
  all_of T | cmp - "$BATS_TEST_TMPDIR/in"
  is_empty_spool
  # Nothing that was not asked for is on standard output.
  [ -z "$(mqsend -q -t T --spool "$spool" --rejects "$BATS_TEST_TMPDIR/rejects" <<< a)" ]
}

@test "without a broker all of it is in the spool, and arrives with the ids that were printed" {
  start_and_stop_broker
  lines 1 1000 > "$BATS_TEST_TMPDIR/in"
  run --separate-stderr mqsend -v -t T --shard s -k key --spool "$spool" --timeout 100ms --print json "$BATS_TEST_TMPDIR/in"
  [ "$status" = 0 ]
  [ "$(sums)" = 'read 1000 = acknowledged 0 + spooled 1000 + refused 0 + unknown 0' ]
  [ "$(grep -c '^{"id":"[0-9A-F]\{32\}","level":"spool"}$' <<< "$output")" = 1000 ]
  sed 's/.*"id":"\([^"]*\)".*/\1/' <<< "$output" > "$BATS_TEST_TMPDIR/ids"
  mqdump log "$spool" | cmp - "$BATS_TEST_TMPDIR/in"
  # Not to be delivered yet.
  run --separate-stderr mqsend -v --drain --spool "$spool" --timeout 100ms
  [ "$status" = 3 ]
  [[ $stderr == *'no broker takes the 1000 messages left'* ]]
  restart_broker
  run --separate-stderr mqsend -v --drain --spool "$spool"
  [ "$status" = 0 ]
  [[ $stderr == *'read 0 = acknowledged 0 '*'of earlier runs: sent 1000, failed 0, left 0' ]]
  all_of T | cmp - "$BATS_TEST_TMPDIR/in"
  all_of T --out 'format:%k\n' | sort -u | cmp - <(echo key)
  all_of T --out json | sed 's/.*"id":"\([^"]*\)".*/\1/' | cmp - "$BATS_TEST_TMPDIR/ids"
  is_empty_spool
}

@test "what an earlier run has left goes first, to its own topic and queue" {
  start_and_stop_broker
  mqsend -q -t T --queue 2 --tag A --compress zstd --spool "$spool" --timeout 50ms < <(lines 1 500)
  mqsend -q -t T --queue 2 --spool "$spool" --timeout 50ms < <(lines 501 600)
  restart_broker
  run --separate-stderr mqsend -v -t T --queue 2 --spool "$spool" < <(lines 601 1000)
  [ "$status" = 0 ]
  [ "$(sums)" = 'read 400 = acknowledged 400 + spooled 0 + refused 0 + unknown 0' ]
  [[ $stderr == *'of earlier runs: sent 600, failed 0, left 0'* ]]
  all_of T --queue 2 | cmp - <(lines 1 1000)
  [ "$(all_of T --tag A | wc -l)" = 500 ]
  is_empty_spool
}

@test "a broker that is killed in mid-stream holds nobody up, and gets the rest when it is back" {
  start_broker
  mkfifo "$BATS_TEST_TMPDIR/fifo"
  mqsend -v -t T --shard s --spool "$spool" --print json < "$BATS_TEST_TMPDIR/fifo" > "$BATS_TEST_TMPDIR/fates" 2> "$BATS_TEST_TMPDIR/err" 3>&- &
  local sender=$!
  exec {pipe}> "$BATS_TEST_TMPDIR/fifo"
  lines 1 1000 >&"$pipe"
  wait_until has_stored T 1000
  kill_broker
  # More than the pipe and a window hold.
  lines 1001 200000 >&"$pipe"
  wait_until grep -q '"level":"spool"' "$BATS_TEST_TMPDIR/fates"
  restart_broker {pipe}>&-
  lines 200001 201000 >&"$pipe"
  exec {pipe}>&-
  wait "$sender"
  grep -q 'read 201000 = acknowledged 201000 + spooled 0 + refused 0 + unknown 0' "$BATS_TEST_TMPDIR/err"
  [ "$(wc -l < "$BATS_TEST_TMPDIR/fates")" = 201000 ]
  # Some may be there twice, none out of order.
  all_of T | awk '!seen[$0]++' | cmp - <(lines 1 201000)
  is_empty_spool
}

@test "a broker that comes back at another address is found" {
  start_namesrv
  start_daemon broker broker mqd-broker -n "$namesrv" --store "$BATS_TEST_TMPDIR/store" --listen 127.0.0.1:0
  mqsend -q -t T --create --queue 0 <<< 'line 0 of the input'
  mkfifo "$BATS_TEST_TMPDIR/fifo"
  mqsend -q -t T --queue 0 --spool "$spool" < "$BATS_TEST_TMPDIR/fifo" 3>&- &
  local sender=$!
  exec {pipe}> "$BATS_TEST_TMPDIR/fifo"
  lines 1 10 >&"$pipe"
  wait_until has_stored T 11
  stop_daemon "$daemon_pid"
  lines 11 20 >&"$pipe"
  start_daemon broker2 broker mqd-broker -n "$namesrv" --store "$BATS_TEST_TMPDIR/store" --listen 127.0.0.1:0 {pipe}>&-
  wait_until has_stored T 21
  exec {pipe}>&-
  wait "$sender"
  all_of T | awk '!seen[$0]++' | cmp - <(lines 0 20)
}

# What arrived has no gap: nothing is lost of what was read before something else.
has_no_gap() { # TOPIC AT_LEAST
  all_of "$1" | awk '{ print $2 }' | sort -nu | awk -v least="$2" '$1 != NR { bad = 1 } END { exit bad || NR < least }'
}

@test "mqsend is killed at any moment, the broker being there: what it read arrives" {
  start_broker
  local round known sender
  for round in 1 2 3 4 5 6 7 8; do
    # More than can be sent until then.
    lines 1 10000000 2> /dev/null | mqsend -q -t "T$round" --queue 0 --spool "$spool" --batch-bytes 16k 3>&- &
    sender=$!
    wait_until has_stored "T$round" $((round * round * 300))
    known=$(all_of "T$round" | wc -l)
    kill -9 "$sender"
    wait "$sender" || true
    mqsend -q --drain --spool "$spool"
    has_no_gap "T$round" "$known"
    all_of "T$round" | awk '!seen[$0]++' | sort -n -k 2 -c
    is_empty_spool
  done
}

spool_has() { [ "$(mqdump log "$spool" 2> /dev/null | wc -l)" -ge "$1" ]; }

@test "mqsend is killed at any moment, the broker being away: what it read arrives" {
  start_and_stop_broker
  local round known sender
  for round in 1 2 3 4 5; do
    lines 1 10000000 2> /dev/null | mqsend -q -t "T$round" --queue 0 --spool "$spool" 3>&- &
    sender=$!
    wait_until spool_has $((round * 2000))
    known=$((round * 2000))
    kill -9 "$sender"
    wait "$sender" || true
    restart_broker
    mqsend -q --drain --spool "$spool"
    has_no_gap "T$round" "$known"
    all_of "T$round" | awk '!seen[$0]++' | sort -n -k 2 -c
    is_empty_spool
    stop_daemon "$broker_pid"
  done
}

@test "mqsend and the broker are killed again and again: all arrives, in order, the doubles with their ids" {
  start_broker
  mkfifo "$BATS_TEST_TMPDIR/fifo"
  # Who holds the FIFO open keeps what nobody has read yet.
  exec {pipe}<> "$BATS_TEST_TMPDIR/fifo"
  local round sender last=0
  for round in 1 2 3 4 5 6; do
    mqsend -q -t T --queue 0 --spool "$spool" < "$BATS_TEST_TMPDIR/fifo" 3>&- {pipe}>&- &
    sender=$!
    lines $((last + 1)) $((last + 1000)) >&"$pipe"
    last=$((last + 1000))
    case $((round % 3)) in
      0) kill_broker ;;
      1) wait_until has_stored T $((last - 500)); kill_broker ;;
      2) wait_until has_stored T "$last" ;;
    esac
    # Then what it has read is somewhere: the pipe is empty, and nothing is between two places.
    wait_until is_read "$last"
    kill -9 "$sender"
    wait "$sender" || true
    kill -0 "$broker_pid" 2> /dev/null || restart_broker {pipe}>&-
  done
  exec {pipe}>&-
  mqsend -q --drain --spool "$spool"
  all_of T | awk '!seen[$0]++' | cmp - <(lines 1 "$last")
  # A double is the same message once more.
  [ "$(all_of T --out json | sed 's/.*"id":"\([^"]*\)".*/\1/' | sort -u | wc -l)" = "$last" ]
}
# The last line is in the spool or with the broker.
is_read() { mqdump log "$spool" 2> /dev/null | grep -qx "line $1 of the input" || mqdump log "$BATS_TEST_TMPDIR/store" -t T 2> /dev/null | grep -qx "line $1 of the input"; }

@test "a full spool holds the input and drops nothing" {
  start_and_stop_broker
  mkfifo "$BATS_TEST_TMPDIR/fifo"
  mqsend -v -t T --queue 0 --spool "$spool" --spool-max 16M < "$BATS_TEST_TMPDIR/fifo" 2> "$BATS_TEST_TMPDIR/err" 3>&- &
  local sender=$! feeder
  exec {pipe}> "$BATS_TEST_TMPDIR/fifo"
  lines 1 200000 >&"$pipe" 3>&- &
  feeder=$!
  exec {pipe}>&-
  wait_until spool_has 90000
  # 160 bytes a record: 105,000 of them are 16 MB. The feeder is not through.
  kill -0 "$feeder"
  [ "$(mqdump log "$spool" 2> /dev/null | wc -l)" -lt 120000 ]
  restart_broker
  wait "$feeder"
  wait "$sender"
  grep -q 'read 200000 = acknowledged 200000 + spooled 0 + refused 0 + unknown 0' "$BATS_TEST_TMPDIR/err"
  all_of T | awk '!seen[$0]++' | cmp - <(lines 1 200000)
}

@test "one process at a time has a spool" {
  start_broker
  mkfifo "$BATS_TEST_TMPDIR/fifo"
  mqsend -q -t T --spool "$spool" < "$BATS_TEST_TMPDIR/fifo" 3>&- &
  local sender=$!
  exec {pipe}> "$BATS_TEST_TMPDIR/fifo"
  echo a >&"$pipe"
  wait_until has_stored T 1
  run --separate-stderr mqsend -t T --spool "$spool" <<< b
  [ "$status" = 2 ]
  [[ $stderr == *"$spool/lock is held by process $sender"* ]]
  exec {pipe}>&-
  wait "$sender"
}

@test "what a broker refuses for good is kept beside the spool, and holds up nobody but by choice" {
  echo autoCreateTopicEnable=false > "$BATS_TEST_TMPDIR/b.conf"
  start_broker -c "$BATS_TEST_TMPDIR/b.conf"
  mqsend -q -t T --create <<< before
  records() { printf '{"topic":"%s","body":"%s"}\n' T a nosuch b T c nosuch d; }
  run --separate-stderr mqsend -v --in json --queue 0 --on-error skip --spool "$spool" < <(records)
  [ "$status" = 1 ]
  [ "$(sums)" = 'read 4 = acknowledged 2 + spooled 0 + refused 2 + unknown 0' ]
  [ "$(all_of T --queue 0 | grep -v before)" = $'a\nc' ]
  [ "$(mqdump log "$spool/refused")" = $'b\nd' ]
  [ "$(ls "$spool")" = $'lock\nrefused' ]
  # To stop means that what stands behind it waits.
  rm -r "$spool"
  run --separate-stderr mqsend -v --in json --queue 1 --spool "$spool" < <(records)
  [ "$status" = 1 ]
  [ "$(sums)" = 'read 4 = acknowledged 1 + spooled 2 + refused 1 + unknown 0' ]
  [[ $stderr == *"topic 'nosuch' does not exist"* ]]
  [ "$(mqdump log "$spool/refused")" = b ]
  mqsend -q -t nosuch --create < /dev/null
  mqsend -q --drain --spool "$spool"
  [ "$(all_of T --queue 1 | grep -v before)" = $'a\nc' ]
  [ "$(all_of nosuch)" = d ]
}

@test "an interrupt leaves the rest in the spool, at once when nobody takes it" {
  start_and_stop_broker
  mkfifo "$BATS_TEST_TMPDIR/fifo"
  mqsend -v -t T --queue 0 --spool "$spool" --timeout 1h < "$BATS_TEST_TMPDIR/fifo" 2> "$BATS_TEST_TMPDIR/err" 3>&- &
  local sender=$! status=0
  exec {pipe}> "$BATS_TEST_TMPDIR/fifo"
  lines 1 1000 >&"$pipe"
  wait_until spool_has 1000
  kill "$sender"
  wait "$sender" || status=$?
  exec {pipe}>&-
  [ "$status" = 143 ]
  grep -q 'read 1000 = acknowledged 0 + spooled 1000 + refused 0 + unknown 0' "$BATS_TEST_TMPDIR/err"
  restart_broker
  mqsend -q --drain --spool "$spool"
  all_of T | cmp - <(lines 1 1000)
}

@test "--rate, --create and delays go through the spool" {
  echo 'messageDelayLevel=200ms' > "$BATS_TEST_TMPDIR/b.conf"
  start_broker -c "$BATS_TEST_TMPDIR/b.conf"
  stop_daemon "$broker_pid"
  mqsend -q -t T --create --delay-level 1 --spool "$spool" --timeout 50ms < <(lines 1 30)
  start_daemon broker broker mqd-broker --standalone --store "$BATS_TEST_TMPDIR/store" --listen "$broker" --namesrv-port "${namesrv##*:}" -c "$BATS_TEST_TMPDIR/b.conf"
  local begin=${EPOCHREALTIME/./}
  mqsend -q -t R --create --rate 100 --spool "$spool" < <(lines 1 20)
  [ $((${EPOCHREALTIME/./} - begin)) -ge 400000 ]
  [ "$(all_of R | wc -l)" = 20 ]
  wait_until has_stored T 30
  all_of T --out json | grep -c '"DELAY":"1"' | grep -qx 30
  is_empty_spool
}

@test "--metrics counts what waits in the spool" {
  start_and_stop_broker
  mqsend -q -t T --spool "$spool" --timeout 50ms --metrics "$BATS_TEST_TMPDIR/m.prom" < <(lines 1 10)
  grep -qx 'mqsend_messages_spooled{name="m"} 10' "$BATS_TEST_TMPDIR/m.prom"
  restart_broker
  mqsend -q --drain --spool "$spool" --metrics "$BATS_TEST_TMPDIR/m.prom"
  grep -qx 'mqsend_messages_spooled{name="m"} 0' "$BATS_TEST_TMPDIR/m.prom"
  grep -qx 'mqsend_spool_sent_total{name="m"} 10' "$BATS_TEST_TMPDIR/m.prom"
}
