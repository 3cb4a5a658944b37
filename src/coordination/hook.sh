#!/bin/bash
# CRIU action script of Fermata's coordination: brings each hook to the coordinator and goes by its answer.
# It runs while processes are frozen, so it starts no other program; bash, because it speaks TCP by itself.
# Set by CRIU: CRTOOLS_SCRIPT_ACTION, CRTOOLS_IMAGE_DIR, CRTOOLS_INIT_PID. Exit status other than 0: the dump or restore fails,
# and after post-dump the processes run on.
# Settings, the first that is set: FERMATA_COORDINATOR_* (ADDRESS, PORT, ID, DEPENDENCIES, SESSION, GROUP, MEMBERS, TOKEN, FAIL_OPEN,
# TIMEOUT, CONFIG), IMAGE_DIR/criu-coordinator.json, /etc/criu/criu-coordinator.json.
action=$CRTOOLS_SCRIPT_ACTION
case $action in
pre-dump | pre-stream | network-lock | post-dump | pre-restore | post-restore | network-unlock | post-resume) ;;
*) exit 0 ;;
esac
images=$CRTOOLS_IMAGE_DIR
# A dump that streams has passed this barrier at pre-stream.
[[ $action == pre-dump && -S $images/streamer-capture.sock ]] && exit 0

say() { printf 'fermata: %s: %s\n' "$action" "$1" >&2; }
refuse() {
  say "$1"
  exit 1
}

local='' global=''
local_file=$images/criu-coordinator.json
[[ -r $local_file ]] && local=$(<"$local_file")
global_file=${FERMATA_COORDINATOR_CONFIG:-/etc/criu/criu-coordinator.json}
[[ -r $global_file ]] && global=$(<"$global_file")

# setting VARIABLE ENVIRONMENT KEY DEFAULT; a key the local file lacks is looked up in the global one.
setting() {
  local value=${!2} pattern="\"$3\"[[:space:]]*:[[:space:]]*\"?([^\",}]*)"
  if [[ -z $value ]]; then
    if [[ $local =~ $pattern ]]; then value=${BASH_REMATCH[1]}
    elif [[ $3 != id && $3 != dependencies && $global =~ $pattern ]]; then value=${BASH_REMATCH[1]}
    else value=$4; fi
  fi
  [[ $value == *[\"\\]* || $value == *[[:cntrl:]]* ]] && refuse "setting $3 holds a character that cannot be"
  printf -v "$1" %s "$value"
}
setting address FERMATA_COORDINATOR_ADDRESS address 127.0.0.1
setting port FERMATA_COORDINATOR_PORT port 8080
setting id FERMATA_COORDINATOR_ID id ''
setting dependencies FERMATA_COORDINATOR_DEPENDENCIES dependencies ''
setting session FERMATA_COORDINATOR_SESSION session ''
setting group FERMATA_COORDINATOR_GROUP group ''
setting members FERMATA_COORDINATOR_MEMBERS members ''
setting token FERMATA_COORDINATOR_TOKEN token ''
setting open FERMATA_COORDINATOR_FAIL_OPEN fail-open false
# Longer than any barrier: a coordinator whose machine has lost its power never closes the connection.
setting timeout FERMATA_COORDINATOR_TIMEOUT timeout 900

# Without an id of its own: the container's, else the command's name, matched with the global map of dependencies.
if [[ -z $id && -n $global && -n $CRTOOLS_INIT_PID ]]; then
  self=''
  while IFS= read -r line; do
    [[ $line =~ .*([0-9a-f]{64}) ]] && self=${BASH_REMATCH[1]} && break
  done 2>/dev/null <"/proc/$CRTOOLS_INIT_PID/cgroup"
  [[ -z $self ]] && self=$(<"/proc/$CRTOOLS_INIT_PID/comm")
  rest=${global#*\"dependencies\"}
  while [[ $rest =~ \"([^\"]+)\"[[:space:]]*:[[:space:]]*\[([^]]*)\](.*) ]]; do
    key=${BASH_REMATCH[1]} list=${BASH_REMATCH[2]} rest=${BASH_REMATCH[3]}
    if [[ $self == "$key"* ]]; then
      id=$key list=${list//[[:space:]\"]/}
      dependencies=${list//,/:}
      break
    fi
  done
  # The restore, on whichever machine, finds it beside the images; with the address, unlike upstream's.
  if [[ -n $id && ($action == pre-dump || $action == pre-stream) ]]; then
    printf '{"id":"%s","dependencies":"%s","address":"%s","port":"%s"}' "$id" "$dependencies" "$address" "$port" >"$local_file"
  fi
fi
if [[ -z $id ]]; then
  [[ -z $local && -z $global ]] && exit 0 # nobody asked for coordination
  refuse 'no id: name one in criu-coordinator.json, or this process in the dependencies of the global one'
fi

request="{\"id\":\"$id\",\"action\":\"$action\",\"dependencies\":\"$dependencies\""
[[ -n $session ]] && request+=",\"session\":\"$session\""
[[ -n $group ]] && request+=",\"group\":\"$group\""
[[ -n $members ]] && request+=",\"members\":\"$members\""
[[ -n $token ]] && request+=",\"token\":\"$token\""
request+='}'

# Sets `reply`; status 1: no connection.
ask() {
  reply=''
  { exec 3<>"/dev/tcp/$address/$port"; } 2>/dev/null || return 1
  trap '' PIPE
  printf %s "$request" 2>/dev/null >&3
  # Behind a granted pre-stream the connection stays open, for a client that streams its images over it.
  [[ $action == pre-stream ]] && read -r -t "$timeout" -N 3 reply <&3
  if [[ $reply != ACK ]]; then
    local start=$reply
    read -r -t "$timeout" -d '' reply <&3
    (($? > 128)) && refuse "no answer within $timeout s"
    reply=$start$reply
  fi
  exec 3>&-
}
# A group's coordinator remembers: one that was cut off asks again, and after post-dump must, since the others may have gone on.
tries=1
[[ -n $group ]] && tries=100
while :; do
  if ask; then
    [[ $reply == ACK ]] && exit 0
    [[ -n $reply ]] && refuse "$reply"
    reason='the coordinator closed the connection without an answer'
  else
    reason="no coordinator at $address:$port"
    [[ $open == true ]] && { say "$reason; going on uncoordinated (fail-open)"; exit 0; }
    [[ $action != post-dump ]] && tries=1
  fi
  ((--tries > 0)) || refuse "$reason"
  sleep 0.1
done
