# shellcheck shell=bash disable=SC2154
# Queries by key in a store of 20 million messages, each with an id and a key of its own, warm.

messages=${MESSAGES_MAX:-20000000}
start_broker "$work/keys"
begin=$(now)
mqd-load --broker "$address" --pid "$broker" --topic keyed --mode batch --keys 1 --messages "$messages" --seconds 3600 >&2
figure "$messages messages with keys sent" mqd "$(since "$begin")" s
# The last key is found when the index has come as far.
begin=$(now)
until [ "$(mqd-probe key "$address" keyed "$((messages - 1))" | field found)" = 1 ]; do sleep 0.1; done
figure "until they are indexed" mqd "$(since "$begin")" s
mqd-probe query "$address" keyed "$messages" "$seconds" >&2
line=$(mqd-probe query "$address" keyed "$messages" "$seconds")
echo "$line" >&2
figure "key query, $messages messages: not found" mqd "$(field missed <<< "$line")" "" "<=0"
figure "key query, $messages messages: p50" mqd "$(field p50_us <<< "$line")" us
figure "key query, $messages messages: p99" mqd "$(field p99_us <<< "$line")" us "<=2000"
stop_broker
rm -rf "$work/keys"
