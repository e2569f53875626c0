#!/usr/bin/env bats
bats_require_minimum_version 1.5.0
load helpers

store() { echo "$BATS_TEST_TMPDIR/store"; }

# flip FILE OFFSET: turns the bits of one byte of a store's file.
flip() {
  local file byte
  file=$(store)/$1
  byte=$(od -An -tu1 -j "$2" -N 1 "$file")
  # shellcheck disable=SC2059
  printf "\\x$(printf %02x $((byte ^ 255)))" | dd of="$file" bs=1 seek="$2" conv=notrunc status=none
}

log_file=commitlog/00000000000000000000
offset_of() { mqdump log "$(store)" --out 'format:%O\n' | sed -n "$1p"; }

# A stopped store of a hundred messages in one queue.
make_store() {
  start_broker
  mqadmin updateTopic -b "$broker" -t orders -r 1 -w 1 > /dev/null
  seq 100 | mqsend -q -t orders -k key --tag tag
  stop_daemon "$broker_pid"
}

@test "verify finds nothing in a sound store and says what it has looked at" {
  make_store
  run -0 --separate-stderr mqdump verify "$(store)"
  [ "$output" = "" ]
  [ "$stderr" = "mqdump: 100 messages, 100 queue units, 200 index entries: nothing found" ]
  run -0 --separate-stderr mqdump verify -q --deep "$(store)"
  [ "$output$stderr" = "" ]
}

@test "verify prints a line for each finding and gives status 1" {
  make_store
  third=$(offset_of 3)
  fourth=$(offset_of 4)
  flip "$log_file" $((third + 88))
  flip consumequeue/orders/0/00000000000000000000 $((20 * 50 + 15))
  flip checkpoint 4000
  run -1 --separate-stderr mqdump verify "$(store)"
  [ "$stderr" = "mqdump: 99 messages, 100 queue units, 200 index entries: 4 findings" ]
  [ "${lines[0]}" = "commitlog at $third, $((fourth - third)) bytes: a record whose body fails its CRC" ]
  [[ ${lines[1]} == "consumequeue/orders/0 unit 50: not what its record at "* ]]
  [ "${lines[2]}" = "consumequeue/orders/0 unit 2: leads to $third, where its record is not" ]
  [ "${lines[3]}" = "checkpoint: not zero behind its fields" ]
  [ "${#lines[@]}" = 4 ]
}

@test "verify looks at a store while a broker writes to it" {
  start_broker
  mqadmin updateTopic -b "$broker" -t orders -r 4 -w 4 > /dev/null
  (seq 400000 | mqsend -q -t orders -k key) 3>&- &
  sender=$!
  rounds=0
  while ! is_gone "$sender"; do
    run -0 --separate-stderr mqdump verify -q "$(store)"
    [ "$output$stderr" = "" ]
    rounds=$((rounds + 1))
  done
  wait "$sender"
  [ "$rounds" -ge 1 ]
}

@test "verify tells what a crash has left from damage" {
  start_broker
  mqadmin updateTopic -b "$broker" -t orders -r 1 -w 1 > /dev/null
  seq 100 | mqsend -q -t orders
  kill -9 "$broker_pid"
  wait_until is_gone "$broker_pid"
  # Queues and index may not have come as far as the log: that is no damage.
  mqdump verify "$(store)" > "$BATS_TEST_TMPDIR/found" 2> "$BATS_TEST_TMPDIR/summary" || [ $? = 1 ]
  [ "$(grep -vc '(the next start mends it)$' "$BATS_TEST_TMPDIR/found")" = 0 ]
  grep -q '^mqdump: 100 messages, .*; it was not stopped, the next start will recover it$' "$BATS_TEST_TMPDIR/summary"
  last=$(offset_of 100)
  flip "$log_file" $((last + 90))
  run -1 --separate-stderr mqdump verify "$(store)"
  [[ ${lines[0]} == "commitlog at $last, "*" bytes: behind the last record: a record whose body fails its CRC (the next start mends it)" ]]
}

@test "verify: what is missing has status 4, a full disk status 1" {
  run -4 --separate-stderr mqdump verify "$BATS_TEST_TMPDIR/nothing"
  [ "$stderr" = "mqdump: $BATS_TEST_TMPDIR/nothing: no such store" ]
  make_store
  flip checkpoint 4000
  run -1 --separate-stderr bash -c "mqdump verify '$(store)' > /dev/full"
  [ "$stderr" = "mqdump: standard output: No space left on device" ]
}
