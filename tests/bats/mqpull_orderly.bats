#!/usr/bin/env bats
# mqpull --orderly: no queue in two places at once, and its messages in order, whatever fails.
bats_require_minimum_version 1.5.0
load helpers

lag_of() { mqpull -t "$1" -g "$2" --lag | awk '{ s += $6 } END { print s }'; }
has_lines() { [ -e "$1" ] && [ "$(wc -l < "$1")" -ge "$2" ]; }

@test "wrong usage of --orderly is one line and status 2" {
  for wrong in '--orderly' '-g g --orderly --lag' '-g g --orderly --broadcast'; do
    # shellcheck disable=SC2086  # words
    run --separate-stderr mqpull -t T $wrong
    [ "$status" = 2 ]
    [ "${#stderr_lines[@]}" = 1 ]
  done
}

@test "a queue that another member holds is waited for, and taken when it is given back" {
  start_broker
  mqsend -q -t T --create < /dev/null
  seq 3 | mqsend -q -t T --queue 0
  # Somebody holds queue 0, and does not show up among the members.
  connect "$broker"
  ask 41 '{}' "{\"clientId\":\"other\",\"consumerGroup\":\"g\",\"mqSet\":[{\"brokerName\":\"$(hostname)\",\"queueId\":0,\"topic\":\"T\"}]}"
  [[ $answer_body == *'"queueId":0'* ]]
  for queue in 1 2 3; do seq $((queue * 10)) $((queue * 10 + 2)) | mqsend -q -t T --queue $queue; done
  mqpull -t T -g g --from beginning --orderly > "$BATS_TEST_TMPDIR/out" 3>&- &
  local puller=$!
  wait_until has_lines "$BATS_TEST_TMPDIR/out" 9
  [ "$(sort -n "$BATS_TEST_TMPDIR/out" | head -1)" = 10 ]
  ask 42 '{}' "{\"clientId\":\"other\",\"consumerGroup\":\"g\",\"mqSet\":[{\"brokerName\":\"$(hostname)\",\"queueId\":0,\"topic\":\"T\"}]}"
  wait_until has_lines "$BATS_TEST_TMPDIR/out" 12
  stop_daemon $puller || true
  # It gave all of them back: somebody else gets them at once.
  ask 41 '{}' "{\"clientId\":\"third\",\"consumerGroup\":\"g\",\"mqSet\":[{\"brokerName\":\"$(hostname)\",\"queueId\":0,\"topic\":\"T\"},{\"brokerName\":\"$(hostname)\",\"queueId\":3,\"topic\":\"T\"}]}"
  [[ $answer_body == *'"queueId":0'*'"queueId":3'* || $answer_body == *'"queueId":3'*'"queueId":0'* ]]
  disconnect
  [ "$(lag_of T g)" = 0 ]
}

@test "commands of a queue follow one another, those of several run at once" {
  start_broker
  mqsend -q -t T --create < /dev/null
  for queue in 0 1 2 3; do seq 25 | mqsend -q -t T --queue $queue; done
  local log=$BATS_TEST_TMPDIR/log
  mqpull -q -t T -g g --from beginning -e --orderly --jobs 4 --exec "read n; echo \"begin \$MQ_QUEUE \$n\" >> '$log'; sleep 0.01; echo \"end \$MQ_QUEUE \$n\" >> '$log'"
  for queue in 0 1 2 3; do
    for n in $(seq 25); do printf 'begin %s %s\nend %s %s\n' $queue "$n" $queue "$n"; done | cmp - <(grep " $queue " "$log")
  done
  # Two that begin one behind the other, somewhere.
  [ "$(cut -d' ' -f1 "$log" | uniq -c | awk '$1 > 1' | wc -l)" -gt 0 ]
  [ "$(lag_of T g)" = 0 ]
}

@test "a message that fails is tried again before those behind it" {
  start_broker
  seq 5 | mqsend -q -t T --queue 0
  seq 11 15 | mqsend -q -t T --queue 1
  local log=$BATS_TEST_TMPDIR/log
  mqpull -q -t T -g g --from beginning -e --orderly --jobs 2 --exec "read n; echo \$n \$MQ_RECONSUME >> '$log'; [ \$n != 3 ] || [ \$MQ_RECONSUME = 2 ]"
  [ "$(grep -E '^[1-5] ' "$log" | tr '\n' ,)" = '1 0,2 0,3 0,3 1,3 2,4 0,5 0,' ]
  # The other queue did not wait for it.
  [ "$(grep -n '^15 ' "$log" | cut -d: -f1)" -lt "$(grep -n '^3 1' "$log" | cut -d: -f1)" ]
  [ "$(lag_of T g)" = 0 ]
  [ -z "$(mqpull -t '%RETRY%g' --from beginning -e)" ]
}

@test "SIGTERM gives up on what fails, and commits nothing behind it" {
  start_broker
  seq 5 | mqsend -q -t T --queue 0
  local log=$BATS_TEST_TMPDIR/log
  mqpull -q -t T -g g --from beginning --orderly --exec "read n; echo \$n >> '$log'; [ \$n != 3 ]" 3>&- &
  local puller=$!
  wait_until has_lines "$log" 4
  status=0
  stop_daemon $puller || status=$?
  [ "$status" = 143 ]
  [ "$(lag_of T g)" = 3 ]
}

@test "over members that come and go, a queue's messages stay in order" {
  start_broker
  local total=400 log=$BATS_TEST_TMPDIR/log queue
  mqsend -q -t T --create < /dev/null
  for queue in 0 1 2 3; do seq $((total / 4)) | mqsend -q -t T --queue $queue; done
  member() { mqpull -q -t T -g g --from beginning --orderly --jobs 4 --exec "read n; echo \$MQ_QUEUE \$n >> '$log'; sleep 0.01" 3>&- & }
  member
  local first=$!
  wait_until has_lines "$log" 40
  member
  local second=$!
  wait_until has_lines "$log" 160
  stop_daemon $first || true
  is_committed() { [ "$(lag_of T g)" = 0 ]; }
  all_done() { [ "$(sort -u "$log" | wc -l)" = $total ]; }
  wait_until all_done
  stop_daemon $second || true
  is_committed
  # Nobody was killed, so nothing comes twice either.
  for queue in 0 1 2 3; do seq $((total / 4)) | cmp - <(sed -n "s/^$queue //p" "$log"); done
}

@test "after a kill the others have the queues within seconds, not after a minute" {
  start_broker
  mqsend -q -t T --create < /dev/null
  cd "$BATS_TEST_TMPDIR"
  mqpull -q -t T -g g --from beginning --orderly > out1 3>&- &
  local first=$!
  sent() { local queue; for queue in 0 1 2 3; do echo "$queue" | mqsend -q -t T --queue $queue; done; }
  sent
  wait_until has_lines out1 4
  kill -9 $first
  wait $first || true
  mqpull -q -t T -g g --from beginning --orderly > out2 3>&- &
  sent
  all_came() { [ "$(sort -u out2 | wc -l)" = 4 ]; }
  wait_until all_came
  stop_daemon $! || true
}
