#!/usr/bin/env bats
# Cases from outside, each a program of tests/cases that ends with 0 when all is right: it says why when not.
bats_require_minimum_version 1.5.0
load helpers

cases=$BATS_TEST_DIRNAME/../cases

# holds CASE [ARGUMENT...]: 99 is a case that could not be tried.
holds() {
  local case=$1
  shift
  run "$cases/$case" "$@" 3>&-
  echo "$case: status $status: $output"
  [ "$status" = 0 ]
}

@test "spool-full-stands-still" { holds spool-full-stands-still 2; }

@test "forbidden-at-once" {
  start_broker
  holds forbidden-at-once.sh
}

@test "stress/silent-connection" { holds stress/silent-connection; }

@test "stress/request-over-restart" { holds stress/request-over-restart 2; }

@test "reports/missing-header-fields" { holds reports/missing-header-fields; }

@test "reports/sql-zero" { holds reports/sql-zero; }

@test "clients/capacities" {
  start_broker
  export BROKER_ADDR=$broker
  holds clients/capacities.sh
}

@test "key-delim-tab" {
  start_broker
  holds key-delim-tab.sh
}

@test "reports/small-broker" { holds reports/small-broker; }

@test "reports/hole-after-copytruncate" { holds reports/hole-after-copytruncate; }

@test "group-from-end" {
  start_broker
  holds group-from-end.sh
}

@test "reader-dies" {
  start_broker
  cd "$BATS_TEST_TMPDIR"
  holds reader-dies.sh
}

@test "reader-dies-commit" {
  start_broker
  holds reader-dies-commit.sh
}

@test "retry-lag" {
  start_broker
  holds retry-lag.sh
}

@test "stress/topic-made-anew" { holds stress/topic-made-anew; }

@test "reports/clock-put-back" { holds reports/clock-put-back; }

@test "reports/file-in-queue-folder" { holds reports/file-in-queue-folder; }

@test "start-race" {
  holds start-race.sh "$(free_port)"
}

@test "dies-of-signal" {
  start_broker
  holds dies-of-signal.py
}

@test "deleteTopic of a topic that is not there is status 4" {
  start_broker
  holds delete-nosuch.sh
}
