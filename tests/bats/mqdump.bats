#!/usr/bin/env bats
bats_require_minimum_version 1.5.0
load helpers

store() { echo "$BATS_TEST_TMPDIR/store"; }

# A topic with one queue, so that the order is known.
make_topic() { mqadmin updateTopic -b "$broker" -t "$1" -r 1 -w 1 > /dev/null; }

# flip OFFSET: turns the bits of one byte of the commit log's first file.
flip() {
  local file byte
  file=$(store)/commitlog/00000000000000000000
  byte=$(od -An -tu1 -j "$1" -N 1 "$file")
  # shellcheck disable=SC2059
  printf "\\x$(printf %02x $((byte ^ 255)))" | dd of="$file" bs=1 seek="$1" conv=notrunc status=none
}

@test "log prints what was sent, while the broker runs and after it" {
  start_broker
  make_topic orders
  seq 1000 | mqsend -q -t orders
  diff <(seq 1000) <(mqdump log "$(store)" -t orders)
  stop_daemon "$broker_pid"
  diff <(seq 1000) <(mqdump log "$(store)" -t orders)
  diff <(seq 1000) <(mqdump log "$(store)/commitlog/00000000000000000000" -t orders)
}

@test "log picks by topic, queue, key, tag, body, offset and count" {
  start_broker
  make_topic a
  make_topic b
  printf '%s\n' '{"body":"one","keys":["k1","k2"],"tags":"x"}' '{"body":"two","tags":"y"}' '{"body":"three"}' |
    mqsend -q -t a --in json
  echo other | mqsend -q -t b
  log() { mqdump log "$(store)" "$@" | tr '\n' ' '; }
  [ "$(log)" = "one two three other " ]
  [ "$(log -t a)" = "one two three " ]
  [ "$(log -t b -t a --queue 0)" = "one two three other " ]
  [ "$(log --queue 1)" = "" ]
  [ "$(log --key k2)" = "one " ]
  [ "$(log --tag 'x || y')" = "one two " ]
  [ "$(log --grep '^t.*e$')" = "three " ]
  [ "$(log -c 2)" = "one two " ]
  [ "$(log --since -1h --until now)" = "one two three other " ]
  [ "$(log --until -1h)" = "" ]
  second=$(mqdump log "$(store)" --out 'format:%O\n' | sed -n 2p)
  third=$(mqdump log "$(store)" --out 'format:%O\n' | sed -n 3p)
  [ "$(log --from "$second" --to "$third")" = "two " ]
  [ "$(log --from $((second + 1)))" = "three other " ]
  id=$(mqdump log "$(store)" --out 'format:%i\n' | sed -n 3p)
  [ "$(log --key "$id")" = "three " ]
}

@test "damage is reported with offset and length, skipped, and gives status 1" {
  start_broker
  make_topic t
  printf '%s\n' one two three | mqsend -q -t t
  stop_daemon "$broker_pid"
  second=$(mqdump log "$(store)" --out 'format:%O\n' | sed -n 2p)
  third=$(mqdump log "$(store)" --out 'format:%O\n' | sed -n 3p)
  flip $((second + 5))
  run -1 --separate-stderr mqdump log "$(store)"
  [ "$output" = $'one\nthree' ]
  [ "${#stderr_lines[@]}" = 1 ]
  [[ $stderr == "mqdump: damage at offset $second, $((third - second)) bytes: "* ]]
  run -1 --separate-stderr mqdump stat "$(store)"
  [[ $output == *"damage      $((third - second)) bytes"* ]]
  # Beyond what is asked for nothing is complained about.
  run -0 --separate-stderr mqdump log "$(store)" --from "$third"
  [ "$output" = three ]
  [ "$stderr" = "" ]
}

@test "a torn tail is told apart from damage" {
  start_broker
  make_topic t
  printf '%s\n' one two | mqsend -q -t t
  stop_daemon "$broker_pid"
  second=$(mqdump log "$(store)" --out 'format:%O\n' | sed -n 2p)
  flip $((second + 60))
  flip $((second + 5))
  run -1 --separate-stderr mqdump log "$(store)"
  [ "$output" = one ]
  [[ $stderr == "mqdump: torn tail at offset $second, "* ]]
}

