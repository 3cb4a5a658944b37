#!/usr/bin/env bash
# down.sh FOLDER SYSTEM USER: waits until its standard input ends, which comes however its parent dies, then takes down what the
# tests started: connectors, the ssh server, the batch system, the user, the folder. Root only.
set -u
lab=$1 system=$2 user=$3
cat >/dev/null
# A connector that was killed leaves its ssh behind, for a minute; one whose parent was killed lives on.
for process in $(grep -lszxF "TMPDIR=$lab/tmp" /proc/[0-9]*/environ 2>/dev/null | cut -d/ -f3); do
  kill -9 "$process" 2>/dev/null
done
for socket in "$lab"/sockets/*; do [ -S "$socket" ] && ssh -o ControlPath="$socket" -O exit lab 2>/dev/null; done
here=$(dirname "$0")
for part in ssh "$system"; do bash "$here/$part.sh" down "$lab" "$user" >>"$lab/$part-down.log" 2>&1; done
# What the user still runs would keep its account.
if id "$user" >/dev/null 2>&1; then
  pkill -KILL -u "$user"
  for _ in $(seq 50); do userdel "$user" 2>/dev/null && break; sleep 0.1; done
fi
rm -rf "$lab"
