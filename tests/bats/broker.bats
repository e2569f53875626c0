#!/usr/bin/env bats
# mqd-broker as an operator sees it: start, stop, crash, a full disk, strangers on its port.
bats_require_minimum_version 1.5.0
load helpers

# For stores whose files are small.
small_files() {
  printf 'mappedFileSizeCommitLog=1048576\nmaxMessageSize=262144\n' > "$BATS_TEST_TMPDIR/small.conf"
}

hex_of() { od -An -tx1 -v | tr -d ' \n'; }

@test "help goes to stdout with examples" {
  run --separate-stderr mqd-broker --help
  [ "$status" = 0 ]
  [ -z "$stderr" ]
  [[ $output == *--standalone* && $output == *--namesrv-port* && $output == *'mqd-broker -c '* ]]
}

@test "all that is wrong in a file is told at once, RocketMQ's other keys are only warned of" {
  printf 'listenPort=99999\nflushDiskType=SOMETIMES\nsendMessageThreadPoolNums=4\nbrokerNaem=x\n' \
    > "$BATS_TEST_TMPDIR/b.conf"
  run --separate-stderr mqd-broker -c "$BATS_TEST_TMPDIR/b.conf" --check
  [ "$status" = 2 ]
  [[ $stderr == *b.conf:1:*listenPort* ]]
  [[ $stderr == *b.conf:2:*flushDiskType*ASYNC_FLUSH* ]]
  [[ $stderr == *b.conf:4:*brokerNaem*brokerName* ]]
}

@test "--print-config shows values with their origin and can be read back" {
  printf 'brokerName=broker-a\nbrokerIP1=10.1.2.3\n' > "$BATS_TEST_TMPDIR/b.conf"
  mqd-broker -c "$BATS_TEST_TMPDIR/b.conf" --listen 127.0.0.1:1234 -p > "$BATS_TEST_TMPDIR/printed.toml"
  grep -q '^brokerName = "broker-a"  # .*b.conf:1' "$BATS_TEST_TMPDIR/printed.toml"
  grep -q '^listenPort = 1234  # --listen' "$BATS_TEST_TMPDIR/printed.toml"
  mqd-broker -c "$BATS_TEST_TMPDIR/printed.toml" -p | sed 's/  #.*//' > "$BATS_TEST_TMPDIR/again"
  sed 's/  #.*//' "$BATS_TEST_TMPDIR/printed.toml" | diff - "$BATS_TEST_TMPDIR/again"
}

@test "retention and the waiting of sends have keys, checked and shown" {
  local keys=(deleteWhen=05 fileReservedTime=24 diskMaxUsedSpaceRatio=70 diskSpaceCleanForciblyRatio=80
    diskSpaceWarningLevelRatio=85 cleanFileForciblyEnable=false cleanResourceInterval=5000 deleteFileBatchMax=2
    deleteCommitLogFilesInterval=50 brokerRole=SYNC_MASTER inSyncReplicas=2 slaveTimeout=1000 syncFlushTimeout=2000)
  printf '%s\n' "${keys[@]}" > "$BATS_TEST_TMPDIR/b.conf"
  run --separate-stderr mqd-broker -c "$BATS_TEST_TMPDIR/b.conf" --check
  [ "$status" = 0 ]
  [ -z "$stderr" ]
  mqd-broker -c "$BATS_TEST_TMPDIR/b.conf" -p > "$BATS_TEST_TMPDIR/printed.toml"
  local key
  for key in "${keys[@]}"; do
    grep -Eq "^${key%=*} = \"?${key#*=}\"?  # .*b.conf:" "$BATS_TEST_TMPDIR/printed.toml" || { echo "$key"; return 1; }
  done
  printf 'deleteWhen=noon\ninSyncReplicas=-1\n' > "$BATS_TEST_TMPDIR/b.conf"
  run --separate-stderr mqd-broker -c "$BATS_TEST_TMPDIR/b.conf" --check
  [ "$status" = 2 ]
  [[ $stderr == *deleteWhen*noon* && $stderr == *b.conf:2:*inSyncReplicas* ]]
}