@test "follow goes on with what is sent later and stops in order on SIGTERM" {
  start_broker
  make_topic t
  echo first | mqsend -q -t t
  mqdump log "$(store)" -f > "$BATS_TEST_TMPDIR/out" 3>&- &
  follower=$!
  has() { [ "$(tr '\n' ' ' < "$BATS_TEST_TMPDIR/out")" = "$1" ]; }
  wait_until has "first "
  echo second | mqsend -q -t t
  wait_until has "first second "
  kill "$follower"
  status=0
  wait "$follower" || status=$?
  [ "$status" = 143 ]
}

# Small files, of which three megabytes fill three. What is answered is synced: the broker would miss a
# file that it still has to sync.
start_small_files() {
  printf 'mappedFileSizeCommitLog=1048576\nmaxMessageSize=262144\nflushDiskType=SYNC_FLUSH\n' > "$BATS_TEST_TMPDIR/small.conf"
  start_broker -c "$BATS_TEST_TMPDIR/small.conf"
}
segments() { (cd "$(store)/commitlog" && echo [0-9]*); }
follow() {
  mqdump log "$(store)" -f -t t --out lines > "$BATS_TEST_TMPDIR/out" 2> "$BATS_TEST_TMPDIR/err" 3>&- &
  follower=$!
}
ends_with() { [ "$(tail -1 "$BATS_TEST_TMPDIR/out")" = "$1" ]; }

@test "follow goes on over new files, and over old ones that are deleted behind it" {
  start_small_files
  make_topic t
  follow
  seq 1 10000 | mqsend -q -t t
  wait_until ends_with 10000
  [ "$(segments | wc -w)" -gt 2 ]
  rm "$(store)/commitlog/00000000000000000000"
  seq 10001 20000 | mqsend -q -t t
  wait_until ends_with 20000
  kill "$follower"
  wait "$follower" || [ $? = 143 ]
  diff <(seq 20000) "$BATS_TEST_TMPDIR/out"
  [ ! -s "$BATS_TEST_TMPDIR/err" ]
}

@test "follow says what was deleted before it was read" {
  start_small_files
  make_topic t
  echo first | mqsend -q -t t
  follow
  wait_until ends_with first
  freeze "$follower"
  seq 20000 | mqsend -q -t t
  read -ra files < <(segments)
  rm "$(store)/commitlog/${files[1]}" "$(store)/commitlog/${files[2]}"
  kill -CONT "$follower"
  wait_until ends_with 20000
  kill "$follower"
  wait "$follower" || [ $? = 143 ]
  [ "$(wc -l < "$BATS_TEST_TMPDIR/err")" = 1 ]
  grep -q "^mqdump: damage at offset 1048576, 2097152 bytes: " "$BATS_TEST_TMPDIR/err"
}

@test "what log prints as json or msgpack can be sent again with nothing lost" {
  start_broker
  make_topic a
  make_topic b
  make_topic c
  printf '%s\n' '{"body":"h\u00e9 \"x\"\n","keys":["k"],"tags":"g","properties":{"p":"1"},"flag":7}' \
    '{"body_b64":"AP/+Cg=="}' '{"body":""}' | mqsend -q -t a --in json
  mqdump log "$(store)" -t a --out json | mqsend -q --in json -t b
  mqdump log "$(store)" -t a --out msgpack | mqsend -q --in msgpack -t c
  facts() { mqdump log "$(store)" -t "$1" --out json | sed -E 's/"topic":"."//; s/,"id":.*"flag"/,"flag"/; s/,"sys_flag.*//'; }
  [ "$(facts a | wc -l)" = 3 ]
  diff <(facts a) <(facts b)
  diff <(facts a) <(facts c)
}

@test "stat counts and says how the store was left" {
  start_broker
  make_topic t
  seq 10 | mqsend -q -t t
  run -0 mqdump stat "$(store)"
  [ "${lines[1]}" = "state       in use by process $broker_pid" ]
  stop_daemon "$broker_pid"
  run -0 mqdump stat "$(store)" --out json
  [[ $output == *'"clean":true,"messages":10,'* ]]
  [[ $output == *'{"topic":"t","queue":0,"min":0,"max":10,"messages":10,'* ]]
  start_broker
  kill -9 "$broker_pid"
  wait_until is_gone "$broker_pid"
  run -0 mqdump stat "$(store)"
  [ "${lines[1]}" = "state       unclean stop: the file 'abort' is there" ]
}

