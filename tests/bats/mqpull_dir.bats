#!/usr/bin/env bats
# mqpull --to-dir: files that are there whole or not at all, and commits only for what is in them.
bats_require_minimum_version 1.5.0
load helpers

setup() {
  dir=$BATS_TEST_TMPDIR/files
  mkdir "$dir"
}
fill() { seq "$2" | mqsend -q -t "$1" --shard s; }
lag_of() { mqpull -t "$1" -g "$2" --lag | awk '{ s += $6 } END { print s }'; }
names() { (cd "$dir" && LC_ALL=C ls -A | tr '\n' ' '); }
has_file() { [ -e "$dir/$1" ]; }

@test "wrong usage of --to-dir and its company is one line" {
  for wrong in '--to-dir d' '--name n' '--rotate 1h' "--to-dir $dir --name a/b" "--to-dir $dir --name %q" "--to-dir $dir --name a --rotate 1x" "--to-dir $dir --name a --rotate 0" "--to-dir $dir --name a --exec true" '--to-dir= --name='; do
    # shellcheck disable=SC2086  # words
    run --separate-stderr mqpull -t T $wrong
    [ "$status" = 2 ]
    [ -z "$output" ]
    [ "${#stderr_lines[@]}" = 1 ]
    [[ $stderr == mqpull:* ]]
  done
}

@test "--to-dir makes its folder, and those above it" {
  start_broker
  fill T 10
  mqpull -t T --from beginning -e --to-dir "$dir/a/b" --name out
  [ "$(wc -l < "$dir/a/b/out")" = 10 ]
  run --separate-stderr mqpull -t T --from beginning -e --to-dir "$dir/a/b/out/c" --name out
  [ "$status" = 4 ]
  [ "$stderr" = "mqpull: $dir/a/b/out/c: Not a directory" ]
}

@test "a file has what standard output would have, and its offsets are committed" {
  start_broker
  fill T 1000
  mqpull -t T -g g --from beginning -e --to-dir "$dir" --name out.txt
  [ "$(names)" = 'out.txt ' ]
  seq 1000 | cmp - "$dir/out.txt"
  [ "$(lag_of T g)" = 0 ]
  # Nothing came, and there is no file; a second one has a name of its own.
  mqpull -t T -g g -e --to-dir "$dir" --name out.txt
  [ "$(names)" = 'out.txt ' ]
  fill T 3
  mqpull -t T -g g -e --to-dir "$dir" --name out.txt --out json
  [ "$(names)" = 'out-1.txt out.txt ' ]
  [ "$(wc -l < "$dir/out-1.txt")" = 3 ]
}

