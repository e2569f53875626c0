# shellcheck shell=bash disable=SC2154
# An SQL92 filter of three terms over a million messages, with nothing matching: every message is read, none is sent.

broker_cpu_us() { awk -v hz="$(getconf CLK_TCK)" '{ printf "%.0f", ($14 + $15) * 1000000 / hz }' "/proc/$broker/stat"; }

echo 'enablePropertyFilter=true' > "$work/sql.conf"
start_broker "$work/sql" -c "$work/sql.conf"
mqadmin updateTopic -t sql -b "$address" -r 4 -w 4 > /dev/null
awk -v n="$lines" 'BEGIN { for (i = 0; i < n; i++) printf "{\"body\":\"message %d, of an ordinary length, give or take\",\"tags\":\"TagA\",\"properties\":{\"price\":\"%d\",\"region\":\"eu\",\"color\":\"red\"}}\n", i, i % 100 }' > "$work/sql.in"
mqsend -q --in json -t sql "$work/sql.in"
rm "$work/sql.in"
[ "$(mqpull -q -t sql --from beginning -e | wc -l)" = "$lines" ] || { echo "not all of the messages are there" >&2; exit 1; }
for terms in "price > 1000 AND region = 'eu' AND color IS NOT NULL" "color = 'red' AND region = 'eu' AND price BETWEEN 200 AND 300"; do
  begin=$(now) before=$(broker_cpu_us)
  found=$(mqpull -q -t sql --sql "$terms" --from beginning -e | wc -l)
  took=$(since "$begin") cpu=$(($(broker_cpu_us) - before))
  [ "$found" = 0 ] || { echo "$found messages match $terms" >&2; exit 1; }
  figure "SQL, $terms: broker CPU a message" mqd "$(awk -v us="$cpu" -v n="$lines" 'BEGIN { printf "%.3f", us / n }')" us "<=0.5"
  figure "SQL, $terms: all of it" mqd "$took" s
done
stop_broker
rm -rf "$work/sql"