@test "nothing of a store is changed by looking at it" {
  start_broker
  mqsend -q -t t --create --queue 0 <<< x
  stop_daemon "$broker_pid"
  state() { (cd "$(store)" && find . -type f -printf '%p %s %T@\n' | sort && find . -type f -exec cksum {} +); }
  state > "$BATS_TEST_TMPDIR/before"
  mqdump log "$(store)" > "$BATS_TEST_TMPDIR/out"
  mqdump stat "$(store)" > "$BATS_TEST_TMPDIR/out"
  mqdump get "$(store)" 0 > "$BATS_TEST_TMPDIR/out"
  mqdump queue "$(store)" t 0 > "$BATS_TEST_TMPDIR/out"
  for command in groups timers topics; do mqdump "$command" "$(store)" > "$BATS_TEST_TMPDIR/out"; done
  mqdump index "$(store)" --key "$(mqdump log "$(store)" --out 'format:%i\n')" > "$BATS_TEST_TMPDIR/out"
  diff "$BATS_TEST_TMPDIR/before" <(state)
}

@test "mistakes are one line and status 2, what is missing status 4" {
  run -2 --separate-stderr mqdump lgo x
  [ "$stderr" = "mqdump: there is no command 'lgo'; did you mean log? (see mqdump --help)" ]
  run -2 --separate-stderr mqdump log
  [ "$stderr" = "mqdump: STORE|FILE is required (see mqdump log --help)" ]
  run -2 --separate-stderr mqdump log x --out xml
  [[ $stderr == "mqdump: --out: 'xml' is not one of "* ]]
  run -2 --separate-stderr mqdump log x --grep '('
  [[ $stderr == "mqdump: --grep: '(' is not a regular expression: "* ]]
  run -4 --separate-stderr mqdump log "$BATS_TEST_TMPDIR/nothing"
  [ "$stderr" = "mqdump: $BATS_TEST_TMPDIR/nothing: no such store or file" ]
  run -4 mqdump stat "$BATS_TEST_TMPDIR/nothing"
}

@test "a closed pipe ends it quietly, a full disk with a line and status 1" {
  start_broker
  make_topic t
  seq 100000 | mqsend -q -t t
  run -0 --separate-stderr bash -c "mqdump log '$(store)' | head -1; echo \${PIPESTATUS[0]} >&2"
  [ "$output" = 1 ]
  [ "$stderr" = 141 ]
  run -1 --separate-stderr bash -c "mqdump log '$(store)' > /dev/full"
  [ "$stderr" = "mqdump: standard output: No space left on device" ]
}

@test "help names every command and ends with three examples" {
  run -0 mqdump --help
  [[ $output == *"  log   "* && $output == *"  stat  "* ]]
  [ "$(sed '1,/^examples:/d' <<< "$output" | grep -c '^  [^ ]')" = 3 ]
  for command in get groups index log queue repair stat timers topics verify; do
    run -0 mqdump help "$command"
    [ "$(sed '1,/^examples:/d' <<< "$output" | grep -c '^  [^ ]')" = 3 ]
    for option in $(sed '/^examples:/,$d' <<< "$output" | grep -o -- '--[a-z-]*' | sort -u); do
      grep -q -- "Fl -${option#--}" "$BATS_TEST_DIRNAME/../../man/mqdump.1" ||
        { echo "mqdump(1) does not have $option" >&2; return 1; }
    done
  done
  run -0 mqdump --version
  [[ $output =~ ^mqdump\ [0-9]+\.[0-9]+ ]]
}

