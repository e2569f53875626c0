#!/usr/bin/env bats
# mqadmin's commands about messages. All tests share one broker.
bats_require_minimum_version 1.5.0
load helpers
load admin
load file_broker

setup_file() {
  start_file_broker
  # Three messages with known places, keys and tags.
  seq 3 | sed 's/.*/{"body":"order &","keys":["key-&","all"],"tags":"tag-&"}/' | mqsend -q -t orders --in json
  id=$(mqpull -q orders --from beginning -c 1 --out json | jq -r .id)
  offset_id=$(mqpull -q orders --from beginning -c 1 --out json | jq -r .offset_id)
  export id offset_id
  wait_until mqadmin queryMsgByKey -t orders -k key-3 > /dev/null
  disown -a
}

@test "queryMsgByKey finds the messages of a key, and no others" {
  run -0 mqadmin queryMsgByKey -t orders -k key-2
  [[ ${lines[0]} =~ ^'#Message ID '\ *'#QID  #Offset'$ ]]
  [[ ${lines[1]} =~ ^[0-9A-F]{32}\ +0\ +1$ ]]
  [ ${#lines[@]} = 2 ]
  run -0 mqadmin queryMsgByKey -t orders -k all -m 2 --out json
  [ "$(jq length <<< "$output")" = 2 ]
  fits_schema queryMsgByKey <<< "$output"
  run -0 mqadmin queryMsgByKey -t orders -k all -b 2020-01-01#00:00:00:000 -e now --out jsonl
  [ "$(jq -r .body <<< "$output")" = "$(printf 'order %s\n' 1 2 3)" ]
  run -4 --separate-stderr mqadmin queryMsgByKey -t orders -k key-2 -e 1000
  [ "$stderr" = "mqadmin: topic 'orders' has no message with the key 'key-2' on the brokers of $namesrv" ]
  run -2 --separate-stderr mqadmin queryMsgByKey -t orders -k all -b yesterday
  [[ $stderr == *"'yesterday'"* ]]
  run -4 mqadmin queryMsgByKey -t none -k all
  run -4 mqadmin queryMsgByKey -t orders -k all -c none
}

@test "queryMsgById takes either kind of id, and keeps the body in a file" {
  local one
  for one in "$id" "$offset_id"; do
    run -0 mqadmin queryMsgById -t orders -i "$one"
    [ "${lines[0]}" = "OffsetID:            $offset_id" ]
    [ "${lines[2]}" = "Tags:                [tag-1]" ]
    [ "${lines[3]}" = "Keys:                [key-1 all]" ]
    [ "$(cat "$(sed -n 's/^Message Body Path: *//p' <<< "$output")")" = 'order 1' ]
    [ "${lines[-1]}" = 'WARN: No Consumer' ]
  done
  run -0 mqadmin queryMsgById -t orders -i "$id" -f UTF-8
  grep -qx 'Message Body:        order 1' <<< "$output"
  run -0 mqadmin queryMsgById -t orders -i "$id" --out json
  fits_schema queryMsgById <<< "$output"
  [ "$(jq -r '.[0].body' <<< "$output")" = 'order 1' ]
  run -4 --separate-stderr mqadmin queryMsgById -t orders -i 0123456789ABCDEF0123456789ABCDEF
  [ ${#stderr_lines[@]} = 1 ]
  run -2 mqadmin queryMsgById -t orders -i "$id" -g billing
  run -2 mqadmin queryMsgById -t orders -i "$id" -f GBK
}

@test "no link of another user is followed to where a body is written" {
  mkdir "$TMPDIR/elsewhere"
  ln -s "$TMPDIR/elsewhere" "$TMPDIR/rocketmq-msgbodys-$(id -u)"
  run -1 mqadmin queryMsgById -t orders -i "$id"
  [ -z "$(ls "$TMPDIR/elsewhere")" ]
}

@test "queryMsgByUniqueKey says who has consumed the message" {
  mqpull -q orders -g trackers --from beginning -c 1 > /dev/null
  run -0 mqadmin queryMsgByUniqueKey -t orders -i "$id" -a --out json
  fits_schema queryMsgByUniqueKey <<< "$output"
  [ "$(jq -c '.[0].tracks | map([.group, .type])' <<< "$output")" = '[["trackers","NOT_ONLINE"]]' ]
  run -0 mqadmin queryMsgByUniqueKey -t orders -i "$id"
  [[ $output == *'MessageTrack [consumerGroup=trackers, trackType=NOT_ONLINE, exceptionDesc='* ]]
  run -4 mqadmin queryMsgByUniqueKey -t orders -i "$offset_id"
}

@test "a member of a group gets a message that is handed to it" {
  mqpull -q orders -g direct --from end > "$BATS_TEST_TMPDIR/out" 3>&- &
  local member=$! client
  is_online() { mqadmin consumerConnection -g direct --out jsonl > "$BATS_TEST_TMPDIR/members" 2> /dev/null; }
  wait_until is_online
  client=$(jq -r .clientId "$BATS_TEST_TMPDIR/members")
  [ -n "$client" ]
  # mqpull does not know the request: what it says, or that it says nothing, is an error with one line.
  run --separate-stderr mqadmin queryMsgById -t orders -i "$id" -g direct -d "$client" --timeout 1s
  [ "$status" != 0 ]
  [ ${#stderr_lines[@]} -ge 1 ]
  run --separate-stderr mqadmin queryMsgById -t orders -i "$id" -g direct -d nobody
  [ "$status" = 3 ]
  [ "$stderr" = "mqadmin: $broker: The Consumer <direct> <nobody> not online (SYSTEM_ERROR)" ]
  kill "$member"
  wait "$member" || true
}

@test "queryMsgById sends a message again" {
  mqadmin updateTopic -b "$broker" -t again -r 1 -w 1 > /dev/null
  wait_until has_route again
  mqadmin sendMessage -t again -p once -k k1 -c t1 --out json > sent
  run -0 mqadmin queryMsgById -t again -i "$(jq -r '.[0].offsetMsgId' sent)" -s true --out json
  [ "$(jq -r '.[0].status' <<< "$output")" = SEND_OK ]
  [ "$(mqpull -q again --from beginning -e --out json | jq -c '[.body, .keys, .tags]')" = '["once",["k1"],"t1"]
["once",["k1"],"t1"]' ]
  [ "$(mqpull -q again --from beginning -e --out json | jq -r .id | sort -u | wc -l)" = 2 ]
}

@test "queryMsgByOffset prints one message, and says when there is none" {
  run -0 mqadmin queryMsgByOffset -t orders -b "$name" -i 0 -o 2 -f utf-8
  grep -qx 'Message Body:        order 3' <<< "$output"
  run -0 mqadmin queryMsgByOffset -t orders -b "$name" -i 0 -o 1 --out json
  fits_schema queryMsgByOffset <<< "$output"
  run -4 --separate-stderr mqadmin queryMsgByOffset -t orders -b "$name" -i 0 -o 3
  [ "$stderr" = "mqadmin: queue 0 of topic 'orders' on $name has no offset 3; it has 0 to 2" ]
  run -4 mqadmin queryMsgByOffset -t orders -b nobody -i 0 -o 0
  run -1 --separate-stderr mqadmin queryMsgByOffset -t orders -b "$name" -i 9 -o 0
  [ ${#stderr_lines[@]} = 1 ]
}

@test "printMsg prints a topic: all, by time, by tag, without bodies" {
  run -0 mqadmin printMsg -t orders
  [ "${lines[0]}" = "minOffset=0, maxOffset=3, MessageQueue [topic=orders, brokerName=$name, queueId=0]" ]
  [ "$(grep -c '^MSGID: ' <<< "$output")" = 3 ]
  [[ ${lines[1]} == "MSGID: $id MessageExt [brokerName=$name, "*' BODY: order 1' ]]
  run -0 mqadmin printMsg -t orders --out json
  fits_schema printMsg <<< "$output"
  [ "$(jq length <<< "$output")" = 3 ]
  run -0 mqadmin printMsg -t orders -s 'tag-1 || tag-3' -d false --out jsonl
  [ "$(jq -c '[.tags, has("body")]' <<< "$output")" = '["tag-1",false]
["tag-3",false]' ]
  run -0 mqadmin printMsg -t orders -b 1000 -e 2000 --out jsonl
  [ -z "$output" ]
  run -0 mqadmin printMsg -t orders -b 1000 -e now -c UTF-8 --out jsonl
  [ "$(jq -r .queueOffset <<< "$output" | paste -sd ' ')" = '0 1 2' ]
  run -4 mqadmin printMsg -t none
  run -2 mqadmin printMsg -t orders -c GBK
  run -2 mqadmin printMsg -t orders -l parent
}

@test "printMsgByQueue prints a queue or counts its tags" {
  run -0 mqadmin printMsgByQueue -t orders -a "$name" -i 0 -f true
  grep -Eqx 'Tag: tag-2 +Count: 1' <<< "$output"
  [ "$(grep -c '^MSGID' <<< "$output")" = 0 ]
  run -0 mqadmin printMsgByQueue -t orders -a "$name" -i 0 -p true --out json
  fits_schema printMsgByQueue <<< "$output"
  run -4 mqadmin printMsgByQueue -t orders -a "$name" -i 7 -p true
}

@test "consumeMessage prints as many as are wanted, from where it is told" {
  run -0 mqadmin consumeMessage -t orders -c 2 --out json
  fits_schema consumeMessage <<< "$output"
  [ "$(jq -c 'map(.queueOffset)' <<< "$output")" = '[0,1]' ]
  run -0 mqadmin consumeMessage -t orders -b "$name" -i 0 -o 1 -g CID_ANY --out json
  [ "$(jq -c 'map(.queueOffset)' <<< "$output")" = '[1,2]' ]
  run -0 mqadmin consumeMessage -t orders -s 1000 -e 2000 --out json
  [ "$output" = '[]' ]
  run -4 --separate-stderr mqadmin consumeMessage -t orders -b "$name" -i 0 -o 9
  [ "$stderr" = "mqadmin: orders/$name/0 has no offset 9; it has 0 to 3" ]
  run -2 mqadmin consumeMessage -t orders -i 0
  run -2 mqadmin consumeMessage -t orders -o 0
}

@test "sendMessage sends one message, with keys and a tag, to a queue" {
  mqadmin updateTopic -b "$broker" -t by-hand -r 2 -w 2 > /dev/null
  wait_until has_route by-hand
  run -0 mqadmin sendMessage -t by-hand -p 'a body' -k 'k1 k2' -c blue -b "$name" -i 1
  [[ ${lines[0]} =~ ^'#Broker Name '\ *'#QID  #Send Result  #MsgId'$ ]]
  [[ ${lines[1]} =~ ^$name\ +1\ +SEND_OK\ +[0-9A-F]{32}$ ]]
  [ "$(mqpull -q by-hand --from beginning -e --out json | jq -c '[.queue, .body, .keys, .tags]')" = '[1,"a body",["k1","k2"],"blue"]' ]
  run -0 mqadmin sendMessage -t by-hand -p x --out json
  fits_schema sendMessage <<< "$output"
  run -4 mqadmin sendMessage -t none -p x
  run -2 mqadmin sendMessage -t by-hand -p x -i 1
  run -2 mqadmin sendMessage -t by-hand -p x -m true
  run -1 --separate-stderr mqadmin sendMessage -t by-hand -p x -b "$name" -i 9
  [ ${#stderr_lines[@]} = 1 ]
}

@test "sendMsgStatus and checkMsgSendRT send probes and print the times" {
  run -0 mqadmin sendMsgStatus -b "$name" -c 3 -s 100 --out json
  fits_schema sendMsgStatus <<< "$output"
  [ "$(jq length <<< "$output")" = 3 ]
  run -4 mqadmin sendMsgStatus -b nobody
  mqadmin updateTopic -b "$broker" -t probes -r 2 -w 2 > /dev/null
  wait_until has_route probes
  run -0 mqadmin checkMsgSendRT -t probes -a 4 -s 7
  [[ ${lines[0]} =~ ^'#Broker Name '\ *'#QID  #Send Result  #RT'$ ]]
  [[ ${lines[-1]} =~ ^'Avg RT: '[0-9.]+$ ]]
  [ "$(mqpull -q probes --from beginning -e | awk '{ print length }' | uniq -c | tr -s ' ')" = ' 4 7' ]
  run -0 mqadmin checkMsgSendRT -t probes -a 1 --out json
  fits_schema checkMsgSendRT <<< "$output"
  run -4 mqadmin checkMsgSendRT -t none
  mqadmin updateTopic -b "$broker" -t closed -r 1 -w 1 -p 4 > /dev/null
  wait_until has_route closed
  run -4 mqadmin checkMsgSendRT -t closed -a 1
}

@test "queryMsgTraceById shows who sent a message and who consumed it" {
  mqadmin updateTopic -b "$broker" -t traces -r 1 -w 1 > /dev/null
  wait_until has_route traces
  printf '{"topic":"traces","keys":["ID7"],"body":"%s"}\n' \
    'Pub\u00011700000000000\u0001r\u0001makers\u0001orders\u0001ID7\u0001t\u0001k\u0001h:1\u00015\u00014\u00010\u0001OFF\u0001true\u000110.0.0.1\u0002' \
    'SubBefore\u00011700000000100\u0001r\u0001eaters\u0001REQ\u0001ID7\u00012\u0001k\u0002SubAfter\u0001REQ\u0001ID7\u00019\u0001false\u0001k\u00011\u0002' \
    'SubAfter\u0001broken\u0002Pub\u0001x\u0002' | mqsend -q --in json
  traced() { [ "$(mqadmin queryMsgTraceById -i ID7 -t traces --out jsonl 2> /dev/null | wc -l)" = 3 ]; }
  wait_until traced
  run -0 mqadmin queryMsgTraceById -i ID7 -t traces --out json
  fits_schema queryMsgTraceById <<< "$output"
  [ "$(jq -c 'map([.type, .group, .costMs, .success, .retryTimes])' <<< "$output")" = '[["Pub","makers",4,true,null],["SubBefore","eaters",null,null,2],["SubAfter","eaters",9,false,2]]' ]
  run -0 mqadmin queryMsgTraceById -i ID7 -t traces
  [[ ${lines[1]} =~ ^Pub\ +makers\ +10.0.0.1\ +2023-11-1[45]\ .*\ 4ms\ +success$ ]]
  run -4 mqadmin queryMsgTraceById -i none -t traces
}
