#!/usr/bin/env bats
# mqadmin's own commands about groups: lag, offset and dlq. All tests share one broker.
bats_require_minimum_version 1.5.0
load helpers
load admin
load file_broker

setup_file() {
  start_file_broker
  seq 10 | mqsend -q -t orders
  # Groups that have read none, and four messages.
  mqpull -q orders -g new --from beginning -c 1 > /dev/null
  mqpull -q orders -g billing --from beginning -c 4 > /dev/null
  disown -a
}

offset_of() { mqadmin offset show -g "$1" -t orders --out jsonl | jq .offset; }

@test "lag prints messages and seconds of each queue" {
  run -0 mqadmin lag -g billing -t orders
  [[ ${lines[0]} =~ ^'#Topic '\ *'#Broker Name '\ *'#QID  #Lag  #Seconds'$ ]]
  [[ ${lines[1]} =~ ^orders\ +$name\ +0\ +6\ +[0-9]+\.[0-9]$ ]]
  [[ ${lines[-1]} =~ ^'Total: 6 messages, '[0-9]+\.[0-9]' s'$ ]]
  fits lag -g billing
  [ "$(mqadmin lag -g billing --out json | jq .totals.lag)" = 6 ]
  [ "$(mqadmin lag -g billing --out json | jq '.totals.delayMs > 0')" = true ]
  refused 4 "group 'nobody' has no offsets on $namesrv" lag -g nobody
  refused 2 '--group' lag
  unreachable lag -g billing
}

@test "lag checks a group as monitoring systems want it" {
  run -0 --separate-stderr mqadmin lag -g billing --warn 6 --crit 7
  [[ $output =~ ^'OK: group billing has 6 messages left, the oldest for '[0-9.]+' s | messages=6 seconds='[0-9.]+$ ]]
  [ -z "$stderr" ]
  run -1 mqadmin lag -g billing --warn 5 --crit 6
  [[ $output == 'WARNING: '* ]]
  run -2 mqadmin lag -g billing --warn 4 --crit 5
  [[ $output == 'CRITICAL: '* ]]
  run -2 mqadmin lag -g billing --crit 1ms
  [[ $output == 'CRITICAL: '* ]]
  run -0 mqadmin lag -g billing --crit 10h
  run -3 --separate-stderr mqadmin lag -g nobody --crit 5
  [ "$output" = "UNKNOWN: group 'nobody' has no offsets on $namesrv" ]
  run -3 --separate-stderr mqadmin lag -g billing --crit many
  [[ $output == 'UNKNOWN: '* ]]
  run -3 --separate-stderr mqadmin lag -g billing --crit 5 -n 127.0.0.1:1 --timeout 200ms
  [[ $output == 'UNKNOWN: '* ]]
}

@test "offset shows, sets and moves a group's offsets" {
  [ "$(mqadmin offset show -g billing -t orders | tail -n 1 | tr -s ' ')" = "orders $name 0 4 10 6" ]
  run -0 mqadmin offset show -g billing -t orders --out json
  fits_schema offset_show <<< "$output"
  run -0 mqadmin offset set -g billing -t orders --to beginning --dry-run --out json
  fits_schema offset_set <<< "$output"
  [ "$(jq -c '.[] | [.before, .after, .done]' <<< "$output")" = '[4,0,false]' ]
  [ "$(offset_of billing)" = 4 ]
  local to
  for to in end:10 -3:7 5:5 @2020-01-01T00:00:00Z:0; do
    run -0 mqadmin offset set -g billing -t orders --to "${to%:*}"
    [ "$(offset_of billing)" = "${to##*:}" ]
  done
  run -0 mqadmin offset set -g billing -t orders -b "$name" -q 0 --to 4
  [ "$(offset_of billing)" = 4 ]
  refused 4 "topic 'orders' has no such queue" offset set -g billing -t orders -q 7 --to end
  refused 4 "Group missing does not exist" offset set -g missing -t orders --to end
  refused 4 "group 'nobody' has no offsets" offset show -g nobody
  refused 2 'set needs --topic and --to' offset set -g billing
  refused 2 "'move' is not show" offset move -g billing
  refused 2 'is required' offset show
}

