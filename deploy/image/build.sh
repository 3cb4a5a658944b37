#!/bin/sh
# build.sh [TAG] [BUILD-OPTION…]: the image of all roles, by default localhost/fermata:latest. Needs Debian (or Ubuntu) with apt
# reachable, a clone in which ./fermata has run once, and buildah or Podman, of which the first is taken.
# build.sh --layout FOLDER: only what is in the image, into that folder.
set -eu
here=$(cd -P -- "$(dirname -- "$0")" && pwd)
root=$(cd -P -- "$here/../.." && pwd)
node=$(echo "$root"/node_modules/node-linux-*/bin/node)
[ -x "$node" ] || {
  echo "error: $root has no Node of its own: run ./fermata doctor there once" >&2
  exit 1
}

lay_out() { # FOLDER PACKAGES-FOLDER
  mkdir -p "$1/opt/fermata" "$1/etc" "$1/tmp" "$2"
  chmod 1777 "$1/tmp"
  # What Node is linked with, and what the agent starts: tar and cp.
  (cd "$2" && apt-get download -qq libc6 libgcc-s1 libstdc++6 tar coreutils libacl1 libattr1 libselinux1 libpcre2-8-0 libgmp10)
  # The HPC connector's ssh, with the shell that it starts for a jump host. Newer distributions call libssl3 another name.
  (cd "$2" && apt-get download -qq openssh-client dash zlib1g libgssapi-krb5-2 libkrb5-3 libk5crypto3 libkrb5support0 \
    libcom-err2 libkeyutils1 "$(apt-cache --names-only search '^libssl3(t64)?$' | cut -d' ' -f1 | tail -n 1)")
  for package in "$2"/*.deb; do dpkg-deb -x "$package" "$1"; done
  for unneeded in doc man locale info lintian; do rm -rf "$1/usr/share/$unneeded"; done
  rm -rf "$1"/usr/lib/*/gconv
  mkdir -p "$1/bin"
  [ -e "$1/bin/sh" ] || ln -s "$([ -e "$1/bin/dash" ] || echo /usr/bin/)dash" "$1/bin/sh"
  # ssh refuses to run as a user who is not known.
  printf '%s:/bin/false\n' root:x:0:0::/root fermata:x:65532:65532::/tmp nobody:x:65534:65534::/tmp >"$1/etc/passwd"
  printf '%s:\n' root:x:0 fermata:x:65532 nogroup:x:65534 >"$1/etc/group"

  # The packages that the lock file does not mark as being for development, and the sources without their tests.
  "$node" "$here/production-packages.ts" "$root" |
    (cd "$root" && tar -cf - --exclude='*.md' --exclude='*.map' --exclude='*.d.ts' --exclude='*.d.?ts' --files-from=-) |
    tar -xf - -C "$1/opt/fermata"
  cp "$node" "$1/opt/fermata/node"
  (cd "$root" && tar -cf - --exclude='*.test.ts' --exclude='fixtures' src package.json LICENSE) | tar -xf - -C "$1/opt/fermata"
  # For `kubectl exec`: the Containerfile's entry point by name.
  printf '#!/bin/sh\nexec /opt/fermata/node --disable-warning=ExperimentalWarning /opt/fermata/src/cli/main.ts "$@"\n' >"$1/usr/bin/fermata"
  chmod 755 "$1/usr/bin/fermata"
}

context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
if [ "${1:-}" = --layout ]; then
  lay_out "$2" "$context/packages"
  exit 0
fi
tag=${1:-localhost/fermata:latest}
[ $# -eq 0 ] || shift
builder=$(command -v buildah || command -v podman) || {
  echo 'error: neither buildah nor podman is installed: apt-get install buildah' >&2
  exit 1
}
lay_out "$context/image" "$context/packages"
rm -rf "$context/packages"
"$builder" build --tag "$tag" --file "$here/Containerfile" "$@" "$context"
echo "built $tag: $(du -sh "$context/image" | cut -f1) unpacked"
