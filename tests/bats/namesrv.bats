#!/usr/bin/env bats
# mqd-namesrv as an operator and as brokers and clients see it.
bats_require_minimum_version 1.5.0
load helpers

identity='"brokerName":"b","brokerAddr":"127.0.0.1:10911","clusterName":"C","brokerId":"0","haServerAddr":"127.0.0.1:10912"'
topics='{"filterServerList":[],"topicConfigSerializeWrapper":{"dataVersion":{"counter":1,"stateVersion":0,"timestamp":1},"topicConfigTable":{"T":{"order":false,"perm":6,"readQueueNums":4,"topicFilterType":"SINGLE_TAG","topicName":"T","topicSysFlag":0,"writeQueueNums":4}}}}'
route='{"brokerDatas":[{"brokerAddrs":{"0":"127.0.0.1:10911"},"brokerName":"b","cluster":"C","enableActingMaster":false}],"filterServerTable":{},"queueDatas":[{"brokerName":"b","perm":6,"readQueueNums":4,"topicSysFlag":0,"writeQueueNums":4}]}'

@test "help goes to stdout with examples, the version too" {
  run --separate-stderr mqd-namesrv --help
  [ "$status" = 0 ]
  [ -z "$stderr" ]
  [[ $output == *--listen* && $output == *'mqd-namesrv -c '* ]]
  run --separate-stderr mqd-namesrv --version
  [ "$status" = 0 ]
  [[ $output == *mqd-namesrv* ]]
}

@test "an unknown option is wrong usage: one line, status 2" {
  run --separate-stderr mqd-namesrv --no-such-option
  [ "$status" = 2 ]
  [ -z "$output" ]
  [ "${#stderr_lines[@]}" = 1 ]
  [[ $stderr == mqd-namesrv:* ]]
}

@test "all that is wrong in a file is told at once, with its line" {
  printf 'listenPort=99999\norderMessageEnabel=true\nenableTopicList=2\n' > "$BATS_TEST_TMPDIR/n.conf"
  run --separate-stderr mqd-namesrv -c "$BATS_TEST_TMPDIR/n.conf"
  [ "$status" = 2 ]
  [ "${#stderr_lines[@]}" = 3 ]
  [[ ${stderr_lines[0]} == *n.conf:1:*listenPort* ]]
  [[ ${stderr_lines[1]} == *n.conf:2:*orderMessageEnable* ]]
  [[ ${stderr_lines[2]} == *n.conf:3:*enableTopicList* ]]
}

@test "a missing file is named" {
  run --separate-stderr mqd-namesrv -c "$BATS_TEST_TMPDIR/none.conf" --check
  [ "$status" = 2 ]
  [[ $stderr == *none.conf* ]]
}

@test "--check says nothing of a good file, and starts nothing" {
  printf 'listenPort=9876\n' > "$BATS_TEST_TMPDIR/n.conf"
  run mqd-namesrv -c "$BATS_TEST_TMPDIR/n.conf" --check
  [ "$status" = 0 ]
  [ -z "$output" ]
}

@test "RocketMQ's own file works; keys without a use here are named" {
  printf 'listenPort=9877\nuseEpollNativeSelector=true\n' > "$BATS_TEST_TMPDIR/namesrv.conf"
  run --separate-stderr mqd-namesrv -c "$BATS_TEST_TMPDIR/namesrv.conf" --check
  [ "$status" = 0 ]
  [[ $stderr == *namesrv.conf:2:*useEpollNativeSelector* ]]
}

@test "the printed configuration says where values came from and is read back" {
  cd "$BATS_TEST_TMPDIR"
  printf 'enableTopicList=false\n' > n.conf
  run --separate-stderr mqd-namesrv -c n.conf --listen 127.0.0.1:5 -p
  [ "$status" = 0 ]
  [[ $output == *'listenPort = 5  # --listen'* ]]
  [[ $output == *'enableTopicList = false  # n.conf:1'* ]]
  [[ $output == *'orderMessageEnable = false  # default'* ]]
  printf '%s\n' "$output" | sed 's/  # .*//' > first
  cp first again.toml
  mqd-namesrv -c again.toml -p | sed 's/  # .*//' | cmp - first
}

