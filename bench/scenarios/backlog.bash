# shellcheck shell=bash disable=SC2154
# What a long backlog being read costs those who send: BACKLOG_GB (20) gigabytes, of which, as root, nothing is cached at
# the start. Those who send do it at first alone, then beside a reader; at a third of the rate that can be reached, and as
# fast as they can, which takes all there is of a small machine, the reader's and the senders' own work included.

# backlog_send WHAT [OPTION...]; how many a second is in $sent.
backlog_send() {
  local what=$1 line
  shift
  line=$(mqd-load --broker "$address" --pid "$broker" --topic live --connections 4 --window 8 --seconds "$((2 * seconds))" "$@")
  echo "$line" >&2
  sent=$(field per_second <<< "$line")
  figure "$what: sends" mqd "$sent" /s
  figure "$what: p50" mqd "$(field p50_us <<< "$line")" us
  figure "$what: p99" mqd "$(field p99_us <<< "$line")" us
}
share_of() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.3f", b / a }'; }
# Until told to stop; prints the largest RssAnon and RssFile seen.
watch_memory() {
  local stop=$1 anon=0 file=0 a f
  until [ -e "$stop" ]; do
    a=$(status_kb "$broker" RssAnon) f=$(status_kb "$broker" RssFile)
    [ "${a:-0}" -le "$anon" ] || anon=$a
    [ "${f:-0}" -le "$file" ] || file=$f
    sleep 0.2
  done
  echo "$anon $file"
}

gigabytes=${BACKLOG_GB:-20}
start_broker "$work/backlog"
until [ "$(bytes_in "$work/backlog/commitlog")" -ge $((gigabytes * 1000000000)) ]; do
  mqd-load --broker "$address" --topic backlog --mode batch --size 4000 --connections 4 --window 4 --seconds 5 > /dev/null
done
stop_broker
sync
if [ "$(id -u)" = 0 ]; then echo 3 > /proc/sys/vm/drop_caches; else echo "caches stay as they are: not root" >&2; fi

start_broker "$work/backlog"
mqd-load --broker "$address" --topic live --seconds 2 > /dev/null
backlog_send "no reader, full speed"
full=$sent
backlog_send "no reader, a third of that" --rate $((full / 3))
paced=$sent
watch_memory "$work/backlog-stop" > "$work/backlog-memory" &
watcher=$!
mqd-load --broker "$address" --topic backlog --mode pull --batch 64 --connections 8 --seconds 3600 > "$work/backlog-reader" &
load=$!
backlog_send "$gigabytes GB being read, a third" --rate $((full / 3))
figure "$gigabytes GB being read, a third: share of the sends" mqd "$(share_of "$paced" "$sent")" "" ">=0.9"
backlog_send "$gigabytes GB being read, full speed"
figure "$gigabytes GB being read, full speed: share" mqd "$(share_of "$full" "$sent")" ""
wait "$load" || true
load=
touch "$work/backlog-stop"
wait "$watcher"
read -r anon file < "$work/backlog-memory"
figure "$gigabytes GB being read: messages" mqd "$(field per_second < "$work/backlog-reader")" /s
figure "$gigabytes GB being read: RssAnon" mqd "$anon" kB "<=100000"
figure "$gigabytes GB being read: RssFile" mqd "$file" kB
stop_broker
rm -rf "$work/backlog"
