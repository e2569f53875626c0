#!/usr/bin/env bats
# mqsend --transaction: a command decides about each message, also when the broker asks later.
bats_require_minimum_version 1.5.0
load helpers

sums() { grep -o 'read .* unknown [0-9]*' <<< "$stderr" | tail -1; }
all_of() { mqpull -q -t "$1" --from beginning -e "${@:2}"; }
has() { [ "$(all_of "$1")" = "$2" ]; }

start() { # KEY=VALUE...
  printf '%s\n' "$@" > "$BATS_TEST_TMPDIR/broker.conf"
  start_broker -c "$BATS_TEST_TMPDIR/broker.conf"
}

# decide SCRIPT: a command ./decide for --transaction.
decide() {
  printf '#!/bin/bash\n%s\n' "$1" > "$BATS_TEST_TMPDIR/decide"
  chmod +x "$BATS_TEST_TMPDIR/decide"
  cd "$BATS_TEST_TMPDIR" || return 1
}

@test "the command's status commits or rolls back, and the sums tell of both" {
  start transactionTimeOut=6000
  decide 'read -r n; exit $((n % 2))'
  run --separate-stderr mqsend -v -t T --shard s --transaction ./decide < <(seq 20)
  [ "$status" = 0 ]
  [ "$(sums)" = "read 20 = acknowledged 10 + rolled back 10 + refused 0 + unknown 0" ]
  [ "$(all_of T)" = "$(seq 2 2 20)" ]
}

@test "the command gets the message as it was written, and its fields" {
  start transactionTimeOut=6000
  decide 'cat; echo "$MQ_TOPIC $MQ_KEYS $MQ_TAGS $MQ_ASKED ${#MQ_ID}"'
  run --separate-stderr mqsend -t T --transaction ./decide --compress zstd --in json <<< '{"body":"one\n","keys":["a","b"],"tags":"t"}'
  [ "$status" = 0 ]
  [ "$output" = $'one\nT a b t 0 32' ]
  [ "$(all_of T --out 'format:%s%k %g')" = $'one\na b t' ]
}

@test "--print tells of a message when it is decided, --rejects keeps none that was rolled back" {
  start transactionTimeOut=6000
  decide 'read -r n; [ "$n" = yes ]'
  run --separate-stderr mqsend -t T --shard s --transaction ./decide --print ids --rejects rejects < <(printf 'yes\nno\nyes\n')
  [ "$status" = 0 ]
  [ "$output" = "$(all_of T --out 'format:%i\n' | sed 1q)"$'\n\n'"$(all_of T --out 'format:%i\n' | sed 1d)" ]
  [ ! -s rejects ]
  run --separate-stderr mqsend -t J --transaction ./decide --print json < <(printf 'yes\nno\n')
  [[ ${lines[0]} == '{"id":"'*'","level":"memory"}' ]]
  [[ ${lines[1]} == '{"id":"'*'","error":"rolled back"}' ]]
}

@test "--jobs runs so many at once" {
  start transactionTimeOut=60000
  # Each waits for the other.
  decide 'read -r n; touch "began$n"; until [ -e began1 ] && [ -e began2 ]; do sleep 0.01; done'
  run --separate-stderr timeout 9 mqsend -v -t T --transaction ./decide --jobs 2 < <(seq 2)
  [ "$status" = 0 ]
  [ "$(sums)" = "read 2 = acknowledged 2 + rolled back 0 + refused 0 + unknown 0" ]
}

@test "a broker that asks is answered by the command, run again" {
  start transactionTimeOut=100 transactionCheckInterval=100
  decide '[ "$MQ_ASKED" -lt 2 ] && exit 7; exit 0'
  run --separate-stderr mqsend -v -t T --transaction ./decide --print ids <<< later
  [ "$status" = 0 ]
  [ "$(sums)" = "read 1 = acknowledged 1 + rolled back 0 + refused 0 + unknown 0" ]
  [ "$(all_of T)" = later ]
  [ "$(all_of T --out 'format:%i')" = "$output" ]
}