@test "the manual has every key" {
  local key
  for key in $(mqd-broker -p | sed 's/ .*//'); do
    grep -Eq "^\.It Ic (.* )?$key( |\$)" "$BATS_TEST_DIRNAME/../../man/mqd-broker.8" ||
      { echo "mqd-broker(8) does not have $key"; return 1; }
  done
}

@test "a stop that sends clients away waits until they have gone, and no longer" {
  printf '%s\n' enableShutdownGracefully=true shutdownWaitTimeSeconds=3600 > "$BATS_TEST_TMPDIR/b.conf"
  start_broker -c "$BATS_TEST_TMPDIR/b.conf"
  connect "$broker"
  ask 28 '{}'
  [ "$answer_code" = 0 ]
  kill "$broker_pid"
  wait_until logged broker 'info  leaving connections=1 seconds=3600'
  ask 28 '{}'
  [ "$answer_code" = 1500 ]
  run ! connect "$broker"
  kill -0 "$broker_pid"
  disconnect
  wait "$broker_pid"

  printf '%s\n' enableShutdownGracefully=true shutdownWaitTimeSeconds=0 > "$BATS_TEST_TMPDIR/b.conf"
  start_broker -c "$BATS_TEST_TMPDIR/b.conf"
  connect "$broker"
  ask 28 '{}'
  stop_daemon "$broker_pid"
  disconnect
}

@test "what goes in comes out, in order, over a restart too" {
  start_broker
  seq 1000 | mqsend -q -t numbers --queue 0
  mqpull -q -t numbers --from beginning -e | diff - <(seq 1000)
  stop_daemon "$broker_pid"
  [ ! -e "$BATS_TEST_TMPDIR/store/abort" ]
  start_broker
  mqpull -q -t numbers --from beginning -e | diff - <(seq 1000)
}

@test "it is small and answers at once on an empty store" {
  start_broker
  memory_at_most 20480 "$broker_pid"
  connect "$broker"
  ask 28 '{}'
  [ "$answer_code" = 0 ]
  [[ $answer_body == *'"brokerVersionDesc":"V5_3_3"'* ]]
  disconnect
}

@test "after kill -9 under load every acknowledged message is there, once" {
  start_broker
  mqsend -q -t load --queue 0 --in lines --print ids --timeout 2s --retries 0 \
    < <(seq 1000000) > "$BATS_TEST_TMPDIR/ids" 2> /dev/null 3>&- &
  local sender=$!
  acknowledged() { [ "$(wc -l < "$BATS_TEST_TMPDIR/ids")" -ge 20000 ]; }
  wait_until acknowledged
  kill -9 "$broker_pid"
  wait "$broker_pid" || true
  kill "$sender" 2> /dev/null || true
  wait "$sender" || true
  # Line n of the answers belongs to number n; an empty one was not acknowledged.
  awk 'NF { print NR }' "$BATS_TEST_TMPDIR/ids" | sort > "$BATS_TEST_TMPDIR/acknowledged"
  start_broker
  mqpull -q -t load --from beginning -e | sort > "$BATS_TEST_TMPDIR/found"
  [ -z "$(uniq -d "$BATS_TEST_TMPDIR/found")" ]
  [ -z "$(comm -23 "$BATS_TEST_TMPDIR/acknowledged" "$BATS_TEST_TMPDIR/found")" ]
  [ "$(wc -l < "$BATS_TEST_TMPDIR/acknowledged")" -ge 19999 ]
}

@test "a second broker on the same store ends with status 2 and names the first" {
  start_broker
  run --separate-stderr mqd-broker --store "$BATS_TEST_TMPDIR/store" --listen 127.0.0.1:0
  [ "$status" = 2 ]
  [ "${#stderr_lines[@]}" = 1 ]
  [[ $stderr == *"$broker_pid"* ]]
}

@test "a port in use is one line and status 2, and leaves a clean store" {
  start_broker
  run --separate-stderr mqd-broker --store "$BATS_TEST_TMPDIR/other" --listen "$broker"
  [ "$status" = 2 ]
  [ "${#stderr_lines[@]}" = 1 ]
  [[ $stderr == *"$broker"* ]]
  [ ! -e "$BATS_TEST_TMPDIR/other/abort" ]
}

