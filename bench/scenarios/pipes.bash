# shellcheck shell=bash disable=SC2154
# mqsend and mqpull as a shell uses them, 114 MB in a million lines each way, beside kcat with Kafka
# with PEERS=1. Of what is short the best of three counts, of latencies the median.

best_of_3() {
  local i
  for i in 1 2 3; do
    "$@" "$i"
    echo
  done | sort -n | head -1
}
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
milliseconds() { awk -v us="$1" 'BEGIN { printf "%.1f", us / 1000 }'; }

# send_in NAME OPTIONS RUN: seconds until all is readable, into a topic of the run's own.
send_in() {
  make_topic "$1$3"
  warm_memory 600
  # shellcheck disable=SC2086  # words
  pipe_in "$1$3" $2
}
records_in() {
  make_topic "records$1"
  warm_memory 600
  local begin
  begin=$(now)
  mqsend -q -t "records$1" --in json "$work/records"
  until_readable "records$1"
  since "$begin"
}
spool_away() {
  local begin
  warm_memory 600
  begin=$(now)
  mqsend -q -n 127.0.0.1:1 -t away1 --spool "$work/away" --timeout 1ms "$work/input"
  since "$begin"
}
spool_drained() {
  local begin
  warm_memory 600
  begin=$(now)
  mqsend -q --drain --spool "$work/away"
  until_readable away1
  since "$begin"
}
pull_out() {
  local begin
  begin=$(now)
  mqpull -q -t one1 --from beginning -e --out "$1" > /dev/null
  since "$begin"
}

# The most memory that a tool has had, while it waits for more.
memory_of_mqsend() {
  local fifo=$work/fifo pid writer
  make_topic memory1
  mkfifo "$fifo"
  mqsend -q -t memory1 "$@" < "$fifo" &
  pid=$!
  exec {writer}> "$fifo"
  cat "$work/input" >&"$writer"
  until_readable memory1
  status_kb "$pid" VmHWM
  exec {writer}>&-
  wait "$pid"
  mqadmin deleteTopic -t memory1 -c DefaultCluster > /dev/null
  rm "$fifo"
}
memory_of_mqpull() {
  local pid
  mqpull -q -t one1 --from beginning "$@" > "$work/out" &
  pid=$!
  until [ "$(stat -c %s "$work/out")" -ge "$(stat -c %s "$work/input")" ]; do sleep 0.05; done
  status_kb "$pid" VmHWM
  kill "$pid"
  wait "$pid" || true
  rm "$work/out"
}

# first_message COMMAND...: microseconds of a whole process that sends one line.
first_message() {
  local i begin
  for i in {1..51}; do
    begin=${EPOCHREALTIME/./}
    "$@" <<< x
    echo $((${EPOCHREALTIME/./} - begin))
  done | median
}
# line_through SENDER READER: microseconds from a line that is typed until the reader's pipe has it;
# nothing when no line comes through within 10 s, as where kcat waits for more input first.
line_through() {
  local in out i begin
  mkfifo "$work/in" "$work/out"
  bash -c "exec $1" < "$work/in" &
  local sender=$!
  bash -c "exec $2" > "$work/out" &
  local reader=$!
  exec {in}> "$work/in" {out}< "$work/out"
  # Until both are there, and the reader reads on from somewhere.
  local tries=20
  until read -r -t 0.5 _ <&"$out" || ((--tries == 0)); do echo 0 >&"$in"; done
  while read -r -t 1 _ <&"$out"; do :; done
  ((tries == 0)) || for i in {1..201}; do
    begin=${EPOCHREALTIME/./}
    echo "$i" >&"$in"
    read -r -t 5 _ <&"$out" || break
    echo $((${EPOCHREALTIME/./} - begin))
    sleep 0.005
  done | median
  exec {in}>&- {out}<&-
  kill "$reader" "$sender" 2> /dev/null || true
  wait "$reader" "$sender" 2> /dev/null || true
  rm "$work/in" "$work/out"
}

