#!/usr/bin/env bats
# mqpull with a real broker: where it starts and stops, its forms, groups and ends.
bats_require_minimum_version 1.5.0
load helpers

lines() { seq -f 'line %g of the input' "$@"; }
# fill TOPIC N: N lines, in one queue and in order.
fill() { lines 1 "$2" | mqsend -q -t "$1" --shard s; }
lag_of() { mqpull -t "$1" -g "$2" --lag | awk '{ s += $6 } END { print s }'; }
has_lines() { [ "$(cat "$1" | wc -l)" -ge "$2" ]; }

@test "help has examples, and wrong usage is one line and status 2" {
  run --separate-stderr mqpull --help
  [ "$status" = 0 ]
  [[ $output == *--from* && $output == *'mqpull logs'* ]]
  for wrong in '' '-t T --from somewhere' '-t T --until never' '-t T --out xml' '-t T -c -1' '-t T --queue x' '-t T --lag' '-t T --json-body' '-t T --broadcast' '-t T -g g --broadcast --lag' '-t T --sql a>' '-t T --sql a>1)' '-t T --tag A --sql a>1' '-t , -e' ', -e' '-t T T' 'T U' 'T -N -1' 'T -N 5 --from 3' 'T -g g --lag --wait' 'T --brokers 0'; do
    # shellcheck disable=SC2086  # words
    run --separate-stderr mqpull $wrong
    [ "$status" = 2 ]
    [ -z "$output" ]
    [ "${#stderr_lines[@]}" = 1 ]
    [[ $stderr == mqpull:* ]]
  done
}

@test "it starts where --from says" {
  start_broker
  fill T 10
  queue=$(mqpull -t T --from beginning -e -c 1 --out 'format:%q')
  offsets() { mqpull -t T -e --out 'format:%o ' "$@"; }
  [ "$(offsets --from beginning)" = '0 1 2 3 4 5 6 7 8 9 ' ]
  [ -z "$(offsets)" ]
  [ -z "$(offsets --from end)" ]
  [ "$(offsets --from 7)" = '7 8 9 ' ]
  [ "$(offsets --from -2)" = '8 9 ' ]
  [ "$(offsets --from @-1h)" = '0 1 2 3 4 5 6 7 8 9 ' ]
  [ -z "$(offsets --from @now)" ]
  [ "$(offsets --from 2 --until 4)" = '2 3 ' ]
  [ "$(offsets --from beginning --until @now)" = '0 1 2 3 4 5 6 7 8 9 ' ]
  [ -z "$(offsets --from beginning --until @-1h)" ]
  [ "$(offsets --from beginning --queue "$queue")" = '0 1 2 3 4 5 6 7 8 9 ' ]
}

@test "--until stops without -e, by offset and by time, and at the end of now at the latest" {
  start_broker
  mqsend -q -t T --create --queue 0 <<< $'a\nb\nc'
  all() { timeout 20 mqpull -t T --from beginning "$@"; }
  [ "$(all --until 2)" = $'a\nb' ]
  [ "$(all --until 3)" = $'a\nb\nc' ]
  [ "$(all --until 4)" = $'a\nb\nc' ]
  [ -z "$(all --until 0)" ]
  at=$(all --queue 0 --out 'format:%T\n' -c 1)
  [ -z "$(all --until @"$at")" ]
  [ "$(all --until @$((at + 3600000)))" = $'a\nb\nc' ]
  [ "$(all -g g --until @$((at + 3600000)))" = $'a\nb\nc' ]
  [ -z "$(timeout 20 mqpull -t T --until 100)" ]
}

@test "-c stops after so many, also before the end of a block" {
  start_broker
  fill T 10
  [ "$(mqpull -t T --from beginning -c 3 | wc -l)" = 3 ]
  [ -z "$(mqpull -t T --from beginning -c 0)" ]
}

