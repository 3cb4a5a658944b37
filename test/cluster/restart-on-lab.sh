#!/usr/bin/env bash
# test/cluster/restart-on-lab.sh PART SIGNAL: ends the API server (`apiserver`), or a `kubelet-NODE` or `containerd-NODE`, by
# that signal, and starts it again as it was. A node's mount namespace is the one of its process in `$LAB/run/fermata-NODE`.
set -euo pipefail
part=$1
file=$LAB/run/pid/$part
pid=$(cat "$file")
mapfile -d '' -t command <"/proc/$pid/cmdline"
log=$(readlink "/proc/$pid/fd/1")
enter=()
if [ "$part" != apiserver ]; then enter=(nsenter -t "$(cat "$LAB/run/fermata-${part#*-}")" -m -r); fi
kill -s "$2" "$pid"
while [ -e "/proc/$pid" ]; do sleep 0.05; done
env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LAB="$LAB" setsid "${enter[@]}" "${command[@]}" >>"$log" 2>&1 </dev/null &
echo $! >"$file"
if [ "$part" = apiserver ]; then
  for _ in $(seq 600); do
    if [ "$(curl -s --cacert "$LAB/run/pki/ca.crt" -H 'Authorization: Bearer admintoken' https://127.0.0.1:6443/readyz)" = ok ]; then exit 0; fi
    sleep 0.1
  done
  exit 1
fi
