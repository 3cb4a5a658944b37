#!/usr/bin/env bash
# Slurm, Grid Engine, environment modules and an ssh server for the tests of the HPC connector, from Debian's packages: each only if it is missing, none
# of them started (the tests start their own, on loopback). Root only.
set -euo pipefail

declare -A packages=(
  [slurmctld]=slurmctld [slurmd]=slurmd [sbatch]=slurm-client [slurmdbd]=slurmdbd [slurmrestd]=slurmrestd [munged]=munge
  [mariadbd]=mariadb-server
  [sge_qmaster]=gridengine-master [sge_execd]=gridengine-exec [qconf]=gridengine-client [sshd]=openssh-server [gcc]=gcc
  [patchelf]=patchelf [setcap]=libcap2-bin
)
export PATH=$PATH:/usr/sbin:/usr/local/sbin
missing=()
for program in "${!packages[@]}"; do
  command -v "$program" >/dev/null || missing+=("${packages[$program]}")
done
ls /usr/lib/*/slurm-wlm/auth_jwt.so >/dev/null 2>&1 || missing+=(slurm-wlm-jwt-plugin)
[ -e /etc/profile.d/modules.sh ] || missing+=(environment-modules)
[ ${#missing[@]} -gt 0 ] || exit 0
[ -e /usr/lib/x86_64-linux-gnu/libc.so ] || [ -e /usr/lib/aarch64-linux-gnu/libc.so ] || missing+=(libc6-dev)

# Packages that start a daemon ask this first.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
  printf '#!/bin/sh\nexit 101\n' >$policy
  chmod 755 $policy
  trap 'rm -f $policy' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
echo 'gridengine-common shared/gridengineconfig boolean false' | debconf-set-selections
install() { apt-get install -y -qq --no-install-recommends "${missing[@]}" slurm-wlm-basic-plugins >/dev/null; }
install || { apt-get update -qq && install; }
