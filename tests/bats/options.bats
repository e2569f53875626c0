#!/usr/bin/env bats
# What holds of all options of mqsend and mqpull: that each has a test, its names, what is said where
# one is wrong, and how much is said at all. What each does is in the files of its own.
bats_require_minimum_version 1.5.0
load helpers

# listed TOOL: the names of its options, as its help has them.
listed() {
  "$1" --help | sed -nE 's/^ {2,6}(-[^ ,]+(, -[^ ,]+)*).*/\1/p' | tr -d ' ' | tr , '\n'
}
# used TOOL: what is given to it by a command line of a test; wrong usage counts as none.
used() {
  cat "$BATS_TEST_DIRNAME"/*.bats | sed -e '/^ *#/d' -e '/for wrong in/d' -e ':a' -e '/\\$/N; s/\\\n//; ta' |
    grep -oE "\b$1 [^|;&]*" | grep -oE -- "[ '\"]--?[a-zA-Z][a-zA-Z-]*" | tr -d " '\"" | sort -u
}

@test "every name of every option is used by a test" {
  local tool name missing=()
  # `[mqsend --name]='why no test can give it'`
  local -A without_a_test=()
  for tool in mqsend mqpull; do
    local -A is_used=()
    while read -r name; do is_used[$name]=1; done < <(used "$tool")
    [ "$(listed "$tool" | wc -l)" -gt 30 ]
    while read -r name; do
      [ -n "${is_used[$name]-}${without_a_test[$tool $name]-}" ] || missing+=("$tool $name")
    done < <(listed "$tool")
  done
  printf 'no test has %s\n' "${missing[@]}"
  [ ${#missing[@]} = 0 ]
  for name in "${!without_a_test[@]}"; do [ -n "${without_a_test[$name]}" ]; done
}

@test "every name of every option stands in the man page" {
  local tool name page missing=()
  for tool in mqsend mqpull; do
    page=$BATS_TEST_DIRNAME/../../man/$tool.1
    while read -r name; do
      [ "$name" != --namesrvAddr ] || continue  # the name that RocketMQ's tools have
      grep -qE "^\.It .*Fl ${name#-}( |\$)" "$page" || missing+=("$tool $name")
    done < <(listed "$tool")
  done
  printf 'not in the man page: %s\n' "${missing[@]}"
  [ ${#missing[@]} = 0 ]
}

@test "the names of one option mean the same" {
  start_broker
  local names=$NAMESRV_ADDR
  unset NAMESRV_ADDR
  mqsend --namesrv "$names" --topic T --key k --property a=b --quiet <<< one
  mqsend --namesrvAddr "$names" -t T -k k -p a=b -q <<< one
  mqpull --namesrv "$names" --topic T --from beginning --exit --out 'format:%k %h %s\n' > "$BATS_TEST_TMPDIR/long"
  mqpull --namesrvAddr "$names" -t T --from beginning -e --out 'format:%k %h %s\n' > "$BATS_TEST_TMPDIR/short"
  [ "$(< "$BATS_TEST_TMPDIR/long")" = $'k a=b one\nk a=b one' ]
  cmp "$BATS_TEST_TMPDIR/long" "$BATS_TEST_TMPDIR/short"
  [ "$(mqpull -n "$names" -t T --group g --from beginning --count 2 | wc -l)" = 2 ]
  [ "$(mqpull -n "$names" -t T -g g -e | wc -l)" = 0 ]
  echo followed > "$BATS_TEST_TMPDIR/log"
  mqsend -n "$names" -q -t F -f --count 1 "$BATS_TEST_TMPDIR/log"
  [ "$(mqpull -n "$names" -t F --from beginning -e)" = followed ]
  mqsend -h | cmp - <(mqsend --help)
  mqpull -h | cmp - <(mqpull --help)
  [[ $(mqsend --version) == mqsend\ [0-9]* ]]
  [[ $(mqpull --version) == mqpull\ [0-9]* ]]
}

@test "-v tells what is tried again and where it goes, -vv every request, -q nothing" {
  start_broker
  run --separate-stderr mqsend --verbose -t T <<< a
  [ "${#stderr_lines[@]}" = 1 ]
  run --separate-stderr mqsend -vv -t T <<< a
  [[ $stderr == *"mqsend: a message for T/"*" on $broker: acknowledged"* ]]
  run --separate-stderr mqsend -vvq -t T <<< a
  [ -z "$stderr" ]
  run --separate-stderr mqpull --verbose -t T --from beginning -e
  [[ $stderr == *"mqpull: reads T/"*"/0 on $broker from 0 on"* ]]
  [[ $stderr == *'mqpull: 3 messages, 0 requests repeated'* ]]
  [[ $stderr != *bytes* ]]
  run --separate-stderr mqpull -vv -t T --from beginning -e
  [[ $stderr == *"mqpull: T/"*" on $broker: "*' bytes from 0 to '* ]]
  run --separate-stderr mqpull -vv --quiet -t T --from beginning -e
  [ -z "$stderr" ]
  # The broker goes between two messages.
  cd "$BATS_TEST_TMPDIR"
  local way senders=()
  for way in one oneway; do
    { echo 1; until [ -e go ]; do sleep 0.02; done; echo 2; } |
      mqsend -v -t T --timeout 300ms "$([ $way = one ] && echo --ack=one || echo --oneway)" 2> $way.log 3>&- &
    senders+=($!)
  done
  have_come() { [ "$(mqpull -q -t T --from beginning -e | grep -c 1)" = 2 ]; }
  wait_until have_come
  stop_daemon "$broker_pid" KILL || true
  touch go
  wait "${senders[0]}" || true
  wait "${senders[1]}" || true
  grep -q "mqsend: a message for T/.* is sent again to $broker in .* ms: cannot connect to " one.log
  grep -q "mqsend: a message is now sent to T/.* on $broker: cannot connect to " oneway.log
  grep -q 'read 2 = acknowledged 1 + refused . + unknown .*, retries [1-9]' one.log
  grep -q 'read 2 = handed over 1 + refused 1 + unknown 0' oneway.log
}

@test "what is wrong in the configuration is told with key, file and line, and nothing is tried" {
  cd "$BATS_TEST_TMPDIR"
  start_broker
  # wrong LINES MESSAGE
  wrong() {
    # shellcheck disable=SC2059  # the lines have their newlines in them
    printf "$1" > c.toml
    local tool
    for tool in mqsend mqpull; do
      run --separate-stderr "$tool" --config c.toml --profile p -t T < /dev/null
      [ "$status" = 2 ]
      [ "$stderr" = "$tool: $2" ]
    done
  }
  unset NAMESRV_ADDR
  wrong 'namsrv = "a"\n' "c.toml:1: there is no key 'namsrv'"
  wrong '\n[profile.p]\nnamesrv = "a"\nport = 1\n' "c.toml:4: there is no key 'profile.p.port'"
  wrong '[profile.q]\nnamesrv = "a"\n' 'c.toml: there is no [profile.p] with a namesrv'
  wrong '[profile.p]\nnamesrv = "a:b"\n' "c.toml:2: profile.p.namesrv: 'a:b' is not HOST:PORT"
  wrong '[profile.p]\nnamesrv = "a:0"\n' "c.toml:2: profile.p.namesrv: 'a:0' is not HOST:PORT"
  wrong '[profile.p]\nnamesrv = 5\n' "c.toml:2: profile.p.namesrv: '5' is not HOST:PORT"
  wrong '[profile.p]\nnamesrv = "a:b:c"\n' "c.toml:2: profile.p.namesrv: 'a:b:c' is not HOST:PORT"
  wrong '[profile.p]\nnamesrv = ";"\n' "c.toml:2: profile.p.namesrv: ';' names no server"
  run --separate-stderr mqpull --config none.toml -t T
  [ "$status" = 2 ]
  [ "$stderr" = 'mqpull: cannot read none.toml: No such file or directory' ]
  printf '[profile.p]\nnamesrv = "%s"\n' "$namesrv" > c.toml
  mqsend -q --config c.toml --profile p -t T <<< by-profile
  [ "$(MQD_CONFIG=c.toml MQD_PROFILE=p mqpull -t T --from beginning -e)" = by-profile ]
  [ "$(mqpull --config c.toml --profile p -t T --from beginning -e)" = by-profile ]
}

@test "on a terminal one line shows how far it is, and none with --no-progress or --quiet" {
  command -v script > /dev/null || skip "no script(1)"
  start_broker
  cd "$BATS_TEST_TMPDIR"
  seq 30 > in
  # A run of more than a second, which is when the line begins; script's terminal is its standard error.
  on_terminal() { script -qec "$1" /dev/null < /dev/null; }
  on_terminal 'mqsend -t T --rate 20 in' > shown
  grep -q 'messages, .*/s, .*%' shown
  on_terminal 'mqsend -t T --rate 20 --no-progress in' > shown
  [ "$(grep -c 'messages,' shown)" = 0 ]
  [ "$(wc -l < shown)" = 1 ]
  on_terminal 'mqpull -t T --rate 40 --from beginning -e > out' > shown
  grep -q 'messages, .*/s, .*%' shown
  [ "$(wc -l < out)" = 60 ]
  on_terminal 'mqpull -q -t T --rate 40 --from beginning -e > out' > shown
  [ ! -s shown ]
}
