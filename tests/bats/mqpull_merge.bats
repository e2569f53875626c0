#!/usr/bin/env bats
# mqpull --merge: the messages of all queues in the order in which they were stored.
bats_require_minimum_version 1.5.0
load helpers

lag_of() { mqpull -t "$1" -g "$2" --lag | awk '{ s += $6 } END { print s }'; }
has_lines() { [ -e "$1" ] && [ "$(wc -l < "$1")" -ge "$2" ]; }

@test "queues and topics of a broker come in the order of its log, plain and in a group" {
  start_broker
  for topic in A B; do mqsend -q -t $topic --create < /dev/null; done
  # In no order that the queues would give.
  local topics=(A A B A B)
  for n in $(seq 60); do echo "$n" | mqsend -q -t "${topics[n * 7 % 5]}" --queue $((n * n % 7 % 4)); done
  seq 60 | cmp - <(mqpull -t A,B --from beginning -e --merge)
  seq 60 | cmp - <(mqpull -t A,B --from beginning --idle 500ms --merge)
  seq 60 | cmp - <(mqpull -t A,B -g g --from beginning -e --merge)
  [ "$(lag_of A,B g)" = 0 ]
  # Without it they do not.
  run ! cmp -s <(seq 60) <(mqpull -t A,B --from beginning -e)
  [ "$(mqpull -t A,B --from beginning --merge -c 7 | tail -1)" = 7 ]
}

@test "many blocks a queue are merged too" {
  start_broker
  # Every queue has several megabytes.
  seq -f '%0100.0f' 60000 | mqsend -q -t T
  mqpull -t T --from beginning -e --merge --out 'format:%O %q\n' > "$BATS_TEST_TMPDIR/out"
  [ "$(wc -l < "$BATS_TEST_TMPDIR/out")" = 60000 ]
  sort -nc "$BATS_TEST_TMPDIR/out"
  [ "$(cut -d' ' -f2 "$BATS_TEST_TMPDIR/out" | sort -u | wc -l)" -gt 1 ]
}

@test "several brokers come in the order of their store times" {
  start_namesrv
  for name in one two; do
    printf 'brokerName=%s\n' $name > "$BATS_TEST_TMPDIR/$name.conf"
    start_daemon $name broker mqd-broker -c "$BATS_TEST_TMPDIR/$name.conf" -n "$namesrv" --store "$BATS_TEST_TMPDIR/$name" --listen 127.0.0.1:0
    address[${#address[@]}]=$(listening $name broker)
  done
  on_both() { [ "$(mqpull -t T -e --from beginning --merge --out 'format:%b\n' 2> /dev/null | sort -u | wc -l)" = 2 ]; }
  sends() { seq 8 | mqsend -q -t T --create --linger 0ms --batch-bytes 1; on_both; }
  wait_until sends
  for _ in $(seq 10); do seq 10 | mqsend -q -t T --batch-bytes 1; done
  mqpull -t T --from beginning -e --merge --out 'format:%T\n' | sort -nc
}

@test "a message does not wait for queues that have nothing" {
  start_broker
  mqsend -q -t T --create < /dev/null
  mqpull -t T --from beginning --merge > "$BATS_TEST_TMPDIR/out" 3>&- &
  local puller=$!
  for n in 1 2 3; do
    mqsend -q -t T --queue $n <<< "$n"
    wait_until has_lines "$BATS_TEST_TMPDIR/out" $n
  done
  stop_daemon $puller || true
  [ "$(cat "$BATS_TEST_TMPDIR/out")" = $'1\n2\n3' ]
}

@test "merging for a reader that has stopped costs no memory" {
  start_broker
  head -c 60000000 /dev/zero | tr '\0' x | fold -w 1000 | mqsend -q -t T
  mkfifo "$BATS_TEST_TMPDIR/fifo"
  mqpull -t T --from beginning -e --merge > "$BATS_TEST_TMPDIR/fifo" 3>&- &
  local puller=$!
  exec {pipe}< "$BATS_TEST_TMPDIR/fifo"
  head -c 1000000 <&"$pipe" > /dev/null
  is_blocked() { grep -q '^State:.S' /proc/$puller/status; }
  wait_until is_blocked
  memory_at_most 40000 $puller VmHWM
  [ "$(($(cat <&"$pipe" | wc -c) + 1000000))" = 60060000 ]
  exec {pipe}<&-
  wait $puller
}
