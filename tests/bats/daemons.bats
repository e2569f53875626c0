#!/usr/bin/env bats
# What the daemons make of a configuration, a port, a name: mqd-broker(8), CONFIGURATION.
bats_require_minimum_version 1.5.0
load helpers

cases=$BATS_TEST_DIRNAME/../cases

# write NAME: the lines of standard input as a file of that name.
write() { cat > "$BATS_TEST_TMPDIR/$1"; }

# refused PROGRAM FILE KEY...: --check and a start end with 2, name each key in a line, and do nothing.
refused() {
  local program=$1 file=$2 key how
  shift 2
  for how in --check ''; do
    # shellcheck disable=SC2086  # nothing is no argument
    run --separate-stderr timeout 20 "$program" -c "$file" $how
    [ "$status" = 2 ] || { echo "$how: $status $stderr"; return 1; }
    [ -z "$output" ]
    for key in "$@"; do
      grep -q "^$program: .*${file##*/}:[0-9]*: $key: ." <<< "$stderr" || { echo "$key: $stderr"; return 1; }
    done
  done
  [ -z "$(find "$BATS_TEST_TMPDIR" -name commitlog -o -name lock)" ]
}

# starts PROGRAM FILE [NOTE...]: --check ends with 0, and its notes have each of these.
starts() {
  local program=$1 file=$2 note
  shift 2
  run --separate-stderr "$program" -c "$file" --check
  [ "$status" = 0 ] || { echo "$status $stderr"; return 1; }
  for note in "$@"; do
    [[ $stderr == *"$note"* ]] || { echo "no $note: $stderr"; return 1; }
  done
}

@test "a broker that is told to check permissions and cannot does not start" {
  refused mqd-broker "$cases/conf-acl.conf" aclEnable
  refused mqd-broker "$cases/conf-auth.conf" authenticationEnabled authorizationEnabled
}

@test "a store of another kind is no empty store of this kind" {
  refused mqd-broker "$cases/conf-dledger.conf" enableDLegerCommitLog dLegerGroup dLegerPeers dLegerSelfId
  refused mqd-broker "$cases/conf-rocksdb.conf" storeType
  write plug-in.conf <<< 'messageStorePlugIn=org.apache.rocketmq.tieredstore.TieredMessageStore'
  refused mqd-broker "$BATS_TEST_TMPDIR/plug-in.conf" messageStorePlugIn
  write several.conf <<< $'storePathCommitLog=/a,/b\nreadOnlyCommitLogStorePaths=/c'
  refused mqd-broker "$BATS_TEST_TMPDIR/several.conf" storePathCommitLog readOnlyCommitLogStorePaths
}

@test "a name server is as strict" {
  write tls.conf <<< $'tls.server.mode=enforcing\nenableControllerInNamesrv=true'
  refused mqd-namesrv "$BATS_TEST_TMPDIR/tls.conf" tls.server.mode enableControllerInNamesrv
}

@test "a value that turns a promise off is fine, and what has no meaning here is noted" {
  write off.conf <<< $'aclEnable=false\nstoreType=default\ndLegerPeers=n0-a:1\nenableDLegerCommitLog=false\nhaListenPort=10912'
  starts mqd-broker "$BATS_TEST_TMPDIR/off.conf" 'off.conf:5: haListenPort is ignored' 'off.conf:3: dLegerPeers is ignored'
}