@test "ten thousand connections that send one byte do no harm" {
  local descriptors=$((10000 + 200))
  [ "$(ulimit -Hn)" = unlimited ] || [ "$(ulimit -Hn)" -ge "$descriptors" ] || skip "too few descriptors allowed"
  ulimit -Sn "$(ulimit -Hn)"
  start_broker
  (
    for ((i = 0; i < 10000; i++)); do
      exec {one}<> "/dev/tcp/${broker%:*}/${broker##*:}"
      printf '\0' >&"$one"
    done
    seq 10 | mqsend -q -t through
  )
  [ "$(mqpull -q -t through --from beginning -e | wc -l)" = 10 ]
  memory_at_most 204800 "$broker_pid" VmHWM
}

@test "frames that no client sends close their connection and nothing else" {
  start_broker
  local frame
  for frame in '\xff\xff\xff\xff\x00\x00\x00\x00' '\x00\x00\x00\x00\x00\x00\x00\x00' \
    '\x00\x00\x00\x08\x00\x00\x00\xffabcd' '\x00\x00\x00\x08\x07\x00\x00\x04abcd' \
    '\x00\x00\x00\x08\x00\x00\x00\x04abcd' '\x7f\xff\xff\xff\x00\x00\x00\x04abcd'; do
    connect "$broker"
    printf '%b' "$frame" >&"$socket"
    [ -z "$(timeout 5 head -c 1 <&"$socket" | hex_of)" ]
    disconnect
  done
  connect "$broker"
  ask 30 '{"topic":"T","queueId":"0"}'
  [ "$answer_code" = 0 ]
  # Headers that lack what they need, or have the wrong type, are answered.
  ask 11 '{}'
  [ "$answer_code" = 1 ]
  ask 30 '{"topic":"T","queueId":"many"}'
  [ "$answer_code" = 1 ]
  ask 34 '{}' '{"clientID":'
  [ "$answer_code" = 1 ]
  ask 310 '{"a":"P","b":"T","c":"TBW102","d":"4","e":"0","f":"0","g":"1","h":"0","m":"true"}' 'no batch at all'
  [ "$answer_code" = 13 ]
  disconnect
}

@test "on a full disk sends are refused, reads go on, and so do sends when there is room" {
  [ "$(id -u)" = 0 ] || skip "needs root to mount a small file system"
  mkdir "$BATS_TEST_TMPDIR/small"
  mount -t tmpfs -o size=12m none "$BATS_TEST_TMPDIR/small" || skip "cannot mount"
  small_files
  start_daemon broker broker mqd-broker --standalone -c "$BATS_TEST_TMPDIR/small.conf" \
    --store "$BATS_TEST_TMPDIR/small/store" --listen 127.0.0.1:0 --namesrv-port 0
  broker=$(listening broker broker)
  export NAMESRV_ADDR
  NAMESRV_ADDR=$(listening broker namesrv)
  seq 10 | mqsend -q -t before --queue 0
  head -c 20000000 /dev/zero > "$BATS_TEST_TMPDIR/small/filler" 2> /dev/null || true
  local body refused=
  body=$(head -c 100000 /dev/zero | tr '\0' x)
  connect "$broker"
  for ((i = 0; i < 200 && ! refused; i++)); do
    ask 310 '{"a":"P","b":"before","c":"TBW102","d":"4","e":"0","f":"0","g":"0","h":"0","j":"0"}' "$body"
    [ "$answer_code" = 0 ] || refused=$answer_code
  done
  [ "$refused" = 14 ]
  [ "$(mqpull -q -t before --from beginning -e -c 10 | tail -1)" = 10 ]
  rm "$BATS_TEST_TMPDIR/small/filler"
  taken_again() {
    ask 310 '{"a":"P","b":"before","c":"TBW102","d":"4","e":"0","f":"0","g":"0","h":"0","j":"0"}' again
    [ "$answer_code" = 0 ]
  }
  wait_until taken_again
  disconnect
  stop_daemon "$daemon_pid"
  umount "$BATS_TEST_TMPDIR/small"
}

