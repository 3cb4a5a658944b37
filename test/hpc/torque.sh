#!/usr/bin/env bash
# torque.sh FOLDER: Slurm's own qsub, which takes PBS's words (Debian's slurm-wlm-torque), and what it is linked with, into FOLDER/torque.
set -eu
lab=$1
folder=$lab/torque
[ ! -e "$folder/usr/bin/qsub" ] || exit 0
mkdir -p "$folder/debs"
cd "$folder/debs"
download() {
  library=$(apt-cache depends libslurm-perl | sed -n 's/^ *Depends: \(libslurm[0-9]*\)$/\1/p')
  apt-get download -qq slurm-wlm-torque libslurm-perl libslurmdb-perl libswitch-perl "$library" 2>/dev/null
}
download || { apt-get update -qq && download; }
for package in *.deb; do dpkg-deb -x "$package" "$folder"; done
rm -r "$folder/debs"
# It calls the sbatch that lies beside it.
ln -s "$(command -v sbatch)" "$folder/usr/bin/sbatch"
cat >"$folder/environment" <<E2
export PERL5LIB=$(echo "$folder"/usr/lib/*/perl5/*):$folder/usr/share/perl5
export LD_LIBRARY_PATH=$(dirname "$(echo "$folder"/usr/lib/*/libslurm.so.*.*.*)")
export PATH=$folder/usr/bin:/usr/local/bin:/usr/bin:/bin
E2
