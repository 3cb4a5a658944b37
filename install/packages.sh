#!/bin/sh
# packages.sh ROOT runtime|development yes|no MINIMUM_NODE: the locked npm packages, and with them a Node of our own.
#
# They are put together in a folder aside and renamed into place, so an interrupted installation leaves nothing half done, and
# a running fermata never sees an empty node_modules.
set -eu
root=$1 packages=$2 may_install=$3 minimum_node=$4
. "$root/install/shell.sh"

stamp=$root/node_modules/.fermata-stamp
wanted=$(hash_of "$root/package-lock.json")

# is_node_fit PATH: runs, and is new enough.
is_node_fit() {
  [ -x "$1" ] || return 1
  version=$("$1" --version 2>/dev/null) || return 1
  version=${version#v}
  major=${version%%.*}
  rest=${version#*.}
  minor=${rest%%.*}
  [ "$major" -gt "${minimum_node%%.*}" ] || { [ "$major" -eq "${minimum_node%%.*}" ] && [ "$minor" -ge "${minimum_node#*.}" ]; }
}

# usable_node NODE_MODULES: prints the Node to use (own: relative to the root, stays right when the clone is moved).
usable_node() {
  for architecture in x64 arm64; do
    if is_node_fit "$1/node-linux-$architecture/bin/node"; then
      echo "node_modules/node-linux-$architecture/bin/node"
      return 0
    fi
  done
  system_node=$(command -v node || true)
  if [ -n "$system_node" ] && is_node_fit "$system_node"; then
    echo "$system_node"
    return 0
  fi
  return 1
}

# What is missing, in words; empty when only the stamp is.
missing() {
  if [ ! -d "$root/node_modules" ]; then
    echo 'this clone has no npm packages yet'
  elif [ ! -r "$stamp" ]; then
    echo 'node_modules was not installed by this launcher, or not to the end'
  else
    read -r stamped_hash stamped_packages stamped_node <"$stamp" || true
    if [ "$stamped_hash" != "$wanted" ]; then
      echo 'package-lock.json has changed'
    elif [ "$packages" = development ] && [ "$stamped_packages" != development ]; then
      echo 'this command needs the development packages too'
    elif ! usable_node "$root/node_modules" >/dev/null; then
      echo "no Node $minimum_node or newer"
    fi
  fi
}

write_stamp() { # NODE_MODULES PACKAGES
  found=$(usable_node "$1") || fail "no Node $minimum_node or newer: the one in the npm packages does not run on $(uname -sm)" \
    "Install Node 24 (https://nodejs.org), put it on PATH, and try again."
  echo "$wanted $2 $found" >"$1/.fermata-stamp.new"
  mv "$1/.fermata-stamp.new" "$1/.fermata-stamp"
}

reason=$(missing)
if [ -z "$reason" ]; then # only the system's Node has changed
  read -r stamped_hash stamped_packages stamped_node <"$stamp"
  write_stamp "$root/node_modules" "$stamped_packages"
  exit 0
fi
if [ "$may_install" = no ]; then
  # Packages put there by `npm ci` serve as they are, as long as a Node is there to run them.
  if [ -d "$root/node_modules/commander" ] && [ ! -r "$stamp" ] && usable_node "$root/node_modules" >/dev/null &&
    { [ "$packages" = runtime ] || [ -d "$root/node_modules/typescript" ]; }; then
    kind=runtime
    [ ! -d "$root/node_modules/typescript" ] || kind=development
    write_stamp "$root/node_modules" "$kind"
    exit 0
  fi
  fail "not installed: $reason, and --no-install forbids it" "Run ./fermata without --no-install once."
fi

mkdir -p "$root/.fermata"
take_lock "$root/.fermata/install.lock"
reason=$(missing) # another installer may have done it meanwhile
[ -n "$reason" ] || exit 0

if ! has node || ! has npm; then
  if is_debian && is_root; then
    say 'installing Debian packages nodejs and npm (there is no npm here to fetch the locked packages with)'
    apt_install nodejs npm || fail 'apt-get could not install nodejs and npm' 'Check the package sources, or put Node 24 with npm on PATH.'
  elif is_debian; then
    fail 'Node and npm are missing, and only root can install them' 'Run: sudo apt-get install nodejs npm   (any version: the right Node is fetched with it)'
  else
    fail "Node and npm are missing on this $(uname -s)" 'Install Node 24 with npm (https://nodejs.org, or your package manager), and try again.'
  fi
fi
npm_version=$(npm --version 2>/dev/null || echo 0)
[ "${npm_version%%.*}" -ge 7 ] || fail "npm $npm_version cannot read this lock file; npm 7 or newer is needed" 'Install Node 24 with npm, put it first on PATH, and try again.'

work=$root/.fermata/install
rm -rf "$work" # left by one that was killed
mkdir -p "$work"
cp "$root/package.json" "$root/package-lock.json" "$root/.npmrc" "$work/"
omit=--omit=dev
[ "$packages" = runtime ] || omit=--include=dev
label='npm packages'
[ "$packages" = runtime ] || label='npm packages, with those for development'
case $(uname -sm) in 'Linux x86_64' | 'Linux aarch64') label="Node 24 and the locked $label" ;; *) label="the locked $label" ;; esac
say "installing $label into $root/node_modules ($reason)"
began=$(date +%s)
# No package of ours needs an install script: none gets to run.
if ! (cd "$work" && npm ci "$omit" --include=optional --ignore-scripts --no-audit --no-fund --loglevel=error </dev/null) >"$work/npm.log" 2>&1; then
  said=$(sed -n -e 's/^npm error */npm: /p' -e 's/^npm ERR! */npm: /p' "$work/npm.log" | grep -v '^npm: $' | head -n 6)
  printf '%s\n' "${said:-$(tail -n 6 "$work/npm.log")}" >&2
  fail "npm could not install the locked packages (all it said is in $work/npm.log)" 'Check the network and the npm registry setting, and try again.'
fi
write_stamp "$work/node_modules" "$packages"

old=$root/.fermata/node_modules.old
rm -rf "$old"
[ ! -e "$root/node_modules" ] || mv "$root/node_modules" "$old"
mv "$work/node_modules" "$root/node_modules"
rm -rf "$old" "$work"
say "installed in $(($(date +%s) - began)) s"
