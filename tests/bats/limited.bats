#!/usr/bin/env bats
# tests/run and tests/limited: what hangs is killed with all it has started, shown, and counted.
bats_require_minimum_version 1.5.0
load helpers

setup() { cd "$BATS_TEST_DIRNAME/../.." || exit; }

# alive WORD: whether a process has it among its arguments, other than this look for it.
alive() { grep -lzxE -- "[${1:0:1}]${1:1}" /proc/[0-9]*/cmdline 2> /dev/null; }

@test "what ends in time ends as it does, with all it printed" {
  run tests/limited 60 bash -c 'echo a; printf b; exit 7'
  [ "$status" = 7 ]
  [ "$output" = $'a\nb' ]
}

@test "what hangs is shown and killed, and what has gone away from it too" {
  local mark=31$RANDOM$RANDOM
  MQD_HANGS=$BATS_TEST_TMPDIR/hangs run tests/limited 3 bash -c "echo a; setsid sleep $mark & sleep $mark & wait"
  [ "$status" = 124 ]
  [[ $output == *$'a\n== hangs: no line for 3 s from: bash -c'* ]]
  [ "$(grep -c "^-- process [0-9]*: sleep $mark" "$BATS_TEST_TMPDIR/hangs")" = 2 ]
  grep -q '^   thread [0-9]* sleep: S (sleeping), in ' "$BATS_TEST_TMPDIR/hangs"
  ! alive "$mark"
}

@test "tests/run counts hanging unit programs and tests, goes on with the others, and leaves nothing" {
  local dir=$BATS_TEST_TMPDIR mark=32$RANDOM$RANDOM
  mkdir "$dir/project"
  printf '%s\n' "project('hangs')" "test('sound', find_program('true'))" \
    "test('a unit that hangs', find_program('sleep'), args: '$mark')" > "$dir/project/meson.build"
  meson setup "$dir/build" "$dir/project" > /dev/null
  printf '%s\n' '@test "before it" { :; }' "@test \"it hangs\" { setsid sleep $mark 3>&- & sleep $mark; }" > "$dir/hangs.bats"
  printf '%s\n' '@test "sound" { :; }' > "$dir/sound.bats"
  MQD_TEST_LIMIT=20 run tests/run "$dir/build" "$dir/hangs.bats" "$dir/sound.bats"
  echo "$output"
  [ "$status" = 1 ]
  # Of meson one of two, the layers, of bats two of three.
  [ "${lines[-1]}" = '4 passed, 2 failed' ]
  [[ $output == *"not ok $dir/hangs.bats: no test ended for 20 s"* ]]
  [[ $output == *'a unit that hangs'* ]]
  [[ $output == *"== hangs: no line for 20 s from: bats --tap $dir/hangs.bats"* ]]
  [ "$(grep -c "^-- process [0-9]*: .*sleep $mark" <<< "$output")" -ge 3 ]
  ! alive "$mark"
}
