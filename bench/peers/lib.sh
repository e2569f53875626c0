# shellcheck shell=bash
# What the peer scripts share: finding programs and jars, waiting on conditions, stopping.

die() {
    echo "${0##*/}: $*" >&2
    exit 2
}

# need COMMAND PACKAGE [COMMAND PACKAGE...]: installs what is missing where that is possible.
need() {
    local -a packages=()
    while (($#)); do
        command -v "$1" >/dev/null || packages+=("$2")
        shift 2
    done
    ((${#packages[@]})) || return 0
    local -a as_root=()
    if ((EUID != 0)); then as_root=(sudo -n); fi
    if ! command -v apt-get >/dev/null ||
        ! "${as_root[@]}" apt-get install -y -q "${packages[@]}" >&2; then
        die "missing packages: ${packages[*]} (install them and try again)"
    fi
}

# jars POM FILE: writes the class path of POM to FILE. The local repository is asked first,
# because Maven's checks against the network cost seconds even when it has every jar.
jars() {
    local -a maven=(mvn -q -B -Dstyle.color=never -f "$1" dependency:build-classpath "-Dmdep.outputFile=$2")
    "${maven[@]}" -o >/dev/null 2>&1 || "${maven[@]}" >&2 || die "Maven could not fetch the jars of $1"
}

version_of() { # POM
    sed -n 's:.*<peer.version>\(.*\)</peer.version>.*:\1:p' "$1"
}

now_ms() {
    echo $((${EPOCHREALTIME/[.,]/} / 1000))
}

# wait_for PID LOG SECONDS CONDITION...: until CONDITION holds, or PID died, or time is up.
wait_for() {
    local pid=$1 log=$2 deadline=$((SECONDS + $3))
    shift 3
    until "$@" >/dev/null 2>&1; do
        if ! kill -0 "$pid" 2>/dev/null; then
            tail -n 20 "$log" >&2
            die "process $pid ended while it was waited for (its log: $log)"
        fi
        if ((SECONDS > deadline)); then
            tail -n 20 "$log" >&2
            die "not ready in time: $*"
        fi
        sleep 0.02
    done
}

port_open() { # PORT
    (: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# stop_pid FILE: ends the process whose id FILE holds, and waits until it is gone.
stop_pid() {
    [[ -s $1 ]] || return 0
    local pid deadline=$((SECONDS + 20))
    pid=$(<"$1")
    kill "$pid" 2>/dev/null || true
    while kill -0 "$pid" 2>/dev/null; do
        if ((SECONDS > deadline)); then kill -9 "$pid" 2>/dev/null || true; fi
        sleep 0.05
    done
    rm -f "$1"
}
