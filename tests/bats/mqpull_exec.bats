#!/usr/bin/env bats
# mqpull --exec: what a command gets, what its status means, and how it ends.
bats_require_minimum_version 1.5.0
load helpers

fill() { seq "$2" | mqsend -q -t "$1" --shard s; }
lag_of() { mqpull -t "$1" -g "$2" --lag | awk '{ s += $6 } END { print s }'; }
has_lines() { [ -e "$1" ] && [ "$(wc -l < "$1")" -ge "$2" ]; }
# Retries that come at once; sixteen of them, then the dead letters.
start_quick_broker() {
  printf 'messageDelayLevel=10ms 10ms 10ms 10ms\n' > "$BATS_TEST_TMPDIR/levels.conf"
  start_broker -c "$BATS_TEST_TMPDIR/levels.conf"
}

@test "wrong usage of --exec and its company is one line and status 2" {
  for wrong in '--jobs 2' '--exec-batch 2' '--exec true --jobs 0' '--exec true --jobs x' '--exec true --exec-batch 0' '--exec nosuchcommand' '--exec /no/such/command' '--exec true --lag -g g'; do
    # shellcheck disable=SC2086  # words
    run --separate-stderr mqpull -t T $wrong
    [ "$status" = 2 ]
    [ -z "$output" ]
    [ "${#stderr_lines[@]}" = 1 ]
    [[ $stderr == mqpull:* ]]
  done
  run --separate-stderr mqpull -t T --exec ''
  [ "$status" = 2 ]
}

@test "each message is on stdin, in order, in the form of --out" {
  start_broker
  fill T 5
  [ "$(mqpull -t T --from beginning -e --exec cat)" = $'1\n2\n3\n4\n5' ]
  [ "$(mqpull -t T --from beginning -e --out raw --exec 'cat; echo ,')" = $'1,\n2,\n3,\n4,\n5,' ]
  [[ $(mqpull -t T --from beginning -c 1 --exec cat --out json) == '{"topic":"T","body":"1",'* ]]
  [ "$(mqpull -t T --from beginning -e -c 2 --exec 'cat; echo end' --out 'format:%o=%s\n')" = $'0=1\nend\n1=2\nend' ]
}

@test "the fields are in the environment, beside what was there" {
  start_broker
  echo body | mqsend -q -t T --queue 2 -k 'k1 k2' --tag red
  echo plain | mqsend -q -t U --queue 1
  local id
  id=$(mqpull -t T --from beginning -e --out 'format:%i')
  show='echo "$MQ_TOPIC|$MQ_QUEUE|$MQ_OFFSET|$MQ_ID|$MQ_KEYS|$MQ_TAGS|$MQ_RECONSUME|$MQ_COUNT|$MINE"'
  MINE=here MQ_KEYS=old run mqpull -t T --from beginning -e --exec "$show"
  [ "$output" = "T|2|0|$id|k1 k2|red|0|1|here" ]
  id=$(mqpull -t U --from beginning -e --out 'format:%i')
  MQ_KEYS=old run mqpull -t U --from beginning -e --exec "$show"
  [ "$output" = "U|1|0|$id|||0|1|" ]
}

@test "without a group a failing command counts and gives status 1" {
  start_broker
  fill T 10
  run --separate-stderr mqpull -t T --from beginning -e --exec 'read n; [ $n -le 8 ]'
  [ "$status" = 1 ]
  [ "$stderr" = 'mqpull: 2 of 10 commands failed' ]
  run --separate-stderr mqpull -t T --from beginning -e --exec 'kill -9 $$'
  [ "$status" = 1 ]
  [ "$stderr" = 'mqpull: 10 of 10 commands failed' ]
  run --separate-stderr mqpull -t T --from beginning -e --exec true
  [ "$status" = 0 ]
  [ -z "$stderr" ]
}

@test "a command that does not read is no error, and one reads megabytes" {
  start_broker
  head -c 3000000 /dev/urandom > "$BATS_TEST_TMPDIR/big"
  mqsend -q -t T --in file < "$BATS_TEST_TMPDIR/big"
  mqpull -t T --from beginning -e --exec true
  mqpull -t T --from beginning -e --out raw --exec "cat > '$BATS_TEST_TMPDIR/came'"
  cmp "$BATS_TEST_TMPDIR/big" "$BATS_TEST_TMPDIR/came"
}

