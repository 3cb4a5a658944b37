#!/bin/sh
# criu.sh DIRECTORY: unpacks the CRIU of a newer suite, with its own C library, into DIRECTORY/<suite>, and keeps it when
# `criu check` passes on this kernel. The host's dpkg and apt state stay untouched: pinning criu from a newer suite would replace
# the host's libc6 and dozens of packages with it.
set -eu
directory=$1
here=$(cd -P -- "$(dirname -- "$0")" && pwd)
. "$here/shell.sh"

distribution=debian component=main
if [ -r /etc/os-release ]; then
  case $(. /etc/os-release && echo "${ID:-} ${ID_LIKE:-}") in ubuntu* | *' ubuntu'*) distribution=ubuntu component=universe ;; esac
fi
case $distribution in
  debian) suites='trixie sid' ;; # the stable one first
  ubuntu) suites='plucky questing resolute' component='main universe' ;;
esac
keyring=/usr/share/keyrings/$distribution-archive-keyring.gpg

# The archive this system already uses, asked from apt itself, which knows one-line and deb822 sources, mirrors and options.
archive() {
  apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(COMPONENT)|$(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
    awk -F '|' -v name="$distribution" 'tolower($1) == name && tolower($2) == name && $3 == "main" { print $4; exit }'
}
mirror=$(archive)
if [ -z "$mirror" ]; then # nothing fetched yet
  apt-get -q update </dev/null >/dev/null 2>&1 || true
  mirror=$(archive)
fi
[ -n "$mirror" ] || fail "apt knows no $distribution archive to take a newer CRIU from" 'Install CRIU 4.1 or newer so that `criu check` passes.'

work=
# When no suite has a fully able one: the first whose check passes. It dumps what has no sockets. It stays beside a better one,
# since a running sandbox may use it.
second_best=
trap '[ -z "$work" ] || rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# unpack SUITE: leaves the suite's CRIU in $work/root; the reason of a failure in $work/log.
unpack() {
  mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/empty" "$work/root"
  : >"$work/status"
  signed=
  [ ! -r "$keyring" ] || signed="[signed-by=$keyring] "
  echo "deb $signed$mirror $1 $component" >"$work/sources.list"
  # sid's release file can be past its date; its signature is checked all the same.
  set -- -qq -o "Dir::Etc::sourcelist=$work/sources.list" -o "Dir::Etc::sourceparts=$work/empty" \
    -o "Dir::Etc::preferencesparts=$work/empty" -o Dir::Etc::preferences=/dev/null -o "Dir::State::lists=$work/lists" \
    -o "Dir::State::status=$work/status" -o "Dir::Cache=$work/cache" -o APT::Sandbox::User=root \
    -o Acquire::Check-Valid-Until=false -o Acquire::Languages=none -o APT::Get::List-Cleanup=false \
    -o APT::Update::Post-Invoke::= -o APT::Update::Error-Mode=any
  apt-get "$@" update </dev/null >"$work/log" 2>&1 || return 1
  apt-get "$@" -y --no-install-recommends --download-only install criu </dev/null >"$work/log" 2>&1 || return 1
  for package in "$work"/cache/archives/*.deb; do
    dpkg-deb -x "$package" "$work/root" 2>"$work/log" || return 1
  done
}

# wrap ROOT FINAL: writes ROOT/bin/criu, which runs FINAL's criu with FINAL's own C library.
wrap() {
  loader=$(cd "$1" && find usr/lib usr/lib64 lib lib64 -name 'ld-linux*.so.*' 2>/dev/null | head -n 1)
  libraries=$(cd "$1" && find usr/lib lib -name 'libc.so.6' 2>/dev/null | head -n 1)
  program=$(cd "$1" && find usr/sbin usr/bin sbin -name criu -type f 2>/dev/null | head -n 1)
  [ -n "$loader" ] && [ -n "$libraries" ] && [ -n "$program" ] || return 1
  mkdir -p "$1/bin"
  rm -f "$1/bin/criu"
  printf '#!/bin/sh\nexec "%s" --library-path "%s" "%s" "$@"\n' "$2/$loader" "$2/${libraries%/*}" "$2/$program" >"$1/bin/criu"
  chmod 755 "$1/bin/criu"
}

# adopt SUITE: puts what was unpacked and works into its place.
adopt() {
  final=$directory/$1
  # Only what criu and its loader read: programs and libraries.
  (cd "$work/root" && rm -rf usr/share/doc usr/share/man usr/share/locale usr/share/info var)
  wrap "$work/root" "$final"
  rm -rf "$final"
  mv "$work/root" "$final"
  say "CRIU $(criu_version "$final/bin/criu") installed in $(($(date +%s) - began)) s"
}

mkdir -p "$directory"
directory=$(cd -P -- "$directory" && pwd)
rm -rf "$directory"/.unpack.* # left by one that was killed
for suite in $suites; do
  if ! [ -x "$directory/$suite/bin/criu" ] || ! "$directory/$suite/bin/criu" check >/dev/null 2>&1; then
    say "installing CRIU of $distribution $suite into $directory/$suite (the system has none that works on kernel $(uname -r))"
    began=$(date +%s)
    work=$(mktemp -d "$directory/.unpack.XXXXXX")
    chmod 755 "$work"
    if ! unpack "$suite"; then
      say "CRIU of $suite cannot be had from $mirror: $(grep -m 1 '^E:' "$work/log" || tail -n 1 "$work/log")"
    elif ! wrap "$work/root" "$work/root" || ! "$work/root/bin/criu" check >"$work/log" 2>&1; then
      say "CRIU of $suite does not work on this kernel: $(tail -n 1 "$work/log")"
    else
      adopt "$suite"
    fi
    rm -rf "$work"
    work=
  fi
  [ -x "$directory/$suite/bin/criu" ] || continue
  ! criu_is_able "$directory/$suite/bin/criu" || exit 0
  say "CRIU $(criu_version "$directory/$suite/bin/criu") of $suite cannot dump processes with network sockets on kernel $(uname -r)"
  : "${second_best:=$directory/$suite}"
done
[ -z "$second_best" ] || exit 0
say "none of $distribution's newer suites ($suites) gave a working CRIU"
exit 1
