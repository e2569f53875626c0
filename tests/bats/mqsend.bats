#!/usr/bin/env bats
# mqsend with a real broker: every option, exit statuses, and what input may do to it.
bats_require_minimum_version 1.5.0
load helpers

sums() { grep -o 'read .* unknown [0-9]*' <<< "$stderr" | tail -1; }
all_of() { mqpull -q -t "$1" --from beginning -e "${@:2}"; }
has_stored() { [ "$(all_of "$1" | wc -l)" -ge "$2" ]; }
lines() { seq -f 'line %g of the input' "$@"; }

@test "help has examples, and wrong usage is one line and status 2" {
  run --separate-stderr mqsend --help
  [ "$status" = 0 ]
  [[ $output == *--oneway* && $output == *'mqsend -t logs --follow'* ]]
  for wrong in '' '-t T --in words' '-t T --window 0' '-t T --queue -1' '-t T -p x' '-t T --ack some' '-t T --ack flush --oneway' '-t T --batch-bytes 5M' '-t T --on-error ask' '-t T --delay-level 0' '-t T --delay 1s --at now'; do
    # shellcheck disable=SC2086  # words
    run --separate-stderr mqsend $wrong < /dev/null
    [ "$status" = 2 ]
    [ -z "$output" ]
    [ "${#stderr_lines[@]}" = 1 ]
    [[ $stderr == mqsend:* ]]
  done
}

@test "each line is a message, the last one without a newline too" {
  start_broker
  run --separate-stderr mqsend -v -t T < <(printf 'one\n\nthree')
  [ "$status" = 0 ]
  [ "$(sums)" = "read 3 = acknowledged 3 + refused 0 + unknown 0" ]
  run all_of T --out 'format:[%s]\n'
  [ "$output" = $'[one]\n[]\n[three]' ]
}

@test "empty input is all right, with and without servers" {
  run --separate-stderr mqsend -v -t T -n 127.0.0.1:1 < /dev/null
  [ "$status" = 0 ]
  start_broker
  run --separate-stderr mqsend -v -t T --in nul < /dev/null
  [ "$status" = 0 ]
  [ "$(sums)" = "read 0 = acknowledged 0 + refused 0 + unknown 0" ]
}

@test "quiet is quiet" {
  start_broker
  run --separate-stderr mqsend -q -t T < <(echo a)
  [ "$status" = 0 ]
  [ -z "$output$stderr" ]
}

@test "files come one after the other, - is standard input, and a missing one is status 4" {
  start_broker
  echo a > "$BATS_TEST_TMPDIR/a"
  echo c > "$BATS_TEST_TMPDIR/c"
  mqsend -q -t T --shard s "$BATS_TEST_TMPDIR/a" - "$BATS_TEST_TMPDIR/c" <<< b
  [ "$(all_of T)" = $'a\nb\nc' ]
  run --separate-stderr mqsend -t T "$BATS_TEST_TMPDIR/none"
  [ "$status" = 4 ]
  [[ $stderr == *"$BATS_TEST_TMPDIR/none"* ]]
}

@test "NUL bytes and invalid UTF-8 in lines pass unchanged" {
  start_broker
  printf 'a\0b\n\xff\xfe\xc3(\n' > "$BATS_TEST_TMPDIR/in"
  mqsend -q -t T --shard s "$BATS_TEST_TMPDIR/in"
  all_of T > "$BATS_TEST_TMPDIR/out"
  cmp "$BATS_TEST_TMPDIR/in" "$BATS_TEST_TMPDIR/out"
}

@test "all 256 byte values survive in the nul, json and msgpack forms" {
  start_broker
  # shellcheck disable=SC2059  # the bytes are the format
  printf "$(printf '\\x%02x' $(seq 1 255))" > "$BATS_TEST_TMPDIR/in"
  printf 'with newline\nand\0' >> "$BATS_TEST_TMPDIR/in"
  mqsend -q -t T0 --in nul --shard s "$BATS_TEST_TMPDIR/in"
  for form in nul json msgpack; do
    mqpull -q -t T0 --from beginning -e --out $form | mqsend -q -t "T$form" --in $form
    all_of "T$form" --out nul | cmp - "$BATS_TEST_TMPDIR/in"
  done
  head -c 100 /dev/zero > "$BATS_TEST_TMPDIR/zeros"
  mqsend -q -t Tf --in file "$BATS_TEST_TMPDIR/zeros"
  all_of Tf --out raw | cmp - "$BATS_TEST_TMPDIR/zeros"
}

