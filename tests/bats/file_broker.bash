# For files whose tests share one broker: `load helpers`, then `load file_broker`. The file's own setup_file calls
# start_file_broker, fills the topic `orders`, and ends with `disown -a`.

has_route() { mqadmin topicRoute -t "$1" > /dev/null 2>&1; }

# Exports $broker, $broker_pid, $namesrv and the broker's $name; `orders` has one queue.
start_file_broker() {
  export BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR HOME=$BATS_FILE_TMPDIR
  start_broker
  export broker broker_pid namesrv
  name=$(mqadmin clusterList --out jsonl | jq -r .broker)
  export name
  mqadmin updateTopic -b "$broker" -t orders -r 1 -w 1 > /dev/null
  wait_until has_route orders
}

teardown_file() {
  kill "$broker_pid"
  wait_until is_gone "$broker_pid"
}

# shellcheck disable=SC2154  # exported above
setup() {
  export HOME=$BATS_FILE_TMPDIR TMPDIR=$BATS_TEST_TMPDIR NAMESRV_ADDR=$namesrv
  cd "$BATS_TEST_TMPDIR" || return 1
}
# The broker belongs to the file.
teardown() { :; }