@test "names have the local time, and their ending packs the file" {
  start_broker
  fill T 50000
  TZ=CET-1 mqpull -t T --from beginning -e --to-dir "$dir" --name '%Y-%m-%d.txt.gz'
  [[ $(names) =~ ^20[0-9]{2}-[0-9]{2}-[0-9]{2}\.txt\.gz\ $ ]]
  seq 50000 | cmp - <(zcat "$dir"/*.gz)
  command -v zstdcat > /dev/null || skip 'no zstdcat'
  mqpull -t T --from beginning -e --to-dir "$dir" --name 'all.zst'
  seq 50000 | cmp - <(zstdcat "$dir/all.zst")
}

@test "--rotate by size ends a file behind the message that fills it" {
  start_broker
  seq -w 1000 | mqsend -q -t T --shard s
  mqpull -t T -g g --from beginning -e --to-dir "$dir" --name f --rotate 1k
  [ "$(names)" = 'f f-1 f-2 f-3 f-4 ' ]
  # 5 bytes a line.
  [ "$(wc -c < "$dir/f")" = 1025 ]
  [ "$(wc -c < "$dir/f-4")" = 900 ]
  seq -w 1000 | cmp - <(cd "$dir" && cat f f-1 f-2 f-3 f-4)
}

@test "--rotate by time ends a file also when nothing comes, and commits it at once" {
  start_broker
  fill T 3
  mqpull -t T -g g --from beginning --to-dir "$dir" --name f --rotate 300ms 3>&- &
  local puller=$!
  wait_until has_file f
  is_committed() { [ "$(lag_of T g)" = 0 ]; }
  wait_until is_committed
  fill T 2
  wait_until has_file f-1
  stop_daemon $puller || true
  seq 3 | cmp - "$dir/f"
  seq 2 | cmp - "$dir/f-1"
}

@test "SIGTERM makes the file whole and commits it" {
  start_broker
  fill T 10
  mqpull -t T -g g --from beginning --to-dir "$dir" --name f 3>&- &
  local puller=$!
  is_written() { [ -e "$dir/f.part" ] && [ "$(wc -l < "$dir/f.part")" = 10 ]; }
  wait_until is_written
  [ "$(lag_of T g)" = 10 ]
  status=0
  stop_daemon $puller || status=$?
  [ "$status" = 143 ]
  [ "$(names)" = 'f ' ]
  [ "$(lag_of T g)" = 0 ]
}

@test "what a kill leaves is removed by the next run of a group, and left alone without one" {
  start_broker
  fill T 10
  mqpull -t T -g g --from beginning --to-dir "$dir" --name f 3>&- &
  local puller=$!
  wait_until has_file f.part
  kill -9 $puller
  wait $puller || true
  echo 'not ours' > "$dir/other.part"
  run --separate-stderr mqpull -t T -e --to-dir "$dir" --name f
  [ "$status" = 0 ]
  [ "$stderr" = "mqpull: $dir: 1 .part file of a run that was killed left alone" ]
  [ "$(names)" = 'f.part other.part ' ]
  # The killed member is one until the broker has noticed; with -e its queues are ours all the same.
  run --separate-stderr mqpull -t T -g g --from beginning -e --to-dir "$dir" --name f
  [ "$status" = 0 ]
  [ "$stderr" = "mqpull: $dir: 1 .part file of a run that was killed removed" ]
  [ "$(names)" = 'f other.part ' ]
  seq 10 | cmp - "$dir/f"
}

@test "a file that is being written by another run is not taken for a killed one's" {
  start_broker
  fill T 10
  mqpull -t T --from beginning --to-dir "$dir" --name f 3>&- &
  local puller=$!
  wait_until has_file f.part
  mqpull -t T -g g --from beginning -e --to-dir "$dir" --name f
  stop_daemon $puller || true
  [ "$(names)" = 'f f-1 ' ]
  cmp "$dir/f" "$dir/f-1"
}

@test "a disk that takes no more is an error, and nothing is committed" {
  start_broker
  fill T 20000
  run --separate-stderr bash -c "ulimit -f 16; trap '' XFSZ; mqpull -t T -g g --from beginning -e --to-dir '$dir' --name f"
  [ "$status" = 1 ]
  [[ $stderr == "mqpull: $dir/f.part: File too large" ]]
  [ -z "$(names)" ]
  [ "$(lag_of T g)" = 20000 ]
}

@test "over kills at any moment nothing is lost and no file is torn" {
  start_broker
  local total=200000 round puller seed=${MQD_SEED:-$RANDOM} name
  echo "MQD_SEED=$seed makes the same pauses"
  RANDOM=$seed
  seq -f 'line %g of the input, to its end' $total | mqsend -q -t T
  for round in $(seq 12); do
    name=%s.txt
    [ $((round % 3)) != 0 ] || name=%s.gz
    mqpull -q -t T -g g --from beginning --to-dir "$dir" --name $name --rotate 64k 3>&- &
    puller=$!
    # From before it has joined to well into its files.
    sleep "$(printf '0.%03d' $((RANDOM % 100)))"
    kill -9 $puller
    wait $puller || true
  done
  for name in %s.txt %s.gz; do mqpull -q -t T -g g --from beginning -e --to-dir "$dir" --name $name; done
  [ "$(lag_of T g)" = 0 ]
  [[ $(names) != *.part* ]]
  local all=$BATS_TEST_TMPDIR/all
  find "$dir" -name '*.gz' -exec zcat {} + > "$all"
  find "$dir" -name '*.txt' -exec cat {} + >> "$all"
  run ! grep -vxE 'line [0-9]+ of the input, to its end' "$all"
  [ "$(sort -u "$all" | wc -l)" = $total ]
}
