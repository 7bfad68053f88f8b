# Sourced by what runs inside the lab's namespaces: components as processes, each with a pid, a log and its command line.
# Needs STATE (the lab's directory) and RUN (what vanishes with the lab: /run/kubelab).

start() { # NAME COMMAND...
  local name=$1
  shift
  printf '%q ' "$@" >"$RUN/$name.command"
  setsid "$@" >>"$STATE/logs/$name.log" 2>&1 </dev/null &
  echo $! >"$RUN/$name.pid"
}

restart() { # NAME: again with the same command line
  local command
  command=$(<"$RUN/$1.command")
  eval "start $1 $command"
}

stop() { # NAME [SIGNAL]: returns when it is gone
  local pid
  pid=$(<"$RUN/$1.pid")
  kill -s "${2:-TERM}" "$pid" 2>/dev/null || true
  # `tail --pid` looks every 0.1 s and ends with the process; what doesn't stop in time is killed.
  timeout 15 tail --pid="$pid" --sleep-interval=0.1 -f /dev/null || { kill -9 "$pid"; echo "$1 did not stop, killed"; }
  rm -f "$RUN/$1.pid"
}

all_alive() {
  local file name
  for file in "$RUN"/*.pid; do
    kill -0 "$(<"$file")" 2>/dev/null && continue
    name=$(basename "$file" .pid)
    echo "$name died:"
    tail -20 "$STATE/logs/$name.log"
    return 1
  done
}

wait_for() { # SECONDS WHAT COMMAND...
  local end=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    all_alive || exit 1
    [[ $SECONDS -lt $end ]] || { echo "timed out: $what"; exit 1; }
    sleep 0.1
  done
  say "$what"
}

started_ns=$(date +%s%N)
say() {
  local hundredths=$((($(date +%s%N) - started_ns) / 10000000))
  printf '%4d.%02d s  %s\n' $((hundredths / 100)) $((hundredths % 100)) "$*"
}
