# shellcheck shell=bash disable=SC2154
# Start, pipes, load, dump: the everyday figures, and with PEERS=1 those of the peers.

measure() {
  local what=$1 who=$2 line
  shift 2
  line=$(mqd-load "$@" --seconds "$seconds")
  echo "$line" >&2
  figure "$what" "$who" "$(field per_second <<< "$line")" /s
  figure "$what: broker CPU" "$who" "$(field broker_cpu_us <<< "$line")" us
  figure "$what: p99" "$who" "$(field p99_us <<< "$line")" us
}
loads() {
  local who=$1 at=$2 pid=$3
  measure "send 128 B, JSON, 8x8" "$who" --broker "$at" --pid "$pid" --topic s1
  measure "send 128 B, binary, 8x8" "$who" --broker "$at" --pid "$pid" --topic s2 --encoding binary
  measure "send 128 B, one at a time" "$who" --broker "$at" --pid "$pid" --topic s3 --connections 1 --window 1
  measure "batches of 32, 128 B" "$who" --broker "$at" --pid "$pid" --topic s4 --mode batch
  measure "pull 32 at a time" "$who" --broker "$at" --pid "$pid" --topic s4 --mode pull
}

make_input
echo "start-up" >&2
begin=$(now)
start_broker "$work/store"
# The first answer, not the log line, ends the start.
until mqadmin topicList > /dev/null 2>&1; do :; done
figure "start to first answer" mqd "$(since "$begin")" s
figure "RSS, empty store" mqd "$(status_kb "$broker" VmRSS)" kB

echo "pipes" >&2
make_topic oneway
make_topic acked
warm_memory 1000
figure "$lines lines, one-way, until readable" mqd "$(pipe_in oneway --oneway)" s
warm_memory 1000
figure "$lines lines, acknowledged, until readable" mqd "$(pipe_in acked)" s
begin=$(now)
mqpull -q -t oneway --from beginning -e > /dev/null
figure "$lines lines read back" mqd "$(since "$begin")" s

echo "load" >&2
loads mqd "$address" "$broker"
measure "one-way 128 B" mqd --broker "$address" --pid "$broker" --topic s5 --mode oneway
figure "RSS after the load" mqd "$(status_kb "$broker" VmRSS)" kB
stop_broker

# All that was sent up to here, from the page cache: what counts is the work, not the disk.
echo "dump" >&2
messages=$(mqdump stat "$work/store" --out json | sed -n 's/.*"clean":[a-z]*,"messages":\([0-9]*\).*/\1/p')
for form in json msgpack lines; do
  begin=$(now)
  mqdump log "$work/store" --out "$form" > /dev/null
  target=
  [ "$form" != json ] || target='>=1000000'
  figure "dump 128 B messages as $form" mqd "$(awk -v n="$messages" -v s="$(since "$begin")" 'BEGIN { printf "%.0f", n / s }')" /s "$target"
done
log_bytes=$(mqdump stat "$work/store" --out json | field log_end)
mqdump verify -q "$work/store" > /dev/null # into the page cache
begin=$(now)
mqdump verify -q "$work/store" > /dev/null
figure "verify, log in the page cache" mqd "$(awk -v s="$(since "$begin")" -v b="$log_bytes" 'BEGIN { printf "%.0f", b / s / 1000000 }')" MB/s '>=1000'

if [ "${PEERS:-}" = 1 ]; then
  port=$((20000 + RANDOM % 20000))
  echo "RocketMQ 5.3.3" >&2
  peers+=(rocketmq)
  begin=$(now)
  "$root/bench/peers/rocketmq" start "$work/rocketmq" "$port" $((port + 10)) > "$work/rocketmq.out"
  figure "start to first answer" rocketmq "$(since "$begin")" s
  pid=$(field pid < "$work/rocketmq.out")
  figure "RSS, empty store" rocketmq "$(status_kb "$pid" VmRSS)" kB
  loads rocketmq "127.0.0.1:$((port + 10))" "$pid"
  figure "RSS after the load" rocketmq "$(status_kb "$pid" VmRSS)" kB
  "$root/bench/peers/rocketmq" stop "$work/rocketmq" > /dev/null
  echo "Kafka 3.9 with kcat" >&2
  peers+=(kafka)
  "$root/bench/peers/kafka" start "$work/kafka" $((port + 20)) > /dev/null
  line=$("$root/bench/peers/pipe-kafka" "$work/input" $((port + 20)) | tail -1)
  echo "$line" >&2
  figure "$lines lines, acknowledged, until readable" kafka "$(field in_s <<< "$line")" s
  figure "$lines lines read back" kafka "$(field out_s <<< "$line")" s
  "$root/bench/peers/kafka" stop "$work/kafka" > /dev/null
fi