@test "a follower prints each message when it comes" {
  start_broker
  fill T 1
  mqpull -t T > "$BATS_TEST_TMPDIR/out" 3>&- &
  local reader=$!
  next() { mqsend -q -t T <<< 'new line'; has_lines "$BATS_TEST_TMPDIR/out" "$1"; }
  # It may not be waiting yet for the first ones.
  wait_until next 1
  local have
  have=$(wc -l < "$BATS_TEST_TMPDIR/out")
  wait_until next $((have + 1))
  status=0
  stop_daemon $reader || status=$?
  [ "$status" = 143 ]
  [ "$(sort -u "$BATS_TEST_TMPDIR/out")" = 'new line' ]
}

@test "--idle stops after a quiet time, --fail-empty tells that nothing came" {
  start_broker
  fill T 3
  [ "$(mqpull -t T --from beginning --idle 200ms | wc -l)" = 3 ]
  run --separate-stderr mqpull -t T -e --fail-empty
  [ "$status" = 1 ]
  run --separate-stderr mqpull -t T --from beginning -e --fail-empty
  [ "$status" = 0 ]
}

@test "several topics are read together" {
  start_broker
  fill A 3
  fill B 4
  [ "$(mqpull -t A,B --from beginning -e | wc -l)" = 7 ]
  run --separate-stderr mqpull -t A,nosuch --from beginning -e
  [ "$status" = 4 ]
  [[ $stderr == "mqpull: topic 'nosuch' does not exist on $namesrv (TOPIC_NOT_EXIST)" ]]
}

@test "every form of output" {
  start_broker
  printf 'a\xff' | mqsend -q -t T --in file --tag G -k K -p u=v
  mqpull -t T --from beginning -e --out raw | cmp - <(printf 'a\xff')
  mqpull -t T --from beginning -e --out nul | cmp - <(printf 'a\xff\0')
  mqpull -t T --from beginning -e --out lines | cmp - <(printf 'a\xff\n')
  [[ $(mqpull -t T --from beginning -e --out json) == '{"topic":"T","body_b64":"Yf8=","keys":["K"],"tags":"G","properties":{"u":"v"},'* ]]
  [ "$(mqpull -t T --from beginning -e --out 'format:%t|%k|%o\n')" = 'T|K|0' ]
  [ "$(mqpull -t T --from beginning -e --out msgpack | mqsend -t U --in msgpack --print json | wc -l)" = 1 ]
  mqsend -q -t J <<< '{"a": [1]}'
  [[ $(mqpull -t J --from beginning -e --out json --json-body) == *'"body":{"a":[1]},'* ]]
}

@test "--tag lets only those through, and reading goes over the others" {
  start_broker
  for tag in A B C A; do mqsend -q -t T --tag $tag --queue 0 <<< $tag; done
  mqsend -q -t T --queue 0 <<< none
  [ "$(mqpull -t T --from beginning -e --tag 'A || C')" = $'A\nC\nA' ]
  [ -z "$(mqpull -t T --from beginning -e --tag Z)" ]
  # These two have the same hash in Java.
  mqsend -q -t H --tag Aa --queue 0 <<< Aa
  mqsend -q -t H --tag BB --queue 0 <<< BB
  [ "$(mqpull -t H --from beginning -e --tag BB)" = BB ]
}

@test "--broker and --queue name what is there" {
  start_broker
  fill T 3
  name=$(mqsend -q -t T --print json <<< x | sed 's/.*"broker":"\([^"]*\)".*/\1/')
  [ "$(mqpull -t T --from beginning -e --broker "$name" | wc -l)" = 4 ]
  run --separate-stderr mqpull -t T -e --broker other
  [ "$status" = 4 ]
  run --separate-stderr mqpull -t T -e --queue 77
  [ "$status" = 4 ]
}

@test "a plain reader leaves no trace" {
  start_broker
  fill T 100
  mqpull -t T --from beginning -e > /dev/null
  stop_daemon "$broker_pid"
  run ! grep -q '@TOOLS' "$BATS_TEST_TMPDIR"/store/config/consumerOffset.json
  run ! grep -q '"T@' "$BATS_TEST_TMPDIR"/store/config/consumerOffset.json
}

