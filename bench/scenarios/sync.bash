# shellcheck shell=bash disable=SC2154
# Synchronous flush. One at a time in turn with a bare loop of pwrite and fdatasync of the same records on the same file
# system, so that both see the same disk, and with that loop behind a bare TCP round trip, which no broker can do without;
# the median of the rounds. RocketMQ: 8,500/s with a p99 of 28 ms, and 554/s.

sync_rounds=9
echo "flushDiskType=SYNC_FLUSH" > "$work/sync.conf"
start_broker "$work/sync" -c "$work/sync.conf"
line=$(mqd-load --broker "$address" --pid "$broker" --topic s1 --seconds "$seconds")
echo "$line" >&2
figure "synchronous flush, 8x8" mqd "$(field per_second <<< "$line")" /s ">=60000"
figure "synchronous flush, 8x8: p99" mqd "$(field p99_us <<< "$line")" us "<=5000"

record_bytes=335  # 128 of body, 207 of head, topic and properties
bare() { mqd-probe "$1" "$work/bare" "$record_bytes" 0.5 | field per_second; }
for _ in $(seq $sync_rounds); do
  before="$(bare disk) $(bare served)"
  mqd=$(mqd-load --broker "$address" --topic s2 --connections 1 --window 1 --seconds 1 | field per_second)
  echo "$mqd $before $(bare served) $(bare disk)"
done | awk '{ d = ($2 + $5) / 2; t = ($3 + $4) / 2; printf "%.0f %.0f %.0f %.0f %.0f\n", $1, d, t, 100 * $1 / d, 100 * $1 / t }' | tee "$work/rounds" >&2
median() { cut -d ' ' -f "$1" "$work/rounds" | sort -n | sed -n "$(((sync_rounds + 1) / 2))p"; }
figure "synchronous flush, one at a time" mqd "$(median 1)" /s
figure "the bare loop beside it" mqd "$(median 2)" /s
figure "the bare loop behind a TCP round trip" mqd "$(median 3)" /s
figure "synchronous flush, one at a time, of the bare loop" mqd "$(median 4)" % ">=80"
figure "synchronous flush, one at a time, of that behind TCP" mqd "$(median 5)" %
stop_broker
rm -rf "$work/sync"
