#!/usr/bin/env bats
# Stores that were damaged or changed from outside, with the broker that has to go on with them: nothing sound is lost,
# no number is given twice, and the log says what was done.
bats_require_minimum_version 1.5.0
load helpers

store=$BATS_TEST_TMPDIR/store

# A store of a thousand messages in two queues, read by group g, and stopped as $1 says: TERM or KILL.
make_store() {
  start_broker
  mqadmin updateTopic -b "$broker" -t orders -r 2 -w 2 > /dev/null
  seq 1000 | mqsend -q -t orders --batch-bytes 100
  mqpull -q -t orders -g g --from beginning -e > /dev/null
  if [ "$1" = KILL ]; then
    kill -9 "$broker_pid"
    wait_until is_gone "$broker_pid"
  else
    stop_daemon "$broker_pid"
  fi
}

# All are there, none twice, the group goes on where it was, and the store is sound afterwards.
check_store() {
  start_broker "$@"
  run -0 --separate-stderr mqpull -q -t orders --from beginning -e
  [ "$(sort -n <<< "$output" | uniq)" = "$(seq 1000)" ]
  [ "${#lines[@]}" = 1000 ]
  seq 1001 1010 | mqsend -q -t orders
  run -0 --separate-stderr mqpull -q -t orders -g g -e
  [ "$(sort -n <<< "$output")" = "$(seq 1001 1010)" ]
  stop_daemon "$broker_pid"
  run -0 --separate-stderr mqdump verify -q "$store"
}

queue_folder_gone() {
  make_store "$1"
  rm -r "$store/consumequeue/orders/1"
  run -1 mqdump verify -q "$store"
  check_store
  # After a kill, recovery may have written the queue anew already, with all others that it replays.
  [ "$1" = KILL ] || logged broker ' queue_rebuilt topic=orders queue=1 from=0 to=[0-9]+ '
}

other_sizes() {
  make_store "$1"
  truncate -s 1000 "$store/consumequeue/orders/0/00000000000000000000"
  check_store
}

other_files() {
  make_store "$1"
  echo mappedFileSizeConsumeQueue=2000 > "$BATS_TEST_TMPDIR/broker.conf"
  check_store -c "$BATS_TEST_TMPDIR/broker.conf"
}

@test "a queue's folder is gone from a store that another broker has written" {
  make_store TERM
  start_broker
  head -c 70000000 /dev/zero | tr '\0' x | fold -w 1000 | mqsend -q -t much  # so that the log is not counted at once
  stop_daemon "$broker_pid"
  rm -r "$store/consumequeue/orders/1" "$store/mqd-queues"
  check_store
  logged broker ' queue_ends_being_counted log_from=0 log_to=[0-9]+ '
  logged broker ' queue_rebuilt topic=orders queue=1 from=0 to=[0-9]+ '
}

@test "a queue's folder is gone" { queue_folder_gone TERM; }
@test "a queue's folder is gone after a kill" { queue_folder_gone KILL; }
@test "a queue file is of another size" { other_sizes TERM; }
@test "a queue file is of another size after a kill" { other_sizes KILL; }
@test "queue files of another size are configured" { other_files TERM; }
@test "queue files of another size are configured after a kill" { other_files KILL; }

@test "what lies behind damage in the log stays, and is delivered" {
  make_store KILL
  rm -f "$store/mqd-milestone"  # as after a power cut: the log is looked through
  at=$(mqdump log "$store" --out 'format:%O\n' | sed -n 500p)
  printf 'damaged!' | dd of="$store/commitlog/00000000000000000000" bs=1 seek="$at" conv=notrunc status=none
  start_broker
  run -1 --separate-stderr mqpull -q -t orders --from beginning -e  # what was in the damaged part is told of
  [[ "$stderr" =~ 'of orders/'.*' cannot be read: deleted or damaged' ]]
  [ "${#lines[@]}" -gt 980 ]  # a batch of mqsend's may have been one record
  grep -qx 1000 <<< "$output"
  logged broker " log_damage_filled file=$store/commitlog/00000000000000000000 at=$at "
  logged broker ' log_kept_behind_damage places=1 records=[0-9]{3} '
  [ -s "$(echo "$store"/damaged/commitlog-"$at"-*)" ]
}