@test "keys, tag and properties are set, by option, delimiter and record" {
  start_broker
  mqsend -q -t T -k k1 -k k2 --tag A -p x=1 -p y=a=b <<< body
  run all_of T --out json
  [[ $output == *'"keys":["k1","k2"],"tags":"A","properties":{"x":"1","y":"a=b"}'* ]]
  mqsend -q -t D --key-delim : <<< 'key:body:rest'
  run all_of D --out 'format:%k=%s\n'
  [ "$output" = 'key=body:rest' ]
  mqsend -q -t J --in json <<< '{"topic":"other","body":"b","keys":["k"],"tags":"t","properties":{"p":"v"},"flag":3,"offset":9}'
  run all_of J --out json
  [[ $output == *'"topic":"J","body":"b","keys":["k"],"tags":"t","properties":{"p":"v"}'*'"flag":3'* ]]
}

@test "records name their own topics" {
  start_broker
  mqsend -q --in json <<< $'{"topic":"A","body":"a"}\n{"topic":"B","body":{"json": true}}'
  [ "$(all_of A)" = a ]
  [ "$(all_of B)" = '{"json":true}' ]
  run --separate-stderr mqsend --in json <<< '{"body":"a"}'
  [ "$status" = 1 ]
  [[ $stderr == *'no topic'* ]]
}

@test "a reserved property is wrong usage as an option and refused in a record" {
  start_broker
  run --separate-stderr mqsend -t T -p UNIQ_KEY=x <<< a
  [ "$status" = 2 ]
  run --separate-stderr mqsend -t T --in json <<< '{"body":"a","properties":{"UNIQ_KEY":"x"}}'
  [ "$status" = 1 ]
  [[ $stderr == *UNIQ_KEY* ]]
}

@test "--shard keeps the order, --queue picks the queue" {
  start_broker
  lines 1 5000 > "$BATS_TEST_TMPDIR/in"
  mqsend -q -t S --shard customer --batch-bytes 1k "$BATS_TEST_TMPDIR/in"
  all_of S | cmp - "$BATS_TEST_TMPDIR/in"
  mqsend -q -t Q --queue 2 <<< a
  run all_of Q --out 'format:%q'
  [ "$output" = 2 ]
  run --separate-stderr mqsend -t Q --queue 99 <<< a
  [ "$status" = 4 ]
  [[ $stderr == *'no queue 99'* ]]
}

@test "--oneway hands over, and all of it arrives" {
  start_broker
  lines 1 20000 > "$BATS_TEST_TMPDIR/in"
  run --separate-stderr mqsend -v -t T --oneway "$BATS_TEST_TMPDIR/in"
  [ "$status" = 0 ]
  [ "$(sums)" = "read 20000 = handed over 20000 + refused 0 + unknown 0" ]
  wait_until has_stored T 20000
  all_of T | sort | cmp - <(sort "$BATS_TEST_TMPDIR/in")
}

@test "window and batches of any size deliver the same" {
  start_broker
  lines 1 2000 > "$BATS_TEST_TMPDIR/in"
  arrives() { all_of "$1" | sort | cmp - <(sort "$BATS_TEST_TMPDIR/in"); }
  mqsend -q -t A --window 1 "$BATS_TEST_TMPDIR/in"
  arrives A
  mqsend -q -t B --batch-bytes 1 --ack one "$BATS_TEST_TMPDIR/in"
  arrives B
  mqsend -q -t C --batch-bytes 4M --window 1000 "$BATS_TEST_TMPDIR/in"
  arrives C
  mqsend -q -t D --linger 0ms "$BATS_TEST_TMPDIR/in"
  arrives D
}

@test "a slow writer gets its lines out one by one" {
  start_broker
  mkfifo "$BATS_TEST_TMPDIR/fifo"
  mqsend -q -t T < "$BATS_TEST_TMPDIR/fifo" 3>&- &
  exec {pipe}> "$BATS_TEST_TMPDIR/fifo"
  for n in 1 2 3; do
    # The half line behind it must not hold the whole one back.
    printf 'line\nhalf ' >&"$pipe"
    wait_until has_stored T "$n"
  done
  exec {pipe}>&-
  wait $!
  has_stored T 4
}