make_input
start_broker "$work/pipes"
# Not counted: the first ones find the machine idle, and memory that it has to be given first.
for i in 1 2; do send_in warm '' "$i" > /dev/null; done
figure "$lines lines, one-way, until readable" mqd "$(best_of_3 send_in one --oneway)" s '<=0.4'
acknowledged=$(best_of_3 send_in acked '')
figure "$lines lines, acknowledged, until readable" mqd "$acknowledged" s
mqpull -q -t one1 --from beginning -e --out json > "$work/records"
figure "$lines records of JSON, until readable" mqd "$(best_of_3 records_in)" s '<=0.8'
rm "$work/records"
spooled=$(best_of_3 send_in spooled "--spool $work/spool")
figure "$lines lines through a spool, until readable" mqd "$spooled" s
figure "with a spool, against without" mqd "$(awk -v a="$spooled" -v b="$acknowledged" 'BEGIN { printf "%.2f", a / b }')" x '<=1.15'
make_topic away1
figure "$lines lines into a spool, no broker there" mqd "$(spool_away)" s '<=0.6'
figure "$lines lines out of it" mqd "$(spool_drained)" s '<=0.6'
figure "$lines lines read back" mqd "$(best_of_3 pull_out lines)" s '<=0.3'
figure "$lines lines read back as JSON" mqd "$(best_of_3 pull_out json)" s '<=0.6'
figure "$lines lines read back as msgpack" mqd "$(best_of_3 pull_out msgpack)" s '<=0.5'
begin=$(now)
mqpull -q -t one1 --from beginning -c 5000 --exec true --jobs 2
figure "commands of --exec true --jobs 2" mqd "$(awk -v s="$(since "$begin")" 'BEGIN { printf "%.0f", 5000 / s }')" /s '>=1500'
figure "RSS of mqsend" mqd "$(memory_of_mqsend)" kB '<=30000'
figure "RSS of mqsend --oneway" mqd "$(memory_of_mqsend --oneway)" kB '<=30000'
figure "RSS of mqpull" mqd "$(memory_of_mqpull)" kB '<=30000'
figure "RSS of mqpull --out json" mqd "$(memory_of_mqpull --out json)" kB '<=30000'
make_topic tail
figure "echo x into it, the whole process" mqd "$(milliseconds "$(first_message mqsend -q -t tail)")" ms '<=10'
figure "a typed line at its reader" mqd "$(milliseconds "$(line_through 'mqsend -q -t tail' 'mqpull -q -t tail')")" ms '<=50'
stop_broker
rm -rf "$work/pipes"

if [ "${PEERS:-}" = 1 ]; then
  port=$((20000 + RANDOM % 20000))
  peers+=(kafka)
  "$root/bench/peers/kafka" start "$work/kafka" "$port" > /dev/null
  kafka_pipe() { warm_memory 600; "$root/bench/peers/pipe-kafka" "$work/input" "$port" | tail -1; }
  for _ in 1 2 3; do kafka_pipe; done > "$work/kafka.out"
  figure "$lines lines, acknowledged, until readable" kafka "$(field in_s < "$work/kafka.out" | sort -n | head -1)" s
  # kcat has nothing that is less: its one-way is acks=0, of which nobody can know.
  figure "$lines lines, one-way, until readable" kafka "$(field in_s < "$work/kafka.out" | sort -n | head -1)" s
  figure "$lines lines read back" kafka "$(field out_s < "$work/kafka.out" | sort -n | head -1)" s
  server=127.0.0.1:$port
  kcat -P -b "$server" -t tail <<< x
  figure "echo x into it, the whole process" kafka "$(milliseconds "$(first_message kcat -P -b "$server" -t tail)")" ms
  typed=$(line_through "kcat -P -b $server -t tail" "kcat -C -u -q -o end -b $server -t tail" 2> /dev/null)
  [ -z "$typed" ] || figure "a typed line at its reader" kafka "$(milliseconds "$typed")" ms
  "$root/bench/peers/kafka" stop "$work/kafka" > /dev/null
fi
