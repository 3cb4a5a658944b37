#!/usr/bin/env bash
# test/cluster/restart-on-lab.sh NODE containerd|kubelet: ends that part of a node at once (SIGKILL), and starts it again as it was.
set -euo pipefail
node=$1 part=$2
file=$LAB/run/pid/$part-$node
pid=$(cat "$file")
mapfile -d '' -t command <"/proc/$pid/cmdline"
log=$(readlink "/proc/$pid/fd/1")
# What is to enter the node's namespaces must be in them already: any other process of it.
for other in "$LAB"/run/pid/*-"$node"; do
  [ "$other" = "$file" ] || inside=$(cat "$other")
done
kill -KILL "$pid"
while [ -e "/proc/$pid" ]; do sleep 0.05; done
env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LAB="$LAB" setsid nsenter -t "$inside" -m -r "${command[@]}" >>"$log" 2>&1 </dev/null &
echo $! >"$file"
