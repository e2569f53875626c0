# shellcheck shell=bash disable=SC2154
# A hundred thousand long polls on a thousand queues: what they cost, and how soon the one that a message is for has it.
# The other 99 at its queue want another tag. Then the same where all 100 want it.

polls=${POLLS:-100000}
start_broker "$work/waiting"
mqadmin updateTopic -t waiting -b "$address" -r 1000 -w 1000 > /dev/null
line=$(mqd-wait polls "$address" waiting 1000 "$polls" "$seconds" "$broker" 1000)
echo "$line" >&2
figure "$polls long polls: RSS" mqd "$(field rss_kb <<< "$line")" kB "<=150000"
figure "$polls long polls: CPU while nothing comes" mqd "$(field idle_percent <<< "$line")" % "<=2"
figure "$polls long polls: send to answer p99" mqd "$(field p99_us <<< "$line")" us "<=1000"
line=$(mqd-wait polls "$address" waiting 1000 "$polls" "$seconds" "$broker")
echo "$line" >&2
figure "$polls long polls: send to a hundred answers, p50" mqd "$(field p50_us <<< "$line")" us
figure "$polls long polls: send to a hundred answers, p99" mqd "$(field p99_us <<< "$line")" us
stop_broker
rm -rf "$work/waiting"
