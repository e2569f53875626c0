#!/usr/bin/env bats
# What the manual shows as commands is run here, word for word, with a real broker.
bats_require_minimum_version 1.5.0
load helpers

man=$BATS_TEST_DIRNAME/../../man

# commands_of PAGE SECTION...: what stands behind a `$`, a command a line.
commands_of() {
  local page=$1 section
  shift
  for section; do
    awk -v section="$section" '/^\.S[hs] / { on = substr($0, 5) == section } on' "$man/$page"
  done | sed -n -e 's/^\.Dl //' -e 's/^\$ //p' | sed -e 's/\\e/\\/g' -e 's/\\(dq/"/g' -e 's/\\&//g'
}

all_of() { mqpull -q -t "$1" --from beginning -e "${@:2}"; }
has() { [ "$(all_of "$1" 2> /dev/null | wc -l)" -ge "$2" ]; }
has_lines() { [ -e "$1" ] && [ "$(wc -l < "$1")" -ge "$2" ]; }
is_listening() { grep -q "listening role=$1" err; }
# Who reads from now on may begin to at any time.
is_given_new() { mqsend -q -t "$2" <<< '{"customer":"c"}' && has_lines "$1" 1; }

is_answered() { [ "$(mqsend -q -t questions --request --timeout 500ms <<< 4 2> /dev/null)" = 16 ]; }

# until_of COMMAND: for one that goes on for ever, what holds when it has done something.
until_of() {
  # The topic stands by position or after -t.
  case ${1/#mqpull -t /mqpull } in
    'mqd-broker --standalone'*) echo is_listening broker ;;
    'mqd-broker -c broker.conf') echo is_listening broker ;;
    mqd-namesrv) echo is_listening namesrv ;;
    'tail -F '*) echo has logs 3 ;;
    *' -t logs -f '*) echo test -s app.pos ;;
    *' -t nginx -f '*) echo has nginx 3 ;;
    'mqpull logs') echo is_given_new out logs ;;
    'mqpull orders --out json '*) echo is_given_new out orders ;;
    'mqpull orders -g billing |'* | 'mqpull orders -g billing --exec'*) echo is_given_new billed orders ;;
    *--ack-fd*) echo is_given_new worked orders ;;
    'mqpull logs'*--to-dir*) echo mqsend -q -t logs app.log '&& [ -n "$(ls archive)" ]' ;;
    *--to-dir*) echo '[ -n "$(ls archive)" ]' ;;
    'mqpull questions '*) echo is_answered ;;
    'mqpull jobs'*--exec*) echo has_lines worked 5 ;;
  esac
}

# follow COMMAND: runs it to its end, or until what it is to do is done.
follow() {
  local condition pid
  condition=$(until_of "$1")
  if [ -z "$condition" ]; then
    bash -o pipefail -c "$1" > out 2> err < /dev/null || { echo "status $?: $1"; cat err; return 1; }
    return 0
  fi
  rm -f billed worked
  # A session of its own: all of the pipe is ended by one signal.
  setsid bash -c "${1%&}" > out 2> err 3>&- < /dev/null &
  pid=$!
  # shellcheck disable=SC2086  # words
  wait_until eval "$condition" > /dev/null || { echo "in vain: $1"; cat err; return 1; }
  case $1 in *'&') return 0 ;; esac
  # What the condition waits for may be older than the session.
  wait_until kill -0 -- "-$pid" 2> /dev/null
  kill -- "-$pid"
  wait "$pid" || true
}