@test "files like RocketMQ's examples start, or say what stands in the way" {
  local shared='brokerClusterName=DefaultCluster
brokerName=broker-a
deleteWhen=04
fileReservedTime=48
flushDiskType=ASYNC_FLUSH'
  write noslave.properties <<< "$shared"$'\nbrokerId=0\nbrokerRole=ASYNC_MASTER'
  starts mqd-broker "$BATS_TEST_TMPDIR/noslave.properties"
  [ -z "$stderr" ]
  write trace.properties <<< "$shared"$'\nbrokerId=0\nbrokerRole=ASYNC_MASTER\nautoTraceBrokerEnable=true'
  starts mqd-broker "$BATS_TEST_TMPDIR/trace.properties" autoTraceBrokerEnable
  write sync.properties <<< "$shared"$'\nbrokerId=0\nbrokerRole=SYNC_MASTER'
  starts mqd-broker "$BATS_TEST_TMPDIR/sync.properties" 'SYNC_MASTER waits for no other copy'
  write slave.properties <<< "$shared"$'\nbrokerId=1\nbrokerRole=SLAVE'
  refused mqd-broker "$BATS_TEST_TMPDIR/slave.properties" brokerId brokerRole
  write container-broker.conf <<< "$shared"$'\nbrokerId=0\ntotalReplicas=2\ninSyncReplicas=2\nminInSyncReplicas=1
enableAutoInSyncReplicas=true\nslaveReadEnable=true\nbrokerHeartbeatInterval=1000\nenableSlaveActingMaster=true'
  refused mqd-broker "$BATS_TEST_TMPDIR/container-broker.conf" totalReplicas enableAutoInSyncReplicas enableSlaveActingMaster
  write container.conf <<< $'listenPort=10811\nnamesrvAddr=127.0.0.1:9876\nfetchNamesrvAddrByAddressServer=true\nbrokerConfigPaths=/a.conf:/b.conf'
  refused mqd-broker "$BATS_TEST_TMPDIR/container.conf" brokerConfigPaths fetchNamesrvAddrByAddressServer
  write controlled.conf <<< "$shared"$'\nbrokerId=-1\nbrokerRole=SLAVE\nenableControllerMode=true\ncontrollerAddr=127.0.0.1:9878\nallAckInSyncStateSet=true'
  refused mqd-broker "$BATS_TEST_TMPDIR/controlled.conf" brokerId brokerRole enableControllerMode controllerAddr allAckInSyncStateSet
  write namesrv.conf <<< $'enableStartupController=true\ncontrollerDLegerGroup = group1\ncontrollerDLegerPeers = n0-127.0.0.1:9878\ncontrollerDLegerSelfId = n0'
  refused mqd-namesrv "$BATS_TEST_TMPDIR/namesrv.conf" enableStartupController controllerDLegerPeers
  write tiered.conf <<< "$shared"$'\nmessageStorePlugIn=x\ntieredStorageLevel=FORCE\nobjectStoreBucket=""\ntieredStoreGroupCommitCount=1'
  refused mqd-broker "$BATS_TEST_TMPDIR/tiered.conf" messageStorePlugIn tieredStorageLevel
}

@test "a key that stands twice with two values is an error with both lines" {
  write twice.conf <<< $'brokerName=a\nlistenPort=1234\nbrokerName=b\nlistenPort=1234'
  run --separate-stderr mqd-broker -c "$BATS_TEST_TMPDIR/twice.conf" --check
  [ "$status" = 2 ]
  [ "${#stderr_lines[@]}" = 1 ]
  [[ $stderr == *twice.conf:3:*brokerName*'line 1'* ]]
}