@test "a port in use is one line and status 2" {
  start_namesrv
  run --separate-stderr mqd-namesrv --listen "$namesrv"
  [ "$status" = 2 ]
  [ "${#stderr_lines[@]}" = 1 ]
  [[ $stderr == mqd-namesrv:*"${namesrv##*:}"* ]]
}

@test "a broker is routed to from its registration until its connection closes" {
  start_namesrv
  connect "$namesrv"
  ask 105 '{"topic":"T"}'
  [ "$answer_code" = 17 ]
  ask 103 "{$identity}" "$topics"
  [ "$answer_code" = 0 ]
  ask 105 '{"topic":"T"}'
  [ "$answer_code" = 0 ]
  [ "$answer_body" = "$route" ]
  disconnect
  wait_until logged namesrv 'broker_removed broker=b .*reason=connection_closed'
  connect "$namesrv"
  ask 105 '{"topic":"T"}'
  [ "$answer_code" = 17 ]
}

@test "a broker that gives no sign of life expires" {
  printf 'scanNotActiveBrokerInterval=50\n' > "$BATS_TEST_TMPDIR/n.conf"
  start_namesrv -c "$BATS_TEST_TMPDIR/n.conf"
  connect "$namesrv"
  ask 103 "{$identity,\"heartbeatTimeoutMillis\":\"100\"}" "$topics"
  [ "$answer_code" = 0 ]
  wait_until logged namesrv 'broker_removed broker=b .*reason=expired'
  ask 105 '{"topic":"T"}'
  [ "$answer_code" = 17 ]
}

@test "a body with a wrong checksum is refused" {
  start_namesrv
  connect "$namesrv"
  ask 103 "{$identity,\"bodyCrc32\":\"1\"}" "$topics"
  [ "$answer_code" = 1 ]
  [[ $answer_header == *'crc32 not match'* ]]
}

@test "wiped write permission is given back, and both count the topics" {
  start_namesrv
  connect "$namesrv"
  ask 103 "{$identity}" "$topics"
  ask 205 '{"brokerName":"b"}'
  [[ $answer_header == *'"wipeTopicCount":"1"'* ]]
  ask 103 "{$identity}" "${topics/\"counter\":1/\"counter\":2}"
  ask 105 '{"topic":"T"}'
  [ "$answer_body" = "${route/\"perm\":6/\"perm\":4}" ]
  ask 327 '{"brokerName":"b"}'
  [[ $answer_header == *'"addTopicCount":"1"'* ]]
  ask 105 '{"topic":"T"}'
  [ "$answer_body" = "$route" ]
}

@test "what is not known or not said is answered and the connection stays" {
  start_namesrv
  connect "$namesrv"
  ask 12345 '{}'
  [ "$answer_code" = 3 ]
  [[ $answer_header == *'" request type 12345 not supported"'* ]]
  ask 105 '{}'
  [ "$answer_code" = 1 ]
  [[ $answer_header == *topic* ]]
  ask 103 "{$identity}" '{not json'
  [ "$answer_code" = 1 ]
  ask 206 '{}'
  [ "$answer_code" = 0 ]
  [ "$answer_body" = '{"topicList":[]}' ]
}

@test "a frame that cannot be is answered by closing" {
  start_namesrv
  connect "$namesrv"
  printf '\x7f\xff\xff\xff\x00\x00\x00\x01' >&"$socket"
  run head -c 1 <&"$socket"
  [ -z "$output" ]
  disconnect
  connect "$namesrv"
  ask 206 '{}'
  [ "$answer_code" = 0 ]
}

@test "the KV configuration outlives a restart" {
  start_namesrv
  connect "$namesrv"
  ask 100 '{"namespace":"ORDER_TOPIC_CONFIG","key":"T","value":"b:4"}'
  [ "$answer_code" = 0 ]
  disconnect
  stop_daemon "$namesrv_pid"
  start_namesrv
  connect "$namesrv"
  ask 101 '{"namespace":"ORDER_TOPIC_CONFIG","key":"T"}'
  [ "$answer_code" = 0 ]
  [[ $answer_header == *'"value":"b:4"'* ]]
  ask 103 "{$identity}" "$topics"
  [ "$answer_body" = '{"table":{"T":"b:4"}}' ]
  ask 102 '{"namespace":"ORDER_TOPIC_CONFIG","key":"T"}'
  ask 101 '{"namespace":"ORDER_TOPIC_CONFIG","key":"T"}'
  [ "$answer_code" = 22 ]
}

