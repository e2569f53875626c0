#!/usr/bin/env bats
# mqsend --follow: files over rotations, FIFOs over their writers, and restarts that go on where they must.
bats_require_minimum_version 1.5.0
load helpers

setup() { log=$BATS_TEST_TMPDIR/log state=$BATS_TEST_TMPDIR/state; }

all_of() { mqpull -q -t "$1" --from beginning -e "${@:2}"; }
has_stored() { [ "$(all_of "$1" 2> /dev/null | wc -l)" -ge "$2" ]; }
has_line() { all_of "$1" 2> /dev/null | grep -qx -- "$2"; }
lines() { seq -f 'line %g of the input' "$@"; }

# How far the one followed file has come.
offset() { sed 's/.*"offset":\([0-9]*\).*/\1/' "$state"; }
saved() { [ "$(offset)" -ge "$1" ]; }

knows_birth() { [ "$(stat -c %W "$BATS_TEST_TMPDIR" | tr -dc 0-9)" -gt 0 ]; }

# follow [OPTION...]: in the background; $sender
follow() {
  env --default-signal=INT mqsend -v -t T --queue 0 --follow "$@" 2> "$BATS_TEST_TMPDIR/err" 3>&- &
  sender=$!
}
stop() { # [SIGNAL]
  kill -s "${1:-INT}" "$sender"
  wait "$sender" || true
}

@test "wrong uses of --follow are one line and status 2" {
  for wrong in '--follow' '--follow -' '--state s x' '--follow --in file x'; do
    # shellcheck disable=SC2086  # words
    run --separate-stderr mqsend -t T $wrong < /dev/null
    [ "$status" = 2 ]
    [ "${#stderr_lines[@]}" = 1 ]
  done
  start_broker
  run --separate-stderr mqsend -t T --follow "$BATS_TEST_TMPDIR"
  [ "$status" != 0 ]
  [[ $stderr == *'neither a file nor a FIFO'* ]]
  echo 'no list' > "$state"
  run --separate-stderr mqsend -t T --follow "$log" --state "$state"
  [ "$status" = 1 ]
  [[ $stderr == *"$state is not a list of positions"* ]]
}

@test "a growing file is read as it grows, lines only when they are whole" {
  start_broker
  printf 'one\ntw' > "$log"
  follow "$log"
  wait_until has_stored T 1
  printf 'o\nthree\n' >> "$log"
  wait_until has_stored T 3
  [ "$(all_of T)" = $'one\ntwo\nthree' ]
  stop
  grep -q 'read 3 = acknowledged 3 ' "$BATS_TEST_TMPDIR/err"
}

@test "a file that is not there yet is waited for, and several are read at once" {
  start_broker
  follow "$log.a" "$log.b"
  wait_until grep -q 'log.b: not there yet' "$BATS_TEST_TMPDIR/err"
  echo b > "$log.b"
  wait_until has_line T b
  echo a > "$log.a"
  wait_until has_line T a
  echo bb >> "$log.b"
  wait_until has_line T bb
  stop
  # Nobody can watch a folder that is not there.
  follow "$BATS_TEST_TMPDIR/later/log"
  wait_until grep -q 'later/log: not there yet' "$BATS_TEST_TMPDIR/err"
  mkdir "$BATS_TEST_TMPDIR/later"
  echo c > "$BATS_TEST_TMPDIR/later/log"
  wait_until has_line T c
  echo d >> "$BATS_TEST_TMPDIR/later/log"
  wait_until has_line T d
  stop
}

@test "a renamed file is read to its end, then the new one" {
  start_broker
  lines 1 10 > "$log"
  follow "$log" --state "$state"
  wait_until has_stored T 10
  exec {old}>> "$log"
  mv "$log" "$log.1"
  lines 11 15 > "$log"
  # Its writer has not been told yet; the last line has no newline.
  { lines 16 19; printf 'line 20 of the input'; } >&"$old"
  exec {old}>&-
  wait_until has_stored T 20
  lines 21 25 >> "$log"
  wait_until has_stored T 25
  # Twice in no time.
  mv "$log" "$log.2"
  lines 26 27 > "$log"
  wait_until has_stored T 27
  [ "$(all_of T | sort | uniq -d)" = "" ]
  [ "$(all_of T | head -20 | tail -10)" = "$(lines 16 20; lines 11 15)" ]
  stop
}

