# shellcheck shell=bash disable=SC2154
# Synchronous flush. One at a time in turn with a bare loop of pwrite and fdatasync of the same records on the same file
# system, so that both see the same disk; the median of the rounds. RocketMQ: 8,500/s with a p99 of 28 ms, and 554/s.

sync_rounds=9
echo "flushDiskType=SYNC_FLUSH" > "$work/sync.conf"
start_broker "$work/sync" -c "$work/sync.conf"
line=$(mqd-load --broker "$address" --pid "$broker" --topic s1 --seconds "$seconds")
echo "$line" >&2
figure "synchronous flush, 8x8" mqd "$(field per_second <<< "$line")" /s ">=60000"
figure "synchronous flush, 8x8: p99" mqd "$(field p99_us <<< "$line")" us "<=5000"

record_bytes=335  # 128 of body, 207 of head, topic and properties
for _ in $(seq $sync_rounds); do
  bare=$(mqd-probe disk "$work/bare" "$record_bytes" 1 | field per_second)
  mqd=$(mqd-load --broker "$address" --topic s2 --connections 1 --window 1 --seconds 1 | field per_second)
  bare=$(mqd-probe disk "$work/bare" "$record_bytes" 1 | field per_second | awk -v b="$bare" '{ print (b + $1) / 2 }')
  awk -v m="$mqd" -v b="$bare" 'BEGIN { printf "%.0f %.0f %.0f\n", m, b, 100 * m / b }'
done | tee "$work/rounds" >&2
median() { cut -d ' ' -f "$1" "$work/rounds" | sort -n | sed -n "$(((sync_rounds + 1) / 2))p"; }
figure "synchronous flush, one at a time" mqd "$(median 1)" /s
figure "the bare loop beside it" mqd "$(median 2)" /s
figure "synchronous flush, one at a time, of the bare loop" mqd "$(median 3)" % ">=80"
stop_broker
rm -rf "$work/sync"
