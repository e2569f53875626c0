#!/usr/bin/env bats
# mqpull -g: where a group begins, what is committed, and how queues go from one member to the next.
bats_require_minimum_version 1.5.0
load helpers

lines() { seq -f 'line %g of the input' "$@"; }
fill() { lines 1 "$2" | mqsend -q -t "$1" --shard s; }
lag_of() { mqpull -t "$1" -g "$2" --lag | awk '{ s += $NF } END { print s }'; }
lag_is() { [ "$(lag_of "$1" "$2")" = "$3" ]; }
has_lines() { [ -e "$1" ] && [ "$(wc -l < "$1")" -ge "$2" ]; }
offsets() { mqpull -q -t T -e --out 'format:%o ' "$@"; }

# Begin

@test "a new group begins where --from says, a known one where it stopped" {
  start_broker
  fill T 10
  [ -z "$(offsets -g default)" ]
  [ -z "$(offsets -g end --from end)" ]
  [ -z "$(offsets -g now --from @now)" ]
  [ "$(offsets -g last --from -3)" = '7 8 9 ' ]
  [ "$(offsets -g number --from 6)" = '6 7 8 9 ' ]
  [ "$(offsets -g hour --from @-1h)" = '0 1 2 3 4 5 6 7 8 9 ' ]
  [ "$(offsets -g beginning --from beginning)" = '0 1 2 3 4 5 6 7 8 9 ' ]
  # It has begun, though it got nothing: what comes from now on is its own.
  fill T 2
  local group
  for group in default end now last number hour beginning; do
    [ "$(offsets -g $group --from beginning)" = '10 11 ' ]
  done
}

@test "a group that begins at the end begins there in all queues, whoever reads them" {
  start_broker
  mqsend -q -t T --create < /dev/null
  local queue
  for queue in 0 1 2 3; do seq 3 | mqsend -q -t T --queue $queue; done
  for n in 1 2 3; do
    mqpull -q -t T -g g > "$BATS_TEST_TMPDIR/out$n" 3>&- &
  done
  all_have() { for queue in 0 1 2 3; do echo "new $queue" | mqsend -q -t T --queue $queue; done; [ "$(sort -u "$BATS_TEST_TMPDIR"/out? | grep -c new)" = 4 ]; }
  wait_until all_have
  run ! grep -q '^[123]$' "$BATS_TEST_TMPDIR"/out?
}

@test "a queue that a topic gets later is read from its first message on" {
  start_broker
  mqadmin updateTopic -t T -c DefaultCluster -r 1 -w 1 > /dev/null
  fill T 3
  [ -z "$(mqpull -q -t T -g g -e)" ]
  mqadmin updateTopic -t T -c DefaultCluster -r 4 -w 4 > /dev/null
  mqsend -q -t T --queue 3 <<< new
  [ "$(mqpull -q -t T -g g -e)" = new ]
}

# Pipes

@test "a reader that dies gets nothing committed of what came with its last read" {
  start_broker
  fill T 1000
  # A reader that the machine keeps from dying for longer than 0.1 seconds has outlived what it took.
  for group in g1 g2 g3 g4 g5; do
    run bash -c "mqpull -q -t T -g $group --from beginning -e | head -3; exit \${PIPESTATUS[0]}"
    [ "${#lines[@]}" = 3 ]
    [ "$status" != 141 ] || break
    [ "$status" = 0 ]
  done
  [ "$status" = 141 ]
  [ "$(lag_of T "$group")" = 1000 ]
}

@test "what a reader takes line by line is committed line by line" {
  start_broker
  fill T 1000
  # bash reads a pipe byte by byte.
  run bash -c 'mqpull -q -t T -g g --from beginning -e | { for i in 1 2 3; do read -r line; done; sleep 1; echo "$line"; }; exit ${PIPESTATUS[0]}'
  [ "$status" = 141 ]
  [ "$output" = 'line 3 of the input' ]
  [ "$(lag_of T g)" = 997 ]
  [ "$(mqpull -q -t T -g g -e -c 1)" = 'line 4 of the input' ]
}