@test "log files go when their time is over, and readers go on with what is left" {
  small_files
  printf 'cleanResourceInterval=100ms\ndeleteWhen=%s;%s\nfileReservedTime=48\n' \
    "$(date +%H)" "$(date -d '+1 hour' +%H)" >> "$BATS_TEST_TMPDIR/small.conf"
  printf 'diskMaxUsedSpaceRatio=100\ndiskSpaceCleanForciblyRatio=100\ndiskSpaceWarningLevelRatio=100\n' \
    >> "$BATS_TEST_TMPDIR/small.conf"
  start_broker -c "$BATS_TEST_TMPDIR/small.conf"
  seq -f "%0.0f $(printf '%01000d' 0)" 3500 | mqsend -q -t old --queue 0
  local log=$BATS_TEST_TMPDIR/store/commitlog
  [ -e "$log/00000000000002097152" ]
  touch -d '47 hours ago' "$log/00000000000001048576"
  touch -d '3 days ago' "$log/00000000000000000000"
  is_there_not() { [ ! -e "$1" ]; }
  wait_until is_there_not "$log/00000000000000000000"
  wait_until logged broker 'log_file_removed .*00000000000000000000 why=expired'
  min_is_above_zero() {
    min=$(mqadmin topicStatus -t old --out jsonl | sed -nE 's/.*"queueId":0,.*"minOffset":([0-9]+).*/\1/p')
    [ "$min" -gt 0 ]
  }
  wait_until min_is_above_zero
  mqpull -q -t old --from beginning -e | cut -d ' ' -f 1 | diff - <(seq $((min + 1)) 3500)
  [ -e "$log/00000000000001048576" ]
  stop_daemon "$broker_pid"
  start_broker -c "$BATS_TEST_TMPDIR/small.conf"
  mqpull -q -t old --from beginning -e | cut -d ' ' -f 1 | diff - <(seq $((min + 1)) 3500)
}

@test "a damaged configuration file gives way to the one before, and is kept" {
  local config=$BATS_TEST_TMPDIR/store/config
  start_broker
  mqadmin updateTopic -b "$broker" -t first -r 3
  mqadmin updateTopic -b "$broker" -t second
  stop_daemon "$broker_pid"
  head -c 1000 "$config/topics.json" > "$BATS_TEST_TMPDIR/half"
  cp "$BATS_TEST_TMPDIR/half" "$config/topics.json"
  start_broker
  logged broker 'warn  config_file_damaged path=[^ ]*/config/topics.json why=.*not JSON at byte 1000'
  cmp "$BATS_TEST_TMPDIR/half" "$config/topics.json.damaged"
  [ "$(mqadmin topicList | grep -cxE 'first|second')" = 2 ]
  stop_daemon "$broker_pid"

  cp "$BATS_TEST_TMPDIR/half" "$config/topics.json"
  cp "$BATS_TEST_TMPDIR/half" "$config/topics.json.bak"
  run --separate-stderr mqd-broker --store "$BATS_TEST_TMPDIR/store" --listen 127.0.0.1:0
  [ "$status" = 1 ]
  [[ ${stderr_lines[-1]} == "mqd-broker: $config/topics.json: not JSON at byte 1000"*"$config/topics.json.bak: "* ]]
  cmp "$BATS_TEST_TMPDIR/half" "$config/topics.json"
  cmp "$BATS_TEST_TMPDIR/half" "$config/topics.json.bak"
}

@test "a name server that starts later learns of the broker" {
  start_namesrv
  stop_daemon "$namesrv_pid" || true
  start_daemon broker broker mqd-broker -n "$namesrv" --store "$BATS_TEST_TMPDIR/store" --listen 127.0.0.1:0
  broker_pid=$daemon_pid
  wait_until logged broker not_registered
  start_daemon namesrv namesrv mqd-namesrv --listen "$namesrv"
  wait_until logged broker ' registered '
  seq 3 | mqsend -q -t later
  stop_daemon "$broker_pid"
  logged namesrv 'broker_removed .*reason=unregistered'
}
