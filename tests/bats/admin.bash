# What the files about mqadmin's commands share: admin_*.bats.

# fits COMMAND [OPTION...]: it succeeds, and each object that it prints has just the fields, of just the types, that
# schemas/COMMAND.json has. There is at least one.
fits() {
  local command=$1
  local rows
  rows=$(mqadmin "$@" --out json) || return 1
  jq -e --slurpfile want "$BATS_TEST_DIRNAME/schemas/$command.json" '
    (if type == "object" then .rows else . end)
    | length > 0 and all(.[]; map_values(type) == $want[0])' <<< "$rows" > /dev/null ||
    { echo "not as schemas/$command.json says: $rows" >&2; return 1; }
}

# refused STATUS MESSAGE COMMAND...: it ends so, prints nothing, and one line of error, which has the message.
refused() {
  local status=$1 message=$2
  shift 2
  run "-$status" --separate-stderr mqadmin "$@"
  [ -z "$output" ]
  [[ $stderr == "mqadmin: "*"$message"* ]]
  [ "${#stderr_lines[@]}" = 1 ]
}

# As cron has it: no name server that answers.
unreachable() { NAMESRV_ADDR=127.0.0.1:1 run -3 --separate-stderr mqadmin "$@" --timeout 200ms; }