@test "a reader that takes nothing holds up the end by three seconds, and has nothing committed" {
  start_broker
  fill T 10
  mkfifo "$BATS_TEST_TMPDIR/fifo"
  exec {pipe}<> "$BATS_TEST_TMPDIR/fifo"
  run timeout 20 bash -c "mqpull -q -t T -g g --from beginning -e > '$BATS_TEST_TMPDIR/fifo'"
  [ "$status" = 1 ]
  [ "$output" = 'mqpull: standard output: its reader has not taken everything, and what it left is not committed' ]
  [ "$(lag_of T g)" = 10 ]
  exec {pipe}>&-
}

@test "a slow reader is waited for as long as it goes on taking" {
  start_broker
  fill T 8
  mqpull -q -t T -g g --from beginning -e | while read -r line; do sleep 1; echo "$line"; done > "$BATS_TEST_TMPDIR/out"
  lines 1 8 | cmp - "$BATS_TEST_TMPDIR/out"
  [ "$(lag_of T g)" = 0 ]
}

@test "sockets as pipes: what a dead reader left there is the group's again" {
  command -v python3 > /dev/null || skip "no python3"
  start_broker
  fill T 5
  cat > "$BATS_TEST_TMPDIR/reader.py" << 'END'
import socket, subprocess, sys, time
ours, theirs = socket.socketpair()
puller = subprocess.Popen(["mqpull", "-q", "-t", "T", "-g", sys.argv[2], "--from", "beginning", "-e"], stdout=theirs)
theirs.close()
got = ours.recv(65536)
if sys.argv[1] == "lives":
    while True:
        more = ours.recv(65536)
        if not more: break
        got += more
ours.close()
print(len(got.splitlines()), puller.wait())
END
  # As above.
  local ended
  for group in g1 g2 g3 g4 g5; do
    ended=$(python3 "$BATS_TEST_TMPDIR/reader.py" dies $group | cut -d' ' -f2)
    [ "$ended" != -13 ] || break
    [ "$ended" = 0 ]
  done
  [ "$ended" = -13 ]
  [ "$(lag_of T "$group")" = 5 ]
  [ "$(python3 "$BATS_TEST_TMPDIR/reader.py" lives "$group")" = '5 0' ]
  [ "$(lag_of T "$group")" = 0 ]
}

# ends_by_sigpipe COMMAND...: its reader takes a line and goes; nothing more is to be written.
ends_by_sigpipe() {
  { local ended=0; "$@" 2>> "$BATS_TEST_TMPDIR/err" 3>&- || ended=$?; echo $ended > "$BATS_TEST_TMPDIR/ended"; } | head -1 > /dev/null
  [ "$(cat "$BATS_TEST_TMPDIR/ended")" = 141 ]
  rm "$BATS_TEST_TMPDIR/ended"
}

@test "a reader that goes away ends every tool on a quiet topic, too" {
  start_broker
  fill T 3
  cd "$BATS_TEST_TMPDIR"
  ends_by_sigpipe mqpull -t T --from beginning
  ends_by_sigpipe mqpull -t T -g g --from beginning
  mkfifo acks
  exec {acks}<> acks
  ends_by_sigpipe mqpull -t T --from beginning --out 'format:%i %s\n' --ack-fd "$acks"
  exec {acks}>&-
  ends_by_sigpipe mqdump log store -f
  ends_by_sigpipe mqadmin clusterList -i 1000
  mkfifo input
  exec {input}<> input
  echo one >&"$input"
  ends_by_sigpipe mqsend -t T --print ids input
  exec {input}>&-
  [ ! -s err ]
}

# Members

@test "a member whose reader is stuck gives its queues away after three seconds" {
  start_broker
  mqsend -q -t T --create < /dev/null
  for queue in 0 1 2 3; do seq -f "$queue %05g and some more to fill the pipe" 5000 | mqsend -q -t T --queue $queue; done
  cd "$BATS_TEST_TMPDIR"
  mkfifo fifo
  exec {pipe}<> fifo
  mqpull -q -t T -g g --from beginning > fifo 3>&- &
  local stuck=$!
  read -r _ <&"$pipe"
  mqpull -q -t T -g g --from beginning > out 3>&- &
  local other=$!
  wait_until has_lines out 10000
  # It waits for two of the four, and has them from where nothing was taken.
  [ "$(cut -d' ' -f1 out | sort -u | wc -l)" = 2 ]
  kill -9 $stuck
  wait $stuck || true
  wait_until has_lines out 20000
  [ "$(sort -u out | wc -l)" = 20000 ]
  [ "$(wc -l < out)" = 20000 ]
  stop_daemon $other || true
  exec {pipe}>&-
}

