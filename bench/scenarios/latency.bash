# shellcheck shell=bash disable=SC2154
# From before a send to the message at a consumer that waits for it: one of each, 1,000 messages a second. RocketMQ's
# figures are those of a broker that has run warm.

latency() { # WHO ADDRESS [TARGET-P50 TARGET-P99]
  local line
  line=$(mqd-wait latency "$2" latency 4 1000 "$seconds")
  echo "$line" >&2
  figure "1,000 messages/s, send to consumer: p50" "$1" "$(field p50_us <<< "$line")" us "${3:-}"
  figure "1,000 messages/s, send to consumer: p99" "$1" "$(field p99_us <<< "$line")" us "${4:-}"
}
start_broker "$work/latency"
mqadmin updateTopic -t latency -b "$address" -r 4 -w 4 > /dev/null
latency mqd "$address" '<=150' '<=1000'
stop_broker
rm -rf "$work/latency"

if [ "${PEERS:-}" = 1 ]; then
  port=$((20000 + RANDOM % 20000))
  peers+=(rocketmq)
  "$root/bench/peers/rocketmq" start "$work/rocketmq" "$port" $((port + 10)) > /dev/null
  mqadmin updateTopic -n "127.0.0.1:$port" -t latency -b "127.0.0.1:$((port + 10))" -r 4 -w 4 > /dev/null
  mqd-wait latency "127.0.0.1:$((port + 10))" latency 4 1000 10 > /dev/null
  latency rocketmq "127.0.0.1:$((port + 10))"
  "$root/bench/peers/rocketmq" stop "$work/rocketmq" > /dev/null
fi
