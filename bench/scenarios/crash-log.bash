# shellcheck shell=bash
# Start after kill -9 in full send: a log of 1.2 GB, one topic. RocketMQ: 24.5 s.

start_after_kill "start after kill -9, 1.2 GB log" 1200000000 one --topic one --mode batch