# member N [OPTION...]: one of group g, in the background; what it gets is in outN.
member() {
  local n=$1
  shift
  mqpull -q -t T -g g --from beginning "$@" > "out$n" 3>&- &
  members[n]=$!
}
# exactly_once COUNT: what the members have printed is 1 to COUNT, each once.
exactly_once() { cat out* | sort -n | cmp - <(seq "$1"); }

@test "members join and leave under traffic, and each message comes exactly once" {
  start_broker
  mqsend -q -t T --create < /dev/null
  cd "$BATS_TEST_TMPDIR"
  local total=6000 members=()
  seq $total | mqsend -q -t T --rate 1500 3>&- &
  local sender=$!
  have() { [ "$(cat out* | wc -l)" -ge "$1" ]; }
  member 1
  wait_until have 300
  member 2
  wait_until have 1000
  member 3
  wait_until have 2000
  stop_daemon "${members[1]}" || true
  wait_until have 3000
  member 4
  stop_daemon "${members[2]}" || true
  wait_until have 4000
  member 5
  wait_until have 5000
  stop_daemon "${members[4]}" || true
  wait $sender
  wait_until have $total
  for n in 3 5; do stop_daemon "${members[n]}" || true; done
  exactly_once $total
  [ "$(lag_of T g)" = 0 ]
}

@test "so it is through pipes, and with -e" {
  start_broker
  mqsend -q -t T --create < /dev/null
  cd "$BATS_TEST_TMPDIR"
  local total=4000
  seq $total | mqsend -q -t T --rate 1500 3>&- &
  local sender=$!
  have() { [ "$(cat out* 2> /dev/null | wc -l)" -ge "$1" ]; }
  piped() { { mqpull -q -t T -g g --from beginning "${@:2}" 3>&- & echo $! > "pid$1"; wait $!; } | cat > "out$1" & }
  piped 1
  wait_until have 300
  piped 2
  wait_until have 1000
  mqpull -q -t T -g g -e > out3
  stop_daemon_of() { kill "$(cat "pid$1")"; wait_until is_gone "$(cat "pid$1")"; }
  stop_daemon_of 1
  wait_until have 2000
  piped 4
  wait_until have 3000
  stop_daemon_of 2
  wait $sender
  wait_until have $total
  stop_daemon_of 4
  exactly_once $total
  [ "$(lag_of T g)" = 0 ]
}

@test "with --exec a queue is given away only when its commands have ended" {
  start_broker
  mqsend -q -t T --create < /dev/null
  cd "$BATS_TEST_TMPDIR"
  local total=300 members=()
  for queue in 0 1 2 3; do seq $((queue + 1)) 4 $total | mqsend -q -t T --queue $queue; done
  have() { [ "$(cat out* | wc -l)" -ge "$1" ]; }
  member 1 --jobs 3 --exec 'sleep 0.05; cat'
  wait_until have 50
  member 2 --jobs 3 --exec 'sleep 0.05; cat'
  wait_until have 120
  stop_daemon "${members[1]}" || true
  wait_until have $total
  stop_daemon "${members[2]}" || true
  exactly_once $total
  [ "$(lag_of T g)" = 0 ]
}

@test "a member that is killed keeps nothing from the others" {
  start_broker
  mqsend -q -t T --create < /dev/null
  cd "$BATS_TEST_TMPDIR"
  local members=()
  member 1
  round() { for queue in 0 1 2 3; do echo "$queue" | mqsend -q -t T --queue $queue; done; [ "$(sort -u "$1" | wc -l)" = 4 ]; }
  wait_until round out1
  kill -9 "${members[1]}"
  wait "${members[1]}" || true
  member 2
  wait_until round out2
  stop_daemon "${members[2]}" || true
}

# Commits

