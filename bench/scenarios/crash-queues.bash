# shellcheck shell=bash disable=SC2154
# Start after kill -9 in full send: 10,000 topics of 4 queues, 350 MB. RocketMQ: 34.6 s. The queues are there before the
# load begins: to make 90,000 directories and files takes the file system longer than to send 350 MB.

start_broker "$work/killed"
mqd-load --broker "$address" --seconds 3600 --topic many --topics 10000 --queues 4 --connections 1 --window 64 --messages 40000 > /dev/null
until [ "$(find "$work/killed/consumequeue" -type f -path '*/many-*' | wc -l)" = 40000 ]; do sleep 0.1; done
stop_broker
start_after_kill "start after kill -9, 40,000 queues" 350000000 many-0 --topic many --topics 10000 --queues 4 --create 0 --connections 4