@test "what may not be read is status 5, wherever the permission ends" {
  can_be_somebody || skip "somebody else cannot run mqdump here"
  start_broker
  make_topic t
  seq 3 | mqsend -q -t t -k k
  stop_daemon "$broker_pid"
  local at command file
  file=$(store)/commitlog/00000000000000000000
  chmod -R o+rX "$(store)"
  refused() {
    run --separate-stderr somebody "$@"
    [ "$status" = 5 ] || { echo "status $status: $* ($stderr)"; return 1; }
    [ "${#stderr_lines[@]}" = 1 ] || { echo "$*: $stderr"; return 1; }
    [[ $stderr == mqdump:*"Permission denied"* ]] || { echo "$*: $stderr"; return 1; }
  }
  somebody mqdump log "$(store)" > /dev/null
  # A folder that may be listed and not entered, one that may not be listed, one that may neither.
  for at in o-x o-r o-rx; do
    chmod "$at" "$(store)"
    for command in 'stat' 'topics' 'groups' 'timers' 'verify' 'log' 'repair'; do
      [ "$at" != o-r ] || continue # its parts have known names
      refused mqdump "$command" "$(store)"
    done
    [ "$at" = o-r ] || refused mqdump queue "$(store)" t 0
    [ "$at" = o-r ] || refused mqdump index "$(store)" --key k
    [ "$at" = o-r ] || refused mqdump get "$(store)" 0
    chmod o+rx "$(store)"
    chmod "$at" "$(store)/commitlog"
    refused mqdump log "$(store)"
    refused mqdump stat "$(store)"
    [ "$at" = o-r ] || refused mqdump log "$file"
    chmod o+rx "$(store)/commitlog"
    chmod "$at" "$(store)/consumequeue"
    refused mqdump stat "$(store)"
    [ "$at" = o-r ] || refused mqdump queue "$(store)" t 0
    chmod o+rx "$(store)/consumequeue"
  done
  chmod o-r "$file"
  refused mqdump log "$(store)"
  refused mqdump log "$file"
  chmod o+r "$file"
  chmod o-r "$(store)/config/topics.json"
  refused mqdump topics "$(store)"
  chmod -R o+rX "$(store)"
}