@test "a key set while running takes effect at once and is kept in the file" {
  printf '# of this host\nenableAllTopicList=true\n' > "$BATS_TEST_TMPDIR/n.conf"
  start_namesrv -c "$BATS_TEST_TMPDIR/n.conf"
  connect "$namesrv"
  ask 318 '{}' 'enableAllTopicList=false'
  [ "$answer_code" = 0 ]
  ask 206 '{}'
  [ "$answer_code" = 1 ]
  [ "$(cat "$BATS_TEST_TMPDIR/n.conf")" = $'# of this host\nenableAllTopicList=false' ]
  ask 318 '{}' 'kvConfigPath=/tmp/x'
  [ "$answer_code" = 16 ]
  ask 319 '{}'
  [[ $answer_body == *$'\nenableAllTopicList=false\n'* ]]
}

@test "SIGHUP reads the file again; a broken one changes nothing" {
  printf 'enableAllTopicList=true\n' > "$BATS_TEST_TMPDIR/n.conf"
  start_namesrv -c "$BATS_TEST_TMPDIR/n.conf"
  printf 'enableAllTopicList=false\nserverSelectorThreads=7\n' > "$BATS_TEST_TMPDIR/n.conf"
  kill -HUP "$namesrv_pid"
  wait_until logged namesrv ' reloaded '
  logged namesrv 'reload_ignored key=serverSelectorThreads'
  connect "$namesrv"
  # Takes effect right behind the log line.
  all_topics_refused() { ask 206 '{}' && [ "$answer_code" = 1 ]; }
  wait_until all_topics_refused
  printf 'enableAllTopicList=perhaps\n' > "$BATS_TEST_TMPDIR/n.conf"
  kill -HUP "$namesrv_pid"
  wait_until logged namesrv 'reload_failed'
  ask 206 '{}'
  [ "$answer_code" = 1 ]
}

@test "SIGTERM and SIGINT stop it in order, with open connections too" {
  for signal in TERM INT; do
    start_namesrv
    connect "$namesrv"
    ask 206 '{}'
    stop_daemon "$namesrv_pid" "$signal"
    logged namesrv "stopping signal=SIG$signal"
    logged namesrv ' stopped'
    disconnect
  done
}

@test "readiness is told to NOTIFY_SOCKET" {
  perl -MSocket -e 'socket(my $s, AF_UNIX, SOCK_DGRAM, 0) or die; bind($s, sockaddr_un($ARGV[0])) or die;
    open(my $f, ">", $ARGV[1]); recv($s, my $text, 100, 0); print $f $text; close $f' \
    "$BATS_TEST_TMPDIR/notify" "$BATS_TEST_TMPDIR/told" 3>&- &
  local listener=$!
  wait_until test -S "$BATS_TEST_TMPDIR/notify"
  NOTIFY_SOCKET=$BATS_TEST_TMPDIR/notify start_namesrv
  wait "$listener"
  [ "$(cat "$BATS_TEST_TMPDIR/told")" = READY=1 ]
}

@test "the log is JSON lines when asked for" {
  mqd-namesrv --listen 127.0.0.1:0 --log-format json 2> "$BATS_TEST_TMPDIR/json.log" 3>&- &
  wait_until logged json '^\{"time":".*","level":"info","event":"listening","role":"namesrv","address":"127.0.0.1:[0-9]+"\}$'
}

@test "the man page has every key, and its default where that is no path" {
  local page=$BATS_TEST_DIRNAME/../../man/mqd-namesrv.8 key value
  mqd-namesrv -p | sed 's/  # .*//' > "$BATS_TEST_TMPDIR/keys"
  while IFS= read -r line; do
    key=${line%% = *} value=${line#* = }
    [[ $value != \"* ]] || value="Qq "
    grep -q "^\.It Ic $key No = $value" "$page" || { echo "not in the man page: $line"; return 1; }
  done < "$BATS_TEST_TMPDIR/keys"
}

@test "the man page has every option" {
  local page=$BATS_TEST_DIRNAME/../../man/mqd-namesrv.8 option
  for option in $(mqd-namesrv --help | grep -oE '^ +(-[a-z], )?--[a-z-]+' | grep -oE -- '--[a-z-]+'); do
    grep -q -- "Fl -${option#--}" "$page" || { echo "not in the man page: $option"; return 1; }
  done
}
