# What the files about mqadmin's commands share: admin_*.bats.

# What --out json prints is held against schemas/COMMAND.json: a type, or several with | between, for each field of
# a row. A name that ends with ? may be left out; "totals" has the fields of the sums. Nothing else may be there,
# and there is at least one row.
#
# fits COMMAND [OPTION...]: it succeeds, and what it prints is so.
fits() {
  local rows
  rows=$(mqadmin "$@" --out json) || return 1
  fits_schema "$1" <<< "$rows"
}

# fits_schema COMMAND: reads what it has printed.
fits_schema() {
  local wrong
  wrong=$(jq -r --slurpfile schema "$BATS_TEST_DIRNAME/schemas/$1.json" '
    def wrong($schema; $where):
      . as $is
      | ($schema | to_entries[]
          | (.key | rtrimstr("?")) as $name
          | if ($is | has($name)) then
              ($is[$name] | type) as $type
              | select(.value | split("|") | index($type) | not)
              | "\($where): \($name) is \($type), not \(.value)"
            else select(.key | endswith("?") | not) | "\($where): \($name) is missing" end),
        (($is | keys_unsorted) - ($schema | keys_unsorted | map(rtrimstr("?"))) | .[] | "\($where): nobody knows \(.)");
    $schema[0] as $all
    | ($all | del(.totals)) as $row
    | (if type == "array" then . else .rows end) as $rows
    | (if ($rows | length) == 0 then "there is no row" else empty end),
      ($rows | to_entries[] | .key as $i | .value | wrong($row; "row \($i)")),
      (if $all.totals then .totals | wrong($all.totals; "totals") else empty end)') || return 1
  [ -z "$wrong" ] || { echo "$1: $wrong"; return 1; }
}

# refused STATUS MESSAGE COMMAND...: it ends so, prints nothing, and one line of error, which has the message.
# shellcheck disable=SC2154  # run sets them
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
