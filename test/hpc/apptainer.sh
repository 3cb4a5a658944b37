#!/usr/bin/env bash
# apptainer.sh FOLDER: Apptainer of Debian sid (no older suite has it) with its own C library in FOLDER/apptainer, nothing installed
# on the system, and a small image FOLDER/apptainer/image made of BusyBox. Its packages are kept for the next time. Root only.
set -eu
lab=$1
cache=${XDG_CACHE_HOME:-$HOME/.cache}/fermata/apptainer
if ! [ -e "$cache/complete" ]; then
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  mkdir -p "$cache" "$work/lists/partial" "$work/cache/archives/partial" "$work/empty"
  : >"$work/status"
  mirror=$(apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(COMPONENT)|$(REPO_URI)' 'Created-By: Packages' |
    awk -F '|' '$1 == "Debian" && $2 == "Debian" && $3 == "main" { print $4; exit }')
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror sid main" >"$work/sources.list"
  # sid's release file can be past its date; its signature is checked all the same.
  apt=(apt-get -qq -o "Dir::Etc::sourcelist=$work/sources.list" -o "Dir::Etc::sourceparts=$work/empty"
    -o "Dir::Etc::preferencesparts=$work/empty" -o "Dir::State::lists=$work/lists" -o "Dir::State::status=$work/status"
    -o "Dir::Cache=$work/cache" -o APT::Sandbox::User=root -o Acquire::Check-Valid-Until=false -o Acquire::Languages=none)
  "${apt[@]}" update
  (cd "$cache" && "${apt[@]}" download apptainer libc6 libseccomp2 libsqlite3-0 busybox-static)
  touch "$cache/complete"
fi
root=$lab/apptainer
mkdir -p "$root"
for package in "$cache"/*.deb; do dpkg-deb -x "$package" "$root"; done
libraries=$(dirname "$(find "$root/usr/lib" -name libc.so.6 | head -n 1)")
loader=$(find "$root/usr/lib" -name 'ld-linux*.so.*' | head -n 1)
for program in "$root/usr/bin/apptainer" "$libraries/apptainer/bin/starter"; do
  patchelf --set-interpreter "$loader" --force-rpath --set-rpath "$libraries" "$program"
done
# Below a prefix that is not its own it looks for everything there.
ln -sfn ../etc "$root/usr/etc"
ln -sfn ../../etc "$root/usr/lib/etc"
mkdir -p "$root/usr/lib/var/lib/apptainer/mnt/session" "$root/usr/libexec"
ln -sfn "../${libraries#"$root/usr/"}/apptainer" "$root/usr/libexec/apptainer"
image=$root/image
mkdir -p "$image"/{bin,etc,proc,sys,dev,tmp,home,root,var/tmp}
cp "$root/usr/bin/busybox" "$image/bin/busybox"
for name in sh cat; do ln -sfn busybox "$image/bin/$name"; done
echo 'root:x:0:0::/root:/bin/sh' >"$image/etc/passwd"
echo 'root:x:0:' >"$image/etc/group"
touch "$image/etc/hosts" "$image/etc/resolv.conf" "$image/etc/localtime"
echo 'inside the image' >"$image/etc/image"
chmod -R go+rX "$root"
