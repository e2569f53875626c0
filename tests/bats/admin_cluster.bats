#!/usr/bin/env bats
# mqadmin(1), Clusters and brokers: getBrokerConfig, haStatus, wipeWritePerm, addWritePerm, producerConnection, producer,
# getNamesrvConfig, updateNamesrvConfig, updateKvConfig, deleteKvConfig.
bats_require_minimum_version 1.5.0
load helpers
load admin

setup() {
  start_broker
  name=$(mqadmin clusterList --out jsonl | jq -r .broker)
}

@test "getBrokerConfig prints what a broker is set to" {
  run -0 mqadmin getBrokerConfig -b "$broker"
  [ "${lines[0]}" = "============$broker============" ]
  grep -Eqx 'fileReservedTime +=  72' <<< "$output"
  fits getBrokerConfig -c DefaultCluster
  [ "$(mqadmin getBrokerConfig -b "$broker" --out json | jq -r '.[0].config.brokerName')" = "$name" ]
  refused 4 "cluster 'none' does not exist" getBrokerConfig -c none
  run -3 mqadmin getBrokerConfig -b 127.0.0.1:1 --timeout 200ms
}

@test "haStatus of a lone master has no slaves" {
  mqsend -q -t orders <<< a
  run -0 mqadmin haStatus -b "$broker"
  [ "${lines[0]}" = $'#MasterAddr\t'"$broker" ]
  [[ ${lines[1]} =~ ^'#MasterCommitLogMaxOffset'$'\t'[1-9][0-9]*$ ]]
  [ "${lines[2]}" = $'#SlaveNum\t0' ]
  [ "${lines[3]}" = $'#InSyncSlaveNum\t0' ]
  fits haStatus -c DefaultCluster
  run -3 mqadmin haStatus -b 127.0.0.1:1 --timeout 200ms
}

@test "wipeWritePerm takes a broker out of the routes for writing, and addWritePerm puts it back" {
  mqadmin updateTopic -c DefaultCluster -t orders > /dev/null
  has_perm() { [ "$(mqadmin topicRoute -t orders | jq '.queueDatas[0].perm')" = "$1" ]; }
  wait_until has_perm 6
  run -0 mqadmin wipeWritePerm -b "$name"
  [[ $output == "wipe write perm of broker[$name] in name server[$namesrv] OK, "* ]]
  has_perm 4
  fits addWritePerm -b "$name"
  has_perm 6
  fits wipeWritePerm -b "$name"
  run -4 --separate-stderr mqadmin wipeWritePerm -b none
  [ "$stderr" = "mqadmin: no topic of a broker 'none' is known to $namesrv" ]
}

@test "producerConnection and producer print who is connected" {
  mqadmin updateTopic -c DefaultCluster -t orders > /dev/null
  is_routed() { mqadmin topicRoute -t orders > /dev/null 2>&1; }
  wait_until is_routed
  connect "$broker"
  ask 34 '{}' '{"clientID":"c@1","producerDataSet":[{"groupName":"payments"}],"consumerDataSet":[]}'
  run -0 mqadmin producerConnection -g payments -t orders
  [[ ${lines[0]} =~ ^'#Broker Name  #ClientId  #ClientAddr '\ *'#Language  #Version'$ ]]
  [[ ${lines[1]} =~ ^"$name"\ +c@1\  ]]
  fits producerConnection -g payments -t orders
  fits producer -b "$broker"
  [ "$(mqadmin producer -b "$broker" --out json | jq -r '.[].group')" = payments ]
  disconnect
  refused 3 'the producer group[nobody] not exist' producerConnection -g nobody -t orders
}

@test "the name servers' configuration is printed and changed" {
  run -0 mqadmin getNamesrvConfig
  [ "${lines[0]}" = "============$namesrv============" ]
  grep -Eqx 'orderMessageEnable +=  false' <<< "$output"
  fits getNamesrvConfig
  run -0 mqadmin updateNamesrvConfig -k orderMessageEnable -v true
  [ "$output" = "update name server config success, $namesrv" ]
  [ "$(mqadmin getNamesrvConfig --out json | jq -r '.[0].config.orderMessageEnable')" = true ]
  fits updateNamesrvConfig -k orderMessageEnable -v false
  run mqadmin updateNamesrvConfig -k noSuchKey -v 1
  [ "$status" != 0 ]
  unreachable getNamesrvConfig
}

@test "values of the name servers' table are set and deleted" {
  value() {
    connect "$namesrv"
    ask 101 '{"namespace":"mine","key":"owner"}'
    disconnect
    echo "$answer_code"
  }
  [ "$(value)" != 0 ]
  fits updateKvConfig -s mine -k owner -v payments
  [ "$(value)" = 0 ]
  fits deleteKvConfig -s mine -k owner
  [ "$(value)" != 0 ]
  run -4 --separate-stderr mqadmin deleteKvConfig -s mine -k owner
  [ "$stderr" = "mqadmin: there was no 'owner' in namespace 'mine' on $namesrv" ]
  mqadmin updateKvConfig -s mine -k owner -v payments > /dev/null
  run -2 bash -c "echo n | script -qec 'mqadmin deleteKvConfig -s mine -k owner' /dev/null"
  [ "$(value)" = 0 ]
}
