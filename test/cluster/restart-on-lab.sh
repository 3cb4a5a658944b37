#!/usr/bin/env bash
# test/cluster/restart-on-lab.sh NODE: ends the kubelet of that node at once (SIGKILL), and starts it again as it was.
set -euo pipefail
file=$LAB/run/pid/kubelet-$1
pid=$(cat "$file")
mapfile -d '' -t command <"/proc/$pid/cmdline"
log=$(readlink "/proc/$pid/fd/1")
kill -KILL "$pid"
while [ -e "/proc/$pid" ]; do sleep 0.05; done
env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LAB="$LAB" \
  setsid nsenter -t "$(cat "$LAB/run/pid/containerd-$1")" -m -r "${command[@]}" >>"$log" 2>&1 </dev/null &
echo $! >"$file"