@test "commands have neither the tool's descriptors nor an ignored SIGPIPE" {
  start_broker
  fill T 1
  count='ls /proc/self/fd | wc -l'
  [ "$(mqpull -t T -g g --from beginning -e --exec "$count")" = "$(sh -c "$count" < /dev/null)" ]
  run mqpull -t T --from beginning -e --exec 'grep SigIgn /proc/self/status'
  [ $((0x${output##*[[:space:]]} & 0x1000)) = 0 ]
}

@test "a group's message that fails comes again under its own topic, and others go on" {
  start_quick_broker
  fill T 20
  local log=$BATS_TEST_TMPDIR/log
  # Each third message fails the first time.
  mqpull -t T -g g --from beginning --jobs 3 --exec "read n; echo \"\$n \$MQ_TOPIC \$MQ_RECONSUME\" >> '$log'; [ \$((n % 3)) != 0 ] || [ \$MQ_RECONSUME -gt 0 ]" 2> "$BATS_TEST_TMPDIR/err" 3>&- &
  local puller=$!
  wait_until has_lines "$log" 26
  stop_daemon $puller || status=$?
  [ "$status" = 143 ]
  [ "$(grep -c ' T 0$' "$log")" = 20 ]
  [ "$(grep ' T 1$' "$log" | sort -n)" = $'3 T 1\n6 T 1\n9 T 1\n12 T 1\n15 T 1\n18 T 1' ]
  [ "$(cat "$BATS_TEST_TMPDIR/err")" = 'mqpull: 6 of 26 commands failed; messages sent back: 6' ]
  [ "$(lag_of T g)" = 0 ]
  [ "$(lag_of %RETRY%g g)" = 0 ]
}

@test "what always fails ends among the dead letters, whole" {
  start_quick_broker
  echo poison | mqsend -q -t T -k key --tag t -p a=b
  echo good | mqsend -q -t T
  local log=$BATS_TEST_TMPDIR/log
  mqpull -t T -g g --from beginning --exec "read n; echo \$n \$MQ_RECONSUME >> '$log'; [ \$n != poison ]" 3>&- 2> /dev/null &
  local puller=$!
  has_dead() { [ "$(mqpull -t '%DLQ%g' --from beginning -e 2> /dev/null)" = poison ]; }
  wait_until has_dead
  stop_daemon $puller || true
  [ "$(grep -c poison "$log")" = 17 ]
  [ "$(grep -c good "$log")" = 1 ]
  [[ $(mqpull -t '%DLQ%g' --from beginning -e --out json) == *'"keys":["key"],"tags":"t","properties":{"a":"b"}'* ]]
}

@test "--idle begins when no command runs: what one fails at comes again before the end" {
  start_quick_broker
  mqsend -q -t T <<< slow
  cd "$BATS_TEST_TMPDIR"
  mqpull -q -t T -g g --from beginning --idle 500ms --exec 'echo $MQ_RECONSUME >> out; sleep 1; [ $MQ_RECONSUME = 1 ]'
  [ "$(cat out)" = $'0\n1' ]
}

@test "one of a batch that is stored as one record comes again alone, and in the end lies with the dead letters" {
  printf '%s\n' "messageDelayLevel=$(printf '10ms %.0s' {1..18})" > "$BATS_TEST_TMPDIR/broker.conf"
  start_broker -c "$BATS_TEST_TMPDIR/broker.conf"
  cd "$BATS_TEST_TMPDIR"
  mqadmin updateTopic -t B -c DefaultCluster -a +queue.type=BatchCQ > /dev/null
  seq 5 | mqsend -q -t B --queue 0 -k key --tag tag -p a=b
  # One record: all have the same place in the log.
  [ "$(mqpull -t B --from beginning -e --out 'format:%O\n' | sort -u | wc -l)" = 1 ]
  mqpull -q -t B -g g --from beginning --idle 1s --exec 'read x
    echo "$x $MQ_RECONSUME $MQ_TOPIC $MQ_ID $MQ_KEYS $MQ_TAGS" >> out
    [ $x != 3 ] || [ $MQ_RECONSUME = 2 ]'
  [ "$(cut -d' ' -f1-3 out | sort)" = "$(printf '%s B\n' '1 0' '2 0' '3 0' '3 1' '3 2' '4 0' '5 0')" ]
  [ "$(grep '^3' out | cut -d' ' -f4- | sort -u | wc -l)" = 1 ]
  grep -q '^3 .* key tag$' out
  mqpull -q -t B -g h --from beginning --idle 1s --exec 'read x; [ $x != 4 ]'
  dead() { [ "$(mqpull -q -t %DLQ%h --from beginning -e --out 'format:%s %k %g %h')" = '4 key tag a=b' ]; }
  wait_until dead
}

@test "a retried message goes to whoever is there, --exec or not" {
  start_quick_broker
  fill T 3
  mqpull -q -t T -g g --from beginning -e --exec '! grep 2 > /dev/null'
  # Its retry was not waited for; it is there for the next member.
  retried() { [ "$(mqpull -t T -g g -e --out 'format:%t %s\n')" = 'T 2' ]; }
  wait_until retried
}

@test "--jobs runs so many at once and commits no message before those in front of it" {
  start_broker
  fill T 6
  mkfifo "$BATS_TEST_TMPDIR/gate"
  local log=$BATS_TEST_TMPDIR/log
  # The first waits at the gate, the others run past it.
  mqpull -t T -g g --from beginning --jobs 3 --exec "read n; echo begin \$n >> '$log'; [ \$n != 1 ] || read x < '$BATS_TEST_TMPDIR/gate'; echo end \$n >> '$log'" 3>&- &
  local puller=$!
  wait_until has_lines "$log" 11
  run ! grep -q 'end 1' "$log"
  # Killed, it has finished five and committed none.
  kill -9 $puller
  wait $puller || true
  [ "$(lag_of T g)" = 6 ]
  echo go > "$BATS_TEST_TMPDIR/gate"
  [ "$(mqpull -t T -g g --from beginning -e | wc -l)" = 6 ]
}

@test "SIGTERM lets running commands end, acknowledges them, and starts no other" {
  start_broker
  fill T 50
  local log=$BATS_TEST_TMPDIR/log
  mkfifo "$BATS_TEST_TMPDIR/gate"
  mqpull -t T -g g --from beginning --jobs 2 --exec "echo begin >> '$log'; read x < '$BATS_TEST_TMPDIR/gate'; echo end >> '$log'" 3>&- &
  local puller=$!
  wait_until has_lines "$log" 2
  kill $puller
  exec {gate}<> "$BATS_TEST_TMPDIR/gate"
  printf 'a\nb\n' >&"$gate"
  status=0
  wait $puller || status=$?
  exec {gate}>&-
  [ "$status" = 143 ]
  [ "$(grep -c begin "$log")" = 2 ]
  [ "$(grep -c end "$log")" = 2 ]
  [ "$(lag_of T g)" = 48 ]
}

@test "a terminal's interrupt is not the commands', a second one ends all at once" {
  start_broker
  fill T 5
  local log=$BATS_TEST_TMPDIR/log
  env --default-signal=INT mqpull -t T -g g --from beginning --exec "echo \$\$ >> '$log'; exec sleep 1000" 3>&- &
  local puller=$!
  wait_until has_lines "$log" 1
  local command
  command=$(cat "$log")
  # A process group of its own: what a terminal sends to the tool's does not reach it.
  [ "$(ps -o pgid= -p "$command" | tr -d ' ')" = "$command" ]
  kill -INT $puller
  takes_no_more() { grep -q '^State:.S' /proc/$puller/status; }
  wait_until takes_no_more
  kill -0 "$command"
  kill -INT $puller
  status=0
  wait $puller || status=$?
  [ "$status" = 130 ]
  wait_until is_gone "$command"
  [ "$(lag_of T g)" = 5 ]
}

@test "--exec-batch gives up to so many of one queue to one run" {
  start_broker
  fill T 10
  [ "$(mqpull -t T --from beginning -e --exec-batch 4 --exec 'tr "\n" ,; echo " $MQ_OFFSET $MQ_COUNT"')" = $'1,2,3,4, 0 4\n5,6,7,8, 4 4\n9,10, 8 2' ]
  for queue in 0 1; do seq 3 | mqsend -q -t U --queue $queue; done
  [ "$(mqpull -t U --from beginning -e --exec-batch 100 --exec 'tr "\n" ,; echo " $MQ_QUEUE"' | sort)" = $'1,2,3, 0\n1,2,3, 1' ]
}

@test "a batch that fails is sent back, all of it, and the others are done" {
  start_quick_broker
  fill T 9
  run --separate-stderr mqpull -t T -g g --from beginning -e --exec-batch 3 --exec '! grep 5 > /dev/null'
  [ "$status" = 0 ]
  [ "$stderr" = 'mqpull: 1 of 3 commands failed; messages sent back: 3' ]
  # The retries are still to be done.
  [ "$(lag_of T g)" = 3 ]
  has_retries() { [ "$(mqpull -t '%RETRY%g' --from beginning -e | sort -n)" = $'4\n5\n6' ]; }
  wait_until has_retries
}

@test "a batch does not wait for company" {
  start_broker
  local log=$BATS_TEST_TMPDIR/log
  mqsend -q -t T --create < /dev/null
  mqpull -t T --from beginning --exec-batch 1000 --exec "cat >> '$log'" 3>&- &
  local puller=$!
  echo one | mqsend -q -t T
  wait_until has_lines "$log" 1
  stop_daemon $puller || true
}

@test "messages that cannot be sent back are told of and not committed" {
  start_quick_broker
  fill T 4
  local log=$BATS_TEST_TMPDIR/log
  # The broker stops answering while the second command runs.
  declare -f wait_until is_stopped freeze > "$BATS_TEST_TMPDIR/freeze"
  mqpull -t T -g g --from beginning --exec "echo run >> '$log'; [ \$(wc -l < '$log') != 2 ] || { exec bash -c '. $BATS_TEST_TMPDIR/freeze; freeze $broker_pid; exit 1'; }" 2> "$BATS_TEST_TMPDIR/err" 3>&- &
  local puller=$!
  wait_until grep -q 'cannot be sent back yet' "$BATS_TEST_TMPDIR/err"
  wait_until has_lines "$log" 4
  kill $puller
  # Taking leave waits for the broker.
  wait_until grep -q '1 of 4 commands failed; messages sent back: 0; neither done nor sent back: 1' "$BATS_TEST_TMPDIR/err"
  kill -CONT "$broker_pid"
  status=0
  wait $puller || status=$?
  [ "$status" = 143 ]
  # Whether the broker has stored the one that was given back after all, nobody knows.
  [ "$(mqpull -t T -g g --lag | awk '/^T / { s += $6 } END { print s }')" = 3 ]
}

@test "members come and go, one is killed, and every message is done at least once" {
  start_broker
  local log=$BATS_TEST_TMPDIR/log total=600
  mqsend -q -t T --create < /dev/null
  for queue in 0 1 2 3; do seq $queue 4 $((total - 1)) | mqsend -q -t T --queue $queue; done
  member() { mqpull -q -t T -g g --from beginning --jobs 2 --exec "read n; echo \$n >> '$log'; sleep 0.005" 3>&- & }
  member
  local first=$!
  wait_until has_lines "$log" 20
  member
  local second=$!
  wait_until has_lines "$log" 100
  member
  local third=$!
  wait_until has_lines "$log" 200
  kill -9 $first
  wait $first || true
  wait_until has_lines "$log" 300
  stop_daemon $second || true
  all_done() { [ "$(sort -un "$log" | wc -l)" = $total ]; }
  wait_until all_done
  is_committed() { [ "$(lag_of T g)" = 0 ]; }
  wait_until is_committed
  stop_daemon $third || true
  # What comes twice is what a killed or leaving member had begun.
  [ "$(wc -l < "$log")" -lt $((2 * total)) ]
}
