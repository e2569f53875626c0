# fish completion for mqsend; made by completions/generate
function __mqsend_names
    set -l server
    set -l typed (commandline -opc)
    for i in (seq (count $typed))
        switch $typed[$i]
            case -n --namesrv --namesrvAddr --profile --config
                set -l next (math $i + 1)
                set -q typed[$next]; and set -a server $typed[$i] $typed[$next]
            case '--namesrv=*' '--namesrvAddr=*' '--profile=*' '--config=*'
                set -a server $typed[$i]
        end
    end
    set -l names
    set -l filter
    switch $argv[1]
        case topics
            set names mqadmin topicList
            set filter p
        case groups
            set names mqadmin topicList
            set filter 's/^%RETRY%//p'
        case brokers
            set names mqadmin clusterList --out jsonl
            set filter 's/.*"broker":"\\([^"]*\\)".*/\\1/p'
        case addresses
            set names mqadmin clusterList --out jsonl
            set filter 's/.*"addr":"\\([^"]*\\)".*/\\1/p'
        case clusters
            set names mqadmin clusterList --out jsonl
            set filter 's/.*"cluster":"\\([^"]*\\)".*/\\1/p'
    end
    timeout 0.1 $names $server --timeout 90ms 2>/dev/null </dev/null | sed -n $filter | sort -u
end
complete -c mqsend -s n -l namesrv -l namesrvAddr -x -d 'name servers; else $NAMESRV_ADDR, the profile, 127.0.0.1:9876'
complete -c mqsend -l profile -x -d 'table [profile.NAME] of the configuration file; else $MQD_PROFILE'
complete -c mqsend -l config -r -d 'configuration file; else $MQD_CONFIG, ~/.config/mqd/config.toml, /etc/mqd/config.toml'
complete -c mqsend -s t -l topic -x -a '(__mqsend_names topics)' -d 'topic to send to; overrides the topics of records'
complete -c mqsend -s k -l key -x -d 'key to find the message by; may be repeated'
complete -c mqsend -l tag -x -d 'tag'
complete -c mqsend -s p -l property -x -d 'user property; may be repeated'
complete -c mqsend -l shard -x -d 'send messages with the same S to one queue, in order'
complete -c mqsend -l queue -x -d 'send only to queues with this number'
complete -c mqsend -l delay -x -d 'deliver each message after this time'
complete -c mqsend -l at -x -d 'deliver each message at this time'
complete -c mqsend -l delay-level -x -d 'deliver each message after level N of the broker'
complete -c mqsend -l compress -x -a 'zlib lz4 zstd' -d 'compress the bodies'
complete -c mqsend -l in -x -a 'lines nul json msgpack journal file' -d 'what one message is (default: lines)'
complete -c mqsend -l key-delim -x -d 'each line or chunk is KEY<D>BODY; D may have C escapes'
complete -c mqsend -l strict -d 'refuse records that have an unknown key'
complete -c mqsend -l skip-empty -d 'drop empty messages, and count them'
complete -c mqsend -l max-line -x -d 'refuse longer messages (default: 4M, the default limit of brokers)'
complete -c mqsend -l split-long -d 'split longer lines into several messages'
complete -c mqsend -l on-error -x -a 'stop skip' -d 'what to do at a refused record (default: stop)'
complete -c mqsend -l rejects -r -d 'keep refused inputs in FILE, the reasons in FILE.reasons'
complete -c mqsend -s f -l follow -d 'continue at the ends of the files, over their rotations'
complete -c mqsend -l state -r -d 'keep the positions in FILE; the next --follow continues there'
complete -c mqsend -l count -x -d 'stop after N messages'
complete -c mqsend -l rate -x -d 'send at most N messages a second'
complete -c mqsend -l oneway -d 'wait for no acknowledgement'
complete -c mqsend -l ack -x -a 'one all flush all,flush' -d 'acknowledged by the master (default), its replicas, its disk, or both'
complete -c mqsend -l window -x -d 'at most N requests in flight (default: 64)'
complete -c mqsend -l batch-bytes -x -d 'largest batch (default: 256k)'
complete -c mqsend -l linger -x -d 'how long a batch may wait for more messages (default: 5ms)'
complete -c mqsend -l retries -x -d 'retry each message up to N times (default: 16)'
complete -c mqsend -l timeout -x -d 'time limit for all attempts together (default: 10s; 0: no limit)'
complete -c mqsend -l spool -r -d 'keep messages in DIR until a broker has them, over any crash'
complete -c mqsend -l spool-max -x -d 'stop reading input when the spool has this size (default: 1G)'
complete -c mqsend -l drain -d 'read nothing, send what is left in the spool'
complete -c mqsend -l request -d 'wait for the reply to each message, and print it'
complete -c mqsend -l transaction -x -d 'CMD decides each transaction: 0 commits, 1 rolls back, else asked again'
complete -c mqsend -l jobs -x -d 'run up to N commands in parallel (default: 1)'
complete -c mqsend -l create -d 'create the topic if it is missing'
complete -c mqsend -l print -x -a 'ids json' -d 'print a line for each message'
complete -c mqsend -l metrics -r -d 'keep counters in FILE, in Prometheus\' text form'
complete -c mqsend -l progress -d 'show a line of progress on stderr (default: on a terminal)'
complete -c mqsend -l no-progress -d 'the opposite of --progress'
complete -c mqsend -s h -l help -d 'print this help and stop'
complete -c mqsend -l version -d 'print the version and stop'
complete -c mqsend -s q -l quiet -d 'print errors only'
complete -c mqsend -s v -l verbose -d 'report more; twice: everything'