@test "a file that was cut short is read anew, whether it has grown again or not" {
  start_broker
  lines 1 100 > "$log"
  follow "$log"
  wait_until has_stored T 100
  cp "$log" "$log.1"
  : > "$log"
  lines 101 105 >> "$log"
  wait_until has_stored T 105
  # In one go: it is longer than before when somebody looks.
  freeze "$sender"
  : > "$log"
  lines 201 400 >> "$log"
  kill -CONT "$sender"
  wait_until has_stored T 305
  stop
  all_of T | cmp - <(lines 1 105; lines 201 400)
}

@test "a FIFO is read over its writers, and its records with it" {
  start_broker
  mkfifo "$log"
  follow "$log" --in json
  echo '{"body":"a"}' > "$log"
  wait_until has_line T a
  echo '{"body":"b"}' > "$log"
  wait_until has_line T b
  stop
}

@test "a restart goes on behind what was acknowledged, over a rotation too" {
  start_broker
  lines 1 100 > "$log"
  follow "$log" --state "$state"
  wait_until has_stored T 100
  stop TERM
  [ "$(offset)" = "$(stat -c %s "$log")" ]
  lines 101 110 >> "$log"
  mv "$log" "$log.1"
  lines 111 120 > "$log"
  follow "$log" --state "$state"
  wait_until has_stored T 120
  stop
  # The same name, the same length, another file.
  lines 121 130 > "$log.new"
  mv "$log.new" "$log"
  rm "$log.1"
  follow "$log" --state "$state"
  wait_until has_stored T 130
  grep -q 'the rest of it is lost' "$BATS_TEST_TMPDIR/err"
  stop
  # Cut short and longer again.
  lines 131 150 > "$log"
  follow "$log" --state "$state"
  wait_until has_stored T 150
  stop
  all_of T | cmp - <(lines 1 150)
}

@test "after kill -9 at any moment nothing is missing, and little comes twice" {
  start_broker
  : > "$log"
  local round
  for round in 1 2 3 4 5 6; do
    follow "$log" --state "$state" --batch-bytes 4k
    lines $((round * 5000 - 4999)) $((round * 5000)) >> "$log"
    case $((round % 3)) in
      0) wait_until has_stored T $((round * 5000 - 3000)) ;;
      1) wait_until saved $((round * 50000)) ;;
      2) mv "$log" "$log.$round"; : > "$log"; wait_until has_stored T $((round * 5000)) ;;
    esac
    stop KILL
  done
  follow "$log" --state "$state"
  wait_until has_line T 'line 30000 of the input'
  stop
  all_of T | awk '!seen[$0]++' | cmp - <(lines 1 30000)
  # What came twice has its id twice, and nothing else has.
  knows_birth || return 0
  all_of T --out 'format:%i\n' | sort -u > "$BATS_TEST_TMPDIR/ids"
  all_of T --out 'format:%i %s\n' | sort -u > "$BATS_TEST_TMPDIR/both"
  [ "$(wc -l < "$BATS_TEST_TMPDIR/ids")" = 30000 ]
  [ "$(wc -l < "$BATS_TEST_TMPDIR/both")" = 30000 ]
}

@test "with --state a record has the same id whenever it is read again, and never another's" {
  knows_birth || skip "the file system does not keep when a file was made"
  start_broker
  read_again() { # TOPIC NUMBER [OPTION...]: ids and bodies
    rm -f "$state"
    mqsend -q -t "$1" --queue 0 --follow "$log" --state "$state" --count "$2" "${@:3}"
    all_of "$1" --out 'format:%i %s\n' | tail -n "$2"
  }
  yes 'the same line' | head -n 5 > "$log"
  local first
  first=$(read_again T 5)
  [ "$(sort -u <<< "$first" | wc -l)" = 5 ]
  [ "$(read_again T 5)" = "$first" ]
  # Through a spool too; for another topic they are other messages.
  [ "$(read_again T 5 --spool "$BATS_TEST_TMPDIR/spool")" = "$first" ]
  [ "$({ read_again U 5; echo "$first"; } | sort -u | wc -l)" = 10 ]
  # The pieces of a line are as many messages.
  printf 'xxxxxxxxxx\n' >> "$log"
  [ "$(read_again P 7 --split-long --max-line 5 --skip-empty 2>&1 | tail -2 | sort -u | wc -l)" = 2 ]
  # Cut short, or another file with the same bytes: the same lines are new ones.
  rm -f "$state"
  yes 'the same line' | head -n 5 > "$log"
  follow "$log" --state "$state"
  wait_until saved 70
  : > "$log"
  cut_is_noticed() { grep -q '"cut":1' "$state"; }
  wait_until cut_is_noticed
  yes 'the same line' | head -n 5 >> "$log"
  wait_until has_stored T 25
  stop
  [ "$(all_of T --out 'format:%i\n' | sort -u | wc -l)" = 10 ]
  grep -q '"cut":1' "$state"
  # Also when that happened while nobody looked.
  : > "$log"
  echo 'the same line' >> "$log"
  mqsend -q -t T --queue 0 --follow "$log" --state "$state" --count 1
  [ "$(all_of T --out 'format:%i\n' | sort -u | wc -l)" = 11 ]
  grep -q '"cut":2' "$state"
  mv "$log" "$log.1"
  echo 'the same line' > "$log"
  mqsend -q -t T --queue 0 --follow "$log" --state "$state" --count 1
  [ "$(all_of T --out 'format:%i\n' | sort -u | wc -l)" = 12 ]
}

