#!/usr/bin/env bats
# What mqsend and mqpull do when somebody takes no more: a reader, a broker, a disk. Memory stays what
# it is, and what could not be written is told of, committed by nobody, and there the next time.
bats_require_minimum_version 1.5.0
load helpers
eval "$(declare -f teardown | sed '1s/teardown/stop_all/')"
teardown() {
  stop_all
  ! mountpoint -q "$BATS_TEST_TMPDIR/small" || umount "$BATS_TEST_TMPDIR/small"
}
setup() { cd "$BATS_TEST_TMPDIR" || return; }

lines() { seq -f 'line %g of the input' "$@"; }
lag_of() { mqpull -t "$1" -g "$2" --lag | awk '{ s += $6 } END { print s }'; }
all_of() { mqpull -q -t "$1" --from beginning -e; }

# What a process has read and written, and the processor time it took, are the same as half a second ago.
moved() { echo "$(awk '/^[rw]char/' "/proc/$1/io") $(awk '{ print $14 + $15 }' "/proc/$1/stat")"; }
stands_still() {
  local before
  before=$(moved "$1")
  sleep 0.5
  [ "$(moved "$1")" = "$before" ]
}

# disk_of SIZE: a file system of its own in small/.
disk_of() {
  mkdir small
  mount -t tmpfs -o "size=$1" mqd-test small 2> /dev/null || skip "only root makes a small file system"
}

@test "a broker that takes nothing holds the input, and memory with it, in every way of sending" {
  start_broker
  local ways=('' --oneway '--print json' '--rejects rejects' '--window 10000 --batch-bytes 4M' '--in json' --follow --request '--transaction true')
  local way text senders=() feeders=()
  for way in "${!ways[@]}"; do
    mkfifo "fifo$way"
    # 100 bytes a message; five times what memory may be.
    text=$(printf 'x%.0s' {1..100})
    [ "${ways[way]}" != '--in json' ] || text="{\"body\":\"$text\"}"
    if [ "${ways[way]}" = --follow ]; then
      mqsend -t "T$way" --timeout 60s --follow "fifo$way" > /dev/null 2>&1 3>&- &
    else
      # shellcheck disable=SC2086  # words
      mqsend -t "T$way" --timeout 60s ${ways[way]} < "fifo$way" > "sent$way" 2> /dev/null 3>&- &
    fi
    senders+=($!)
    { echo "$text"; until [ -e go ]; do sleep 0.02; done; yes "$text" | head -c 200000000; } > "fifo$way" 2> /dev/null 3>&- &
    feeders+=($!)
  done
  has_come() { [ "$(all_of "$1" 2> /dev/null | wc -l)" -ge 1 ]; }
  for way in "${!ways[@]}"; do wait_until has_come "T$way"; done
  freeze "$broker_pid"
  touch go
  for way in "${!ways[@]}"; do
    wait_until stands_still "${senders[way]}"
    # It has read, and stopped reading.
    [ "$(awk '/^rchar/ { print $2 }' "/proc/${senders[way]}/io")" -gt 10000 ]
    memory_at_most 40000 "${senders[way]}" VmHWM ||
      { echo "with '${ways[way]}': $(grep VmHWM "/proc/${senders[way]}/status")"; return 1; }
  done
  kill -9 "${senders[@]}"
  kill -CONT "$broker_pid"
  wait "${feeders[@]}" || true
}

@test "a reader that takes nothing costs no memory, in every form, in a group and from files" {
  start_broker
  yes "$(printf 'x%.0s' {1..200})" | head -c 200000000 | mqsend -q -t T --oneway
  local ways=('--out lines' '--out json' '--out msgpack' '-g g --out lines' '--merge --out lines' '--exec cat')
  local way pullers=() pipes=() pipe
  for way in "${!ways[@]}"; do
    mkfifo "fifo$way"
    # shellcheck disable=SC2086  # words
    mqpull -q -t T --from beginning ${ways[way]} > "fifo$way" 2> /dev/null 3>&- &
    pullers+=($!)
    exec {pipe}< "fifo$way"
    pipes+=("$pipe")
    head -c 1000 <&"$pipe" > /dev/null
  done
  for way in "${!ways[@]}"; do
    wait_until stands_still "${pullers[way]}"
    memory_at_most 40000 "${pullers[way]}" VmHWM ||
      { echo "with '${ways[way]}': $(grep VmHWM "/proc/${pullers[way]}/status")"; return 1; }
  done
  for pipe in "${pipes[@]}"; do exec {pipe}<&-; done
  kill -9 "${pullers[@]}" 2> /dev/null || true
  wait "${pullers[@]}" || true
}

