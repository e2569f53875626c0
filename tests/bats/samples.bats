#!/usr/bin/env bats
# mqd-broker on the stores of RocketMQ 5.3.3 in $MQD_SAMPLE_DIR, or in a directory shared/data beside
# the source tree; the unit tests hold each line of their lists against what is served.
bats_require_minimum_version 1.5.0
load helpers

sample_dir() {
  if [ -n "${MQD_SAMPLE_DIR-}" ]; then echo "$MQD_SAMPLE_DIR"; return; fi
  local dir=$BATS_TEST_DIRNAME
  while [ "$dir" != / ]; do
    if [ -e "$dir/shared/data/expected.jsonl" ]; then echo "$dir/shared/data"; return; fi
    dir=$(dirname "$dir")
  done
}

# unpack ARCHIVE: $BATS_TEST_TMPDIR/store, and broker.conf with what must differ on this machine.
unpack() {
  local dir
  dir=$(sample_dir)
  [ -n "$dir" ] || skip "the sample stores are not here"
  tar xzf "$dir/$1" -C "$BATS_TEST_TMPDIR" --strip-components=1
  sed -i -E '/^(namesrvAddr|listenPort|haListenPort|brokerIP1|storePath.*|fileReservedTime)=/d' "$BATS_TEST_TMPDIR/broker.conf"
  printf '%s\n' brokerIP1=127.0.0.1 fileReservedTime=1000000 >> "$BATS_TEST_TMPDIR/broker.conf"
}
start_sample() { start_broker -c "$BATS_TEST_TMPDIR/broker.conf"; }

# listed LIST TOPIC: how many messages the list has of it.
listed() { grep '"kind":"message"' "$(sample_dir)/$1" | grep -c "\"topic\":\"$2\""; }
served() { mqpull -q -t "$1" -e --from beginning --out json | wc -l; }
# What mqd-broker neither needs nor knows.
foreign() { (cd "$BATS_TEST_TMPDIR/store" && cksum config/{consumerFilter.json,consumerOrderInfo.json,transactionMetrics}{,.bak}); }

# Each of the tables has its predecessor beside it, and both are there whole.
tables_are_whole() {
  local table file
  for table in topics subscriptionGroup consumerOffset delayOffset; do
    for file in "$BATS_TEST_TMPDIR/store/config/$table.json"{,.bak}; do
      if [ "$(head -c 1 "$file")$(tail -c 2 "$file" | tr -d '\n' | tail -c 1)" != '{}' ]; then
        echo "$file is not whole" >&2
        return 1
      fi
    done
  done
  [ -z "$(find "$BATS_TEST_TMPDIR/store" -name '*.tmp')" ]
}

@test "a store of RocketMQ is served, gone on with and opened again" {
  unpack rocketmq-5.3.3-store.tar.gz
  foreign > "$BATS_TEST_TMPDIR/before"
  [ "$(wc -l < "$BATS_TEST_TMPDIR/before")" = 6 ]
  start_sample
  orders=$(listed expected.jsonl OrdersTopic)
  [ "$orders" -gt 200 ]
  [ "$(served OrdersTopic)" -ge "$orders" ]
  [ "$(served EventsTopic)" -ge "$(listed expected.jsonl EventsTopic)" ]
  before=$(served OrdersTopic)
  echo '{"body":"one more","keys":["new-key"]}' | mqsend -q --in json -t OrdersTopic --queue 0
  [ "$(served OrdersTopic)" = $((before + 1)) ]
  # The queue's offsets go on: the list has 53 messages of it.
  offset=$(mqpull -q -t OrdersTopic -e --from beginning --out 'format:%o %s\n' | sed -n 's/ one more$//p')
  [ "$offset" -ge 53 ]
  stop_daemon "$broker_pid"
  [ ! -e "$BATS_TEST_TMPDIR/store/abort" ]
  tables_are_whole
  diff "$BATS_TEST_TMPDIR/before" <(foreign)
  run -0 mqdump stat "$BATS_TEST_TMPDIR/store" --out json
  [[ $output == *'"clean":true,'* ]]
  start_sample
  [ "$(served OrdersTopic)" = $((before + 1)) ]
  mqpull -q -t OrdersTopic -e --from beginning --out 'format:%k %s\n' | grep -qx 'new-key one more'
}

@test "a store with batch queues, extensions and an expired beginning is served, also after a crash" {
  unpack rocketmq-5.3.3-store-extras.tar.gz
  start_sample
  # 66 messages in 15 records, and two by themselves.
  [ "$(served BatchTopic)" = 68 ]
  [ "$(served FilterTopic)" = 35 ]
  [ "$(mqpull -q -t FilterTopic -e --from beginning --out 'format:%o\n' | head -1)" = 25 ]
  seq 10 | mqsend -q -t BatchTopic
  seq 10 | mqsend -q -t FilterTopic
  kill -9 "$broker_pid"
  wait_until is_gone "$broker_pid"
  start_sample
  [ "$(served BatchTopic)" = 78 ]
  [ "$(served FilterTopic)" = 45 ]
  [ "$(mqpull -q -t BatchTopic -e --from beginning --out 'format:%o\n' | sort -n | uniq | wc -l)" = 78 ]
  stop_daemon "$broker_pid"
  tables_are_whole
}
