#!/usr/bin/env bats
# mqpull --ack-fd: the reader of the output says what is done.
bats_require_minimum_version 1.5.0
load helpers

setup() { mkfifo "$BATS_TEST_TMPDIR/acks" "$BATS_TEST_TMPDIR/out"; }
fill() { seq "$2" | mqsend -q -t "$1" --shard s; }
lag_of() { mqpull -t "$1" -g "$2" --lag | awk '{ s += $6 } END { print s }'; }
has_lines() { [ -e "$1" ] && [ "$(wc -l < "$1")" -ge "$2" ]; }
# worked READER [OPTION...]: mqpull of T's group g with the reader, in which descriptor 3 is for acknowledgements
# and a line is `ID BODY`; mqpull's status is in $status, what it said in $stderr. No other process has a writing
# end of the reader's input.
worked() {
  local reader=$1
  shift
  bash -c "$reader" < "$BATS_TEST_TMPDIR/out" 3> "$BATS_TEST_TMPDIR/acks" &
  status=0
  mqpull -t T -g g --from beginning --out 'format:%i %s\n' --ack-fd 7 "$@" > "$BATS_TEST_TMPDIR/out" 7< "$BATS_TEST_TMPDIR/acks" 2> "$BATS_TEST_TMPDIR/err" || status=$?
  wait $! || true
  stderr=$(cat "$BATS_TEST_TMPDIR/err")
}

@test "wrong usage of --ack-fd is one line and status 2" {
  for wrong in '--ack-fd x' '--ack-fd 0' '--ack-fd 0 --out nul' '--ack-fd 0 --out format:%s' '--ack-fd 99 --out json' '--ack-fd 2 --out json' '--ack-fd 0 --out json --exec true'; do
    # shellcheck disable=SC2086  # words
    run --separate-stderr mqpull -t T $wrong 2>> /dev/null
    [ "$status" = 2 ]
    [ -z "$output" ]
    [ "${#stderr_lines[@]}" = 1 ]
    [[ $stderr == mqpull:* ]]
  done
}

@test "what is acknowledged is committed, and all of it is status 0" {
  start_broker
  fill T 1000
  worked 'while read -r id body; do echo $id >&3; echo $body; done' -e
  [ "$status" = 0 ]
  [ -z "$stderr" ]
  [ "$(lag_of T g)" = 0 ]
}

@test "nothing behind the first that is not acknowledged is committed, and that is status 1" {
  start_broker
  fill T 10
  worked 'while read -r id body; do [ $body = 4 ] || echo $id >&3; done' -e
  [ "$status" = 1 ]
  [ "$stderr" = 'mqpull: 1 message was not acknowledged' ]
  [ "$(lag_of T g)" = 7 ]
  worked 'tac | while read -r id body; do [ $body -lt 7 ] || echo $id; done >&3' -e
  [ "$status" = 1 ]
  [ "$stderr" = 'mqpull: 3 messages were not acknowledged' ]
  [ "$(lag_of T g)" = 7 ]
  [ "$(mqpull -t T -g g -e | tr '\n' ' ')" = '4 5 6 7 8 9 10 ' ]
}

@test "an unknown id is an error line, and the others count" {
  start_broker
  fill T 3
  worked 'echo nonsense >&3; while read -r id body; do echo $id >&3; done; echo $id >&3; head -c 100000 /dev/zero | tr "\0" x >&3; echo >&3' -e
  [ "$status" = 0 ]
  [[ $stderr == *"mqpull: descriptor 7: no message waits for the acknowledgement 'nonsense'"* ]]
  [ "${#stderr}" -lt 2000 ]
  [ "$(lag_of T g)" = 0 ]
}

@test "the last id needs no newline, and blanks around ids are nothing" {
  start_broker
  fill T 3
  worked 'read -r a b; printf "  %s \r\n\n" $a >&3; read -r a b; echo $a >&3; read -r a b; cat; printf %s $a >&3' -e
  [ "$status" = 0 ]
  [ -z "$stderr" ]
  [ "$(lag_of T g)" = 0 ]
}

@test "a follower commits while it goes on, and SIGTERM waits for the reader" {
  start_broker
  fill T 5
  local log=$BATS_TEST_TMPDIR/log
  { while read -r id _; do echo "$id" >> "$log"; done; cat "$log"; } < "$BATS_TEST_TMPDIR/out" > "$BATS_TEST_TMPDIR/acks" 3>&- &
  mqpull -t T -g g --from beginning --out 'format:%i %s\n' --ack-fd 7 > "$BATS_TEST_TMPDIR/out" 7< "$BATS_TEST_TMPDIR/acks" 3>&- &
  local puller=$!
  wait_until has_lines "$log" 5
  # The reader acknowledges only when its input has ended.
  status=0
  stop_daemon $puller || status=$?
  [ "$status" = 143 ]
  [ "$(lag_of T g)" = 0 ]
}

@test "a reader that goes away ends mqpull, and what it acknowledged is committed" {
  start_broker
  fill T 20000
  worked 'for i in 1 2 3; do read -r id body; echo $id >&3; done'
  [ "$status" = 141 ]
  [ -z "$stderr" ]
  [ "$(lag_of T g)" = 19997 ]
}

@test "a reader that only closes the acknowledgements is an error" {
  start_broker
  fill T 10
  worked 'read -r id body; echo $id >&3; exec 3>&-; cat > /dev/null'
  [ "$status" = 1 ]
  [[ $stderr == *'descriptor 7: closed, so nothing can be acknowledged'* ]]
  [ "$(lag_of T g)" = 9 ]
}

@test "neither side waits for the other: all is acknowledged before more is read" {
  start_broker
  fill T 60000
  # The reader writes each id before it reads on, more of them than a pipe holds.
  worked 'while read -r id body; do printf "%s\n%0900d\n" $id 0 >&3; [ $body -lt 2000 ] || break; done; while read -r id body; do echo $id; done >&3' -e -q
  [ "$status" = 0 ]
  [ "$(grep -c 'no message waits' <<< "$stderr")" = 2000 ]
  [ "$(lag_of T g)" = 0 ]
}

@test "without a group it tells what was not acknowledged" {
  start_broker
  fill T 3
  sed -nu 's/.*"body":"[12]",.*"id":"\([^"]*\)".*/\1/p' < "$BATS_TEST_TMPDIR/out" > "$BATS_TEST_TMPDIR/acks" 3>&- &
  run --separate-stderr bash -c "mqpull -t T --from beginning -e --out json --ack-fd 7 > '$BATS_TEST_TMPDIR/out' 7< '$BATS_TEST_TMPDIR/acks'"
  [ "$status" = 1 ]
  [ "$stderr" = 'mqpull: 1 message was not acknowledged' ]
}
