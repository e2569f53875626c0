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
  run -0 --separate-stderr mqdump verify -v "$(store)"
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

state() { (cd "$(store)" && find . -printf '%p %s %T@\n' | sort && find . -type f -exec cksum {} + | sort); }

@test "repair says what it would do, does it with --yes, and then has nothing to do" {
  make_store
  third=$(offset_of 3)
  fourth=$(offset_of 4)
  fifth=$(offset_of 5)
  # A bit in one body, and all of another record.
  printf '\x32' | dd of="$(store)/$log_file" bs=1 seek=$((third + 88)) conv=notrunc status=none
  head -c $((fifth - fourth)) /dev/zero | tr '\0' '#' |
    dd of="$(store)/$log_file" bs=1 seek="$fourth" conv=notrunc status=none
  flip consumequeue/orders/0/00000000000000000000 $((20 * 50 + 15))
  state > "$BATS_TEST_TMPDIR/before"
  run -1 --separate-stderr mqdump repair "$(store)"
  plan=$output
  [ "${lines[0]}" = "put a flipped bit back in the record at $third, bit 0 of byte 88" ]
  [ "${lines[1]}" = "fill $((fifth - fourth)) bytes of the log at $fourth, which cannot be read" ]
  [[ ${lines[2]} == "make consumequeue/orders/0 again from the log: "* ]]
  [[ ${lines[3]} == "make index/"*" and what is newer in the index again" ]]
  [ "$stderr" = "mqdump: 4 steps to do with --yes, 0 findings without remedy" ]
  diff "$BATS_TEST_TMPDIR/before" <(state)

  run -0 --separate-stderr mqdump repair -v --yes "$(store)"
  [ "$output" = "$plan" ]
  [[ $stderr == *"what was replaced lies in $(store)/repair-"*"4 steps done, 0 findings left" ]]
  [ "$(head -c 5 "$(store)"/repair-*/commitlog-"$fourth"-$((fifth - fourth)))" = '#####' ]
  run -0 mqdump verify -q --deep "$(store)"
  state > "$BATS_TEST_TMPDIR/before"
  run -0 --separate-stderr mqdump repair -v --yes "$(store)"
  [ "$output$stderr" = "mqdump: nothing to do" ]
  diff "$BATS_TEST_TMPDIR/before" <(state)

  start_broker
  diff <(seq 100 | grep -vx 4) <(mqpull -q -t orders --from beginning -e | uniq)
}

@test "repair leaves a store alone that a broker uses" {
  start_broker
  echo x | mqsend -q --create -t t
  run -2 --separate-stderr mqdump repair --yes "$(store)"
  [ "$output" = "" ]
  [ "$stderr" = "mqdump: $(store) is in use by process $broker_pid" ]
  run -4 mqdump repair "$BATS_TEST_TMPDIR/nothing"
}

@test "repair recovers after a crash as a start would" {
  start_broker
  mqadmin updateTopic -b "$broker" -t orders -r 1 -w 1 > /dev/null
  seq 100 | mqsend -q -t orders
  kill -9 "$broker_pid"
  wait_until is_gone "$broker_pid"
  run -1 mqdump repair -q "$(store)"
  [ -e "$(store)/abort" ]
  run -0 mqdump repair -q --yes "$(store)"
  [ ! -e "$(store)/abort" ]
  run -0 mqdump verify -q --deep "$(store)"
  diff <(seq 100) <(mqdump log "$(store)" -t orders)
}
