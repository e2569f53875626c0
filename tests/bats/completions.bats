#!/usr/bin/env bats
# Completions are made from --help by completions/generate; here they are held against it.
bats_require_minimum_version 1.5.0
load helpers

completions=$BATS_TEST_DIRNAME/../../completions

in_step() {
  [ -e "$completions/$3" ] || return 0
  command -v "$1" > /dev/null || skip "$1 is not built"
  diff "$completions/$3" <("$completions/generate" "$1" "$2") ||
    { echo "make it anew: completions/generate $1 $2 > completions/$3" >&2; return 1; }
}

@test "the completions of every tool are in step with its help" {
  for tool in mqsend mqpull mqadmin mqdump; do
    in_step "$tool" bash "bash/$tool"
    in_step "$tool" zsh "zsh/_$tool"
    in_step "$tool" fish "fish/$tool.fish"
  done
}

# completed WORD...: what bash would offer for the last word.
completed() {
  COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
  compopt() { :; }
  "_$1"
  echo "${COMPREPLY[*]}"
}

@test "bash completes commands, their options and the words that may follow" {
  source "$completions/bash/mqdump"
  [ "$(completed mqdump s)" = stat ]
  [ "$(completed mqdump log --js)" = --json-body ]
  [ "$(completed mqdump stat --out "")" = "text json" ]
  [ "$(completed mqdump log -t "")" = "" ]
  source "$completions/bash/mqadmin"
  [ "$(completed mqadmin updateT)" = updateTopic ]
  [ "$(completed mqadmin topicRoute --li)" = --list ]
  [ "$(completed mqadmin topicRoute --out j)" = "json jsonl" ]
}