@test "what offset exports, offset imports again, for another group too" {
  mqadmin offset set -g billing -t orders --to 4 > /dev/null
  mqadmin offset export -g billing -t orders > saved
  mqadmin offset set -g billing -t orders --to end > /dev/null
  run -0 mqadmin offset import -f saved --dry-run
  [ "$(offset_of billing)" = 10 ]
  run -0 mqadmin offset import -f saved
  [ "$(offset_of billing)" = 4 ]
  mqadmin offset import -g new -f - < saved > /dev/null
  [ "$(offset_of new)" = 4 ]
  echo '{"group":"billing"}' > broken
  refused 2 'broken, line 1: it needs group' offset import -f broken
  refused 4 'none: No such file' offset import -f none
  refused 2 'import needs --file' offset import
}

# dead GROUP LOG_OFFSET: the message goes to the dead letters of the group.
dead() {
  connect "$broker"
  ask 36 "{\"offset\":\"$2\",\"group\":\"$1\",\"delayLevel\":\"-1\",\"originTopic\":\"orders\"}"
  disconnect
  [ "$answer_code" = 0 ]
}
letters() { [ "$(mqadmin dlq list -g "$1" --out jsonl 2> /dev/null | jq .messages)" = "$2" ]; }

@test "dlq lists, exports, resends and purges dead letters" {
  mqadmin updateSubGroup -b "$broker" -g sick > /dev/null
  local at
  for at in $(mqadmin printMsg -t orders --out jsonl | jq 'select(.queueOffset < 3).commitLogOffset'); do dead sick "$at"; done
  wait_until letters sick 3
  run -0 mqadmin dlq list --out json
  fits_schema dlq_list <<< "$output"
  run -0 mqadmin dlq list
  [ "$(tail -n 1 <<< "$output" | tr -s ' ')" = "sick $name 0 3 3" ]
  [ "$(mqadmin dlq export -g sick | jq -r .body | paste -sd ' ')" = '1 2 3' ]

  run -0 mqadmin dlq resend -g sick --dry-run --out json
  fits_schema dlq_resend <<< "$output"
  [ "$(jq length <<< "$output")" = 3 ]
  letters sick 3
  run -0 mqadmin dlq resend -g sick -c 2 --out json
  fits_schema dlq_resend <<< "$output"
  [ "$(jq -c 'map([.topic, .resends, .done])' <<< "$output")" = '[["orders",1,true],["orders",1,true]]' ]
  # The next run goes on where this one ended.
  run -0 mqadmin dlq resend -g sick --out json
  [ "$(jq length <<< "$output")" = 1 ]
  run -0 mqadmin dlq resend -g sick --out json
  [ "$output" = '[]' ]
  [ "$(mqpull -q orders --from 10 -e | paste -sd ' ')" = '1 2 3' ]
  [ "$(mqadmin dlq list -g sick --out jsonl | jq .notResent)" = 0 ]

  run -0 mqadmin dlq purge -g sick --dry-run --out json
  fits_schema dlq_purge <<< "$output"
  letters sick 3
  run -2 bash -c "echo n | script -qec 'mqadmin dlq purge -g sick' /dev/null"
  [[ $output == *"delete 3 dead letters of group 'sick', 0 of them never sent again? [y/N]"* ]]
  letters sick 3
  run -0 mqadmin dlq purge -g sick --yes
  refused 4 "group 'sick' has no dead letters" dlq list -g sick
  refused 4 "group 'sick' has no dead letters" dlq resend -g sick
  refused 2 '--group is required' dlq export
  refused 2 "'cure' is not list" dlq cure -g sick
}
