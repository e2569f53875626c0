#!/usr/bin/env bats
# Every exit status of mqsend and mqpull, each for what it stands for; what is told is one line, and
# the sums of mqsend say the same as its status.
bats_require_minimum_version 1.5.0
load helpers

setup() { cd "$BATS_TEST_TMPDIR" || return; }

# ends STATUS COMMAND...: it does, with one line on stderr beside mqsend's sums at most.
ends() {
  local wanted=$1
  shift
  run --separate-stderr "$@"
  [ "$status" = "$wanted" ] || { echo "status $status, not $wanted: $* ($stderr)"; return 1; }
  local said
  said=$(grep -cv -e '^mqsend: read ' -e '^mq[a-z]*: waiting: ' <<< "$stderr" || true)
  [ "$said" -le 1 ] || { echo "$said lines: $stderr"; return 1; }
  [ "$wanted" = 0 ] || [[ $stderr == mq* ]]
}
has_lines() { [ -e "$1" ] && [ "$(wc -l < "$1")" -ge "$2" ]; }
# status_of COMMAND...: what ends by a signal is waited for by a shell of its own.
status_of() { ended=0; "$@" || ended=$?; }

@test "0: all of it was done" {
  start_broker
  ends 0 mqsend -t T <<< a
  ends 0 mqsend -t T --oneway <<< a
  ends 0 mqsend -t T --spool spool <<< a
  ends 0 mqsend -t T --transaction false <<< a
  ends 0 mqpull -t T --from beginning -e
  [ "${#lines[@]}" = 3 ]
  ends 0 mqpull -t T -g g --from beginning -e
  ends 0 mqpull -t T -e
  ends 0 mqpull -t T -g g --lag
  ends 0 mqpull -t T --help
  # What cannot be sent now is in the spool, which is what it is for.
  stop_daemon "$broker_pid"
  ends 0 mqsend -t T --spool spool --timeout 100ms <<< a
}

@test "1: some of it failed" {
  start_broker
  ends 1 mqsend -t T --in json < <(printf '%s\n' '{"body":"a"}' broken)
  [[ $stderr == *'line 2 (byte 13)'* ]]
  ends 1 mqsend -t T --max-line 3 <<< long
  ends 1 mqsend -t T --in json --on-error skip < <(printf '%s\n' broken '{"body":"a"}')
  ends 1 mqsend -t 'a topic' <<< a
  [[ $stderr == *INVALID_PARAMETER* ]]
  ends 1 mqsend -t T "$PWD"
  run mqpull -t T -e --fail-empty
  [ "$status" = 1 ]
  [ -z "$output" ]
  ends 1 mqpull -t T --from beginning -e --exec false
  ends 1 bash -c 'mqpull -t T --from beginning -e --out json --ack-fd 3 3< /dev/null'
  if [ -e /dev/full ]; then
    ends 1 bash -c 'mqpull -t T --from beginning -e > /dev/full'
    ends 1 bash -c 'mqsend -t T --print ids <<< a > /dev/full'
  fi
}

@test "2: wrong usage or configuration, and nothing was tried" {
  # Nobody listens there: with anything tried it would be another status.
  export NAMESRV_ADDR=127.0.0.1:1
  local tool
  for tool in mqsend mqpull; do
    ends 2 "$tool" < /dev/null
    ends 2 "$tool" -t T --no-such-option < /dev/null
    ends 2 "$tool" -t < /dev/null
    ends 2 "$tool" -t T --queue x < /dev/null
    ends 2 "$tool" -t T --config none.toml < /dev/null
    ends 2 "$tool" -t T --profile none < /dev/null
    ends 2 "$tool" -t T -n 'a:b' < /dev/null
  done
  ends 2 mqpull -t T too many arguments
  # A broker that does not wait for what is wanted is configured otherwise.
  start_broker
  ends 2 mqsend -t T --ack flush <<< a
}

@test "3: the servers could not be reached, or did not answer in time" {
  ends 3 mqsend -t T -n 127.0.0.1:1 --timeout 300ms <<< a
  ends 3 mqsend -t T -n '127.0.0.1:1;127.0.0.1:2' --timeout 300ms <<< a
  [[ $stderr == *'127.0.0.1:1;127.0.0.1:2'* ]]
  ends 3 mqpull -t T -n 127.0.0.1:1 --timeout 300ms
  ends 3 mqpull -t T -g g -n 127.0.0.1:1 --timeout 300ms
  ends 3 mqpull -t T -g g --lag -n 127.0.0.1:1 --timeout 300ms
  start_broker
  mqadmin updateTopic -t T -c DefaultCluster > /dev/null
  ends 3 mqsend -t T --request --timeout 100ms <<< a
  mqsend -q -t T --spool spool --timeout 100ms -n 127.0.0.1:1 <<< a
  ends 3 mqsend --drain --spool spool --timeout 100ms -n 127.0.0.1:1
  # It is there and says nothing.
  freeze "$broker_pid"
  ends 3 mqsend -t T --timeout 500ms <<< a
  [ "${#stderr_lines[@]}" = 2 ]
  ends 3 mqpull -t T -e --timeout 1s
  kill -CONT "$broker_pid"
}

