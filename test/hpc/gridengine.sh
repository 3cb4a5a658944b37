#!/usr/bin/env bash
# gridengine.sh up|down FOLDER USER: a whole Grid Engine on loopback: master and one execution host with eight slots. Both
# directions may be repeated; `down` leaves no process behind. Root only.
set -u
unset TMPDIR # the daemons' own user may not write to ours
what=$1 lab=$2
folder=$lab/gridengine
export SGE_ROOT=$folder/root SGE_CELL=default SGE_QMASTER_PORT=16844 SGE_EXECD_PORT=16845 SGE_CLUSTER_NAME=lab
. "$(dirname "$0")/alive.sh"
wait_for() { # COMMAND PIDFILE of the daemon that is to make it succeed
  for _ in $(seq 100); do
    timeout 3 bash -c "$1" >/dev/null 2>&1 && return
    is_alive "$2" || break
    sleep 0.2
  done
  echo "it did not come to be: $1" >&2
  return 1
}

if [ "$what" = down ]; then
  if is_alive "$folder/run/qmaster.pid"; then timeout 5 qdel -f -u '*' >/dev/null 2>&1; sleep 0.5; fi
  for file in "$folder/run/execd.pid" "$folder/run/qmaster.pid"; do
    [ -s "$file" ] || continue
    pid=$(cat "$file")
    kill "$pid" 2>/dev/null
    for _ in $(seq 80); do is_running "$pid" || break; sleep 0.1; done
    kill -9 "$pid" 2>/dev/null
    rm -f "$file"
  done
  # A job that was started outlives its execution daemon.
  for shepherd in $(pgrep -x sge_shepherd); do
    tr '\0' '\n' <"/proc/$shepherd/environ" 2>/dev/null | grep -qx "SGE_ROOT=$SGE_ROOT" || continue
    pkill -9 -P "$shepherd"
    kill -9 "$shepherd" 2>/dev/null
  done
  exit 0
fi

host=$(hostname)
mkdir -p "$SGE_ROOT/default/common" "$folder"/spool/{qmaster/job_scripts,spooldb,execd} "$folder/run"
for part in util bin lib; do [ -e "/var/lib/gridengine/$part" ] && ln -sfn "/var/lib/gridengine/$part" "$SGE_ROOT/$part"; done
cat >"$SGE_ROOT/default/common/bootstrap" <<C
Version: 6.2
admin_user              sgeadmin
default_domain          none
ignore_fqdn             true
spooling_method         berkeleydb
spooling_lib            libspoolb
spooling_params         $folder/spool/spooldb
binary_path             /usr/sbin
qmaster_spool_dir       $folder/spool/qmaster
security_mode           none
listener_threads        2
worker_threads          2
scheduler_threads       1
C
echo "$host" >"$SGE_ROOT/default/common/act_qmaster"
# The first name is the canonical one; 127.0.0.1 is called localhost.
echo "$host localhost" >"$SGE_ROOT/default/common/host_aliases"
chown -R sgeadmin:sgeadmin "$folder"
chmod 755 "$folder"
if [ ! -e "$folder/spool/spooldb/sge" ]; then
  sed "s#/var/spool/gridengine/execd#$folder/spool/execd#; s#^load_report_time.*#load_report_time 00:00:02#
    s#^max_unheard.*#max_unheard 00:00:20#
    s#^reporting_params.*#reporting_params accounting=true reporting=false flush_time=00:00:01 joblog=false sharelog=00:00:00 accounting_flush_time=00:00:00#
    s#^gid_range.*#gid_range 50000-50100#; s#^administrator_mail.*#administrator_mail none#" \
    /usr/share/gridengine/default-configuration >"$folder/configuration"
  grep -q ^gid_range "$folder/configuration" || echo 'gid_range 50000-50100' >>"$folder/configuration"
  setpriv --reuid=sgeadmin --regid=sgeadmin --clear-groups bash -c "
    cd /usr/lib/gridengine
    ./spoolinit berkeleydb libspoolb $folder/spool/spooldb init
    ./spooldefaults configuration $folder/configuration
    ./spooldefaults complexes /usr/share/gridengine/util/resources/centry
    ./spooldefaults usersets /usr/share/gridengine/util/resources/usersets
    ./spooldefaults managers sgeadmin root" >"$folder/spool.log" || exit 1
fi
# Both daemons bind to all addresses and have no option for it: this keeps them on loopback.
if [ ! -e "$folder/loopback.so" ]; then
  gcc -shared -fPIC -O2 -o "$folder/loopback.so" "$(dirname "$0")/loopback.c" -ldl || exit 1
fi
export SGE_MASTER_PIDFILE=$folder/run/qmaster.pid SGE_EXECD_PIDFILE=$folder/run/execd.pid
if ! is_alive "$folder/run/qmaster.pid"; then
  setsid env SGE_ND=1 LD_PRELOAD="$folder/loopback.so" /usr/sbin/sge_qmaster </dev/null >"$folder/qmaster.log" 2>&1 &
  echo $! >"$folder/run/qmaster.pid"
fi
wait_for 'qconf -sh' "$folder/run/qmaster.pid" || { tail -n 5 "$folder/qmaster.log" "$folder/spool/qmaster/messages" >&2; exit 1; }
{
  qconf -ah "$host"
  qconf -as "$host"
  if ! qconf -sq all.q; then
    printf 'group_name @allhosts\nhostlist %s\n' "$host" >"$folder/group"
    qconf -Ahgrp "$folder/group"
    printf 'hostname %s\nload_scaling NONE\ncomplex_values NONE\nuser_lists NONE\nxuser_lists NONE\nprojects NONE\nxprojects NONE\nusage_scaling NONE\nreport_variables NONE\n' "$host" >"$folder/host"
    qconf -Ae "$folder/host"
    qconf -sq | sed 's/^qname.*/qname all.q/; s/^hostlist.*/hostlist @allhosts/; s/^pe_list.*/pe_list NONE/
      s/^slots.*/slots 8/; s/^load_thresholds.*/load_thresholds NONE/; s#^shell  .*#shell /bin/bash#; s/^rerun.*/rerun TRUE/' >"$folder/queue"
    qconf -Aq "$folder/queue"
    qconf -ssconf >"$folder/scheduler"
    sed -i 's/^schedule_interval.*/schedule_interval 0:0:1/; s/^flush_submit_sec.*/flush_submit_sec 1/; s/^flush_finish_sec.*/flush_finish_sec 1/' "$folder/scheduler"
    qconf -Msconf "$folder/scheduler"
  fi
} >"$folder/setup.log" 2>&1
if ! is_alive "$folder/run/execd.pid"; then
  setsid env SGE_ND=1 LD_PRELOAD="$folder/loopback.so" /usr/sbin/sge_execd </dev/null >"$folder/execd.log" 2>&1 &
  echo $! >"$folder/run/execd.pid"
fi
wait_for "qhost | grep -E '^$host ' | grep -v ' - .* - .* -'" "$folder/run/execd.pid" ||
  { tail -n 5 "$folder/execd.log" "$folder/setup.log" >&2; exit 1; }
