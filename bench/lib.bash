# shellcheck shell=bash disable=SC2154
# What the scenarios of bench/run share. It sets root, work, seconds and results.

now() { date +%s.%N; }
since() { awk -v a="$1" -v b="$(now)" 'BEGIN { printf "%.3f", b - a }'; }
# figure WHAT WHO VALUE UNIT [TARGET]; a target is `<=N` or `>=N`.
figure() {
  printf '%s\t%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "$4" "${5:-}" >> "$results"
  echo "{\"what\":\"$1\",\"who\":\"$2\",\"value\":$3,\"unit\":\"$4\"}"
}
field() { sed -n "s/.*\"$1\":\([0-9.]*\).*/\1/p"; }
status_kb() { awk -v k="^$2:" '$0 ~ k { print $2 }' "/proc/$1/status"; }
# The first touch of memory that a virtual machine had given back costs ten times as much as any other.
warm_memory() {
  local begin
  for _ in {1..10}; do
    begin=${EPOCHREALTIME/./}
    dd if=/dev/zero of="$work/warm" bs=1M count="$1" status=none && rm "$work/warm"
    # 3 GB/s: it is all there.
    [ $((${EPOCHREALTIME/./} - begin)) -gt $(($1 * 350)) ] || break
  done
}
bytes_in() { du -s --block-size=1 "$1" | cut -f1; }

# With the name server in the same process and ports of their own; sets NAMESRV_ADDR and address.
start_broker() {
  local store=$1
  shift
  mqd-broker --standalone --store "$store" --listen 127.0.0.1:0 --namesrv-port 0 "$@" 2> "$work/broker.log" &
  broker=$!
  for _ in $(seq 6000); do
    NAMESRV_ADDR=$(sed -n 's/.*listening.*role=namesrv.*address=\([0-9.:]*\).*/\1/p' "$work/broker.log" | head -1)
    address=$(sed -n 's/.*listening.*role=broker.*address=\([0-9.:]*\).*/\1/p' "$work/broker.log" | head -1)
    [ -z "$NAMESRV_ADDR" ] || [ -z "$address" ] || break
    sleep 0.005
  done
  export NAMESRV_ADDR
}
stop_broker() {
  kill "$broker"
  wait "$broker" || true
  broker=
}
kill_broker() {
  kill -9 "$broker"
  wait "$broker" 2> /dev/null || true
  broker=
  [ -z "$load" ] || wait "$load" 2> /dev/null || true
  load=
}

# Sends on as fast as it goes until the log has so many bytes, and kills the broker in that.
kill_in_full_send() {
  local store=$1 bytes=$2
  shift 2
  mqd-load --broker "$address" --seconds 3600 "$@" > /dev/null 2>&1 &
  load=$!
  until [ "$(bytes_in "$store/commitlog")" -ge "$bytes" ]; do
    kill -0 "$load" 2> /dev/null || { echo "the load has ended before its time" >&2; return 1; }
    sleep 0.05
  done
  kill_broker
}

# From exec to the first answered send, at the port the broker had before.
time_start() {
  local store=$1 topic=$2 begin
  begin=$(now)
  mqd-broker --store "$store" --listen "$address" 2>> "$work/broker.log" &
  broker=$!
  mqd-probe first "$address" "$topic" > /dev/null
  since "$begin" > "$work/started"
}

# start_after_kill WHAT BYTES TOPIC LOAD...: twice, with the files cached and with them evicted.
start_after_kill() {
  local what=$1 bytes=$2 topic=$3 store=$work/killed
  shift 3
  start_broker "$store"
  kill_in_full_send "$store" "$bytes" "$@"
  time_start "$store" "$topic"
  figure "$what" mqd "$(cat "$work/started")" s "<=1"
  kill_in_full_send "$store" "$((bytes + bytes / 20))" "$@"
  mqd-probe evict "$store" >&2
  time_start "$store" "$topic"
  figure "$what, not cached" mqd "$(cat "$work/started")" s
  stop_broker
  rm -rf "$store"
}

# A real log, repeated and cut to the size that the pipe benchmarks name: a million lines, 114 MB.
make_input() {
  [ ! -s "$work/input" ] || return 0
  echo "making the input: $lines lines" >&2
  local source=/var/log/dpkg.log
  [ -s "$source" ] || { dpkg-query -W -f '${Package} ${Version} ${Description}\n' > "$work/source"; source=$work/source; }
  awk -v n="$lines" '{ l[NR] = $0 } END { for (i = 0; i < n; i++) { s = sprintf("%07d %s", i, l[i % NR + 1]); while (length(s) < 113) s = s " " s; print substr(s, 1, 113) } }' "$source" > "$work/input"
}
readable() { mqadmin topicStatus -t "$1" --out jsonl | sed -n 's/.*"messages":\([0-9]*\).*/\1/p' | awk '{ s += $1 } END { print s + 0 }'; }
until_readable() { until [ "$(readable "$1")" -ge "$lines" ]; do :; done; }
make_topic() { mqadmin updateTopic -t "$1" -b "$address" -r 4 -w 4 > /dev/null; }

# Seconds from the first byte in until `lines` messages of the topic can be read.
pipe_in() {
  local topic=$1 begin
  shift
  begin=$(now)
  mqsend -q -t "$topic" "$@" "$work/input"
  until_readable "$topic"
  since "$begin"
}