@test "4: there is no such topic, queue, broker or file" {
  echo autoCreateTopicEnable=false > broker.conf
  start_broker -c broker.conf
  mqadmin updateTopic -t T -c DefaultCluster > /dev/null
  ends 4 mqsend -t none <<< a
  [[ $stderr == *"topic 'none' does not exist on $namesrv (TOPIC_NOT_EXIST)"* ]]
  ends 4 mqsend -t T --queue 99 <<< a
  ends 4 mqsend -t T no-such-file
  ends 4 mqsend -t T --on-error skip no-such-file
  [[ $stderr == *'mqsend: no-such-file: No such file or directory'* ]]
  ends 4 mqsend -t T --rejects no/such/folder <<< a
  ends 4 mqsend -t T --metrics no/such/folder <<< a
  ends 4 mqsend -t T --follow file --state no/such/folder
  ends 4 mqsend --drain --spool no-such-spool
  ends 4 mqpull none
  ends 4 mqpull -t none
  ends 4 mqpull -t none -g g -e
  ends 4 mqpull -t none -g g --lag
  ends 4 mqpull -t T --queue 99 -e
  [ "$stderr" = "mqpull: there is no queue 99 of 'T'" ]
  ends 4 mqpull -t T --broker b -e
  [ "$stderr" = "mqpull: there is no queue of 'T' on broker 'b'" ]
  : > file
  ends 4 mqpull -t T --to-dir file/none --name x -e
}

@test "5: it is not permitted" {
  start_broker
  mqadmin updateTopic -t R -c DefaultCluster -p 4 > /dev/null
  mqadmin updateTopic -t W -c DefaultCluster -p 2 > /dev/null
  ends 5 mqsend -t R <<< a
  ends 5 mqpull -t W -e
  mqsend -q -t T <<< a
  # A file's permissions count too, but root may read all.
  mkdir locked
  chmod 000 locked
  echo a > secret
  chmod 000 secret
  can_be_somebody || skip "somebody else cannot run the tools here"
  ends 5 somebody mqsend -t T "$PWD/secret"
  ends 5 somebody mqsend -t T --rejects "$PWD/locked/rejects" <<< a
  ends 5 somebody mqsend -t T --metrics "$PWD/locked/metrics" <<< a
  ends 5 somebody mqsend -t T --follow x --state "$PWD/locked/state"
  ends 5 somebody mqpull -t T -e --to-dir "$PWD/locked" --name x
  chmod 700 locked secret
}

@test "a signal: after a stop in order, what was read is there and what was written is committed" {
  start_broker
  mqadmin updateTopic -t T -c DefaultCluster > /dev/null
  mkfifo input
  local signal number tool pid writer
  for signal in INT:130 TERM:143 HUP:129; do
    number=${signal#*:} signal=${signal%:*}
    # In the background INT is ignored, which both tools would respect.
    env --default-signal=INT,HUP mqsend -v -t T < input 2> err 3>&- &
    pid=$!
    exec {writer}> input
    echo "$signal" >&"$writer"
    stored() { mqpull -q -t T --from beginning -e | grep -q "$signal"; }
    wait_until stored
    echo "$signal again" >&"$writer"
    status_of stop_daemon "$pid" "$signal"
    exec {writer}>&-
    [ "$ended" = "$number" ]
    grep -qE 'read [12] = acknowledged [12] \+ refused 0' err

    rm -f out err  # else the last round's would be looked at before this one begins
    env --default-signal=INT,HUP mqpull -t T -g "$signal" --from beginning > out 2> err 3>&- &
    pid=$!
    wait_until has_lines out 1
    status_of stop_daemon "$pid" "$signal"
    [ "$ended" = "$number" ]
    [ ! -s err ] || { cat err && false; }
    # Nothing is left, and nothing comes twice.
    mqpull -t T -g "$signal" -e >> out
    cmp <(sort out) <(mqpull -t T --from beginning -e | sort)
  done
}

@test "141: a reader that goes ends a tool quietly, with pipefail too" {
  start_broker
  seq 100000 | mqsend -q -t T
  run --separate-stderr bash -o pipefail -c 'mqpull -t T --from beginning -e | head -1'
  [ "$status" = 141 ]
  [ -z "$stderr" ]
  [ "${#lines[@]}" = 1 ]
  run --separate-stderr bash -o pipefail -c 'seq 100000 | mqsend -q -t T --print ids | head -1'
  [ "$status" = 141 ]
  [ -z "$stderr" ]
}