@test "what was not acknowledged is read again: by default at the one that failed, else behind it" {
  start_broker
  printf '{"body":"a"}\n{broken\n{"body":"b"}\n' > "$log"
  run --separate-stderr mqsend -t T --in json --follow "$log" --state "$state"
  [ "$status" = 1 ]
  [[ $stderr == *'line 2'* ]]
  [ "$(offset)" = 13 ]
  run --separate-stderr mqsend -t T --in json --follow "$log" --state "$state" --on-error skip --count 2
  [ "$status" = 1 ]
  [ "$(all_of T | sort)" = $'a\nb' ]
  [ "$(offset)" = "$(stat -c %s "$log")" ]
  # A broker that is gone is waited for, beyond --timeout, and costs nothing.
  echo '{"body":"c"}' >> "$log"
  stop_daemon "$broker_pid"
  run --separate-stderr timeout 2 mqsend -t T --in json --follow "$log" --state "$state" --timeout 200ms
  [ "$status" = 124 ]
  [[ $stderr == *'waiting: '* ]]
  start_daemon broker broker mqd-broker --standalone --store "$BATS_TEST_TMPDIR/store" --listen "$broker" --namesrv-port "${namesrv##*:}"
  mqsend -q -t T --in json --follow "$log" --state "$state" --count 1
  has_line T c
}

@test "with a spool the position is kept when it is in the spool" {
  start_broker
  stop_daemon "$broker_pid"
  lines 1 1000 > "$log"
  follow "$log" --state "$state" --spool "$BATS_TEST_TMPDIR/spool"
  wait_until saved "$(stat -c %s "$log")"
  stop KILL
  lines 1001 1100 >> "$log"
  start_daemon broker broker mqd-broker --standalone --store "$BATS_TEST_TMPDIR/store" --listen "$broker" --namesrv-port "${namesrv##*:}"
  follow "$log" --state "$state" --spool "$BATS_TEST_TMPDIR/spool"
  wait_until has_stored T 1100
  stop
  all_of T | cmp - <(lines 1 1100)
}

# The processor time so far, in clock ticks.
ticks() { cut -d' ' -f14,15 "/proc/$sender/stat" | tr ' ' '+'; }

@test "a quiet file costs no processor time" {
  start_broker
  echo a > "$log"
  follow "$log" --state "$state"
  wait_until saved 2
  local before
  before=$(($(ticks)))
  mqpull -q -t T --from end --idle 1s || true
  [ $(($(ticks) - before)) -le 2 ]
  stop
}

@test "entries of a journal go through as they are, from a pipe and from a file that grows" {
  start_broker
  cd "$BATS_TEST_TMPDIR"
  # An entry with text, and one with a field of any bytes.
  {
    printf '__CURSOR=a\n_PID=1\nMESSAGE=one\n\n'
    printf '__CURSOR=b\nMESSAGE\n\x06\0\0\0\0\0\0\0tw\n\n=o\n_PID=2\n\n'
  } > entries
  mqsend -q -t J --queue 0 --in journal < entries
  [ "$(mqpull -q -t J --from beginning -e --out 'format:x' | tr -dc x)" = xx ]
  mqpull -q -t J --from beginning -e | cmp - entries
  head -c 30 entries > "$log"
  follow "$log" --in journal --state "$state"
  tail -c +31 entries >> "$log"
  wait_until grep -q "\"offset\":$(stat -c %s entries)" "$state"
  stop
  [ "$(all_of T | cmp - entries && echo same)" = same ]
  run --separate-stderr mqsend -t J --in journal <<< 'no entry'
  [ "$status" = 1 ]
  [[ $stderr == *'standard input: record 1 (byte 0): the input ends inside an entry'* ]]
}
