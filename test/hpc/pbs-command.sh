#!/usr/bin/env bash
# qsub, qstat, qselect, qdel and qrls that speak as OpenPBS documents it (reference guide, job.h), for there is no package of PBS
# to test with: each job is a process here. PBS_TEST_FOLDER holds a folder for each job, with one small file for each attribute.
# Not a batch system: it has no resources, and everything that may run does.
set -u
root=$PBS_TEST_FOLDER
server=pbs
get() { cat "$root/jobs/$1/$2" 2>/dev/null; }
put() { printf '%s' "$3" >"$root/jobs/$1/.$2.$$" && mv "$root/jobs/$1/.$2.$$" "$root/jobs/$1/$2"; }

# run ID [INDEX]: waits for what it depends on, then is the job, or a task of it.
run() {
  local id=$1 index=${2:-} name=$1${2:+.$2} other limit child status started
  mkdir -p "$root/jobs/$name"
  while :; do
    [ -e "$root/jobs/$id/deleted" ] && { put "$name" substate 91; put "$name" state F; return; }
    other=$(get "$id" depend)
    [ -e "$root/jobs/$id/held" ] || [ -n "$other" ] && [ "$(get "${other%%.*}" state)$(get "${other%%.*}" exit)" != F0 ] || break
    sleep 0.2
  done
  put "$name" state R
  put "$name" substate 42
  started=$(date +%s)
  cd || return
  PBS_JOBID=$id${index:+[$index]}.$server PBS_ARRAY_INDEX=$index PBS_ENVIRONMENT=PBS_BATCH setsid -w bash -c \
    'echo $$ >"$0"; exec bash "$1"' "$root/jobs/$name/pid" "$root/jobs/$id/script" >>"$(get "$id" output)" 2>&1 </dev/null &
  child=$!
  limit=$(get "$id" walltime)
  while kill -0 $child 2>/dev/null; do
    if [ -n "$limit" ] && [ $(($(date +%s) - started)) -gt "$limit" ]; then
      put "$name" exit -29
      kill -TERM -- "-$(get "$name" pid)"
      sleep 1
      kill -KILL -- "-$(get "$name" pid)" 2>/dev/null
      limit=
    fi
    sleep 0.1
  done
  # setsid -w tells a signal as a shell does, 128 + n; PBS adds it to 256.
  wait $child
  status=$?
  [ $status -le 128 ] || status=$((status + 128))
  put "$name" used $(($(date +%s) - started))
  [ -e "$root/jobs/$name/exit" ] || put "$name" exit $status
  if [ -e "$root/jobs/$id/deleted" ]; then put "$name" substate 91; elif [ "$status" = 0 ]; then put "$name" substate 92; else put "$name" substate 93; fi
  put "$name" state "$([ -n "$index" ] && echo X || echo F)"
}

submit() {
  local id option words script array= name=STDIN output=/dev/null walltime= depend= held= queue=workq indices index
  words=("$@")
  script=${words[-1]}
  # Directives stand before the command line, which wins.
  set -- $(sed -n '2,/^[^#]/s/^#PBS //p' "$script") "${@:1:$#-1}"
  while [ $# -gt 0 ]; do
    option=$1
    case $option in
      -h) held=yes; shift; continue ;;
      -N) name=$2 ;;
      -o) output=$2 ;;
      -q) queue=$2 ;;
      -J) array=$2 ;;
      -W) case $2 in depend=afterok:*) depend=${2#depend=afterok:} ;; esac ;;
      -l) case $2 in walltime=*) walltime=$(echo "${2#walltime=}" | awk -F: '{ for (i = 1; i <= NF; i++) s = s * 60 + $i; print s }') ;; esac ;;
      -S | -j | -A | -P | -r) ;;
      *) echo "qsub: illegal -- ${option#-}" >&2; echo 'usage: qsub [-a date_time] …' >&2; exit 2 ;;
    esac
    shift 2
  done
  [ "$queue" = workq ] || { echo 'qsub: Unknown queue' >&2; exit 170; }
  exec 8>"$root/lock"
  flock 8
  id=$(($(cat "$root/last" 2>/dev/null || echo 0) + 1))
  echo "$id" >"$root/last"
  exec 8>&-
  mkdir -p "$root/jobs/$id"
  cp "$script" "$root/jobs/$id/script"
  for option in name output walltime depend array; do put "$id" $option "${!option}"; done
  [ -z "$held" ] || put "$id" held yes
  put "$id" state "$([ -n "$held$depend" ] && echo H || echo Q)"
  if [ -z "$array" ]; then
    (run "$id" >/dev/null 2>&1 &)
  else
    indices=$(echo "$array" | sed -E 's/^([0-9]+)-([0-9]+)(:([0-9]+))?$/\1 \4 \2/; s/  / 1 /')
    for index in $(seq $indices); do mkdir -p "$root/jobs/$id.$index" && put "$id.$index" state Q; done
    put "$id" state B
    ( { for index in $(seq $indices); do run "$id" "$index" & done; wait; put "$id" state F; } >/dev/null 2>&1 &)
  fi
  echo "$id${array:+[]}.$server"
}