@test "a full disk behind mqpull: nothing is committed that was not written, and the next run brings the rest" {
  disk_of 1m
  start_broker
  lines 1 60000 | mqsend -q -t T
  run --separate-stderr bash -c 'mqpull -t T -g g --from beginning -e > small/out'
  [ "$status" = 1 ]
  [ "$stderr" = 'mqpull: standard output: No space left on device' ]
  # The last line may be a part; of what is whole, nothing comes again but what was not committed.
  [ "$(lag_of T g)" -ge $((60000 - $(wc -l < small/out))) ]
  { head -n "$(wc -l < small/out)" small/out; mqpull -t T -g g -e; } | sort -u | cmp - <(lines 1 60000 | sort)
}

@test "a full disk behind --to-dir: the files that are there are whole, and the next run brings the rest once" {
  disk_of 1m
  start_broker
  lines 1 60000 | mqsend -q -t T
  run --separate-stderr mqpull -t T -g g --from beginning -e --to-dir small --name f --rotate 300k
  [ "$status" = 1 ]
  [[ $stderr == 'mqpull: small/f-'*'No space left on device' ]]
  [ "$(find small -name 'f*' | wc -l)" = 3 ]
  [ "$(lag_of T g)" = $((60000 - $(cat small/f* | wc -l))) ]
  mkdir rest
  mqpull -t T -g g -e --to-dir rest --name f
  cat small/f* rest/f* | sort | cmp - <(lines 1 60000 | sort)
}

@test "a full disk behind --spool holds the input until a broker takes it, and nothing is lost" {
  disk_of 24m
  start_broker
  stop_daemon "$broker_pid"
  lines 1 250000 > in
  mqsend -v -t T --queue 0 --spool small/spool in 2> err 3>&- &
  local sender=$!
  wait_until grep -q 'No space left on device; the input waits' err
  kill -0 "$sender"
  start_daemon broker broker mqd-broker --standalone --store store --listen "$broker" --namesrv-port "${namesrv##*:}"
  wait "$sender"
  grep -q 'read 250000 = acknowledged 250000 + spooled 0 + refused 0 + unknown 0' err
  all_of T | awk '!seen[$0]++' | cmp - in
}

@test "a full disk behind --rejects is told of, and what was read is accounted for" {
  disk_of 64k
  start_broker
  { echo '{"body":"a"}'; yes 'this is no record' | head -n 20000; } > in
  run --separate-stderr mqsend -q -t T --in json --on-error skip --rejects small/rejects in
  [ "$status" = 1 ]
  [[ $stderr == *'small/rejects'*': No space left on device'* ]]
  [ "$(all_of T)" = a ]
}

@test "a full disk behind --state ends it with a word, and the next run goes on where the last position was kept" {
  disk_of 64k
  start_broker
  lines 1 100 > log
  mqsend -q -t T --follow log --state small/state --count 100
  cp small/state state
  dd if=/dev/zero of=small/full bs=4k 2> /dev/null || true
  lines 101 200 >> log
  run --separate-stderr timeout 20 mqsend -t T --follow log --state small/state --count 100
  [ "$status" = 1 ]
  [[ $stderr == *'mqsend: small/state.tmp: No space left on device'* ]]
  # The position is the old one, whole.
  cmp state small/state
  rm small/full
  lines 201 300 >> log
  mqsend -q -t T --follow log --state small/state --count 200
  all_of T | sort -u | cmp - <(lines 1 300 | sort)
}
