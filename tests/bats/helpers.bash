# For the tests of the programs: `load helpers` at the top of a .bats file.
# shellcheck disable=SC2034  # what is set here is read by the tests
# Everything lives in $BATS_TEST_TMPDIR; daemons listen on free ports and are gone after the test.

MQD_BUILD=${MQD_BUILD:-$BATS_TEST_DIRNAME/../../build}
for folder in "$MQD_BUILD"/cmd/*/; do PATH=$folder:$PATH; done
export PATH HOME=$BATS_TEST_TMPDIR
unset MQD_CONFIG MQD_PROFILE NAMESRV_ADDR XDG_CONFIG_HOME NOTIFY_SOCKET

# wait_until COMMAND...: until it succeeds, at most 30 seconds: machines that build beside the tests are slow.
wait_until() {
  local deadline=$((SECONDS + 30))
  until "$@"; do
    if [ "$SECONDS" -ge "$deadline" ]; then echo "waited in vain for: $*" >&2; return 1; fi
    sleep 0.02
  done
}

logged() { grep -Eq -- "$2" "$BATS_TEST_TMPDIR/$1.log"; }
is_gone() { ! kill -0 "$1" 2> /dev/null; }
# Whether no thread of it runs any more. On a busy machine the signal takes its time: one of the threads
# must have its turn to take it, and the others go on until then.
is_stopped() { ! grep -h '^State:' "/proc/$1/task/"*/status 2> /dev/null | grep -qv 'T (stopped)'; }
# freeze PID: kill -STOP, and waits for it.
freeze() {
  kill -STOP "$1"
  wait_until is_stopped "$1"
}

# listening LOG ROLE: the address that the daemon says it listens on.
listening() { sed -n "s/.* listening role=$2 address=\([^ ]*\).*/\1/p" "$BATS_TEST_TMPDIR/$1.log" | tail -1; }

listens_or_died() { [ -n "$(listening "$1" "$2")" ] || is_gone "$3"; }

# start_daemon LOG ROLE COMMAND...: in the background; its log is $BATS_TEST_TMPDIR/LOG.log, its pid
# $daemon_pid. Returns when it answers requests in that role.
start_daemon() {
  local log=$1 role=$2
  shift 2
  : > "$BATS_TEST_TMPDIR/$log.log"
  # bats waits for whoever still holds its descriptor 3.
  "$@" 2> "$BATS_TEST_TMPDIR/$log.log" 3>&- &
  daemon_pid=$!
  wait_until listens_or_died "$log" "$role" "$daemon_pid"
  if [ -z "$(listening "$log" "$role")" ]; then
    echo "it ended: $*" >&2
    cat "$BATS_TEST_TMPDIR/$log.log" >&2
    return 1
  fi
}

# start_namesrv [OPTION...]: sets $namesrv (ADDR:PORT) and $namesrv_pid, exports NAMESRV_ADDR.
start_namesrv() {
  start_daemon namesrv namesrv mqd-namesrv --listen 127.0.0.1:0 "$@"
  namesrv_pid=$daemon_pid
  namesrv=$(listening namesrv namesrv)
  export NAMESRV_ADDR=$namesrv
}

# start_broker [OPTION...]: with the name server inside; sets $broker, $broker_pid and $namesrv,
# exports NAMESRV_ADDR. The store is $BATS_TEST_TMPDIR/store.
start_broker() {
  local defaults=()
  # An option is not given twice.
  [[ " $* " == *' --listen '* ]] || defaults+=(--listen 127.0.0.1:0)
  [[ " $* " == *' --namesrv-port '* ]] || defaults+=(--namesrv-port 0)
  start_daemon broker broker mqd-broker --standalone --store "$BATS_TEST_TMPDIR/store" "${defaults[@]}" "$@"
  broker_pid=$daemon_pid
  broker=$(listening broker broker)
  namesrv=$(listening broker namesrv)
  export NAMESRV_ADDR=$namesrv
}

# stop_daemon PID [SIGNAL]: returns its exit status.
stop_daemon() {
  kill -s "${2:-TERM}" "$1" || return 1
  local status=0
  wait "$1" || status=$?
  return "$status"
}

# What a test has started, and what that has, knows itself by its home.
running() { grep -lzxF "HOME=$BATS_TEST_TMPDIR" /proc/[0-9]*/environ 2> /dev/null | cut -d/ -f3; }