@test "log, queues and index lie where the keys say, for mqdump and the next start too" {
  cd "$BATS_TEST_TMPDIR"
  mkdir disk1
  start_apart() {
    start_daemon broker broker mqd-broker --standalone -c "$1" --listen 127.0.0.1:0 --namesrv-port 0
    broker_pid=$daemon_pid
    export NAMESRV_ADDR
    NAMESRV_ADDR=$(listening broker namesrv)
  }
  start_apart "$cases/conf-split-paths.conf"
  seq 100 | mqsend -q -t apart --queue 0 -k some
  stop_daemon "$broker_pid"
  [ -s disk1/commitlog/00000000000000000000 ]
  [ -n "$(ls disk2/consumequeue/apart)" ]
  [ -n "$(ls disk2/index)" ]
  [ ! -e root/commitlog ] && [ ! -e root/consumequeue ] && [ ! -e root/index ]
  [ ! -e root/abort ]

  # Two stores cannot share a part.
  write shared.conf <<< $'storePathCommitLog=disk1/commitlog'
  start_apart "$cases/conf-split-paths.conf"
  run --separate-stderr mqd-broker -c shared.conf --store other --listen 127.0.0.1:0
  [ "$status" = 2 ]
  [[ $stderr == *disk1/commitlog*'in use by another broker'* ]]
  stop_daemon "$broker_pid"

  # By the store, which knows, and by the configuration.
  local store
  cp "$cases/conf-split-paths.conf" broker.conf
  for store in root broker.conf; do
    [ "$(mqdump log "$store" -t apart | sort -n | tail -1)" = 100 ]
    [ "$(mqdump index "$store" --key some --out jsonl | wc -l)" = 100 ]
    mqdump stat "$store" | grep -q apart
    [ "$(mqdump groups "$store" --out jsonl | wc -l)" = 0 ]
    mqdump topics "$store" --out jsonl | grep -q '"apart"'
    mqdump verify "$store"
  done
  mqdump queue root apart 0 --out jsonl | grep -q log_offset

  # What is broken is mended across the disks.
  local queue
  queue=$(find disk2/consumequeue/apart -type f -size +0 | head -1)
  printf 'junkjunkjunkjunkjunk' | dd of="$queue" conv=notrunc status=none
  run mqdump verify root
  [ "$status" = 1 ]
  mqdump repair root --yes
  mqdump verify root
  [ -n "$(find root -path '*repair*' -name '0*')" ]

  start_apart broker.conf
  [ "$(mqpull -q -t apart --from beginning -e | sort -n | tail -1)" = 100 ]
  stop_daemon "$broker_pid"

  # Without the keys there would be an empty store.
  write bare.conf <<< 'storePathRootDir=root'
  run --separate-stderr mqd-broker -c bare.conf --listen 127.0.0.1:0
  [ "$status" = 2 ]
  [[ $stderr == *'the commit log of this store lies in '*disk1/commitlog*storePathCommitLog=* ]]
  [ ! -e root/commitlog ]
}

@test "keys that RocketMQ does not read lead to no empty queues" {
  start_broker
  seq 10 | mqsend -q -t old
  stop_daemon "$broker_pid"
  write moved.conf <<< "storePathConsumeQueue=$BATS_TEST_TMPDIR/elsewhere/consumequeue"
  run --separate-stderr mqd-broker -c "$BATS_TEST_TMPDIR/moved.conf" --store "$BATS_TEST_TMPDIR/store" --listen 127.0.0.1:0
  [ "$status" = 2 ]
  [ "${#stderr_lines[@]}" = 1 ]
  [[ $stderr == *"storePathConsumeQueue=$BATS_TEST_TMPDIR/store/consumequeue"* ]]
  # The paths that RocketMQ has anyway are fine.
  printf '%s=%s/store/%s\n' storePathCommitLog "$BATS_TEST_TMPDIR" commitlog storePathConsumeQueue "$BATS_TEST_TMPDIR" consumequeue \
    storePathIndex "$BATS_TEST_TMPDIR" index storeCheckpoint "$BATS_TEST_TMPDIR" checkpoint abortFile "$BATS_TEST_TMPDIR" abort | write same.conf
  start_broker -c "$BATS_TEST_TMPDIR/same.conf"
  [ "$(mqpull -q -t old --from beginning -e | wc -l)" = 10 ]
}

@test "a client of the VIP port is served all the same" {
  local port
  port=$(free_port)
  start_broker --listen "127.0.0.1:$port"
  connect "127.0.0.1:$((port - 2))"
  ask 28 '{}'
  [ "$answer_code" = 0 ]
  ask 310 '{"a":"P","b":"vip","c":"TBW102","d":"4","e":"0","f":"0","g":"0","h":"0","j":"0"}' through
  [ "$answer_code" = 0 ]
  disconnect
  [ "$(mqpull -q -t vip --from beginning -e)" = through ]
  stop_daemon "$broker_pid"
  run ! port_is_open "$((port - 2))"
}

@test "fastListenPort moves the VIP port or turns it off" {
  local port
  port=$(free_port)
  write off.conf <<< fastListenPort=0
  start_broker --listen "127.0.0.1:$port" -c "$BATS_TEST_TMPDIR/off.conf"
  run ! port_is_open "$((port - 2))"
  stop_daemon "$broker_pid"
  write moved.conf <<< "fastListenPort=$((port - 2))"
  start_broker -c "$BATS_TEST_TMPDIR/moved.conf"
  port_is_open "$((port - 2))"
}