@test "what is not decided at the end is unknown, and the next mqsend is asked about it" {
  start transactionTimeOut=100 transactionCheckInterval=100
  decide 'exit 7'
  run --separate-stderr mqsend -v -t T --transaction ./decide --timeout 300ms <<< open
  [ "$status" = 1 ]
  [ "$(sums)" = "read 1 = acknowledged 0 + rolled back 0 + refused 0 + unknown 1" ]
  [[ $stderr == *'not decided'* ]]
  [ -z "$(all_of T)" ]
  decide 'exit 0'
  mkfifo "$BATS_TEST_TMPDIR/fifo"
  mqsend -v -t T --transaction ./decide < fifo 2> "$BATS_TEST_TMPDIR/second.log" 3>&- &
  local pid=$!
  exec {writer}> fifo
  echo new >&"$writer"
  both() { [ "$(all_of T | sort)" = $'new\nopen' ]; }
  wait_until both
  exec {writer}>&-
  wait "$pid"
  grep -q 'read 1 = acknowledged 1 + rolled back 0' "$BATS_TEST_TMPDIR/second.log"
}

@test "a broker that is killed between the halves and the decision asks when it is back" {
  start transactionTimeOut=100 transactionCheckInterval=100 "namesrvListenPort=0"
  # A topic that a send has made may be forgotten by a kill right behind it.
  mqadmin updateTopic -t T -c DefaultCluster > /dev/null
  decide 'touch began; until [ -e go ]; do sleep 0.01; done'
  mqsend -v -t T --transaction ./decide -n "$namesrv" <<< decided 2> "$BATS_TEST_TMPDIR/mqsend.log" 3>&- &
  local pid=$! port=${broker##*:} names=${namesrv##*:}
  wait_until test -e began
  stop_daemon "$broker_pid" KILL || true
  touch go
  start_broker -c "$BATS_TEST_TMPDIR/broker.conf" --listen "127.0.0.1:$port" --namesrv-port "$names"
  wait "$pid"
  grep -q 'read 1 = acknowledged 1 + rolled back 0 + refused 0 + unknown 0' "$BATS_TEST_TMPDIR/mqsend.log"
  [ "$(all_of T)" = decided ]
}

@test "an interrupt decides what was read, and waits for no question" {
  start transactionTimeOut=60000
  decide 'read -r n; [ "$n" != never ] || exit 7'
  mkfifo "$BATS_TEST_TMPDIR/fifo"
  mqsend -v -t T --transaction ./decide < fifo 2> "$BATS_TEST_TMPDIR/mqsend.log" 3>&- &
  local pid=$! status=0
  exec {writer}> fifo
  echo a >&"$writer"
  wait_until has T a
  kill "$pid"
  wait "$pid" || status=$?
  exec {writer}>&-
  [ "$status" = 143 ]
  grep -q 'read 1 = acknowledged 1 + rolled back 0 + refused 0 + unknown 0' "$BATS_TEST_TMPDIR/mqsend.log"
}

@test "wrong usage is status 2, and an unknown topic 4" {
  for wrong in '--in json --transaction true' '-t T --jobs 2' '-t T --transaction no-such-command' '-t T --transaction true --oneway' '-t T --transaction true --spool d' '-t T --transaction true --delay 1s'; do
    # shellcheck disable=SC2086  # words
    run --separate-stderr mqsend $wrong < /dev/null
    [ "$status" = 2 ]
    [ "${#stderr_lines[@]}" = 1 ]
  done
  start autoCreateTopicEnable=false
  run --separate-stderr mqsend -t none --transaction true <<< a
  [ "$status" = 4 ]
  run --separate-stderr mqsend -t T --create --transaction true <<< a
  [ "$status" = 0 ]
  [ "$(all_of T)" = a ]
}