teardown() {
  local pid pids
  mapfile -t pids < <(running)
  for pid in "${pids[@]}"; do kill "$pid" 2> /dev/null || true; done
  for pid in "${pids[@]}"; do
    wait_until is_gone "$pid" || kill -9 "$pid" 2> /dev/null || true
  done
  local log
  # bats shows this only when the test failed.
  for log in "$BATS_TEST_TMPDIR"/*.log; do
    [ -s "$log" ] && { echo "--- $log"; tail -20 "$log"; }
  done
  return 0
}

# TOPIC QUEUE: the first offset that the queue has. Readers may already miss what lies before a file that
# went while the queue still counts it.
queue_begin() {
  mqadmin topicStatus -t "$1" --out jsonl | sed -n "s/.*\"queueId\":$2,\"minOffset\":\([0-9]*\),.*/\1/p"
}

# somebody COMMAND...: run by whom permissions count for. can_be_somebody: whether that one reaches the
# programs and this test's folder.
somebody() {
  if [ "$(id -u)" != 0 ]; then "$@"; else
    setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all --bounding-set=-all "$@"
  fi
}
can_be_somebody() {
  [ "$(id -u)" != 0 ] || command -v setpriv > /dev/null || return 1
  chmod o+rx "$BATS_TEST_TMPDIR" "$BATS_TEST_TMPDIR/.." "$BATS_RUN_TMPDIR" 2> /dev/null || true
  somebody mqd-broker --version > /dev/null 2>&1 && somebody mqdump --version > /dev/null 2>&1 && somebody ls "$BATS_TEST_TMPDIR" > /dev/null 2>&1
}

# A port that is free, as is the one 2 below it.
free_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 12000))
    port_is_open "$port" || port_is_open $((port - 2)) || break
  done
  echo "$port"
}
port_is_open() { (exec 3<> "/dev/tcp/127.0.0.1/$1") 2> /dev/null; }

# Raw frames (remoting(7)): connect ADDR:PORT; ask CODE EXT_JSON [BODY]; take_frame; disconnect. What
# comes, the answer to ask or a request of the server, is in $answer_code, $answer_header (JSON) and
# $answer_body.
connect() { exec {socket}<> "/dev/tcp/${1%:*}/${1##*:}"; }
disconnect() { exec {socket}>&-; }

# shellcheck disable=SC2059  # the four bytes are the format
put_int() { printf "\\x$(printf %02x $(($1 >> 24 & 255)))\\x$(printf %02x $(($1 >> 16 & 255)))\\x$(printf %02x $(($1 >> 8 & 255)))\\x$(printf %02x $(($1 & 255)))"; }
take_int() {
  local bytes
  read -r -a bytes < <(head -c 4 <&"$socket" | od -An -tu1)
  [ ${#bytes[@]} = 4 ] || { echo "the connection was closed" >&2; return 1; }
  taken=$((bytes[0] << 24 | bytes[1] << 16 | bytes[2] << 8 | bytes[3]))
}

ask() {
  local LC_ALL=C body=${3-}
  local header="{\"code\":$1,\"language\":\"JAVA\",\"version\":479,\"opaque\":7,\"flag\":0,\"extFields\":$2}"
  { put_int $((4 + ${#header} + ${#body})); put_int ${#header}; printf '%s%s' "$header" "$body"; } >&"$socket"
  take_frame
}

take_frame() {
  local LC_ALL=C taken total
  take_int || return 1
  total=$taken
  take_int || return 1
  taken=$((taken & 0xffffff))
  answer_header=$(head -c "$taken" <&"$socket")
  answer_body=
  [ $((total - 4 - taken)) = 0 ] || answer_body=$(head -c $((total - 4 - taken)) <&"$socket")
  answer_code=$(sed -E 's/.*"code":(-?[0-9]+).*/\1/' <<< "$answer_header")
}

# Memory is what the test names, but in builds with sanitizers, which take what they like.
memory_at_most() { # KILOBYTES PID [FIELD]
  local kilobytes
  kilobytes=$(sed -n "s/^${3:-VmRSS}:[^0-9]*\([0-9]*\).*/\1/p" "/proc/$2/status")
  [ -n "$kilobytes" ] || return 1
  case $MQD_BUILD in *build-address | *build-thread) return 0 ;; esac
  [ "$kilobytes" -le "$1" ]
}