@test "a group gets each message once, and goes on where it stopped" {
  start_broker
  fill T 100
  [ "$(mqpull -t T -g g --from beginning -e | wc -l)" = 100 ]
  [ -z "$(mqpull -t T -g g --from beginning -e)" ]
  fill T 5
  [ "$(lag_of T g)" = 5 ]
  [ "$(mqpull -t T -g g -e | wc -l)" = 5 ]
  [ "$(lag_of T g)" = 0 ]
}

@test "--lag has a line a queue, in columns or JSON" {
  start_broker
  mqsend -q -t T --create < /dev/null
  mqsend -q -t T --queue 1 <<< $'a\nb'
  run -4 --separate-stderr mqpull -t T -g g --lag
  [ "$stderr" = "mqpull: group 'g' does not exist on $broker" ]
  mqpull -t T -g g --from beginning -c 1 > /dev/null
  run -0 mqpull -t T -g g --lag
  # A queue of retries came with the member.
  [ "${#lines[@]}" = 6 ]
  [ "${lines[5]}" = '%RETRY%g - delayed - - 0' ]
  [[ ${lines[1]} =~ ^T\ [^\ ]+\ 1\ 1\ 2\ 1$ ]]
  mqpull -t T -g g --from beginning -e > /dev/null
  run mqpull -t T -g g --lag --out json --queue 1
  [[ $output =~ ^\{\"topic\":\"T\",\"broker\":\"[^\"]+\",\"queue\":1,\"committed\":2,\"end\":2,\"lag\":0\}$ ]]
}

@test "-c commits what it printed, not what it had pulled" {
  start_broker
  fill T 100
  mqpull -t T -g g --from beginning -c 7 > /dev/null
  [ "$(lag_of T g)" = 93 ]
}

@test "| head -1 ends quietly with 141, and the next reader begins with what it left" {
  start_broker
  lines 1 20000 | mqsend -q -t T --queue 0
  mqpull -t T --from beginning 2> "$BATS_TEST_TMPDIR/err" | head -1 || true
  run bash -c "mqpull -t T -g g --from beginning 2> '$BATS_TEST_TMPDIR/err' | head -1; exit \${PIPESTATUS[0]}"
  [ "$status" = 141 ]
  [ "$output" = 'line 1 of the input' ]
  [ ! -s "$BATS_TEST_TMPDIR/err" ]
  [ "$(lag_of T g)" = 20000 ]
  # Of one that lives on, it is what it has taken out of the pipe.
  run bash -c "mqpull -t T -g g --from beginning 2> '$BATS_TEST_TMPDIR/err' | { head -c 21000 > /dev/null; sleep 1; }; exit \${PIPESTATUS[0]}"
  [ "$status" = 141 ]
  left=$(lag_of T g)
  [ "$left" -gt 0 ]
  [ "$left" -lt 20000 ]
  first=$(mqpull -t T -g g -e -c 1 | sed 's/line \([0-9]*\) .*/\1/')
  [ "$first" = $((20000 - left + 1)) ]
}

@test "a full disk behind stdout is an error and status 1" {
  [ -e /dev/full ] || skip "no /dev/full"
  start_broker
  fill T 100
  run --separate-stderr bash -c 'mqpull -t T -g g --from beginning -e > /dev/full'
  [ "$status" = 1 ]
  [[ $stderr == 'mqpull: standard output: No space left on device' ]]
  [ "$(lag_of T g)" = 100 ]
}

@test "two members share the queues, and one takes over from the other" {
  start_broker
  mqsend -q -t T --create < /dev/null
  for n in 1 2; do
    mqpull -t T -g g --from beginning > "$BATS_TEST_TMPDIR/out$n" 3>&- &
    members[n]=$!
  done
  round=0
  has_round() { [ "$(cat "$BATS_TEST_TMPDIR"/out? | grep -c "^round $round$")" -ge 4 ]; }
  shared() {
    round=$((round + 1))
    for q in 0 1 2 3; do mqsend -q -t T --queue $q <<< "round $round"; done
    wait_until has_round
    [ "$(grep -c "^round $round$" "$BATS_TEST_TMPDIR/out1")" = 2 ] && [ "$(grep -c "^round $round$" "$BATS_TEST_TMPDIR/out2")" = 2 ]
  }
  wait_until shared
  stop_daemon "${members[1]}" || true
  takes_over() {
    mqsend -q -t T --queue 0 <<< new0
    mqsend -q -t T --queue 3 <<< new3
    grep -q new0 "$BATS_TEST_TMPDIR/out2" && grep -q new3 "$BATS_TEST_TMPDIR/out2"
  }
  wait_until takes_over
  stop_daemon "${members[2]}" || true
  [ "$(lag_of T g)" = 0 ]
}

@test "a broker's restart is survived, plain and in a group" {
  start_broker
  fill T 10
  mqpull -t T --from beginning > "$BATS_TEST_TMPDIR/plain" 3>&- &
  local plain=$!
  mqpull -t T -g g --from beginning > "$BATS_TEST_TMPDIR/group" 3>&- &
  local group=$!
  wait_until has_lines "$BATS_TEST_TMPDIR/plain" 10
  wait_until has_lines "$BATS_TEST_TMPDIR/group" 10
  stop_daemon "$broker_pid"
  start_daemon broker broker mqd-broker --standalone --store "$BATS_TEST_TMPDIR/store" --listen "$broker" --namesrv-port "${namesrv##*:}"
  lines 11 20 | mqsend -q -t T
  wait_until has_lines "$BATS_TEST_TMPDIR/plain" 20
  wait_until has_lines "$BATS_TEST_TMPDIR/group" 20
  stop_daemon $plain || true
  stop_daemon $group || true
  [ "$(sort -u "$BATS_TEST_TMPDIR/plain" | wc -l)" = 20 ]
  [ "$(sort -u "$BATS_TEST_TMPDIR/group" | wc -l)" = 20 ]
  [ "$(lag_of T g)" = 0 ]
}

@test "the name server may go once the route is known" {
  start_namesrv
  start_daemon broker broker mqd-broker -n "$namesrv" --store "$BATS_TEST_TMPDIR/store" --listen 127.0.0.1:0
  fill T 5
  mqpull -t T --from beginning > "$BATS_TEST_TMPDIR/out" 3>&- &
  local reader=$!
  wait_until has_lines "$BATS_TEST_TMPDIR/out" 5
  mkfifo "$BATS_TEST_TMPDIR/fifo"
  mqsend -q -t T < "$BATS_TEST_TMPDIR/fifo" 3>&- &
  local sender=$!
  exec {pipe}> "$BATS_TEST_TMPDIR/fifo"
  echo six >&"$pipe"
  wait_until has_lines "$BATS_TEST_TMPDIR/out" 6
  stop_daemon "$namesrv_pid"
  echo seven >&"$pipe"
  wait_until has_lines "$BATS_TEST_TMPDIR/out" 7
  exec {pipe}>&-
  wait "$sender"
  stop_daemon "$reader" || true
}

@test "a dead name server is status 3" {
  run --separate-stderr mqpull -t T -e -n 127.0.0.1:1 --timeout 300ms
  [ "$status" = 3 ]
  [ -z "$output" ]
  [[ $stderr == mqpull:*127.0.0.1:1* ]]
}

@test "--sql filters by properties, for a plain reader and for a group" {
  printf 'enablePropertyFilter=true\n' > "$BATS_TEST_TMPDIR/broker.conf"
  start_broker --config "$BATS_TEST_TMPDIR/broker.conf"
  for price in 5 15 x 25; do echo "$price" | mqsend -q -t T --shard s -p price=$price; done
  [ "$(mqpull -t T --from beginning -e --sql 'price > 10')" = $'15\n25' ]
  [ "$(mqpull -t T --from beginning -e --sql "price IN ('x', '5')" -g g)" = $'5\nx' ]
  [ "$(lag_of T g)" = 0 ]
}

@test "--sql ends at once where the broker does not filter by properties" {
  start_broker
  fill T 1
  run --separate-stderr mqpull -t T --from beginning --sql 'a > 1'
  [ "$status" = 1 ]
  [ -z "$output" ]
  [[ $stderr == mqpull:*SQL92* ]]
}

@test "SIGINT in mid-stream commits and is status 130" {
  start_broker
  fill T 10
  env --default-signal=INT mqpull -t T -g g --from beginning > "$BATS_TEST_TMPDIR/out" 3>&- &
  local reader=$!
  wait_until has_lines "$BATS_TEST_TMPDIR/out" 10
  status=0
  stop_daemon $reader INT || status=$?
  [ "$status" = 130 ]
  [ "$(lag_of T g)" = 0 ]
}

@test "a reader that stops reading costs no memory" {
  start_broker
  head -c 60000000 /dev/zero | tr '\0' x | fold -w 1000 | mqsend -q -t T
  mkfifo "$BATS_TEST_TMPDIR/fifo"
  mqpull -t T --from beginning -e > "$BATS_TEST_TMPDIR/fifo" 3>&- &
  local puller=$!
  exec {pipe}< "$BATS_TEST_TMPDIR/fifo"
  head -c 1000 <&"$pipe" > /dev/null
  is_blocked() { grep -q '^State:.S' /proc/$puller/status && [ "$(awk '/^VmRSS/ { print $2 }' /proc/$puller/status)" -gt 1000 ]; }
  wait_until is_blocked
  memory_at_most 40000 $puller VmHWM
  [ "$(($(cat <&"$pipe" | wc -c) + 1000))" = 60060000 ]
  exec {pipe}<&-
  wait $puller
}

@test "--progress counts on stderr in one line, with what is left where the end is known" {
  start_broker
  seq 200 | mqsend -q -t T
  # The reader takes a second and a half for it.
  run --separate-stderr bash -c "mqpull -t T --from beginning -e --progress --exec 'sleep 0.015' --jobs 2"
  [ "$status" = 0 ]
  [ -z "$output" ]
  [[ $stderr =~ $'\r'[0-9]+\ messages,\ [0-9]+/s,\ .*,\ [0-9]+%,\ [0-9]:[0-9]+\ left ]]
  run --separate-stderr bash -c "mqpull -t T --from beginning -e --no-progress --exec 'sleep 0.015' --jobs 2"
  [ -z "$stderr" ]
}

@test "--broadcast: every member gets everything, and nothing is committed" {
  start_broker
  mqsend -q -t T --create < /dev/null
  for n in 1 2; do
    mqpull -t T -g g --broadcast > "$BATS_TEST_TMPDIR/out$n" 3>&- &
    members[n]=$!
  done
  both_are_there() {
    mqsend -q -t T --queue 0 <<< first
    grep -q first "$BATS_TEST_TMPDIR/out1" && grep -q first "$BATS_TEST_TMPDIR/out2"
  }
  wait_until both_are_there
  for n in 0 1 2 3; do seq $n 4 12 | mqsend -q -t T --queue $n; done
  have_all() { [ "$(grep -hv first "$BATS_TEST_TMPDIR"/out[12] | wc -l)" = 26 ]; }
  wait_until have_all
  for n in 1 2; do
    stop_daemon "${members[n]}" || true
    seq 0 12 | cmp - <(grep -v first "$BATS_TEST_TMPDIR/out$n" | sort -n)
  done
  [[ $(mqpull -t T -g g --lag | cut -d' ' -f4 | sort -u) == - ]]
  [ "$(mqpull -t T -g g --broadcast --from beginning -e | grep -vc first)" = 13 ]
  run -1 mqpull -q -t T -g g --broadcast --from -1 -e --exec false
}
