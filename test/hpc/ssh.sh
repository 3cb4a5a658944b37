#!/usr/bin/env bash
# ssh.sh up|down FOLDER USER: an ssh server on loopback, run by the ordinary user whom it lets in by key. Prints nothing.
set -u
what=$1 lab=$2 user=$3
folder=$lab/ssh
. "$(dirname "$0")/alive.sh"
if [ "$what" = down ]; then
  is_alive "$folder/pid" && kill "$(cat "$folder/pid")"
  for master in "$folder"/cm-*; do [ -S "$master" ] && ssh -o ControlPath="$master" -O exit lab 2>/dev/null; done
  rm -f "$folder/pid"
  exit 0
fi
mkdir -p "$folder"
chown "$user" "$folder"
chmod 700 "$folder"
as() { setpriv --reuid="$user" --regid="$user" --clear-groups env HOME="$folder" "$@"; }
[ -s "$folder/host" ] || as ssh-keygen -q -t ed25519 -N '' -f "$folder/host"
[ -s "$folder/key" ] || as ssh-keygen -q -t ed25519 -N '' -f "$folder/key"
cp "$folder/key.pub" "$folder/authorized_keys"
cat >"$folder/sshd_config" <<C
ListenAddress 127.0.0.1
Port 16022
HostKey $folder/host
AuthorizedKeysFile $folder/authorized_keys
PidFile $folder/pid
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
AllowUsers $user
MaxSessions 20
SetEnv SLURM_CONF=$lab/slurm/slurm.conf SGE_ROOT=$lab/gridengine/root SGE_CELL=default SGE_QMASTER_PORT=16844 SGE_EXECD_PORT=16845
C
[ ! -d "$lab/pbs" ] || sed -i "s#^SetEnv .*#& PBS_TEST_FOLDER=$lab/pbs/state PATH=$lab/pbs/bin:/usr/local/bin:/usr/bin:/bin#" "$folder/sshd_config"
echo "[127.0.0.1]:16022 $(cut -d' ' -f1,2 "$folder/host.pub")" >"$folder/known_hosts"
cat >"$folder/config" <<C
Host lab
  HostName 127.0.0.1
  Port 16022
  User $user
  IdentityFile $folder/key
  IdentitiesOnly yes
  UserKnownHostsFile $folder/known_hosts
  StrictHostKeyChecking yes
C
chown -R "$user:" "$folder"
is_alive "$folder/pid" || as /usr/sbin/sshd -f "$folder/sshd_config" -E "$folder/log"
for _ in $(seq 50); do [ -s "$folder/pid" ] && exit; sleep 0.1; done
tail "$folder/log" >&2
exit 1