follow_all() { # PAGE SECTION...
  local -a commands
  local command
  mapfile -t commands < <(commands_of "$@")
  [ ${#commands[@]} -gt 0 ]
  for command in "${commands[@]}"; do follow "$command"; done
}

# What the examples find: files, scripts, topics, a group, and an older store.
prepare() { # [OPTION...] of the broker
  start_broker "$@"
  cd "$BATS_TEST_TMPDIR" || return 1
  seq -f 'line %g' 5 | tee app.log access.log > orders.txt
  seq 20 | sed 's/.*/{"body":{"customer":"c&","pieces":&},"keys":["order-&"]}/' > orders.jsonl
  sed -n '/^{"topic"/p' "$man/mqd-record.5" > record.jsonl
  printf '#!/bin/sh\nexec cat >> billed\n' > bill
  printf '#!/bin/sh\nexec cat >> worked\n' > job
  printf '#!/bin/bash\nwhile read -r record; do echo "$record" >> worked; jq -r .id <<< "$record"; done\n' > worker
  chmod +x bill job worker
  mkdir archive
  mqsend -q -t orders --queue 0 --in json orders.jsonl
  mqsend -q -t logs app.log
  mqsend -q -t jobs app.log
  mqsend -q -t a app.log
  mqadmin updateTopic -t questions -c DefaultCluster > /dev/null
  # A member that knows the group, and leaves nearly all of it to the next.
  mqpull -q -t orders -g billing --from beginning -c 1 > /dev/null
  sed -n '/^default_profile/,/^\.Ed/{/^\.Ed/d;p}' "$man/mqd.toml.5" | sed "s/127.0.0.1:9876/$namesrv/" > mqd.toml
  mkdir -p .config/mqd
  cp mqd.toml .config/mqd/config.toml
  cp -r store old-store
}

# Ports are the only thing that the daemons are not told word for word.
free_ports() {
  mkdir -p "$BATS_TEST_TMPDIR/bin"
  cd "$BATS_TEST_TMPDIR" || return 1
  local real
  real=$(command -v mqd-broker)
  cat > bin/mqd-broker << END
#!/bin/bash
case \$* in
  *--standalone*) exec "$real" "\$@" --listen 127.0.0.1:0 --namesrv-port 0 ;;
  *) exec "$real" "\$@" --listen 127.0.0.1:0 ;;
esac
END
  real=$(command -v mqd-namesrv)
  printf '#!/bin/bash\nexec "%s" "$@" --listen 127.0.0.1:0\n' "$real" > bin/mqd-namesrv
  chmod +x bin/*
  PATH=$PWD/bin:$PATH
}

@test "every page has examples and is installed" {
  local page
  for page in "$man"/*.[1-8]; do
    grep -qF "'${page##*/}'" "$man/meson.build"
    [ "${page##*/}" = mqd-cookbook.7 ] || [ -n "$(commands_of "${page##*/}" EXAMPLES)" ]
    grep -qE "^  (follow_all|mapfile .*commands_of) ${page##*/} " "$BATS_TEST_FILENAME"
  done
}

@test "the examples of mqsend(1)" {
  prepare
  mqpull -q -t questions -g squares --from beginning --reply --exec 'read n; echo $((n * n))' 2> /dev/null 3>&- &
  rm -rf store/none
  mqadmin deleteTopic -t logs -c DefaultCluster > /dev/null
  follow_all mqsend.1 EXAMPLES
  diff <(all_of a | sort) <(all_of b | sort)
  [ -e bad.jsonl ]
}

@test "the examples of mqpull(1)" {
  prepare
  follow_all mqpull.1 EXAMPLES
}

@test "the examples of mqadmin(1)" {
  prepare
  follow_all mqadmin.1 EXAMPLES
}

@test "the examples of mqdump(1)" {
  prepare
  mqsend -q -t later --delay 1h <<< later
  follow_all mqdump.1 EXAMPLES
}

@test "the examples of mqd-broker(8) and mqd-namesrv(8)" {
  free_ports
  echo 'brokerName=b' > broker.conf
  echo 'kvConfigPath=kv.json' > namesrv.conf
  follow_all mqd-broker.8 EXAMPLES
  follow_all mqd-namesrv.8 EXAMPLES
}

@test "the examples of mqd-record(5)" {
  prepare
  follow_all mqd-record.5 EXAMPLES
  [ "$(all_of orders --tag new)" = '17 pieces' ]
  [ "$(all_of orders --out json | grep -c '"body_b64":"AP8="')" = 1 ]
  [ "$(cat out | wc -l)" -ge 1 ]
  [ "$(all_of archive --tag old | wc -l)" = "$(all_of orders | wc -l)" ]
}

@test "the examples of mqd-store(5)" {
  prepare
  local -a commands
  mapfile -t commands < <(commands_of mqd-store.5 EXAMPLES)
  follow "${commands[0]}"
  local size
  size=$(jq .size out)
  # What the page says of a record's first field, and of a unit's second.
  follow "${commands[1]}"
  [ "$(head -n 1 out | cut -d' ' -f2-5)" = "$(printf %08x "$size" | sed 's/../& /g; s/ $//')" ]
  follow "${commands[2]}"
  [ "$(head -n 1 out | cut -d' ' -f10-13)" = "$(printf %08x "$size" | sed 's/../& /g; s/ $//')" ]
}

@test "the examples of mqd-remoting(7)" {
  prepare
  follow_all mqd-remoting.7 EXAMPLES
  grep -qF '"code":0' out
}

@test "the examples of mqd-rocketmq(7)" {
  prepare
  stop_daemon "$broker_pid"
  unset NAMESRV_ADDR
  echo 'brokerName=b' > broker.conf
  free_ports
  follow_all mqd-rocketmq.7 EXAMPLES
  grep -q orders out
}

@test "the examples of mqd.toml(5)" {
  prepare
  follow_all mqd.toml.5 EXAMPLES
  grep -qx orders out
}

@test "the examples of mqd(7)" {
  free_ports
  local -a commands
  local command
  mapfile -t commands < <(commands_of mqd.7 EXAMPLES)
  follow "${commands[0]}"
  NAMESRV_ADDR=$(sed -n 's/.* listening role=namesrv address=\([^ ]*\).*/\1/p' err)
  export NAMESRV_ADDR
  for command in "${commands[@]:1}"; do
    follow "$command"
    case $command in *tail*) [ "$(cat out)" = 1000 ] ;; esac
  done
}

