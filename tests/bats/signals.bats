#!/usr/bin/env bats
# What becomes of the programs when signals come: the tools die of them after an orderly end, wherever
# they are, a second one ends them at once, and daemons that were stopped in order end with 0.
bats_require_minimum_version 1.5.0
load helpers

setup() { cd "$BATS_TEST_TMPDIR" || return; }

# start COMMAND...: in the background, with default signals; how it ended is in the file `ended` then:
# `signal N` or `status N`. Its pid is in the file `pid`.
start() {
  rm -f pid ended
  perl -e '
    $SIG{$_} = "DEFAULT" for qw(INT TERM HUP);
    my $pid = fork;
    if ($pid == 0) { exec @ARGV or exit 127 }
    sub told { open my $f, ">", "$_[0].new" or die; print $f $_[1]; close $f; rename "$_[0].new", $_[0] or die }
    told("pid", $pid);
    waitpid($pid, 0);
    told("ended", ($? & 127) ? "signal " . ($? & 127) : "status " . ($? >> 8));
  ' "$@" 3>&- &
  wait_until test -e pid
}
# ends_by NUMBER: what was started did.
ends_by() {
  wait_until test -e ended
  [ "$(< ended)" = "signal $1" ] || { echo "it ended with $(< ended), not signal $1"; return 1; }
}
send() { kill -s "$1" "$(< pid)"; }
# catches SIGNAL: what was started has its handler by now. The names in SigCgt are bits from 1 on.
catches() {
  local mask
  mask=$(sed -n 's/^SigCgt:\t//p' "/proc/$(< pid)/status" 2> /dev/null)
  [ -n "$mask" ] && (((16#$mask >> ($(kill -l "$1") - 1) & 1) == 1))
}
waits_in_poll() { grep -q poll "/proc/$(< pid)/wchan" 2> /dev/null || grep -q poll "/proc/$(< pid)/stack" 2> /dev/null || sleep 0.2; }

@test "each tool dies of each signal, while it works and while it waits" {
  start_broker
  mqsend -q -t T < <(seq 10)
  mkfifo input held
  local signal number keep
  exec {keep}<> held
  for signal in INT:2 TERM:15 HUP:1; do
    number=${signal#*:} signal=${signal%:*}
    start mqpull -q -t T
    wait_until catches "$signal"
    send "$signal"
    ends_by "$number"
    start mqsend -q -t T held
    wait_until catches "$signal"
    send "$signal"
    ends_by "$number"
    start mqadmin clusterList -i 1000
    wait_until catches "$signal"
    send "$signal"
    ends_by "$number"
    start mqdump log -f store
    wait_until catches "$signal"
    send "$signal"
    ends_by "$number"
  done
  exec {keep}>&-
}

@test "each tool dies of the signal while it waits for a name server" {
  local signal number tool
  start_broker
  echo x > line
  freeze "$broker_pid"
  # Nobody listens there; the other one says nothing.
  for namesrv in 127.0.0.1:1 "$namesrv"; do
    for signal in INT:2 TERM:15; do
      number=${signal#*:} signal=${signal%:*}
      for tool in 'mqpull -t T --timeout 1h' 'mqpull -t T -g g --timeout 1h' 'mqpull -t T -g g --lag --timeout 1h' \
        'mqsend -t T --timeout 1h line' 'mqsend -t T --create --timeout 1h line' 'mqsend -t T --request --timeout 1h line' \
        'mqadmin topicList --timeout 1h' 'mqadmin updateTopic -c c -t T --timeout 1h' 'mqadmin deleteTopic --yes -c c -t T --timeout 1h' \
        'mqadmin consumerProgress --timeout 1h' 'mqadmin brokerStatus -b 127.0.0.1:1 --timeout 1h'; do
        # shellcheck disable=SC2086  # words
        start $tool -n "$namesrv"
        wait_until catches "$signal"
        waits_in_poll || true
        send "$signal"
        ends_by "$number" || { echo "$tool -n $namesrv"; return 1; }
      done
    done
  done
  kill -CONT "$broker_pid"
}

@test "a signal ends a tool whose reader reads nothing, in time" {
  start_broker
  seq 200000 | mqsend -q -t T
  mkfifo out
  local keep tool
  for tool in 'mqpull -q -t T --from beginning' 'mqdump log store --out json' 'mqdump queue store T 0' 'mqsend -q -t T --print ids lines'; do
    seq 200000 > lines
    exec {keep}<> out
    # shellcheck disable=SC2086  # words
    start bash -c "exec $tool > out"
    wait_until catches TERM
    sleep 0.5
    send TERM
    ends_by 15 || { echo "$tool"; return 1; }
    exec {keep}>&-
  done
}

@test "a second signal ends a tool at once, and by itself" {
  start_broker
  echo x > line
  freeze "$broker_pid"
  start mqsend -q -t T --timeout 1h line
  wait_until catches TERM
  send INT
  send TERM || true # it may have ended by the first
  wait_until test -e ended
  [[ $(< ended) == signal\ @(2|15) ]]
  kill -CONT "$broker_pid"
  # A command that goes on is waited for; the second signal is passed on to it.
  mqsend -q -t T <<< a
  start mqpull -q -t T --from beginning --exec 'echo $$ > running; exec sleep 1000'
  wait_until test -s running
  send TERM
  sleep 0.3
  [ ! -e ended ]
  send INT
  ends_by 2
  wait_until is_gone "$(< running)"
}

@test "an ignored SIGINT or SIGHUP stays ignored" {
  start_broker
  mqsend -q -t T <<< a
  start env --ignore-signal=INT,HUP mqpull -q -t T
  wait_until catches TERM
  send INT
  send HUP
  sleep 0.3
  [ ! -e ended ]
  send TERM
  ends_by 15
}

@test "process 1 of a container, which signals with their default action do not end, is status 128+N" {
  unshare --pid --fork --user --map-root-user true 2> /dev/null || skip "no namespaces here"
  start_broker
  mqsend -q -t T <<< a
  # The namespace's first process is the tool itself.
  unshare --pid --fork --user --map-root-user --kill-child mqpull -q -t T --from beginning > out 3>&- &
  local outer=$! inner ended=0
  has_come() { [ -s out ]; }
  wait_until has_come
  inner=$(pgrep -P "$outer")
  kill -TERM "$inner"
  wait "$outer" || ended=$?
  [ "$ended" = 143 ]
}

@test "a daemon that is stopped in order ends with 0" {
  local signal
  for signal in TERM INT; do
    start_namesrv
    stop_daemon "$namesrv_pid" "$signal"
    start_broker
    stop_daemon "$broker_pid" "$signal"
  done
}