@test "what an orderly end has committed outlives a broker that is killed right after" {
  printf 'flushConsumerOffsetInterval=600000\n' > "$BATS_TEST_TMPDIR/broker.conf"
  start_broker -c "$BATS_TEST_TMPDIR/broker.conf"
  fill T 10
  [ "$(mqpull -q -t T -g g --from beginning -e | wc -l)" = 10 ]
  kill -9 "$broker_pid"
  wait "$broker_pid" || true
  start_broker
  lag_is T g 0
}

@test "offsets that a broker lost are committed again, though nothing more has come" {
  printf 'flushConsumerOffsetInterval=600000\n' > "$BATS_TEST_TMPDIR/broker.conf"
  start_broker -c "$BATS_TEST_TMPDIR/broker.conf"
  fill T 10
  mqpull -q -t T -g g --from beginning > "$BATS_TEST_TMPDIR/out" 3>&- &
  local puller=$!
  wait_until lag_is T g 0
  kill -9 "$broker_pid"
  wait "$broker_pid" || true
  start_daemon broker broker mqd-broker --standalone --store "$BATS_TEST_TMPDIR/store" --listen "$broker" --namesrv-port "${namesrv##*:}"
  wait_until lag_is T g 0
  stop_daemon $puller || true
  [ "$(wc -l < "$BATS_TEST_TMPDIR/out")" = 10 ]
}

@test "--exec commits a message as soon as nothing before it is undone" {
  start_broker
  fill T 3
  cd "$BATS_TEST_TMPDIR"
  mkfifo gate
  mqpull -q -t T -g g --from beginning --exec 'echo run >> log; [ $MQ_OFFSET = 0 ] || read -r x < gate' 3>&- &
  local puller=$! begin=$SECONDS
  wait_until has_lines log 2
  wait_until lag_is T g 2
  # Five seconds later it would be anyway.
  [ $((SECONDS - begin)) -le 4 ] || skip "too slow a machine to tell"
  exec {gate}<> gate
  printf '\n\n' >&"$gate"
  wait_until lag_is T g 0
  stop_daemon $puller || true
  exec {gate}>&-
}

# Lag

@test "--lag and consumerProgress count retries, and those that wait for their delay" {
  # The first retry comes after the third level.
  printf 'messageDelayLevel=1s 1s 1h 1h 1h 1h 1h 1h 1h 1h 1h 1h 1h 1h 1h 1h 1h 1h\n' > "$BATS_TEST_TMPDIR/broker.conf"
  start_broker -c "$BATS_TEST_TMPDIR/broker.conf"
  fill T 3
  mqpull -q -t T -g g --from beginning -e --exec '[ $MQ_OFFSET != 1 ]'
  run mqpull -q -t T -g g --lag
  [[ $output == *$'\n%RETRY%g - delayed - - 1' ]]
  lag_is T g 1
  [[ $(mqpull -q -t T -g g --lag --out json | tail -1) == '{"topic":"%RETRY%g","delayed":true,"lag":1}' ]]
  mqadmin consumerProgress -g g | grep -q 'Consume Diff Total: 1'
  [ "$(mqadmin consumerProgress -g g --out json | grep -c '"delayed"')" = 1 ]
  # Other messages that wait are nobody's retries.
  mqsend -q -t T --delay-level 3 <<< later
  lag_is T g 1
}

@test "--lag counts what lies in the retry topic" {
  printf 'messageDelayLevel=10ms 10ms 10ms 1h 1h 1h 1h 1h 1h 1h 1h 1h 1h 1h 1h 1h 1h 1h\n' > "$BATS_TEST_TMPDIR/broker.conf"
  start_broker -c "$BATS_TEST_TMPDIR/broker.conf"
  fill T 3
  mqpull -q -t T -g g --from beginning -e --exec '[ $MQ_OFFSET != 1 ]'
  retried() { mqpull -q -t T -g g --lag | grep -Eq '^%RETRY%g [^ ]+ 0 [-0-9]+ 1 1$'; }
  wait_until retried
  [[ $(mqpull -q -t T -g g --lag | tail -1) == '%RETRY%g - delayed - - 0' ]]
  mqadmin consumerProgress -g g | grep -q 'Consume Diff Total: 1'
  [ "$(mqpull -q -t T -g g -e)" = 'line 2 of the input' ]
  lag_is T g 0
}
