# shellcheck shell=bash disable=SC2154
# Memory after 8 million messages sent and read again. RocketMQ: 5.4 GB.

start_broker "$work/memory"
mqd-load --broker "$address" --topic m --messages 4000000 --seconds 3600 >&2
mqd-load --broker "$address" --topic m --mode batch --messages 4000000 --seconds 3600 >&2
mqd-load --broker "$address" --topic m --mode pull --seconds 3600 >&2
figure "8 million messages: RssAnon" mqd "$(status_kb "$broker" RssAnon)" kB "<=100000"
figure "8 million messages: RssFile" mqd "$(status_kb "$broker" RssFile)" kB
stop_broker
rm -rf "$work/memory"