@test "a derived port that is taken is a warning, one that was asked for is status 2" {
  local port first
  port=$(free_port)
  write none.conf <<< fastListenPort=0
  start_broker --listen "127.0.0.1:$((port - 2))" -c "$BATS_TEST_TMPDIR/none.conf"
  first=$broker_pid
  unset NAMESRV_ADDR
  start_daemon second broker mqd-broker --store "$BATS_TEST_TMPDIR/second" --listen "127.0.0.1:$port"
  logged second "warn  vip_port_closed why=.*127.0.0.1:$((port - 2)).* key=fastListenPort"
  stop_daemon "$daemon_pid"
  write asked.conf <<< "fastListenPort=$((port - 2))"
  run --separate-stderr mqd-broker -c "$BATS_TEST_TMPDIR/asked.conf" --store "$BATS_TEST_TMPDIR/second" --listen 127.0.0.1:0
  [ "$status" = 2 ]
  [ "${stderr_lines[-1]%%: *}" = mqd-broker ]
  [[ ${stderr_lines[-1]} == *"127.0.0.1:$((port - 2))"* ]]
  [ ! -e "$BATS_TEST_TMPDIR/second/abort" ]
  kill -0 "$first"
}

@test "any free port has no VIP port beside it" {
  mqd-broker --listen :0 -p | grep -q '^fastListenPort = 0  # default'
  mqd-broker -p | grep -q '^fastListenPort = 10909  # listenPort - 2'
}

@test "a standalone broker is on the loopback and joins nobody" {
  mqd-broker --standalone -p | grep -q '^bindAddress = "127.0.0.1"  # --standalone'
  mqd-broker --standalone --listen 0.0.0.0:1234 -p | grep -q '^bindAddress = "0.0.0.0"  # --listen'
  NAMESRV_ADDR=10.0.0.1:9876 mqd-broker --standalone -p | grep -q '^namesrvAddr = ""  # --standalone'
  start_namesrv
  start_broker
  [ "$namesrv" != "$(listening namesrv namesrv)" ]
  run ! logged namesrv broker_registered
  # On its way to the next one it would have been told by now.
  logged broker "registered namesrv=$namesrv"
  [ "$(grep -c ' registered ' "$BATS_TEST_TMPDIR/broker.log")" = 1 ]
  run --separate-stderr mqd-broker --standalone -n 127.0.0.1:1 --check
  [ "$status" = 2 ]
  [[ $stderr == *namesrvAddr*--standalone* ]]
}

@test "without HOME, --store and storePathRootDir nothing starts" {
  local program key
  for program in mqd-broker mqd-namesrv; do
    key=storePathRootDir
    [ "$program" = mqd-broker ] || key=kvConfigPath
    run --separate-stderr env -u HOME "$program" --listen 127.0.0.1:0
    [ "$status" = 2 ]
    [[ $stderr == *"$key"*HOME* ]]
  done
  env -u HOME mqd-broker --store "$BATS_TEST_TMPDIR/store" --check
}

@test "of two brokers with one name the second ends with 2, and all three say so" {
  start_namesrv
  start_daemon first broker mqd-broker -n "$namesrv" --store "$BATS_TEST_TMPDIR/one" --listen 127.0.0.1:0
  local first=$daemon_pid
  broker=$(listening first broker)
  seq 3 | mqsend -q -t kept
  run --separate-stderr mqd-broker -n "$namesrv" --store "$BATS_TEST_TMPDIR/two" --listen 127.0.0.1:0
  [ "$status" = 2 ]
  [[ ${stderr_lines[-1]} == "mqd-broker: name server $namesrv: $broker holds the name "*' another brokerName than '* ]]
  [ ! -e "$BATS_TEST_TMPDIR/two/abort" ]
  logged namesrv "warn  broker_refused .*holder=$broker"
  run ! grep -q broker_removed "$BATS_TEST_TMPDIR/namesrv.log"
  # The first one learns of it with its next registration, which a new topic brings about.
  mqadmin updateTopic -b "$broker" -t made
  wait_until logged first "warn  same_name namesrv=$namesrv"
  [ "$(mqpull -q -t kept --from beginning -e | wc -l)" = 3 ]
  # Under another name, or when the first has gone, there is room.
  write other.conf <<< brokerName=another
  start_daemon second broker mqd-broker -n "$namesrv" --store "$BATS_TEST_TMPDIR/two" --listen 127.0.0.1:0 -c "$BATS_TEST_TMPDIR/other.conf"
  stop_daemon "$daemon_pid"
  kill -9 "$first"
  wait_until logged namesrv 'broker_removed .*reason=connection_closed'
  start_daemon second broker mqd-broker -n "$namesrv" --store "$BATS_TEST_TMPDIR/two" --listen 127.0.0.1:0
}

