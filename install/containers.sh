#!/bin/sh
# containers.sh [yes|tests]: what the podman runtime needs, on Debian or Ubuntu as root: Podman, runc, the parts of a pod network,
# and a CRIU that works on this kernel. With `tests`, the clients the end-to-end tests drive as well.
#
# Says on standard error what it installs and why. Exit status 0: the podman runtime can be used; 1: it cannot, and the last
# line says why (the simulated runtime serves then). Writes a stamp, so that the launcher need not ask again on this kernel.
set -eu
kind=${1:-yes}
here=$(cd -P -- "$(dirname -- "$0")" && pwd)
. "$here/shell.sh"

cache=${FERMATA_CACHE_DIR:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/fermata}
stamp=$cache/containers-$kind-$(uname -r)

# unavailable WHY
unavailable() {
  say "no containers here: $1. The simulated runtime serves instead (./fermata doctor shows each part)"
  exit 1
}

[ "$(uname -s)" = Linux ] || unavailable "checkpoint/restore of processes needs Linux, and this is $(uname -s)"
is_root || unavailable 'Podman checkpoints containers for root only'

# Debian keeps administrators' programs out of a user's PATH; runc and criu are such.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
export PATH

# A command that must be there, and the packages that bring it (the first that the system's sources know).
network_plugins_present() {
  for directory in /usr/lib/podman /usr/libexec/podman /usr/local/lib/podman /usr/lib/cni; do
    [ ! -x "$directory/netavark" ] && [ ! -x "$directory/bridge" ] || return 0
  done
  return 1
}

wanted=
want() { # COMMAND PACKAGE
  has "$1" || wanted="$wanted $2"
}
want podman podman
want runc runc
want conmon conmon
want iptables iptables
want nft nftables
want ip iproute2
want nsenter util-linux
want tar tar
want perl perl-base
[ "$kind" != tests ] || want kubectl kubernetes-client
[ "$kind" != tests ] || want ps procps
if ! network_plugins_present; then
  if is_debian && [ -n "$(apt-cache --quiet=0 search --names-only '^netavark$' 2>/dev/null)" ]; then
    wanted="$wanted netavark"
  elif is_debian; then
    wanted="$wanted containernetworking-plugins"
  fi
fi

if [ -n "$wanted" ]; then
  is_debian || unavailable "missing:$wanted (this is neither Debian nor Ubuntu: install them with its own package manager)"
  mkdir -p "$cache"
  take_lock "$cache/install.lock"
  case $wanted in
    *containernetworking-plugins*) # the lists may just not have been fetched yet
      apt-get -q update </dev/null >/dev/null 2>&1 || true
      [ -z "$(apt-cache --quiet=0 search --names-only '^netavark$' 2>/dev/null)" ] ||
        wanted=$(echo "$wanted" | sed 's/containernetworking-plugins/netavark/')
      ;;
  esac
  say "installing Debian packages$wanted (real containers need them)"
  # shellcheck disable=SC2086 # a list of package names
  apt_install $wanted || unavailable "apt-get could not install$wanted"
  release_lock
fi

# A CRIU that works here: the system's, one unpacked before, a newer suite's.
criu=
for candidate in "$(command -v criu || true)" "$cache"/criu/*/bin/criu; do
  if [ -x "$candidate" ] && criu_is_able "$candidate"; then
    criu=$candidate
    break
  fi
done
if [ -z "$criu" ]; then
  is_debian || unavailable 'no criu passes "criu check" on this kernel (install CRIU 4.2 or newer)'
  mkdir -p "$cache"
  take_lock "$cache/install.lock"
  sh "$here/criu.sh" "$cache/criu" || unavailable 'no criu passes "criu check" on this kernel'
  release_lock
fi

mkdir -p "$cache"
: >"$stamp"
