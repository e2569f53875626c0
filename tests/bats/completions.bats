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
  COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=() COMP_LINE="$*"
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
  [ "$(completed mqadmin updateTopicP)" = updateTopicPerm ]
  [ "$(completed mqadmin topicRoute --li)" = --list ]
  [ "$(completed mqadmin topicRoute --out j)" = "json jsonl" ]
}

# offers SHELL WORD...: what the shell would offer for the last word, a name a line.
offers() {
  local shell=$1 tool=$2
  shift
  case $shell in
    bash)
      # shellcheck disable=SC1090  # one of those that are tested above
      source "$completions/bash/$tool"
      completed "$@" | tr ' ' '\n'
      ;;
    zsh)
      # _arguments has come to this word, and calls what stands behind the option before it.
      zsh -fc '
        file=$1; shift; words=("$@"); CURRENT=$#
        compadd() { print -l -- ${(P)2} }
        _arguments() { local spec; for spec in $specs; do [[ $spec == "*${words[CURRENT-1]}["* ]] && eval ${spec##*:}; done }
        source $file' zsh "$completions/zsh/_$tool" "$@"
      ;;
    fish) fish --no-config -c 'source $argv[1]; complete -C "$argv[2]"' "$completions/fish/$tool.fish" "$*" | cut -f1 | sort ;;
  esac
}
offers_names() { # SHELL
  [ "$(offers "$1" mqpull -t "")" = "$topics" ] &&
    [ "$(offers "$1" mqpull -t orders -g "")" = billing ] &&
    [ "$(offers "$1" mqpull -e --broker "")" = "$name" ] &&
    [ "$(offers "$1" mqsend --topic "")" = "$topics" ] &&
    [ "$(offers "$1" mqadmin topicRoute -t "")" = "$topics" ] &&
    [ "$(NAMESRV_ADDR=127.0.0.1:1 offers "$1" mqpull -n "$namesrv" -t orders -g "")" = billing ]
}

@test "topics, groups and brokers come from the name server that the line means, or nothing does, at once" {
  start_broker
  mqsend -q -t orders <<< a
  mqpull -q -t orders -g billing -e > /dev/null
  local topics name shell
  topics=$(mqadmin topicList | sort -u)
  name=$(mqadmin clusterList --out jsonl | jq -r .broker)
  [[ $topics == *orders* ]]
  for shell in bash zsh fish; do
    if ! command -v "$shell" > /dev/null; then continue; fi
    # On a busy machine the answer may come too late.
    wait_until offers_names "$shell"
    [ -z "$(NAMESRV_ADDR=127.0.0.1:1 offers "$shell" mqpull -t "" 2>&1)" ]
    [ -z "$(offers "$shell" mqpull --profile none -t "" 2>&1)" ]
  done
  # A server that takes connections and says nothing.
  freeze "$broker_pid"
  for shell in bash zsh fish; do
    if ! command -v "$shell" > /dev/null; then continue; fi
    local begin=${EPOCHREALTIME/./}
    [ -z "$(offers "$shell" mqpull -t "" 2>&1)" ]
    [ $((${EPOCHREALTIME/./} - begin)) -lt 500000 ]
  done
  kill -CONT "$broker_pid"
}
