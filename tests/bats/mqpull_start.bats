#!/usr/bin/env bats
# Where mqpull begins: topics by position, the newest of all queues together, topics that are not there yet.
bats_require_minimum_version 1.5.0
load helpers

setup() { cd "$BATS_TEST_TMPDIR" || return; }

has_lines() { [ -e "$1" ] && [ "$(wc -l < "$1")" -ge "$2" ]; }
says() { grep -q -- "$2" "$1"; }
by_place() { mqpull T --from beginning -e --out 'format:%T %O %s\n' | sort -k1,1n -k2,2n | cut -d' ' -f3; }

@test "topics are given by position or by -t" {
  start_broker
  mqsend -q -t A <<< a
  mqsend -q -t B <<< b
  [ "$(mqpull A --from beginning -e)" = a ]
  [ "$(mqpull --from beginning -e A,B | sort)" = $'a\nb' ]
  [ "$(mqpull -e --from beginning -t A,B | sort)" = $'a\nb' ]
  run --separate-stderr mqpull -t A A -e
  [ "$status" = 2 ]
  [[ $stderr == 'mqpull: topics are given by position or by -t, not both'* ]]
  run --separate-stderr mqpull -e
  [ "$status" = 2 ]
  [[ $stderr == 'mqpull: no topic is given'* ]]
}

@test "-N gives the newest of all queues together, in order, also where one millisecond stored many" {
  start_broker
  mqsend -q -t T --create < /dev/null
  # A queue with many, one with few, one with one, and one with none.
  seq 1 500 | mqsend -q -t T --queue 0
  seq 501 530 | mqsend -q -t T --queue 2
  echo 531 | mqsend -q -t T --queue 3
  seq 532 700 | mqsend -q -t T --queue 0
  seq 701 710 | mqsend -q -t T --queue 2
  [ "$(by_place)" = "$(seq 710)" ]
  for n in 1 9 10 11 100 179 180 181 211 212 709 710; do
    [ "$(mqpull T -N $n -e)" = "$(seq $((711 - n)) 710)" ] || { echo "wrong with $n"; return 1; }
  done
  [ "$(mqpull T --last 100000 -e)" = "$(seq 710)" ]
  [ -z "$(mqpull T -N 0 -e)" ]
  # By queue, that is another matter.
  [ "$(mqpull T --from -1 -e | sort -n)" = $'531\n700\n710' ]
  [ "$(mqpull T -N 3 --queue 0 -e)" = $'698\n699\n700' ]
}

@test "-N without -e goes on with what comes, at once" {
  start_broker
  seq 100 | mqsend -q -t T
  mqpull T -N 3 > out 3>&- &
  local reader=$!
  wait_until has_lines out 3
  for n in 1 2 3; do
    mqsend -q -t T --queue $((n % 4)) <<< "new $n"
    wait_until has_lines out $((3 + n))
  done
  stop_daemon $reader || true
  [ "$(tail -3 out)" = $'new 1\nnew 2\nnew 3' ]
  [ "$(head -3 out)" = "$(by_place | grep -v new | tail -3)" ]
}

@test "-N is where a new group begins, and only a new one" {
  start_broker
  seq 100 | mqsend -q -t T --queue 1
  [ "$(mqpull T -g g -N 5 -e)" = "$(seq 96 100)" ]
  [ -z "$(mqpull T -g g -N 5 -e)" ]
  seq 101 103 | mqsend -q -t T --queue 1
  [ "$(mqpull T -g g -N 1 -e)" = $'101\n102\n103' ]
  seq 5 | mqsend -q -t T --queue 2
  [ "$(mqpull T -g g -N 1 -e)" = "$(seq 5)" ]
}

@test "a topic that does not exist is status 4, or waited for with --wait or a group" {
  start_broker
  run --separate-stderr mqpull none
  [ "$status" = 4 ]
  run --separate-stderr mqpull none -g g -e
  [ "$status" = 4 ]
  mqsend -q -t A <<< a
  mqpull A,T --wait --from beginning > plain 2> plain.err 3>&- &
  local plain=$!
  mqpull A,T -g g --from beginning > group 2> group.err 3>&- &
  local group=$!
  # What is there is read meanwhile.
  wait_until has_lines plain 1
  wait_until has_lines group 1
  wait_until says plain.err "mqpull: waiting: topic 'T' does not exist on $namesrv"
  wait_until says group.err "mqpull: waiting: topic 'T' does not exist on $namesrv"
  seq 20 | mqsend -q -t T
  wait_until has_lines plain 21
  wait_until has_lines group 21
  stop_daemon $plain || true
  stop_daemon $group || true
  [ "$(sort -n plain)" = "$({ echo a; seq 20; } | sort -n)" ]
  [ "$(sort -n group)" = "$({ echo a; seq 20; } | sort -n)" ]
  [ "$(wc -l < plain.err)" = 2 ]
  says plain.err 'continues after'
}

@test "what comes between a topic's beginning and its first look is not passed over with --from end" {
  start_broker
  mqpull T --wait > plain 2> plain.err 3>&- &
  local plain=$!
  mqpull T -g g > group 2> group.err 3>&- &
  local group=$!
  wait_until says plain.err waiting
  wait_until says group.err waiting
  seq 20 | mqsend -q -t T
  wait_until has_lines plain 20
  wait_until has_lines group 20
  stop_daemon $plain || true
  stop_daemon $group || true
}

@test "--wait with -e ends at the end of what has come by then, and ends by a signal and by --idle" {
  start_broker
  mqpull T --wait -e --from beginning > out 2> err 3>&- &
  local reader=$!
  wait_until says err waiting
  kill -0 $reader
  mqsend -q -t T <<< a
  wait $reader
  [ "$(cat out)" = a ] || [ ! -s out ]
  run timeout 20 mqpull U --wait --idle 500ms
  [ "$status" = 0 ]
  mqpull U --wait 2> err 3>&- &
  reader=$!
  wait_until says err waiting
  stop_daemon $reader || status=$?
  [ "$status" = 143 ]
}
