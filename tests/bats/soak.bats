#!/usr/bin/env bats
# The short form of `make soak`.
bats_require_minimum_version 1.5.0
load helpers

@test "everything at once, on a broker that is killed every five seconds" {
  export TMPDIR=$BATS_TEST_TMPDIR
  "$BATS_TEST_DIRNAME/../soak/run" "$MQD_BUILD" 30 5 3>&-
}
