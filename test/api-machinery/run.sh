#!/usr/bin/env bash
# test/api-machinery/run.sh [SUITE]: what kube-apiserver makes of deploy/, by its own libraries: the webhook's conditions, and the
# definitions with their rules. Debian's SUITE (default sid) has them as source, with a Go that builds them; nothing is installed.
# 330 MB are fetched and 3 GB unpacked into node_modules/.cache. The first run builds 1,100 packages, later ones few.
set -euo pipefail
suite=${1:-sid}
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
cache=$here/../../node_modules/.cache/api-machinery/$suite
root=$cache/root

if [ ! -e "$cache/fetched" ]; then
  rm -rf "$cache"
  mkdir -p "$root" "$cache"/{debs,apt/lists/partial,apt/cache/archives/partial}
  : >"$cache/apt/status"
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | head -n 1)
  printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n' "$mirror" "$suite" >"$cache/apt/sources.list"
  # Without a status of its own, what this machine has would count as there already.
  for setting in Etc::sourcelist:sources.list State::lists:lists State::status:status Cache:cache; do
    printf 'Dir::%s "%s/apt/%s";\n' "${setting%:*}" "$cache" "${setting##*:}"
  done >"$cache/apt/apt.conf"
  printf 'Dir::Etc::sourceparts "-";\nAPT::Sandbox::User "root";\nAcquire::Languages "none";\n' >>"$cache/apt/apt.conf"
  export APT_CONFIG=$cache/apt/apt.conf
  apt-get update -q
  packages=$(apt-get -s install --no-install-recommends golang-go golang-k8s-apiserver-dev golang-k8s-apiextensions-apiserver-dev |
    awk '/^Inst golang-/ { print $2 }')
  (cd "$cache/debs" && xargs apt-get download -q <<<"$packages")
  for package in "$cache"/debs/*.deb; do dpkg-deb -x "$package" "$root"; done
  rm -r "$cache/debs"
  touch "$cache/fetched"
fi

export GOROOT=$root/usr/lib/go GOPATH=$root/usr/share/gocode GOCACHE=$cache/build GOTOOLCHAIN=local
export GO111MODULE=off GOFLAGS='' CGO_ENABLED=0
cd "$here"
exec nice "$GOROOT/bin/go" test -count=1 .
