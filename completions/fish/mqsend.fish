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
complete -c mqsend -l profile -x -d 'table [profile.NAME] of the file; else $MQD_PROFILE'
complete -c mqsend -l config -r -d 'configuration; else $MQD_CONFIG, ~/.config/mqd/config.toml, /etc/mqd/config.toml'
complete -c mqsend -s t -l topic -x -a '(__mqsend_names topics)' -d 'where to; over the records\' own'
complete -c mqsend -s k -l key -x -d 'index key; may be repeated'
complete -c mqsend -l tag -x -d 'tag'
complete -c mqsend -s p -l property -x -d 'user property; may be repeated'
complete -c mqsend -l shard -x -d 'one value, one queue, in order'
complete -c mqsend -l queue -x -d 'only to queues of this number'
complete -c mqsend -l delay -x -d 'deliver so long after now'
complete -c mqsend -l at -x -d 'deliver at that time'
complete -c mqsend -l delay-level -x -d 'deliver after the broker\'s delay level N'
complete -c mqsend -l compress -x -a 'zlib lz4 zstd' -d 'compress the bodies'
complete -c mqsend -l in -x -a 'lines nul json msgpack journal file' -d 'what one message is (default: lines)'
complete -c mqsend -l key-delim -x -d 'lines and chunks are KEY<D>BODY; C escapes are read'
complete -c mqsend -l strict -d 'refuse JSON and msgpack keys that are not known'
complete -c mqsend -l skip-empty -d 'drop and count empty lines'
complete -c mqsend -l max-line -x -d 'refuse longer ones (default: 4M, which brokers take by default)'
complete -c mqsend -l split-long -d 'longer lines become several messages'
complete -c mqsend -l on-error -x -a 'stop skip' -d 'at a message that is refused (default: stop)'
complete -c mqsend -l rejects -r -d 'keeps refused inputs as they were; FILE.reasons says why'
complete -c mqsend -s f -l follow -d 'go on at the ends of the files, over their rotations'
complete -c mqsend -l state -r -d 'where a next --follow goes on, kept there'
complete -c mqsend -l count -x -d 'stop after N messages'
complete -c mqsend -l rate -x -d 'at most N a second'
complete -c mqsend -l oneway -d 'wait for no acknowledgement'
complete -c mqsend -l ack -x -a 'one all flush all,flush' -d 'by the master (default), its replicas too, its disk, or both'
complete -c mqsend -l window -x -d 'requests in flight (default: 64)'
complete -c mqsend -l batch-bytes -x -d 'messages that are there go together up to this (default: 256k)'
complete -c mqsend -l linger -x -d 'a message waits so long for more (default: 5ms)'
complete -c mqsend -l retries -x -d 'further attempts (default: 16)'
complete -c mqsend -l timeout -x -d 'for all attempts together (default: 10s; 0: no limit)'
complete -c mqsend -l spool -r -d 'what cannot be sent now waits there, over any crash'
complete -c mqsend -l spool-max -x -d 'then the input waits too (default: 1G)'
complete -c mqsend -l drain -d 'read nothing, send what is left in the spool'
complete -c mqsend -l request -d 'wait for the reply to each, and print it'
complete -c mqsend -l transaction -x -d 'each counts when CMD says so: 0 yes, 1 no, else later'
complete -c mqsend -l jobs -x -d 'CMD so often at once (default: 1)'
complete -c mqsend -l create -d 'make the topic if it is missing'
complete -c mqsend -l print -x -a 'ids json' -d 'a line a message on standard output'
complete -c mqsend -l metrics -r -d 'counters in Prometheus\' text form, kept up to date'
complete -c mqsend -l progress -d 'a line on stderr that counts (default: on a terminal)'
complete -c mqsend -l no-progress -d 'the opposite of --progress'
complete -c mqsend -s h -l help -d 'print this and stop'
complete -c mqsend -l version -d 'print the version and stop'
complete -c mqsend -s q -l quiet -d 'no messages but errors'
complete -c mqsend -s v -l verbose -d 'say more; twice: everything'
