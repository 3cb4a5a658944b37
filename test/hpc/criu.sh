#!/usr/bin/env bash
# criu.sh FOLDER: a CRIU that an ordinary user may use, as a site's administrator would install it: FOLDER/criu/criu, with file
# capabilities. The loader of a program with capabilities is the one named in it, so that the copy of a newer suite, which comes
# with its own C library, has it written in. Root only.
set -eu
lab=$1
cache=${XDG_CACHE_HOME:-$HOME/.cache}/fermata/criu
sh "$(dirname "$0")/../../install/criu.sh" "$cache" >&2
suite=$(ls "$cache" | grep -m 1 -x -e trixie -e sid)
mkdir -p "$lab/criu"
cp -a "$cache/$suite/usr/lib" "$lab/criu/"
cp "$(find "$cache/$suite/usr" -type f -name criu -path '*bin/*' | head -n 1)" "$lab/criu/criu"
libraries=$(dirname "$(find "$lab/criu/lib" -name libc.so.6 | head -n 1)")
patchelf --set-interpreter "$(find "$lab/criu/lib" -name 'ld-linux*.so.*' | head -n 1)" --force-rpath --set-rpath "$libraries" "$lab/criu/criu"
chmod -R go+rX "$lab/criu"
# CAP_SETPCAP is for machines where root itself lacks a capability: CRIU then drops it anew in what it restores.
setcap cap_checkpoint_restore,cap_setpcap+ep "$lab/criu/criu"
