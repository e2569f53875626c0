# fish completion for mqpull; made by completions/generate
function __mqpull_names
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
complete -c mqpull -s n -l namesrv -l namesrvAddr -x -d 'name servers; else $NAMESRV_ADDR, the profile, 127.0.0.1:9876'
complete -c mqpull -l profile -x -d 'table [profile.NAME] of the configuration file; else $MQD_PROFILE'
complete -c mqpull -l config -r -d 'configuration file; else $MQD_CONFIG, ~/.config/mqd/config.toml, /etc/mqd/config.toml'
complete -c mqpull -s t -l topic -x -a '(__mqpull_names topics)' -d 'the same'
complete -c mqpull -l wait -d 'wait for a topic that does not exist yet (default with -g without'
complete -c mqpull -o e) -d ''
complete -c mqpull -s g -l group -x -a '(__mqpull_names groups)' -d 'share the queues with the group, commit what is written out'
complete -c mqpull -l orderly -d 'with -g: read each queue in one place only, and in order'
complete -c mqpull -l broadcast -d 'with -g: each member of the group gets every message'
complete -c mqpull -l queue -x -d 'read only queues with this number'
complete -c mqpull -l broker -x -a '(__mqpull_names brokers)' -d 'read only queues on this broker'
complete -c mqpull -l brokers -x -a '(__mqpull_names brokers)' -d 'N brokers, or these, must hold the topic and answer'
complete -c mqpull -l tag -x -d 'read only messages with one of these tags'
complete -c mqpull -l sql -x -d 'read only messages whose properties match the SQL92 expression'
complete -c mqpull -l from -x -d 'beginning, end (default), OFFSET, -N (the last N of each queue) or @TIME'
complete -c mqpull -s N -l last -x -d 'begin with the newest N messages of all queues; with -e read only these'
complete -c mqpull -l until -x -d 'stop before OFFSET or @TIME, or at the end as with -e'
complete -c mqpull -s e -l exit -d 'stop at the end that the topic has now'
complete -c mqpull -s c -l count -x -d 'stop after N messages'
complete -c mqpull -l idle -x -d 'stop when no message has come for D'
complete -c mqpull -l rate -x -d 'read at most N messages a second'
complete -c mqpull -l timeout -x -d 'how long to wait for servers at the start (default: 10s; 0: no limit)'
complete -c mqpull -l fail-empty -d 'end with status 1 if no message came'
complete -c mqpull -l out -x -a 'lines nul raw json msgpack format:' -d 'form of the output (default: lines)'
complete -c mqpull -l merge -d 'print all messages in the order in which they were stored'
complete -c mqpull -l json-body -d 'with json: print a body that is JSON as a value'
complete -c mqpull -l progress -d 'show a line of progress on stderr (default: on a terminal)'
complete -c mqpull -l no-progress -d 'the opposite of --progress'
complete -c mqpull -l exec -x -d 'run CMD for each message, with the message on stdin; status 0 acknowledges it'
complete -c mqpull -l jobs -x -d 'run up to N commands in parallel (default: 1)'
complete -c mqpull -l exec-batch -x -d 'give up to N messages to one run'
complete -c mqpull -l reply -d 'send what CMD prints as the reply to the message'
complete -c mqpull -l ack-fd -x -d 'read the ids of acknowledged messages, one a line, from descriptor N'
complete -c mqpull -l to-dir -r -d 'write files in DIR, each whole or not at all'
complete -c mqpull -l name -x -d 'names of the files: %Y-%m-%d_%H.jsonl and the like; .gz or .zst at the end compresses'
complete -c mqpull -l rotate -x -d 'when to finish a file: 1h, 1G, or both: 1h,1G (default)'
complete -c mqpull -l lag -d 'print what the group has left, a line for each queue, and stop'
complete -c mqpull -s h -l help -d 'print this help and stop'
complete -c mqpull -l version -d 'print the version and stop'
complete -c mqpull -s q -l quiet -d 'print errors only'
complete -c mqpull -s v -l verbose -d 'report more; twice: everything'
