#!/usr/bin/env bats
# mqsend and what brokers take: limits of two brokers, of one that has another after a restart, and what
# becomes of one-way messages.
bats_require_minimum_version 1.5.0
load helpers

setup() { cd "$BATS_TEST_TMPDIR" || return; }
all_of() { mqpull -q -t "$1" --from beginning -e "${@:2}"; }
has_stored() { [ "$(all_of "$1" | wc -l)" -ge "$2" ]; }
sums() { grep -o 'read .* unknown [0-9]*' <<< "$stderr" | tail -1; }
# of_bytes N NAME: a line of N bytes, its newline not counted.
of_bytes() { printf "%s%0$(($1 - ${#2}))d\n" "$2" 0; }
small_broker() { # BYTES [KEY=VALUE...]
  printf '%s\n' "maxMessageSize=$1" "${@:2}" > broker.conf
  start_broker -c broker.conf
}

@test "a message of exactly the maximum goes through, a byte more is refused with its reason, and no other" {
  small_broker 65536
  { of_bytes 10 a; of_bytes 65535 b; of_bytes 65536 c; of_bytes 65537 d; of_bytes 10 e; } > in
  run --separate-stderr mqsend -t T --on-error skip --rejects rejects in
  [ "$status" = 1 ]
  [ "$(sums)" = 'read 5 = acknowledged 4 + refused 1 + unknown 0' ]
  [[ $stderr == *'has 65537 bytes, more than maxMessageSize 65536 (MESSAGE_ILLEGAL)'* ]]
  [ "$(all_of T | cut -c1 | sort | tr -d '\n')" = abce ]
  cmp rejects <(of_bytes 65537 d)
  run --separate-stderr mqsend -t O --oneway --on-error skip in
  [ "$status" = 1 ]
  [ "$(sums)" = 'read 5 = handed over 4 + refused 1 + unknown 0' ]
  [[ $stderr == *'the message has 65537 bytes; '*' accepts at most 65536 (its maxMessageSize)'* ]]
  [ "$(all_of O | cut -c1 | sort | tr -d '\n')" = abce ]
}

@test "with --spool what is within the limit goes through it, and only what is not lies among the refused" {
  small_broker 20000
  { for i in $(seq 200); do of_bytes 1000 "$i "; done; of_bytes 20001 big; } > in
  run --separate-stderr mqsend -t T --spool spool --on-error skip in
  [ "$status" = 1 ]
  [ "$(sums)" = 'read 201 = acknowledged 200 + spooled 0 + refused 1 + unknown 0' ]
  [ "$(mqdump log spool/refused | wc -l)" = 1 ]
  all_of T | sort | cmp - <(head -200 in | sort)
}

@test "two brokers with different limits: each gets what it takes, acknowledged and one-way" {
  start_namesrv
  local name
  for name in small large; do
    printf '%s\n' brokerName=$name "maxMessageSize=$([ $name = small ] && echo 10000 || echo 100000)" > $name.conf
    start_daemon $name broker mqd-broker -n "$namesrv" --store $name --listen 127.0.0.1:0 -c $name.conf
  done
  are_known() { mqadmin "$@" 2> /dev/null | grep -q small && mqadmin "$@" 2> /dev/null | grep -q large; }
  wait_until are_known clusterList
  local topic
  for topic in T O; do
    mqadmin updateTopic -t $topic -c DefaultCluster > /dev/null
    wait_until are_known topicRoute -t $topic
  done
  { for i in $(seq 100); do of_bytes 1000 "$i "; done; for i in $(seq 8); do of_bytes 50000 "large $i "; done; } > in
  mqsend -q -t T in
  all_of T | sort | cmp - <(sort in)
  mqsend -q -t O --oneway in
  all_of O | sort | cmp - <(sort in)
  [ "$(all_of T --broker small | grep -c large)" = 0 ]
}

