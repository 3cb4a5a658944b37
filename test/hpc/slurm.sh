#!/usr/bin/env bash
# slurm.sh up|down FOLDER USER: a whole Slurm on loopback, without systemd: munge, accounting in MariaDB, a controller, four
# nodes, and a REST server that takes JSON web tokens (127.0.0.1:16820). Both directions may be repeated; `down` leaves no process behind. Root only.
set -u
unset TMPDIR # the daemons' own users may not write to ours
what=$1 lab=$2 user=$3
nodes=4
folder=$lab/slurm
export SLURM_CONF=$folder/slurm.conf PATH=$PATH:/usr/sbin

. "$(dirname "$0")/alive.sh"
wait_for() {
  for _ in $(seq 900); do eval "$1" >/dev/null 2>&1 && return; sleep 0.1; done
  echo "not within 90 s: $1" >&2
  return 1
}
stop() { # PIDFILE...: asks first; a daemon removes its file before it has ended
  local pid pids=()
  for file in "$@"; do
    pid=$(cat "$file" 2>/dev/null) && [ -n "$pid" ] && kill "$pid" 2>/dev/null && pids+=("$pid")
  done
  for pid in "${pids[@]}"; do
    for _ in $(seq 80); do is_running "$pid" || continue 2; sleep 0.1; done
    kill -9 "$pid" 2>/dev/null
  done
  rm -f "$@"
}

if [ "$what" = down ]; then
  if is_alive "$folder/run/slurmctld.pid"; then
    # Steps outlive their slurmd: jobs end first.
    ids=$(timeout 5 squeue -h -o %A | sort -u)
    if [ -n "$ids" ]; then
      timeout 10 scancel -f $ids
      for _ in $(seq 60); do [ -z "$(timeout 5 squeue -h)" ] && break; sleep 0.1; done
    fi
  fi
  stop "$folder/run/slurmrestd.pid"
  stop "$folder"/run/slurmd-*.pid "$folder/run/slurmctld.pid"
  stop "$folder/run/slurmdbd.pid"
  for step in $(pgrep -x slurmstepd); do
    tr '\0' '\n' <"/proc/$step/environ" 2>/dev/null | grep -qx "SLURM_CONF=$SLURM_CONF" || continue
    for child in $(pgrep -P "$step"); do kill -9 -- "-$child" 2>/dev/null || kill -9 "$child" 2>/dev/null; done
    kill -9 "$step"
  done
  stop "$lab/db/pid"
  stop "$lab/munge/pid"
  exit 0
fi

mkdir -p "$folder"/{log,run,state,spool} "$lab"/munge "$lab/db"
chmod 755 "$lab" "$folder" "$lab/munge"
# --- munge, with a key and a socket of its own
[ -s "$lab/munge/key" ] || head -c 1024 /dev/urandom >"$lab/munge/key"
chown -R munge:munge "$lab/munge"
chmod 600 "$lab/munge/key"
is_alive "$lab/munge/pid" || setpriv --reuid=munge --regid=munge --clear-groups munged --socket="$lab/munge/socket" \
  --key-file="$lab/munge/key" --pid-file="$lab/munge/pid" --log-file="$lab/munge/log" --seed-file="$lab/munge/seed" --force
# --- accounting
chown -R mysql:mysql "$lab/db"
[ -d "$lab/db/data/mysql" ] || mariadb-install-db --no-defaults --user=mysql --datadir="$lab/db/data" --skip-test-db \
  --auth-root-authentication-method=socket >"$lab/db/install.log" 2>&1
is_alive "$lab/db/pid" || setsid mariadbd --no-defaults --user=mysql --datadir="$lab/db/data" --socket="$lab/db/socket" \
  --pid-file="$lab/db/pid" --bind-address=127.0.0.1 --port=13306 --innodb-flush-log-at-trx-commit=2 \
  --innodb-buffer-pool-size=64M --innodb-lock-wait-timeout=900 --log-error="$lab/db/log" </dev/null >/dev/null 2>&1 &
wait_for "mariadb-admin --no-defaults -uroot -S $lab/db/socket ping" || exit
mariadb --no-defaults -uroot -S "$lab/db/socket" -e "
  create user if not exists slurm@'127.0.0.1' identified by 'lab'; create user if not exists slurm@localhost identified by 'lab';
  create database if not exists slurm_acct_db;
  grant all on slurm_acct_db.* to slurm@'127.0.0.1'; grant all on slurm_acct_db.* to slurm@localhost"