@test "a damaged table gives way to its .bak, and stays as it is" {
  start_broker
  make_topic t
  stop_daemon "$broker_pid"
  cp "$(store)/config/topics.json" "$(store)/config/topics.json.bak"
  echo '{"topicConf' > "$(store)/config/topics.json"
  local before; before=$(cd "$(store)" && find . -type f -exec sha256sum {} + | sort)
  for command in topics 'log -t t' groups verify; do
    # shellcheck disable=SC2086
    run --separate-stderr mqdump ${command%% *} "$(store)" ${command#"${command%% *}"}
    [ "$command" != verify ] || [ "$status" = 1 ]
    [ "$command" = verify ] || [ "$status" = 0 ]
    [ "$command" != topics ] || [[ $stderr == "mqdump: $(store)/config/topics.json: "*"; its .bak is read instead" ]]
    [ "$(cd "$(store)" && find . -type f -exec sha256sum {} + | sort)" = "$before" ]
  done
}

@test "one file may be packed, or come from a pipe" {
  start_broker
  make_topic t
  seq 1000 | mqsend -q -t t -k k
  index_is_there() { mqdump index "$(store)" --key k -t t --out jsonl | grep -c . | grep -qx 1000; }
  wait_until index_is_there
  stop_daemon "$broker_pid"
  cd "$BATS_TEST_TMPDIR"
  local file queue
  file=$(store)/commitlog/00000000000000000000
  queue=$(store)/consumequeue/t/0/00000000000000000000
  local index; index=$(echo "$(store)"/index/*)
  gzip -c "$file" > 00000000000000000000.gz
  diff <(seq 1000) <(mqdump log 00000000000000000000.gz)
  diff <(seq 1000) <(mqdump log - < 00000000000000000000.gz)
  diff <(seq 1000) <(mqdump log - < "$file")
  # Members one behind the other, as gzip itself puts them.
  { head -c 100000 "$file" | gzip; tail -c +100001 "$file" | gzip; } > members
  diff <(seq 1000) <(mqdump log members -t t)
  diff <(mqdump log "$file" -c 1 --out json) <(mqdump get members "$(mqdump log "$file" -c 1 --out json | jq -r .id)" --out json)
  diff <(mqdump queue "$queue") <(gzip -c "$queue" | mqdump queue -)
  diff <(mqdump index "$index" --key k -t t --out jsonl | jq -c .log_offset) <(gzip -c "$index" | mqdump index - --key k -t t --out jsonl | jq -c .log_offset)
  if command -v zstd > /dev/null; then diff <(seq 1000) <(zstd -qc "$file" | mqdump log -); fi
  # What is cut short is damaged, and says so in one line.
  head -c 5000 00000000000000000000.gz > cut.gz
  run -1 --separate-stderr mqdump log cut.gz
  [ "$stderr" = 'mqdump: cut.gz: gzip: damaged, or its end is missing' ]
  run -2 mqdump log -f - < "$file"
  run -4 mqdump log none.gz
}

@test "a topic, queue or group that is not there is status 4, and one of several status 1" {
  start_broker
  make_topic t
  seq 3 | mqsend -q -t t
  mqpull -q -t t -g g --from beginning -e > "$BATS_TEST_TMPDIR/out"
  mqadmin updateTopic -b "$broker" -t empty > /dev/null
  mqadmin updateTopic -b "$broker" -t gone > /dev/null
  seq 4 6 | mqsend -q -t gone
  mqadmin deleteTopic --yes -c DefaultCluster -t gone > /dev/null
  stop_daemon "$broker_pid"
  local file
  file=$(store)/commitlog/00000000000000000000
  run -4 --separate-stderr mqdump log "$(store)" -t nosuch
  [ "$stderr" = "mqdump: $(store): there is no topic 'nosuch'" ]
  run -4 mqdump log "$(store)" -t nosuch -t nor
  run -0 --separate-stderr mqdump log "$(store)" -t empty
  [ "$output$stderr" = "" ]
  # Deleted, and still in the log: it can be saved.
  [ "$(mqdump log "$(store)" -t gone | sort | tr '\n' ' ')" = "4 5 6 " ]
  run -1 --separate-stderr mqdump log "$(store)" -t t -t nosuch
  [ "$output" = $'1\n2\n3' ]
  [ "$stderr" = "mqdump: $(store): there is no topic 'nosuch'" ]
  run -4 mqdump log "$file" -t nosuch
  run -0 mqdump log "$file" -t nosuch --to 1
  run -4 mqdump queue "$(store)" nosuch 0
  run -4 mqdump queue "$(store)" t 9
  run -4 --separate-stderr mqdump index "$(store)" --key k -t nosuch
  [ "$stderr" = "mqdump: $(store): there is no topic 'nosuch'" ]
  run -4 --separate-stderr mqdump groups "$(store)" -g nosuch
  [ "$stderr" = "mqdump: $(store): group 'nosuch' has committed nothing" ]
  run -1 --separate-stderr mqdump groups "$(store)" -g g -g nosuch
  [[ $output == *' t '* ]]
  [ "$stderr" = "mqdump: $(store): group 'nosuch' has committed nothing" ]
}

@test "an output that cannot be written is one line and status 1, and a reader that goes is none" {
  start_broker
  make_topic t
  seq 100000 | mqsend -q -t t
  stop_daemon "$broker_pid"
  cd "$BATS_TEST_TMPDIR"
  local command
  for command in "log store" "queue store t 0" "stat store" "topics store" "groups store" "get store 0" "timers store" "--help" "help log" "log --help" "--version"; do
    [ ! -e /dev/full ] || {
      run --separate-stderr bash -c "mqdump $command > /dev/full"
      [ "$status" = 1 ] || { echo "full: status $status: $command"; return 1; }
      [ "$(grep -v -e 'waiting: ' -e 'continues after' <<< "$stderr")" = 'mqdump: standard output: No space left on device' ] || { echo "$command: $stderr"; return 1; }
    }
    run --separate-stderr bash -c "mqdump $command >&-"
    [ "$status" = 1 ] || { echo "closed: status $status: $command"; return 1; }
    [ "$(grep -v -e 'waiting: ' -e 'continues after' <<< "$stderr")" = 'mqdump: standard output: Bad file descriptor' ] || { echo "$command: $stderr"; return 1; }
  done
  run --separate-stderr bash -o pipefail -c 'mqdump log store | head -1'
  [ "$status" = 141 ]
  [ "$output$stderr" = 1 ]
}
