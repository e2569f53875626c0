# shellcheck shell=bash
# Start after kill -9 in full send: 10,000 topics of 4 queues, 350 MB. RocketMQ: 34.6 s.

start_after_kill "start after kill -9, 40,000 queues" 350000000 many-0 --topic many --topics 10000 --queues 4 --create 0 --connections 4
