#!/usr/bin/env bats
# Requests and replies: mqsend --request on one side, mqpull --exec --reply on the other.
bats_require_minimum_version 1.5.0
load helpers

sums() { grep -o 'read .* unknown [0-9]*' <<< "$stderr" | tail -1; }

# serve COMMAND [OPTION...]: in the background, until the test ends.
serve() {
  mqpull -q -t T -g servers --from beginning --reply --exec "$@" 3>&- 2> "$BATS_TEST_TMPDIR/server.log" &
}

start() {
  start_broker "$@"
  mqadmin updateTopic -t T -c DefaultCluster > /dev/null
}

@test "what the command prints is the reply, in the order of the requests" {
  start
  # A machine that stands still for longer than the 10 s of the default is no failure.
  serve 'read n; [ $((n % 3)) != 0 ] || sleep 0.05; echo "$n squared is $((n * n))"' --jobs 4
  run --separate-stderr mqsend -v -t T --request --timeout 60s < <(seq 20)
  [ "$status" = 0 ]
  [ "$(sums)" = "read 20 = answered 20 + unanswered 0 + refused 0 + unknown 0" ]
  # A reply has the newline that was printed, and its own.
  [ "$output" = "$(for n in {1..20}; do printf '%s\n\n' "$n squared is $((n * n))"; done)" ]
}

@test "replies may have any bytes and any length, and their requests keep their fields" {
  start
  head -c 1000000 /dev/urandom > "$BATS_TEST_TMPDIR/reply"
  serve "[ \"\$MQ_KEYS \$MQ_TAGS\" = 'k t' ] && cat '$BATS_TEST_TMPDIR/reply'"
  mqsend -q -t T -k k --tag t --request --timeout 60s --compress zlib <<< send-it | cmp - <(cat "$BATS_TEST_TMPDIR/reply"; echo)
}

@test "no reply in time is status 3, an empty line, and no second request" {
  start
  run --separate-stderr mqsend -v -t T --request --timeout 300ms <<< anybody
  [ "$status" = 3 ]
  [ "$(sums)" = "read 1 = answered 0 + unanswered 1 + refused 0 + unknown 0" ]
  [[ $stderr == *'no reply came within 300 ms'* ]]
  [ -z "$output" ]
  [ "$(mqpull -q -t T --from beginning -e)" = anybody ]
  serve 'read n; [ $n != b ] && echo -n "$n"'
  run --separate-stderr mqsend -v -t T --request --timeout 700ms --on-error skip < <(printf 'a\nb\nc\n')
  [ "$status" = 1 ]
  [ "$(sums)" = "read 3 = answered 2 + unanswered 1 + refused 0 + unknown 0" ]
  [ "$output" = $'a\n\nc' ]
}

@test "the first question without an answer does not end the input" {
  start
  serve 'read n; [ $n != b ] && echo -n "$n"'
  # One open at a time: what comes after b is not read yet when b's time is over.
  run --separate-stderr mqsend -t T --request --window 1 --timeout 5s < <(printf 'a\nb\nc\n')
  [ "$status" = 1 ]
  [ "$(sums)" = "read 3 = answered 2 + unanswered 1 + refused 0 + unknown 0" ]
  [ "$output" = $'a\n\nc' ]
}

@test "a command that fails gives no reply, and its message comes again" {
  printf '%s\n' "messageDelayLevel=$(printf '10ms %.0s' {1..18})" > "$BATS_TEST_TMPDIR/broker.conf"
  start -c "$BATS_TEST_TMPDIR/broker.conf"
  serve 'echo -n "$MQ_RECONSUME"; [ $MQ_RECONSUME = 2 ]'
  run --separate-stderr mqsend -t T --request --timeout 60s <<< again
  [ "$status" = 0 ]
  [ "$output" = 2 ]
}

@test "a reply that nobody waits for is told of, and its message is done" {
  start
  mqsend -q -t T --request --timeout 100ms <<< gone || true
  mqsend -q -t T <<< 'no request'
  run --separate-stderr mqpull -t T -g servers --from beginning -e --reply --exec 'echo reply'
  [ "$status" = 1 ]
  [[ $stderr == *'1 reply did not arrive; the first: '*"$broker"* ]]
  [ -z "$output" ]
  run --separate-stderr mqpull -t T -g servers -e --reply --exec 'echo reply'
  [ "$status" = 0 ]
}

@test "a broker that restarts in between brings the replies all the same" {
  start
  cd "$BATS_TEST_TMPDIR"
  serve 'read n; echo -n "$n"'
  { echo 1; until [ -e go ]; do sleep 0.02; done; echo 2; } | mqsend -v -t T --request --timeout 60s > replies 2> mqsend.log 3>&- &
  local sender=$! port=${broker##*:} names=${namesrv##*:}
  first() { [ "$(cat replies)" = 1 ]; }
  wait_until first
  stop_daemon "$broker_pid"
  start_broker --listen "127.0.0.1:$port" --namesrv-port "$names"
  touch go
  wait "$sender"
  [ "$(cat replies)" = $'1\n2' ]
  grep -q 'read 2 = answered 2 ' mqsend.log
}

@test "wrong usage is status 2, and no topic or server is 4 or 3" {
  for wrong in '--in json --request' '-t T --request --print ids' '-t T --request --oneway' '-t T --request --spool d' '-t T --request --delay 1s'; do
    # shellcheck disable=SC2086  # words
    run --separate-stderr mqsend $wrong < /dev/null
    [ "$status" = 2 ]
    [ "${#stderr_lines[@]}" = 1 ]
  done
  for wrong in '-t T --reply' '-t T --reply --exec true --exec-batch 2'; do
    # shellcheck disable=SC2086  # words
    run --separate-stderr mqpull $wrong < /dev/null
    [ "$status" = 2 ]
  done
  run --separate-stderr mqsend -t T --request -n 127.0.0.1:1 --timeout 300ms <<< a
  [ "$status" = 3 ]
  echo autoCreateTopicEnable=false > "$BATS_TEST_TMPDIR/broker.conf"
  start_broker -c "$BATS_TEST_TMPDIR/broker.conf"
  run --separate-stderr mqsend -t none --request <<< a
  [ "$status" = 4 ]
}
