# shellcheck shell=bash disable=SC2154
# A million timers over the next hour: memory, and how far from their time the first ones are delivered.

start_broker "$work/timers"
mqadmin updateTopic -t timed -b "$address" -r 4 -w 4 > /dev/null
printf 'x\n' | mqsend -q -t timed --delay 1s # the files are there
idle_kb=$(status_kb "$broker" RssAnon)
begin_ms=$(($(date +%s%3N) + 60000))
awk -v n="$lines" -v at="$begin_ms" 'BEGIN { for (i = 0; i < n; i++) printf "{\"body\":\"%.0f\",\"deliver_at\":%.0f}\n", at + i * 3600000 / n, at + i * 3600000 / n }' |
  mqsend -q --in json -t timed
figure "$lines timers pending: growth of RssAnon" mqd "$(($(status_kb "$broker" RssAnon) - idle_kb))" kB "<=100000"
# A minute's worth: the body says when each was due, its store time when it came.
left_ms=$((begin_ms - $(date +%s%3N)))
[ "$left_ms" -le 0 ] || sleep "$(awk -v ms="$left_ms" 'BEGIN { print ms / 1000 }')"
sleep 60
mqpull -q -t timed --from beginning -e --out json | grep -v '"body":"x"' |
  sed -n 's/.*"body":"\([0-9]*\)".*"store_ts":\([0-9]*\).*/\1 \2/p; s/.*"store_ts":\([0-9]*\).*"body":"\([0-9]*\)".*/\2 \1/p' |
  awk -v from="$(date +%s%3N)" '$1 < from { d = $2 - $1; print d < 0 ? -d : d }' | sort -n > "$work/errors"
figure "timers: delivered in a minute" mqd "$(wc -l < "$work/errors")" messages
figure "timers: delivery error p99" mqd "$(awk '{ v[NR] = $1 } END { print v[int(NR * 0.99)] }' "$work/errors")" ms "<=20"
figure "timers: delivery error, largest" mqd "$(tail -1 "$work/errors")" ms
stop_broker
rm -rf "$work/timers"