@test "--linger holds a line back for more" {
  start_broker
  mkfifo "$BATS_TEST_TMPDIR/fifo"
  mqsend -q -t T --linger 1h --print ids < "$BATS_TEST_TMPDIR/fifo" > "$BATS_TEST_TMPDIR/ids" 3>&- &
  exec {pipe}> "$BATS_TEST_TMPDIR/fifo"
  echo a >&"$pipe"
  echo b >&"$pipe"
  mqsend -q -t other <<< c
  [ ! -s "$BATS_TEST_TMPDIR/ids" ]
  exec {pipe}>&-
  wait $!
  # One batch: neighbours in one queue.
  run all_of T --out 'format:%q %o\n'
  [ "${lines[0]% *}" = "${lines[1]% *}" ]
}

@test "--print gives a line a message in the order of the input" {
  start_broker
  run --separate-stderr mqsend -q -t T --print ids < <(lines 1 1000)
  [ "$status" = 0 ]
  [ "${#lines[@]}" = 1000 ]
  [[ ${lines[0]} =~ ^[0-9A-F]{32}$ ]]
  [ "$(printf '%s\n' "${lines[@]}" | sort)" = "$(all_of T --out json | sed 's/.*"id":"\([^"]*\)".*/\1/' | sort)" ]
  run --separate-stderr mqsend -q -t P --print json <<< a
  [[ $output =~ ^\{\"id\":\"[0-9A-F]{32}\",\"broker\":\"[^\"]+\",\"queue\":[0-9]+,\"offset\":0,\"level\":\"memory\"\}$ ]]
}

@test "--ack flush: a broker that waits for its disk says so of every message" {
  echo flushDiskType=SYNC_FLUSH > "$BATS_TEST_TMPDIR/b.conf"
  start_broker -c "$BATS_TEST_TMPDIR/b.conf"
  run --separate-stderr mqsend -t T --ack flush --print json < <(lines 1 100)
  [ "$status" = 0 ]
  [ "$(grep -c '"level":"disk"' <<< "$output")" = 100 ]
  [ "$(all_of T | wc -l)" = 100 ]
}

@test "--ack flush and --ack all are refused by name where the broker does not wait, and nothing is sent" {
  start_broker
  run --separate-stderr mqsend -v -t T --ack flush <<< a
  [ "$status" = 2 ]
  [[ $stderr == *"$broker does not wait for its disk"*'flushDiskType is ASYNC_FLUSH'* ]]
  [ "$(sums)" = "read 1 = acknowledged 0 + refused 1 + unknown 0" ]
  run --separate-stderr mqsend -v -t T --ack all <<< a
  [ "$status" = 2 ]
  [[ $stderr == *"$broker does not wait for replicas"*'brokerRole is ASYNC_MASTER'* ]]
  mqsend -q -t T --ack one <<< b
  [ "$(all_of T)" = b ]
}

@test "--ack all: what no replica has in time is stored but not acknowledged, once" {
  printf 'brokerRole=SYNC_MASTER\ninSyncReplicas=2\nslaveTimeout=200\n' > "$BATS_TEST_TMPDIR/b.conf"
  start_broker -c "$BATS_TEST_TMPDIR/b.conf"
  run --separate-stderr mqsend -v -t T --ack all --print json <<< a
  [ "$status" = 1 ]
  [ "$(sums)" = "read 1 = acknowledged 0 + refused 0 + unknown 1" ]
  [[ $output == *'"error":'*'not by its replicas in time (FLUSH_SLAVE_TIMEOUT)'* ]]
  [ "$(all_of T)" = a ]
  run --separate-stderr mqsend -v -t T --print json <<< b
  [ "$status" = 0 ]
  [[ $output == *'"level":"memory"'* ]]
}

@test "a malformed record stops the work after everything before it" {
  start_broker
  run --separate-stderr mqsend -v -t T --in json --print ids < <(printf '{"body":"a"}\n{broken\n{"body":"c"}\n')
  [ "$status" = 1 ]
  [ "$(sums)" = "read 2 = acknowledged 1 + refused 1 + unknown 0" ]
  [[ $stderr == *'line 2'* ]]
  [ "$(all_of T)" = a ]
}

@test "--on-error skip goes on, and --rejects keeps what was refused as it was" {
  start_broker
  printf '{"body":"a"}\n{broken\n{"body":"c"}\n{"body":"d","properties":{"UNIQ_KEY":"x"}}\n' > "$BATS_TEST_TMPDIR/in"
  run --separate-stderr mqsend -v -t T --in json --shard s --on-error skip --rejects "$BATS_TEST_TMPDIR/bad" --print json "$BATS_TEST_TMPDIR/in"
  [ "$status" = 1 ]
  [ "$(sums)" = "read 4 = acknowledged 2 + refused 2 + unknown 0" ]
  [ "$(all_of T)" = $'a\nc' ]
  cmp "$BATS_TEST_TMPDIR/bad" <(sed -n '2p;4p' "$BATS_TEST_TMPDIR/in")
  [ "$(wc -l < "$BATS_TEST_TMPDIR/bad.reasons")" = 2 ]
  [[ ${lines[0]} == *'"id"'* && ${lines[1]} == *'"error"'* && ${lines[2]} == *'"id"'* && ${lines[3]} == *'"error"'* ]]
}

@test "a line of 5 MiB is refused and counted, and the input goes on" {
  start_broker
  { echo before; head -c 5242880 /dev/zero | tr '\0' x; echo; echo behind; } > "$BATS_TEST_TMPDIR/in"
  run --separate-stderr mqsend -v -t T --shard s --on-error skip --rejects "$BATS_TEST_TMPDIR/bad" "$BATS_TEST_TMPDIR/in"
  [ "$status" = 1 ]
  [ "$(sums)" = "read 3 = acknowledged 2 + refused 1 + unknown 0" ]
  [ "$(all_of T)" = $'before\nbehind' ]
  cmp "$BATS_TEST_TMPDIR/bad" <(sed -n 2p "$BATS_TEST_TMPDIR/in")
}

@test "a line of exactly 4 MiB goes through" {
  start_broker
  head -c 4194304 /dev/zero | tr '\0' x > "$BATS_TEST_TMPDIR/in"
  mqsend -q -t T "$BATS_TEST_TMPDIR/in"
  all_of T --out raw | cmp - "$BATS_TEST_TMPDIR/in"
}

@test "--max-line makes the limit smaller, --skip-empty drops and counts" {
  start_broker
  run --separate-stderr mqsend -v -t T --max-line 5 --on-error skip --shard s < <(printf '12345\n123456\n')
  [ "$status" = 1 ]
  [ "$(all_of T)" = 12345 ]
  run --separate-stderr mqsend -v -t E --skip-empty --shard s < <(printf 'a\n\n\nb\n')
  [ "$status" = 0 ]
  [[ $stderr == *'read 2 = acknowledged 2'*'2 empty skipped'* ]]
  [ "$(all_of E)" = $'a\nb' ]
}

@test "--split-long makes several messages of a long line" {
  start_broker
  run --separate-stderr mqsend -v -t T --max-line 5 --split-long --shard s < <(printf '12345\n123456\nzweiöße\n')
  [ "$status" = 0 ]
  [ "$(sums)" = "read 5 = acknowledged 5 + refused 0 + unknown 0" ]
  [ "$(all_of T)" = $'12345\n12345\n6\nzwei\nöße' ]
  for wrong in '--in json' '--in file' '--key-delim :'; do
    # shellcheck disable=SC2086  # words
    run --separate-stderr mqsend -v -t T --split-long $wrong < /dev/null
    [ "$status" = 2 ]
  done
}

@test "--delay and --at hold messages back until their time" {
  start_broker
  local at
  at=$(($(date +%s%3N) + 2000))
  mqsend -q -t T --at -1h --tag past <<< past
  mqsend -q -t T --tag delay --delay 2s <<< delay
  mqsend -q -t T --tag at --at $at <<< at
  mqsend -q -t T --in json <<< "{\"body\":\"record\",\"tags\":\"record\",\"deliver_at\":$at}"
  wait_until has_stored T 4
  local tag
  for tag in delay at record; do
    run all_of T --tag $tag --out json
    [[ $output == *"\"body\":\"$tag\""* ]]
    [ "$(sed -E 's/.*"store_ts":([0-9]+).*/\1/' <<< "$output")" -ge "$at" ]
  done
  run all_of T --tag past --out json
  [ "$(sed -E 's/.*"store_ts":([0-9]+).*/\1/' <<< "$output")" -lt "$at" ]
}

@test "--count stops after so many, --rate takes its time" {
  start_broker
  mqsend -q -t T --count 3 < <(lines 1 100)
  [ "$(all_of T | wc -l)" = 3 ]
  local begin=${EPOCHREALTIME/./}
  mqsend -q -t R --rate 100 < <(lines 1 30)
  [ $((${EPOCHREALTIME/./} - begin)) -ge 250000 ]
  [ "$(all_of R | wc -l)" = 30 ]
}

@test "a delay level holds a message back, by option and by record, between others that come at once" {
  echo 'messageDelayLevel=400ms 1h' > "$BATS_TEST_TMPDIR/b.conf"
  start_broker -c "$BATS_TEST_TMPDIR/b.conf"
  local before
  before=$(date +%s%3N)
  run --separate-stderr mqsend -v -t T --in json --queue 0 --print json < <(printf '%s\n' '{"body":"a"}' \
    '{"body":"late","tags":"t","delay_level":1}' '{"body":"never","delay_level":2}' '{"body":"b"}')
  [ "$status" = 0 ]
  [ "$(sums)" = "read 4 = acknowledged 4 + refused 0 + unknown 0" ]
  # Where it waits is not where it will lie.
  [[ ${lines[0]} == *'"queue":0,"offset":0,'* && ${lines[1]} == *'"queue":0,"level"'* ]]
  [ "$(all_of T)" = $'a\nb' ]
  wait_until has_stored T 3
  run all_of T --tag t --out json
  [[ $output == *'"body":"late"'* ]]
  [ "$(sed -E 's/.*"store_ts":([0-9]+).*/\1/' <<< "$output")" -ge $((before + 400)) ]
  mqsend -q -t L --delay-level 1 < <(lines 1 500)
  wait_until has_stored L 500
  all_of L | sort | cmp - <(lines 1 500 | sort)
}

@test "a record with two delays or a negative one is refused" {
  start_broker
  run --separate-stderr mqsend -v -t T --in json --on-error skip < <(printf '%s\n' '{"body":"a","delay_level":1,"deliver_at":1}' \
    '{"body":"b","delay_level":-1}' '{"body":"c","delay_level":0}')
  [ "$status" = 1 ]
  [ "$(sums)" = "read 3 = acknowledged 1 + refused 2 + unknown 0" ]
  [ "$(all_of T)" = c ]
}

@test "compressed bodies come out as they went in" {
  start_broker
  lines 1 100 > "$BATS_TEST_TMPDIR/in"
  for kind in zlib lz4 zstd; do
    mqsend -q -t "$kind" --compress $kind --shard s "$BATS_TEST_TMPDIR/in"
    all_of $kind | cmp - "$BATS_TEST_TMPDIR/in"
    run all_of $kind -c 1 --out json
    [[ $output != *'"sys_flag":0'* ]]
  done
}

@test "an unknown topic is named, with status 4, where brokers make none; --create makes it" {
  echo autoCreateTopicEnable=false > "$BATS_TEST_TMPDIR/b.conf"
  start_broker -c "$BATS_TEST_TMPDIR/b.conf"
  run --separate-stderr mqsend -v -t nosuch <<< a
  [ "$status" = 4 ]
  [[ $stderr == *"topic 'nosuch' does not exist on $namesrv (TOPIC_NOT_EXIST)"* ]]
  [ "$(sums)" = "read 1 = acknowledged 0 + refused 1 + unknown 0" ]
  run --separate-stderr mqsend -v -t nosuch --create <<< a
  [ "$status" = 0 ]
  [ "$(all_of nosuch)" = a ]
}

@test "a dead name server is status 3, and the next one in the list is asked" {
  run --separate-stderr mqsend -t T -n 127.0.0.1:1 --timeout 200ms <<< a
  [ "$status" = 3 ]
  [[ $stderr == *127.0.0.1:1* ]]
  start_broker
  mqsend -q -t T -n "127.0.0.1:1;$namesrv" <<< a
  [ "$(all_of T)" = a ]
}

metric() { sed -n "s/^mqsend_$1{name=\"$2\"[^}]*} //p" "$BATS_TEST_TMPDIR/$2.prom"; }
metric_is() { [ "$(metric "$1" "$2")" = "$3" ]; }

@test "--metrics keeps a file up to date while the input is quiet, and says why what was refused" {
  start_broker
  mkfifo "$BATS_TEST_TMPDIR/fifo"
  mqsend -q -t T --in json --on-error skip --metrics "$BATS_TEST_TMPDIR/m.prom" < "$BATS_TEST_TMPDIR/fifo" 2> /dev/null 3>&- &
  local sender=$! before
  exec {pipe}> "$BATS_TEST_TMPDIR/fifo"
  wait_until metric_is messages_read_total m 0
  before=$(date +%s)
  printf '{"body":"a"}\n{broken\n{"body":"c"}\n' >&"$pipe"
  wait_until metric_is messages_acknowledged_total m 2
  [ "$(metric messages_refused_total m)" = 1 ]
  grep -qF 'mqsend_messages_refused_total{name="m",reason="malformed"} 1' "$BATS_TEST_TMPDIR/m.prom"
  [ "$(metric last_success_timestamp_seconds m | cut -d. -f1)" -ge "$before" ]
  exec {pipe}>&-
  local status=0
  wait "$sender" || status=$?
  [ "$status" = 1 ]
  [ "$(metric messages_read_total m)" = 3 ]
  [ "$(metric bytes_total m)" = 2 ]
  [ ! -e "$BATS_TEST_TMPDIR/m.prom.tmp" ]
  run --separate-stderr mqsend -t T --metrics "$BATS_TEST_TMPDIR/none/m.prom" <<< a
  [ "$status" = 4 ]
  [ "${#stderr_lines[@]}" = 1 ]
}

@test "--progress counts on stderr, in a line of its own before the sums" {
  start_broker
  lines 1 150 > "$BATS_TEST_TMPDIR/in"
  run --separate-stderr mqsend -v -t T --rate 100 --progress "$BATS_TEST_TMPDIR/in"
  [ "$status" = 0 ]
  [[ ${stderr_lines[0]} =~ [0-9]+\ messages,\ [0-9]+/s,\ .*,\ [0-9]+%,\ 0:0[01]\ left ]]
  [[ ${stderr_lines[1]} == 'mqsend: read 150 = '* ]]
  # No terminal, nobody asked.
  run --separate-stderr mqsend -t T --rate 100 "$BATS_TEST_TMPDIR/in"
  [ -z "$stderr" ]
}

@test "sums are told to a terminal, with -v, or when they do not come out even" {
  start_broker
  run --separate-stderr mqsend -t T <<< a
  [ "$status" = 0 ]
  [ -z "$stderr" ]
  run --separate-stderr mqsend -t T -v <<< a
  [ "$stderr" != "${stderr/read 1 = acknowledged 1/}" ]
  run --separate-stderr mqsend -t T --max-line 1 < <(printf 'a\nlong\nb\n')
  [ "$status" = 1 ]
  [[ $stderr == *'read 2 = acknowledged 1 + refused 1 + unknown 0;'*'; input was left unread' ]]
  run --separate-stderr mqsend -t T --max-line 1 --on-error skip < <(printf 'a\nlong\nb\n')
  [[ $stderr == *'read 3 = acknowledged 2 + refused 1 + unknown 0;'* && $stderr != *unread* ]]
  # Who wants so many leaves the rest on purpose.
  run --separate-stderr mqsend -t T -v --count 1 < <(printf 'a\nb\n')
  [[ $stderr == *'read 1 = '* && $stderr != *unread* ]]
}

@test "a broker that dies in mid-stream leaves sums that add up and status 1" {
  start_broker
  mkfifo "$BATS_TEST_TMPDIR/fifo"
  mqsend -v -t T --timeout 1s --retries 2 < "$BATS_TEST_TMPDIR/fifo" 2> "$BATS_TEST_TMPDIR/err" 3>&- &
  local sender=$!
  exec {pipe}> "$BATS_TEST_TMPDIR/fifo"
  lines 1 100 >&"$pipe"
  wait_until has_stored T 100
  kill -9 "$broker_pid"
  lines 101 110 >&"$pipe"
  local status=0
  wait "$sender" || status=$?
  exec {pipe}>&-
  [ "$status" = 1 ]
  grep -Eq 'read 110 = acknowledged 100 \+ refused [0-9]+ \+ unknown [0-9]+;' "$BATS_TEST_TMPDIR/err"
  [ "$(sed -En 's/.*refused ([0-9]+) \+ unknown ([0-9]+);.*/\1+\2/p' "$BATS_TEST_TMPDIR/err" | sed 's/^/echo $((/; s/$/))/' | sh)" = 10 ]
}

@test "a broker's restart is survived, acknowledged and one-way" {
  for mode in '' --oneway; do
    start_broker
    mkfifo "$BATS_TEST_TMPDIR/fifo$mode"
    # shellcheck disable=SC2086  # none or one word
    mqsend -v -t "T$mode" $mode --metrics "$BATS_TEST_TMPDIR/m$mode" < "$BATS_TEST_TMPDIR/fifo$mode" 2> "$BATS_TEST_TMPDIR/err$mode" 3>&- &
    local sender=$!
    exec 7> "$BATS_TEST_TMPDIR/fifo$mode"
    lines 1 100 >&7
    # One-way messages are known to be there when the broker has answered behind them.
    wait_until grep -qE '^mqsend_messages_(acknowledged|handed_over)_total.* 100$' "$BATS_TEST_TMPDIR/m$mode"
    stop_daemon "$broker_pid"
    lines 101 200 >&7
    start_daemon broker broker mqd-broker --standalone --store "$BATS_TEST_TMPDIR/store" --listen "$broker" --namesrv-port "${namesrv##*:}" 7>&-
    wait_until has_stored "T$mode" 200
    exec 7>&-
    wait "$sender"
    grep -Eq 'read 200 = (acknowledged|handed over) 200 ' "$BATS_TEST_TMPDIR/err$mode"
    stop_daemon "$daemon_pid"
  done
}

@test "an interrupt flushes what was read: status 130, or 143" {
  start_broker
  for signal in INT:130 TERM:143; do
    local topic=T${signal%:*}
    mkfifo "$BATS_TEST_TMPDIR/$topic"
    # Background jobs ignore SIGINT, which mqsend would keep.
    env --default-signal=INT mqsend -v -t "$topic" --linger 1h < "$BATS_TEST_TMPDIR/$topic" 2> "$BATS_TEST_TMPDIR/err" 3>&- &
    local sender=$!
    exec {pipe}> "$BATS_TEST_TMPDIR/$topic"
    # 128 KB: more than the pipe holds, less than a batch. When they are in, some have been read.
    lines 1 5000 >&"$pipe"
    kill -s "${signal%:*}" $sender
    local status=0
    wait $sender || status=$?
    exec {pipe}>&-
    [ "$status" = "${signal#*:}" ]
    grep -q 'refused 0 + unknown 0' "$BATS_TEST_TMPDIR/err"
    local acknowledged
    acknowledged=$(sed -n 's/.*acknowledged \([0-9]*\) .*/\1/p' "$BATS_TEST_TMPDIR/err")
    [ "$acknowledged" -ge 1000 ]
    [ "$(all_of "$topic" | wc -l)" = "$acknowledged" ]
  done
}

is_stuck_in_a_pipe() { grep -q pipe "/proc/$1/wchan"; }

@test "who takes nothing of what is printed does not hold up an end for ever" {
  start_broker
  mkfifo "$BATS_TEST_TMPDIR/fifo"
  # Open, and never read.
  exec {held}<> "$BATS_TEST_TMPDIR/fifo"
  seq 20000 > "$BATS_TEST_TMPDIR/in"
  mqsend -q -t T --print ids "$BATS_TEST_TMPDIR/in" > "$BATS_TEST_TMPDIR/fifo" 2> "$BATS_TEST_TMPDIR/err" 3>&- &
  local pid=$!
  wait_until is_stuck_in_a_pipe "$pid"
  kill "$pid"
  wait_until is_gone "$pid"
  grep -q 'standard output: its reader has not taken everything' "$BATS_TEST_TMPDIR/err"
  exec {held}>&-
}