@test "a broker that has a smaller limit after a restart gets smaller batches" {
  small_broker 1000000
  mkfifo fifo
  local way topic
  for way in --window=64 --oneway; do
    topic=T${way//[-=]/}
    mqsend -v -t "$topic" --create $way --metrics m.prom < fifo 2> err 3>&- &
    local sender=$!
    exec {pipe}> fifo
    for i in $(seq 300); do of_bytes 1000 "$i "; done >&"$pipe"
    # One-way messages are known to be there when the broker has answered behind them.
    wait_until grep -qE '^mqsend_messages_(acknowledged|handed_over)_total.* 300$' m.prom
    stop_daemon "$broker_pid"
    echo "maxMessageSize=$([ $way = --oneway ] && echo 5000 || echo 20000)" > broker.conf
    start_daemon broker broker mqd-broker --standalone --store store --listen "$broker" --namesrv-port "${namesrv##*:}" -c broker.conf {pipe}>&-
    broker_pid=$daemon_pid
    for i in $(seq 301 600); do of_bytes 1000 "$i "; done >&"$pipe"
    exec {pipe}>&-
    wait "$sender" || { cat err; false; }
    [ "$(all_of "$topic" | sort -u | wc -l)" = 600 ]
  done
}

@test "a message longer than the default limit goes where brokers take it, by --max-line" {
  small_broker 8388608 mappedFileSizeCommitLog=33554432
  of_bytes 6000000 long > in
  run --separate-stderr mqsend -t T in
  [ "$status" = 1 ]
  mqsend -q -t T --max-line 8M in
  all_of T | cmp - in
}

@test "one-way messages that a broker does not store are counted, told and logged" {
  small_broker 65536
  # Properties that leave no room for what a broker adds later: the broker alone knows.
  local value
  value=$(printf '%032200d' 0)
  { echo '{"body":"a"}'; printf '{"body":"b","properties":{"p":"%s"}}\n' "$value"; echo '{"body":"c"}'; } > in
  run --separate-stderr mqsend -t T --oneway --in json --on-error skip in
  [ "$status" = 1 ]
  [[ $stderr == *'did not store '*'one-way message'*'oneway_send_not_stored'* ]]
  logged broker 'oneway_send_not_stored count=[0-9]+ topic=T '
  # A topic that nobody may write to.
  mqadmin updateTopic -b "$broker" -t R -p 4 > /dev/null
  mqsend -q -t R --oneway --timeout 1s <<< a && false
  # What is acknowledged is refused alone, and for that reason.
  run --separate-stderr mqsend -t A --in json --on-error skip in
  [ "$(sums)" = 'read 3 = acknowledged 2 + refused 1 + unknown 0' ]
  [ "$(all_of A | tr -d '\n' | fold -w1 | sort | tr -d '\n')" = ac ]
}

@test "one-way messages that were written to a connection that broke are unknown, status 1, and the run goes on" {
  start_broker
  mkfifo fifo
  mqsend -v -t T --oneway --timeout 60s < fifo 2> err 3>&- &
  local sender=$! status=0
  exec {pipe}> fifo
  echo first >&"$pipe"
  wait_until has_stored T 1
  freeze "$broker_pid"
  # Written, and never read.
  seq 100 >&"$pipe"
  local port
  port=$(printf ':%04X' "${broker##*:}")
  is_written() { awk -v port="$port" '$2 ~ port "$" && $4 == "01" && $5 !~ /:0*$/ { n++ } END { exit n == 0 }' /proc/net/tcp; }
  wait_until is_written
  kill -9 "$broker_pid"
  wait "$broker_pid" || true
  start_daemon broker broker mqd-broker --standalone --store store --listen "$broker" --namesrv-port "${namesrv##*:}" {pipe}>&-
  seq 101 110 >&"$pipe"
  exec {pipe}>&-
  wait "$sender" || status=$?
  [ "$status" = 1 ]
  local handed unknown
  read -r handed unknown < <(sed -nE 's/.*read 111 = handed over ([0-9]+) \+ refused 0 \+ unknown ([0-9]+);.*/\1 \2/p' err)
  [ "$unknown" = 100 ]
  [ "$handed" = 11 ]
  grep -q 'broke: it is not known whether the one-way messages on it arrived' err
}

@test "--follow waits for a broker without limit, reads nothing meanwhile, and says so" {
  start_broker
  echo first > log
  mqsend -t T --follow log --timeout 300ms 2> err 3>&- &
  local sender=$!
  wait_until has_stored T 1
  stop_daemon "$broker_pid"
  echo second >> log
  wait_until grep -q 'mqsend: waiting: ' err
  # Longer than --timeout, and it still waits.
  echo third >> log
  kill -0 "$sender"
  start_daemon broker broker mqd-broker --standalone --store store --listen "$broker" --namesrv-port "${namesrv##*:}"
  wait_until has_stored T 3
  wait_until grep -q 'mqsend: continues after ' err
  kill -0 "$sender"
  [ "$(grep -c waiting: err)" = 1 ]
}

@test "other inputs wait for --timeout, --timeout 0 without limit; a first connection is tried again" {
  run --separate-stderr mqsend -t T -n 127.0.0.1:1 --timeout 1500ms <<< a
  [ "$status" = 3 ]
  [[ ${stderr_lines[0]} == 'mqsend: waiting: '* ]]
  run --separate-stderr mqsend -q -t T -n 127.0.0.1:1 --timeout 1500ms <<< a
  [ "$status" = 3 ]
  [ "${#stderr_lines[@]}" = 1 ]
  # Nobody is there yet.
  start_broker
  stop_daemon "$broker_pid"
  mqsend -t T --timeout 0 <<< late 2> err 3>&- &
  local sender=$!
  wait_until grep -q 'mqsend: waiting: ' err
  start_daemon broker broker mqd-broker --standalone --store store --listen "$broker" --namesrv-port "${namesrv##*:}"
  wait "$sender"
  [ "$(all_of T)" = late ]
  grep -q 'mqsend: continues after ' err
}

@test "unknown JSON and msgpack keys are told of once each, and are an error with --strict" {
  start_broker
  printf '%s\n' '{"body":"a","tag":"x"}' '{"body":"b","tag":"y","key":"k","offset":1}' '{"body":"c"}' > in
  run --separate-stderr mqsend -t T --in json in
  [ "$status" = 0 ]
  [ "${#stderr_lines[@]}" = 2 ]
  [[ $stderr == *"line 1 (byte 0): the unknown key 'tag' is ignored"* && $stderr == *"line 2 (byte 23): the unknown key 'key' is ignored"* ]]
  [ "$(all_of T | sort | tr -d '\n')" = abc ]
  run --separate-stderr mqsend -t S --in json --strict --on-error skip in
  [ "$status" = 1 ]
  [ "$(sums)" = 'read 3 = acknowledged 1 + refused 2 + unknown 0' ]
  printf '\x82\xa4body\xa1m\xa3tag\xa1x' > map
  run --separate-stderr mqsend -t M --in msgpack map
  [ "$status" = 0 ]
  [[ $stderr == *"the unknown key 'tag' is ignored"* ]]
  [ "$(mqpull -q -t T --from beginning -e --out json | mqsend -t C --in json --strict 2>&1)" = '' ]
}

@test "--ack all,flush wants both, and says which is missing" {
  start_broker
  run --separate-stderr mqsend -t T --ack all,flush <<< a
  [ "$status" = 2 ]
  [[ $stderr == *'does not wait for replicas'* ]]
}
