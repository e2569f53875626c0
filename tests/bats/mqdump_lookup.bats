#!/usr/bin/env bats
# mqdump's commands that look something up in a store: in use, stopped, and after a crash.
bats_require_minimum_version 1.5.0
load helpers

store() { echo "$BATS_TEST_TMPDIR/store"; }
make_topic() { mqadmin updateTopic -b "$broker" -t "$1" -r 1 -w 1 > /dev/null; }
dump() { mqdump "$1" "$(store)" "${@:2}"; }
field() { sed -n "s/.*\"$1\":\"\{0,1\}\([^,\"}]*\).*/\1/p"; }

# in_all_states COMMAND...: while the broker runs, when it was killed, and when it was stopped.
in_all_states() {
  "$@" || return 1
  stop_daemon "$broker_pid" KILL || true
  "$@" || { echo "after a crash" >&2; return 1; }
  start_broker || return 1
  stop_daemon "$broker_pid" || return 1
  "$@" || { echo "after a clean stop" >&2; return 1; }
}

send_three() {
  printf '%s\n' '{"body":"one","keys":["k1","both"]}' '{"body":"two","keys":["both"],"tags":"x"}' '{"body":"three"}' |
    mqsend -q -t orders --in json --print ids
}

got() {
  [ "$(dump get "$2")" = two ] && [ "$(dump get "$3")" = two ] && [ "$(dump get "$4")" = two ] &&
    [ "$(dump get "$1")" = one ]
}

@test "get finds a message by unique key, offset id and log offset" {
  start_broker
  make_topic orders
  mapfile -t ids < <(send_three)
  second=$(dump log --out json | sed -n 2p)
  in_all_states got "${ids[0]}" "${ids[1]}" "$(field offset_id <<< "$second")" "$(field log_offset <<< "$second")"
  run -0 --separate-stderr dump get "${ids[2]}" --out 'format:%t %q:%o %i\n'
  [ "$output" = "orders 0:2 ${ids[2]}" ]
  [ "$stderr" = "" ]
  # Without an index the log itself is read, and of a single file it is all there is.
  rm -r "$(store)/index"
  run -0 --separate-stderr dump get "${ids[1]}"
  [ "$output" = two ]
  [ "$stderr" = "mqdump: the index does not have it; reading the whole log" ]
  run -0 mqdump get -q "$(store)/commitlog/00000000000000000000" "${ids[1]}"
  [ "$output" = two ]
}

@test "get says what it did not find with status 4" {
  start_broker
  make_topic orders
  mapfile -t ids < <(send_three)
  stop_daemon "$broker_pid"
  run -4 --separate-stderr dump get -q nobody
  [ "$stderr" = "mqdump: $(store): no message with the id 'nobody'" ]
  run -4 --separate-stderr dump get 1
  [ "$stderr" = "mqdump: no record begins at 1" ]
  run -4 --separate-stderr dump get 99999999999999
  [ "$stderr" = "mqdump: the log has nothing at 99999999999999" ]
  # Another broker's offset id leads to this place by chance.
  run -4 dump get -q 0102030400002A9F0000000000000000
}

queue_is_whole() {
  [ "$(dump queue orders 0 --out jsonl | field offset | tr '\n' ' ')" = "0 1 2 " ] &&
    [ "$(dump queue orders 0 --out jsonl | field log_offset)" = "$(dump log -t orders --out 'format:%O\n')" ]
}

@test "queue prints its units, and where they lead there are its messages" {
  start_broker
  make_topic orders
  send_three
  in_all_states queue_is_whole
  run -0 dump queue orders 0 --from 1 -c 1
  [ "${#lines[@]}" = 2 ]
  [[ ${lines[0]} == "OFFSET  LOG OFFSET  SIZE  TAGS CODE"* ]]
  [[ ${lines[1]} =~ ^1\ +[0-9]+\ +[0-9]+\ +120$ ]]
  [ "$(dump queue orders 0 --from -2 --out jsonl | field offset | tr '\n' ' ')" = "1 2 " ]
  [ "$(dump queue orders 0 --from 3 --out json)" = "[]" ]
  file=$(store)/consumequeue/orders/0/00000000000000000000
  [ "$(mqdump queue "$file" --out jsonl)" = "$(dump queue orders 0 --out jsonl)" ]
  run -4 --separate-stderr dump queue nothing 0
  [ "$stderr" = "mqdump: $(store) has no queue 0 of topic 'nothing'" ]
  run -2 --separate-stderr dump queue orders
  [ "$stderr" = "mqdump: TOPIC and QUEUE are required with a store (see mqdump queue --help)" ]
  run -2 --separate-stderr dump queue orders x
  [ "$stderr" = "mqdump: QUEUE: 'x' is not the number of a queue (see mqdump queue --help)" ]
  run -2 mqdump queue "$file" orders 0
}

index_is_whole() {
  [ "$(dump index --key both -t orders --out jsonl | field offset | tr '\n' ' ')" = "0 1 " ] &&
    [ "$(dump index --key both --out jsonl | field id | tr '\n' ' ')" = "$1 $2 " ] &&
    [ "$(dump index --key "$2" --out jsonl | field offset)" = 1 ]
}

