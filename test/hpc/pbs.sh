#!/usr/bin/env bash
# pbs.sh up|down FOLDER USER: commands that speak as PBS documents it, for the user of the tests (see pbs-command.sh).
set -u
what=$1 lab=$2 user=$3
[ "$what" = up ] || exit 0 # its jobs are the user's processes, which end with the user
mkdir -p "$lab/pbs/bin" "$lab/pbs/state/jobs"
for command in qsub qstat qselect qdel qrls; do cp "$(dirname "$0")/pbs-command.sh" "$lab/pbs/bin/$command"; done
chmod 755 "$lab/pbs/bin"/*
chown -R "$user:" "$lab/pbs/state"