# show DIRECTORY ID: as `qstat -f` has it.
show() {
  local used walltime
  used=$(get "$1" used)
  walltime=$(get "${1%%.*}" walltime)
  echo "Job Id: $2"
  echo "    Job_Name = $(get "${1%%.*}" name)"
  echo "    Job_Owner = $(id -un)@$server"
  [ -z "$used" ] || echo "    resources_used.walltime = $(date -u -d "@$used" +%T)"
  echo "    job_state = $(get "$1" state)"
  echo "    queue = workq"
  [ "$(get "$1" state)" != R ] || echo "    exec_host = node1/0"
  echo "    Hold_Types = $([ -e "$root/jobs/${1%%.*}/held" ] && echo u || echo n)"
  [ -z "$walltime" ] || echo "    Resource_List.walltime = $(date -u -d "@$walltime" +%T)"
  echo "    substate = $(get "$1" substate)"
  printf '    Variable_List = PBS_O_HOME=%s,PBS_O_LANG=C.UTF-8,\n\tPBS_O_QUEUE=workq\n' "$HOME"
  if [ -e "$root/jobs/${1%%.*}/held" ]; then
    echo "    comment = Job held by $(id -un) on $(date '+%a %b %e %H:%M:%S %Y')"
  elif [ "$(get "$1" state)" = R ]; then
    echo "    comment = Job run at $(date '+%a %b %e at %H:%M') on (node1:ncpus=1)"
  fi
  [ -z "$(get "$1" exit)" ] || echo "    Exit_status = $(get "$1" exit)"
  echo
}

status() {
  local history= tasks= id number task code=0
  while [ $# -gt 0 ]; do
    case $1 in -x) history=yes ;; -t) tasks=yes ;; -f) ;; *) break ;; esac
    shift
  done
  for id in "$@"; do
    number=${id%%[.[]*}
    if ! [ -d "$root/jobs/$number" ]; then echo "qstat: Unknown Job Id $id" >&2; code=153; continue; fi
    if [ -z "$history" ] && [ "$(get "$number" state)" = F ]; then
      echo "qstat: $id Job has finished, use -x or -H to obtain historical job information" >&2
      code=35
      continue
    fi
    show "$number" "$id"
    [ -n "$tasks" ] && [ -n "$(get "$number" array)" ] || continue
    for task in "$root/jobs/$number".*; do show "$number.${task##*.}" "$number[${task##*.}].$server"; done
  done
  exit $code
}

select_jobs() {
  local history= name= number
  while [ $# -gt 0 ]; do
    case $1 in -x) history=yes; shift; continue ;; -N) name=$2 ;; esac
    shift 2
  done
  for number in $(ls "$root/jobs" | grep -v '\.' | sort -n); do
    [ -n "$history" ] || [ "$(get "$number" state)" != F ] || continue
    [ -z "$name" ] || [ "$(get "$number" name)" = "$name" ] || continue
    echo "$number$([ -n "$(get "$number" array)" ] && echo '[]').$server"
  done
}

delete() {
  local id number pid
  for id in "$@"; do
    number=${id%%[.[]*}
    [ "$(get "$number" state)" != F ] || { echo "qdel: Job has finished $id" >&2; continue; }
    put "$number" deleted yes
    for pid in "$root/jobs/$number/pid" "$root/jobs/$number".*/pid; do
      [ -s "$pid" ] && kill -TERM -- "-$(cat "$pid")" 2>/dev/null
    done
    (sleep 8; for pid in "$root/jobs/$number/pid" "$root/jobs/$number".*/pid; do [ -s "$pid" ] && kill -KILL -- "-$(cat "$pid")"; done) >/dev/null 2>&1 &
  done
}

case $(basename "$0") in
  qsub) submit "$@" ;;
  qstat) status "$@" ;;
  qselect) select_jobs "$@" ;;
  qdel) delete "$@" ;;
  qrls) for id in "$@"; do rm -f "$root/jobs/${id%%[.[]*}/held"; put "${id%%[.[]*}" state Q; done ;;
esac