@test "a broker that moves with its store is no second one" {
  start_namesrv
  start_daemon first broker mqd-broker -n "$namesrv" --store "$BATS_TEST_TMPDIR/one" --listen 127.0.0.1:0
  local first=$daemon_pid
  freeze "$first"
  cp -a "$BATS_TEST_TMPDIR/one" "$BATS_TEST_TMPDIR/moved"
  start_daemon second broker mqd-broker -n "$namesrv" --store "$BATS_TEST_TMPDIR/moved" --listen 127.0.0.1:0
  run ! logged namesrv broker_refused
  kill -CONT "$first"
}

@test "a refused broker is not ready, and tries again until it is taken" {
  local port
  port=$(free_port)
  # Nobody refuses them at their start, since the name server comes later.
  start_daemon first broker mqd-broker -n "127.0.0.1:$port" --store "$BATS_TEST_TMPDIR/one" --listen 127.0.0.1:0
  local first=$daemon_pid
  start_daemon second broker mqd-broker -n "127.0.0.1:$port" --store "$BATS_TEST_TMPDIR/two" --listen 127.0.0.1:0
  local second=$daemon_pid
  start_daemon namesrv namesrv mqd-namesrv --listen "127.0.0.1:$port"
  export NAMESRV_ADDR=127.0.0.1:$port
  one_is_refused() { logged first 'error registration_refused' || logged second 'error registration_refused'; }
  wait_until one_is_refused
  local loser=first winner_pid=$second
  if logged second 'error registration_refused'; then loser=second winner_pid=$first; fi
  mqadmin brokerStatus -b "$(listening "$loser" broker)" | grep -Eq '^brokerActive +: false$'
  stop_daemon "$winner_pid"
  wait_until logged "$loser" ' registered '
  mqadmin brokerStatus -b "$(listening "$loser" broker)" | grep -Eq '^brokerActive +: true$'
}

@test "what monitors divide by is not 0" {
  start_broker
  BROKER_ADDR=$broker "$cases/clients/capacities.sh"
  mqadmin brokerStatus -b "$broker" > "$BATS_TEST_TMPDIR/status"
  local expected
  for expected in sendThreadPoolQueueCapacity=10000 pullThreadPoolQueueCapacity=100000 litePullThreadPoolQueueCapacity=100000 \
    ackThreadPoolQueueCapacity=100000 EndTransactionThreadPoolQueueCapacity=100000 queryThreadPoolQueueCapacity=20000 \
    remainTransientStoreBufferNumbs=2147483647; do
    grep -Eq "^${expected%=*} *: ${expected#*=}\$" "$BATS_TEST_TMPDIR/status" || { echo "$expected"; return 1; }
  done
}

@test "a table that may not be read stops the start, and is not set aside as damaged" {
  can_be_somebody || skip "somebody else cannot run the broker here"
  start_broker
  mqadmin updateTopic -b "$broker" -t t > /dev/null
  stop_daemon "$broker_pid"
  local table=$BATS_TEST_TMPDIR/store/config/topics.json
  cp "$table" "$table.bak"
  [ "$(id -u)" != 0 ] || chown -R 65534:65534 "$BATS_TEST_TMPDIR/store"
  chmod 000 "$table"
  run --separate-stderr somebody mqd-broker --standalone --store "$BATS_TEST_TMPDIR/store" --listen 127.0.0.1:0 --namesrv-port 0
  [ "$status" != 0 ]
  [[ $stderr == *"$table: Permission denied"* ]]
  [ -e "$table" ]
  [ ! -e "$table.damaged" ]
}