[ -s "$folder/jwt.key" ] || (umask 077 && head -c 32 /dev/urandom >"$folder/jwt.key" && chown slurm:slurm "$folder/jwt.key")
cat >"$folder/slurmdbd.conf" <<C
AuthType=auth/munge
AuthInfo=socket=$lab/munge/socket
AuthAltTypes=auth/jwt
AuthAltParameters=jwt_key=$folder/jwt.key
DbdHost=$(hostname -s)
DbdAddr=127.0.0.1
DbdPort=16819
CommunicationParameters=NoInAddrAny
SlurmUser=slurm
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort=13306
StorageUser=slurm
StoragePass=lab
StorageLoc=slurm_acct_db
LogFile=$folder/log/slurmdbd.log
PidFile=$folder/run/slurmdbd.pid
C
chown slurm "$folder/slurmdbd.conf"
chmod 600 "$folder/slurmdbd.conf"
# --- the cluster
cat >"$folder/slurm.conf" <<C
ClusterName=lab
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmctldPort=16817
SlurmUser=slurm
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$lab/munge/socket,cred_expire=5
AuthAltTypes=auth/jwt
AuthAltParameters=jwt_key=$folder/jwt.key
CredType=cred/munge
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool/%n
SlurmctldPidFile=$folder/run/slurmctld.pid
SlurmdPidFile=$folder/run/slurmd-%n.pid
SlurmctldLogFile=$folder/log/slurmctld.log
SlurmdLogFile=$folder/log/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU=100
SchedulerType=sched/backfill
SchedulerParameters=sched_min_interval=100000,bf_interval=2,batch_sched_delay=0,requeue_delay=1
PriorityType=priority/basic
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SlurmctldParameters=preempt_send_user_signal
SlurmdParameters=config_overrides
ReturnToService=2
SlurmctldTimeout=30
SlurmdTimeout=10
MessageTimeout=5
BatchStartTimeout=5
KillWait=2
MinJobAge=300
MaxArraySize=1001
JobRequeue=1
MailProg=/bin/true
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort=16819
AccountingStoragePass=$lab/munge/socket
AccountingStorageEnforce=associations
NodeName=n[1-$nodes] NodeHostname=$(hostname -s) NodeAddr=127.0.0.1 Port=[17001-$((17000 + nodes))] CPUs=32 Boards=1 SocketsPerBoard=1 CoresPerSocket=32 ThreadsPerCore=1 RealMemory=8000 Features=large State=UNKNOWN
PartitionName=main Nodes=n[1-$nodes] Default=YES MaxTime=INFINITE State=UP PriorityTier=10 PreemptMode=OFF
PartitionName=low  Nodes=n$nodes PriorityTier=1 PreemptMode=REQUEUE
PartitionName=cancelled Nodes=n$nodes PriorityTier=1 PreemptMode=CANCEL
PartitionName=warned Nodes=n2 PriorityTier=1 PreemptMode=REQUEUE GraceTime=60
PartitionName=urgent Nodes=n2 PriorityTier=100 PreemptMode=OFF
PartitionName=high Nodes=n$nodes PriorityTier=100 PreemptMode=OFF
C
echo CgroupPlugin=cgroup/v1 >"$folder/cgroup.conf"
chown -R slurm:slurm "$folder/state" "$folder/log" "$folder/run"
chmod 644 "$folder/slurm.conf" "$folder/cgroup.conf"
wait_for "test -S $lab/munge/socket" || exit
is_alive "$folder/run/slurmdbd.pid" || setpriv --reuid=slurm --regid=slurm --clear-groups slurmdbd 2>/dev/null
wait_for 'timeout 3 sacctmgr -n list cluster' || { tail "$folder/log/slurmdbd.log" >&2; exit 1; }
[ -n "$(sacctmgr -nP list cluster lab format=cluster)" ] || sacctmgr -i add cluster lab >/dev/null
if [ -z "$(sacctmgr -nP list user "$user" format=user)" ]; then
  sacctmgr -i add account science >/dev/null
  sacctmgr -i add user "$user" account=science >/dev/null
fi
is_alive "$folder/run/slurmctld.pid" || setpriv --reuid=slurm --regid=slurm --clear-groups slurmctld
for i in $(seq 1 $nodes); do
  mkdir -p "$folder/spool/n$i"
  is_alive "$folder/run/slurmd-n$i.pid" || slurmd -N "n$i"
done
wait_for "scontrol ping | grep -q UP" || { tail "$folder/log/slurmctld.log" >&2; exit 1; }
wait_for "[ \$(sinfo -hN -p main -t idle,alloc,mix -o %N | wc -l) -eq $nodes ]" || { sinfo -N; tail "$folder"/log/slurm*.log; } >&2
# --- REST, as a user who is nobody: who asks is in the token (scontrol token username=USER)
if ! is_alive "$folder/run/slurmrestd.pid"; then
  SLURM_JWT=daemon SLURMRESTD_SECURITY=disable_unshare_sysv,disable_unshare_files setsid setpriv --reuid=nobody --regid=nogroup \
    --clear-groups slurmrestd -f "$SLURM_CONF" -a rest_auth/jwt -s openapi/v0.0.38,openapi/dbv0.0.38 127.0.0.1:16820 \
    </dev/null >"$folder/log/slurmrestd.log" 2>&1 &
  echo $! >"$folder/run/slurmrestd.pid"
fi
wait_for '(exec 3<>/dev/tcp/127.0.0.1/16820)' || tail "$folder/log/slurmrestd.log" >&2