@test "index prints where messages with a key lie" {
  start_broker
  make_topic orders
  mapfile -t ids < <(send_three)
  indexed() { dump index --key "${ids[2]}" > /dev/null 2>&1; }
  wait_until indexed
  index_is_whole "${ids[@]}"
  stop_daemon "$broker_pid"
  index_is_whole "${ids[@]}"
  run -0 dump index --key k1
  [[ ${lines[0]} == "TOPIC   QUEUE  OFFSET  LOG OFFSET  STORED "*" INDEX "*" ENTRY  RECORD" ]]
  [[ ${lines[1]} == "orders  0      0       0 "*" found" ]]
  run -4 --separate-stderr dump index --key nobody
  [ "$stderr" = "mqdump: $(store): the index has no entry for the key 'nobody'" ]
  run -4 dump index --key both -t others
  file=$(echo "$(store)"/index/*)
  [ "$(mqdump index "$file" --key k1 -t orders --out jsonl | field log_offset)" = 0 ]
  run -2 --separate-stderr mqdump index "$file" --key k1
  [ "$stderr" = "mqdump: --topic is required with an index file (see mqdump index --help)" ]
  run -2 dump index
}

groups_are() { [ "$(dump groups --out jsonl | grep -v RETRY)" = '{"group":"g","topic":"orders","queue":0,"offset":2,"min":0,"max":3,"lag":1}' ]; }

@test "groups prints committed offsets and lag, topics the table" {
  start_broker
  make_topic orders
  send_three
  mqpull -q -t orders -g g --from beginning -c 2 > /dev/null
  stop_daemon "$broker_pid"
  start_broker
  in_all_states groups_are
  run -0 dump groups
  [ "${lines[0]}" = "GROUP  TOPIC     QUEUE  OFFSET  MIN  MAX  LAG" ]
  # A group commits all of its queues, also where nothing lies.
  [ "${lines[1]}" = "g      %RETRY%g  0      0       -    -    -" ]
  [ "${lines[2]}" = "g      orders    0      2       0    3    1" ]
  run -4 --separate-stderr dump groups -g nobody
  [ "$stderr" = "mqdump: $(store): group 'nobody' has committed nothing" ]
  run -0 dump topics
  [[ $output == *$'\norders '*" 1     1      RW-   no"* ]]
  [ "$(dump topics --out jsonl | grep -c '"topic":"orders","read_queues":1,"write_queues":1,"perm":6')" = 1 ]
}

# delayed LEVEL BODY: sends to orders, queue 0.
delayed() {
  ask 310 "{\"a\":\"P\",\"b\":\"orders\",\"c\":\"TBW102\",\"d\":\"1\",\"e\":\"0\",\"f\":\"0\",\"g\":\"0\",\"h\":\"0\",\"i\":\"DELAY\\u0001$1\\u0002\"}" "$2"
  [ "$answer_code" = 0 ]
}

@test "timers prints what waits for its time, the next one first" {
  start_broker
  make_topic orders
  connect "$broker"
  delayed 18 late
  delayed 17 soon
  disconnect
  echo now | mqsend -q -t orders
  waits() { [ "$(dump timers --out jsonl | field level | tr '\n' ' ')" = "17 18 " ]; }
  wait_until waits
  in_all_states waits
  due=$(dump timers --out jsonl | head -1 | field due_ts)
  stored=$(dump timers --out jsonl | head -1 | field store_ts)
  [ "$((due - stored))" = 3600000 ]
  run -0 dump timers
  [ "${#lines[@]}" = 3 ]
  [[ ${lines[1]} == *"  level 17  orders  0 "* ]]
}

@test "all forms of output have the same rows, and a closed pipe ends them quietly" {
  start_broker
  make_topic orders
  seq 30000 | mqsend -q -t orders
  stop_daemon "$broker_pid"
  [ "$(dump queue orders 0 --out table | sed 1d | wc -l)" = 30000 ]
  [ "$(dump queue orders 0 --out jsonl | wc -l)" = 30000 ]
  [ "$(dump queue orders 0 --out json | tr '{' '\n' | grep -c offset)" = 30000 ]
  [ "$(dump queue orders 0 --out msgpack | tr -d '\0' | grep -ao log_offset | wc -l)" = 30000 ]
  run -0 --separate-stderr bash -c "mqdump queue '$(store)' orders 0 | head -1 > /dev/null; echo \${PIPESTATUS[0]} >&2"
  [ "$stderr" = 141 ]
  run -1 --separate-stderr bash -c "mqdump queue '$(store)' orders 0 > /dev/full"
  [ "$stderr" = "mqdump: standard output: No space left on device" ]
}

@test "every command says that there is no such store with status 4" {
  nothing=$BATS_TEST_TMPDIR/nothing
  for command in "log" "stat" "groups" "topics" "timers"; do run -4 mqdump "$command" "$nothing"; done
  run -4 mqdump get "$nothing" 0
  run -4 mqdump queue "$nothing" t 0
  run -4 mqdump index "$nothing" --key k
}