@test "the cookbook" {
  prepare
  follow_all mqd-cookbook.7 'Collecting the logs of nginx' 'A topic into jq'
  # The service and the line for cron run the same command.
  local command
  command=$(commands_of mqd-cookbook.7 'Collecting the logs of nginx')
  [ "$(grep -cF "$command" "$man/mqd-cookbook.7")" = 3 ]
  [ "$(all_of nginx)" = "$(cat access.log)" ]

  local before
  before=$(all_of orders | wc -l)
  follow_all mqd-cookbook.7 'Messages from the files of a dead broker'
  [ "$(all_of orders | wc -l)" = $((before + 20)) ]

  follow_all mqd-cookbook.7 'A pool of workers'
  diff <(sort worked) app.log

  local -a commands
  mapfile -t commands < <(commands_of mqd-cookbook.7 'Questions and answers')
  follow "${commands[0]}"
  mqpull -q -t questions -g squares --reply --exec 'read n; echo $((n * n))' 2> /dev/null 3>&- &
  follow "${commands[1]}"
  [ "$(cat out)" = 289 ]
}

@test "the cookbook: a topic copied to another cluster" {
  prepare
  local old=$namesrv
  start_daemon other broker mqd-broker --standalone --store "$BATS_TEST_TMPDIR/other" --listen 127.0.0.1:0 --namesrv-port 0
  printf '[profile.old]\nnamesrv = "%s"\n[profile.new]\nnamesrv = "%s"\n' "$old" "$(listening other namesrv)" > .config/mqd/config.toml
  local -a commands
  mapfile -t commands < <(commands_of mqd-cookbook.7 'A topic copied to another cluster')
  follow "${commands[0]}"
  as_sent() { mqpull -q --profile "$1" -t orders --from beginning -e --out json | jq -cS '[.body, .keys]' | sort; }
  diff <(as_sent old) <(as_sent new)
  mqadmin deleteTopic --profile new -t orders -c DefaultCluster > /dev/null
  follow "${commands[1]}"
  seq 21 25 | mqsend -q -t orders
  follow "${commands[1]}"
  diff <(as_sent old) <(as_sent new)
}

@test "the cookbook: dead letters back into their topic" {
  echo "messageDelayLevel=$(printf '10ms %.0s' {1..18})" > "$BATS_TEST_TMPDIR/broker.conf"
  prepare -c "$BATS_TEST_TMPDIR/broker.conf"
  mqsend -q -t refunds -k k1 <<< bad
  mqpull -q -t refunds -g billing --from beginning --exec false 3>&- 2> /dev/null &
  local before pid=$!
  wait_until has %DLQ%billing 1
  kill "$pid"
  wait "$pid" || true
  before=$(all_of orders | wc -l)
  follow_all mqd-cookbook.7 'Dead letters back into their topic'
  [ "$(all_of orders | wc -l)" = $((before + 1)) ]
  [ "$(all_of orders --out 'format:%k %s\n' | grep -c '^k1 bad$')" = 1 ]
  follow_all mqd-cookbook.7 'Dead letters back into their topic'
  [ "$(all_of orders | wc -l)" = $((before + 1)) ]
}

@test "the cookbook: a day's messages in a file" {
  prepare
  # Today's messages are yesterday's once tomorrow has come.
  local real
  real=$(command -v date)
  mkdir bin
  printf '#!/bin/bash\n[ "$1" != -d ] || exec "%s" -d today "${@:3}"\nexec "%s" -d tomorrow "$@"\n' "$real" "$real" > bin/date
  chmod +x bin/date
  local before
  before=$($real +%F)
  PATH=$PWD/bin:$PATH follow_all mqd-cookbook.7 "A day's messages in a file"
  [ "$before" = "$($real +%F)" ] || skip "midnight"
  diff <(gzip -dc "orders-$before.jsonl.gz" | jq -r .body | sort) <(all_of orders | sort)
  local -a files
  files=(archive/*)
  [[ ${#files[@]} = 1 && ${files[0]} == archive/????-??-??_??.jsonl.gz ]]
  diff <(gzip -dc "${files[0]}" | jq -r .body | sort) <(all_of orders | sort)
}
