# Shared by the launcher and the installers; sourced, POSIX sh.

# say TEXT: one line of progress. Standard output belongs to the command.
say() {
  printf 'fermata: %s\n' "$*" >&2
}

# fail TEXT NEXT-STEP
fail() {
  printf 'error: %s\n' "$1" >&2
  [ $# -lt 2 ] || printf '  %s\n' "$2" >&2
  exit 1
}

has() {
  command -v "$1" >/dev/null 2>&1
}

is_root() {
  [ "$(id -u)" = 0 ]
}

# Debian, Ubuntu and what derives from them.
is_debian() {
  has apt-get && has dpkg
}

hash_of() {
  if has sha256sum; then
    sum=$(sha256sum "$1")
  elif has shasum; then
    sum=$(shasum -a 256 "$1")
  else
    sum=$(cksum <"$1")
  fi
  printf '%s\n' "${sum%% *}"
}

# is_at_least VERSION MAJOR MINOR
is_at_least() {
  major=${1%%[!0-9]*}
  rest=${1#*.}
  minor=${rest%%[!0-9]*}
  [ "${major:-0}" -gt "$2" ] || { [ "${major:-0}" -eq "$2" ] && [ "${minor:-0}" -ge "$3" ]; }
}

criu_version() {
  "$1" --version 2>/dev/null | sed -n 's/^Version: //p'
}

# criu_is_able CRIU: passes its check, and can dump sockets. From Linux 6.16 on, SO_PASSCRED is refused on anything but Unix
# sockets, which CRIU before 4.2 does not expect: its check passes, and a dump of any process with a TCP or UDP socket fails.
criu_is_able() {
  "$1" check >/dev/null 2>&1 || return 1
  is_at_least "$(criu_version "$1")" 4 2 || ! is_at_least "$(uname -r)" 6 16
}

# apt_install PACKAGE...: installs from the system's own sources; refreshes the lists only when that fails without.
apt_install() {
  apt_log=$(mktemp "${TMPDIR:-/tmp}/fermata-apt.XXXXXX")
  set -- -y -q --no-install-recommends -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 install "$@"
  if DEBIAN_FRONTEND=noninteractive apt-get "$@" </dev/null >"$apt_log" 2>&1 ||
    { apt-get -q update </dev/null >>"$apt_log" 2>&1 && DEBIAN_FRONTEND=noninteractive apt-get "$@" </dev/null >>"$apt_log" 2>&1; }; then
    rm -f "$apt_log"
    return 0
  fi
  tail -n 5 "$apt_log" >&2
  rm -f "$apt_log"
  return 1
}

# take_lock FILE: one installer at a time. The lock is a symbolic link whose target is the holder's process id: made whole in
# one system call, so there is no moment in which its owner is unknown. A lock whose owner is gone is taken over.
take_lock() {
  lock=$1
  said=
  waited=0
  until ln -s "$$" "$lock" 2>/dev/null; do
    owner=$(readlink "$lock" 2>/dev/null || true)
    if [ -z "$owner" ]; then
      [ -w "${lock%/*}" ] || fail "cannot write to ${lock%/*}" "Run it as a user who may, or install as the owner of that folder first."
      continue # released just now
    fi
    if ! kill -0 "$owner" 2>/dev/null && ! [ -d "/proc/$owner" ]; then
      break_lock "$owner"
      continue
    fi
    [ -n "$said" ] || say "waiting for the installation that process $owner is doing"
    said=yes
    waited=$((waited + 1))
    [ "$waited" -lt 1800 ] || fail "process $owner has held $lock for half an hour" "If it is not an installation, remove that file and try again."
    sleep 1
  done
  trap 'release_lock' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
}

# Two that find the same dead owner must not remove each other's new lock: the second look happens under a lock of its own.
break_lock() {
  if mkdir "$lock.breaking" 2>/dev/null; then
    [ "$(readlink "$lock" 2>/dev/null || true)" != "$1" ] || rm -f "$lock"
    rmdir "$lock.breaking"
  else
    sleep 1
    # Its maker lives for milliseconds; one a minute old was killed.
    find "$lock.breaking" -prune -mmin +1 -exec rmdir {} \; 2>/dev/null || true
  fi
}

release_lock() {
  [ "$(readlink "$lock" 2>/dev/null || true)" != "$$" ] || rm -f "$lock"
}
