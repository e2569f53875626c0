#!/usr/bin/env bats
# mqd-broker killed with -9, over and over, in the middle of sends, batches, deletions and new topics: what it had
# acknowledged is there, once, in queues without gaps, and mqdump finds nothing that does not fit together.
bats_require_minimum_version 1.5.0
load helpers

rounds=${KILL_ROUNDS:-12} # of each test, of which there are four; 52 in CI

setup() {
  # Small files, so that every round ends some.
  printf '%s\n' mappedFileSizeCommitLog=1048576 maxMessageSize=262144 mappedFileSizeConsumeQueue=20000 \
    maxHashSlotNum=1000 maxIndexNum=4000 > "$BATS_TEST_TMPDIR/small.conf"
  : > "$BATS_TEST_TMPDIR/acknowledged"
  next=1
}

start_small() { start_broker -c "$BATS_TEST_TMPDIR/small.conf"; }

kill_broker() {
  kill -9 "$broker_pid"
  wait "$broker_pid" || true
}

# Lines $next to $next + 2999 go to topic $1; some time after the first were acknowledged the broker is killed. Those that
# were acknowledged go to the list.
send_and_kill() { # TOPIC [mqsend OPTION...]
  local topic=$1 ids=$BATS_TEST_TMPDIR/ids sender
  shift
  : > "$ids"
  mqsend -q -t "$topic" --queue 0 --in lines --print ids --timeout 2s --retries 0 "$@" \
    < <(seq "$next" $((next + 2999))) > "$ids" 2> /dev/null 3>&- &
  sender=$!
  some_acknowledged() { [ -s "$ids" ]; }
  wait_until some_acknowledged
  sleep "0.0$((RANDOM % 4))"
  kill_broker
  kill "$sender" 2> /dev/null || true
  wait "$sender" || true
  # Line n of the answers belongs to number n; an empty one was not acknowledged.
  awk -v first="$next" -v topic="$topic" 'NF { print topic, NR + first - 1 }' "$ids" >> "$BATS_TEST_TMPDIR/acknowledged"
  next=$((next + 3000))
}

# fits TOPIC...: everything that was acknowledged is in its topic, once, and the offsets are dense.
fits() {
  local topic
  for topic in "$@"; do
    mqpull -q -t "$topic" --queue 0 --from beginning -e --out 'format:%o %s\n' > "$BATS_TEST_TMPDIR/found"
    awk -v topic="$topic" '
      NR == FNR { if ($1 == topic) wanted[$2] = 1; next }
      $1 != FNR - 1 { print topic " has a gap at " FNR - 1; bad = 1; exit }
      $2 in found { print topic " has " $2 " twice"; bad = 1; exit }
      { found[$2] = 1 }
      END {
        for (number in wanted) { ++count; if (!(number in found)) { print topic " has lost " number; bad = 1 } }
        exit bad || !count
      }' "$BATS_TEST_TMPDIR/acknowledged" "$BATS_TEST_TMPDIR/found" >&2
  done
}

store_fits() { mqdump verify "$BATS_TEST_TMPDIR/store" >&2; }

@test "single sends, flushed at once" {
  echo flushDiskType=SYNC_FLUSH >> "$BATS_TEST_TMPDIR/small.conf"
  for ((round = 1; round <= rounds; round++)); do
    start_small
    [ $((round % 13)) != 0 ] || fits load
    send_and_kill load --batch-bytes 1 --window 8
  done
  start_small
  fits load
  stop_daemon "$broker_pid"
  store_fits
}

@test "batches, flushed later" {
  for ((round = 1; round <= rounds; round++)); do
    start_small
    [ $((round % 13)) != 0 ] || fits load
    send_and_kill load --key k
  done
  start_small
  fits load
  stop_daemon "$broker_pid"
  store_fits
}

@test "a new topic each time" {
  for ((round = 1; round <= rounds; round++)); do
    start_small
    send_and_kill "new$round" --create
  done
  start_small
  local topics=()
  for ((round = 1; round <= rounds; round += 4)); do topics+=("new$round"); done
  fits "${topics[@]}"
  stop_daemon "$broker_pid"
  store_fits
}

@test "topics that sends have made, killed with the first answer" {
  local round
  start_small
  for ((round = 1; round <= 10; round++)); do
    mqsend -q -t "made$round" --queue 0 <<< "$round"
    kill_broker
    start_small
    [ "$(mqpull -q -t "made$round" --queue 0 --from beginning -e)" = "$round" ]
  done
  mqadmin deleteTopic -t made3 -c DefaultCluster
  kill_broker
  start_small
  [ "$(mqdump topics "$BATS_TEST_TMPDIR/store" --out jsonl | jq -r .topic | grep -c '^made')" = 9 ]
  stop_daemon "$broker_pid"
  [ ! -e "$BATS_TEST_TMPDIR/store/config/topics.json.changes" ]
  store_fits
}

@test "topics deleted while others are sent to" {
  local deleted=
  for ((round = 1; round <= rounds; round++)); do
    start_small
    # It begins anew once it is known to be deleted: no message of an earlier life is in a later one.
    [ -z "$deleted" ] || [ "$(mqpull -q -t victim --from beginning -e 2> /dev/null | wc -l)" = 0 ]
    seq 100 | mqsend -q -t victim --queue 0
    mqadmin deleteTopic -t victim -c DefaultCluster > /dev/null 2>&1 3>&- &
    local deleting=$!
    send_and_kill load
    if wait "$deleting"; then deleted=yes; else deleted=; fi
  done
  start_small
  fits load
  stop_daemon "$broker_pid"
  store_fits
}
