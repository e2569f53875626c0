#!/usr/bin/env bats
# Servers that are started together with the tools, or again under them: what is not there yet is waited
# for and told of, and nothing is said not to exist that may be.
bats_require_minimum_version 1.5.0
load helpers

setup() { cd "$BATS_TEST_TMPDIR" || return; }

# free_port: one that nobody listened at just now.
free_port() {
  start_namesrv > /dev/null
  stop_daemon "$namesrv_pid"
  unset NAMESRV_ADDR
  port=${namesrv##*:}
}
has_said() { grep -q -- "$2" "$1"; }

@test "the README's first minute works, pasted as one block" {
  local port
  free_port
  # As it stands there, but for the installation and the ports, which may be somebody's.
  sed -n '/^## The first minute/,/^The store is/p' "$BATS_TEST_DIRNAME/../../README.md" |
    sed -n 's/^    //p' | sed '/^make /d' | sed "s/--standalone/--standalone --listen 127.0.0.1:0 --namesrv-port $port/" > block
  grep -q '^mqd-broker --standalone .*&' block
  [ "$(grep -c '^mq' block)" -ge 5 ]
  # The broker stays, and holds what it was given.
  NAMESRV_ADDR=127.0.0.1:$port bash -e block > out 2> err 3>&- || { cat err; return 1; }
  grep -qx 1000 out
  grep -q '"topic":"numbers"' out
  grep -q 'messages in' out
}

@test "every tool may be started before the servers" {
  local port tool pids=() i ended
  free_port
  export NAMESRV_ADDR=127.0.0.1:$port
  seq 3 > three
  i=0
  for tool in 'mqsend -t A --timeout 60s three' 'mqsend -t B --create --timeout 60s three' 'mqsend -t C --oneway --timeout 60s three' \
    'mqadmin updateTopic -c DefaultCluster -t D --timeout 60s' 'mqadmin clusterList -c DefaultCluster --timeout 60s'; do
    # shellcheck disable=SC2086  # words
    $tool > "out$i" 2> "err$i" 3>&- &
    pids+=($!)
    i=$((i + 1))
  done
  # Told after a second, with what is waited for.
  for ((i = 0; i < 5; ++i)); do wait_until has_said "err$i" "waiting: .*127.0.0.1:$port"; done
  start_daemon late broker mqd-broker --standalone --store store --listen 127.0.0.1:0 --namesrv-port "$port"
  for ((i = 0; i < 5; ++i)); do
    ended=0
    wait "${pids[i]}" || ended=$?
    [ "$ended" = 0 ] || { cat "err$i"; return 1; }
    has_said "err$i" 'continues after' || { cat "err$i"; return 1; }
  done
  for tool in A B C; do [ "$(mqpull -q -t "$tool" --from beginning -e | wc -l)" = 3 ]; done
}

@test "while no broker has registered a topic is waited for, and is not said not to exist" {
  start_namesrv
  local tool
  for tool in 'mqsend -t T' 'mqsend -t T --create' 'mqsend -t T --request' 'mqpull -t T -e' 'mqpull -t T -g g -e' 'mqpull -t T -g g --lag' \
    'mqadmin topicRoute -t T' 'mqadmin topicStatus -t T' 'mqadmin deleteTopic --yes -c c -t T'; do
    # shellcheck disable=SC2086  # words
    run --separate-stderr $tool --timeout 300ms <<< a
    [ "$status" = 3 ] || { echo "$tool: $status $stderr"; return 1; }
    [[ $stderr == *"$namesrv"* ]]
    [ "$(grep -vc '^mqsend: read ' <<< "$stderr")" = 1 ]
  done
  seq 3 | mqsend -q -t T --timeout 60s 3>&- &
  local sender=$!
  mqpull -q -t T --from beginning -c 3 --timeout 60s > out 2> err 3>&- &
  local reader=$!
  sleep 0.3
  start_daemon broker broker mqd-broker -n "$namesrv" --store store --listen 127.0.0.1:0
  wait "$sender"
  # The topic is made by what is sent: it may not have been there yet, and that is said at once.
  wait "$reader" || [ $? = 4 ]
  [ "$(mqpull -q -t T --from beginning -e | sort | tr '\n' ' ')" = '1 2 3 ' ]
}

@test "a topic that is not there is told at once where brokers are known, with all who were asked" {
  start_namesrv
  local first=$namesrv began=$SECONDS
  start_daemon other namesrv mqd-namesrv --listen 127.0.0.1:0
  local other; other=$(listening other namesrv)
  echo autoCreateTopicEnable=false > broker.conf
  start_daemon broker broker mqd-broker -c broker.conf -n "$first;$other" --store store --listen 127.0.0.1:0
  began=$SECONDS
  run -4 --separate-stderr mqpull -t none -n "$first;$other" --timeout 1h
  [ "$stderr" = "mqpull: topic 'none' does not exist on $first;$other (TOPIC_NOT_EXIST)" ]
  run -4 --separate-stderr mqsend -t none -n "$first;$other;127.0.0.1:1" --timeout 1h <<< a
  [[ $stderr == *"topic 'none' does not exist on $first;$other (TOPIC_NOT_EXIST)"* ]]
  run -4 --separate-stderr mqadmin topicRoute -t none -n "$first;$other" --timeout 1h
  [ "$stderr" = "mqadmin: topic 'none' does not exist on $first;$other (TOPIC_NOT_EXIST)" ]
  [ $((SECONDS - began)) -lt 600 ]
}

@test "one that has just been started does not speak for the others" {
  start_namesrv
  local first=$namesrv
  start_daemon empty namesrv mqd-namesrv --listen 127.0.0.1:0
  local empty; empty=$(listening empty namesrv)
  start_daemon broker broker mqd-broker -n "$first" --store store --listen 127.0.0.1:0
  mqadmin updateTopic -n "$first" -c DefaultCluster -t T > /dev/null
  # The empty one is asked first, and does not know.
  mqsend -q -n "$empty;$first" -t T <<< a
  [ "$(mqpull -q -n "$empty;$first" -t T --from beginning -e)" = a ]
  [ "$(mqpull -q -n "$empty;$first" -t T -g g --from beginning -e)" = a ]
  mqadmin topicRoute -n "$empty;$first" -t T > /dev/null
  mqadmin updateTopic -n "$empty;$first" -c DefaultCluster -t U > /dev/null
}

@test "a name server that starts again in the middle of a run is no missing topic" {
  start_namesrv
  start_daemon broker broker mqd-broker -n "$namesrv" --store store --listen 127.0.0.1:0
  {
    echo '{"topic":"A","body":"1"}'
    until [ -e go ]; do sleep 0.02; done
    echo '{"topic":"B","body":"2"}'
  } 3>&- | mqsend -q --in json --timeout 60s 2> err 3>&- &
  local sender=$!
  has_come() { [ "$(mqpull -q -t "$1" --from beginning -e 2> /dev/null)" = "$2" ]; }
  wait_until has_come A 1
  stop_daemon "$namesrv_pid"
  # It knows nothing until the broker registers with it again, and B is new.
  start_daemon namesrv namesrv mqd-namesrv --listen "$namesrv"
  touch go
  wait "$sender" || { cat err; return 1; }
  wait_until has_come B 2
}

@test "silent name servers cost a moment, and -q says nothing of it" {
  start_broker
  mqsend -q -t T <<< a
  local good=$namesrv silent=() began
  for i in 1 2; do
    start_daemon "silent$i" namesrv mqd-namesrv --listen 127.0.0.1:0
    silent+=("$(listening "silent$i" namesrv)")
    freeze "$daemon_pid"
  done
  began=${EPOCHREALTIME/./}
  run --separate-stderr mqpull -q -n "${silent[0]};${silent[1]};$good" -t T --from beginning -e
  [ "$output" = a ]
  [ -z "$stderr" ]
  # Each would cost 3 s, more than once.
  [ $((${EPOCHREALTIME/./} - began)) -lt 10000000 ]
}

@test "with -q a wait is told of when its time is over, and not before" {
  run -3 --separate-stderr mqpull -q -t T -n 127.0.0.1:1 --timeout 1500ms
  [ "${#stderr_lines[@]}" = 1 ]
  run -3 --separate-stderr mqpull -t T -n 127.0.0.1:1 --timeout 1500ms
  [ "${#stderr_lines[@]}" = 2 ]
  [[ ${stderr_lines[0]} == 'mqpull: waiting: '*127.0.0.1:1* ]]
}
