#!/usr/bin/env bash
# test/cluster/on-lab.sh FOLDER [COMMAND…]: brings up the cluster whose scripts lie in FOLDER (two nodes on this machine; built into
# its cache on the first run), runs the command with it (default: the cluster tests), and brings all of it down again, whatever
# happens. Exit status: the command's.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
scripts=$(cd -- "$1" && pwd)
shift
export LAB=${LAB:-$HOME/.cache/fermata-k8s-lab}
export PATH=$PATH:/usr/sbin:/sbin

if [ ! -e "$LAB/built" ]; then
  "$scripts/install-build.sh"
  touch "$LAB/built"
fi

down() {
  "$scripts/down-all.sh" >/dev/null 2>&1 || echo "the cluster did not come down in peace; see $LAB/run/log" >&2
  rm -rf "$LAB"/fermata-* "$LAB"/run/fermata-*
}
down
trap down EXIT
trap 'exit 130' INT TERM
# This kubelet lets go of the objects of pods that are gone at the pod's next turn, which else comes every ten seconds to a minute.
export KUBELET_FLAGS=${KUBELET_FLAGS:---sync-frequency=1s}
"$scripts/up.sh" 2
export KUBECONFIG=$LAB/run/kc/admin.conf
# A node is where this process is: its kubelet and its containerd may be started anew. It ends with the node.
hold() {
  nsenter -t "$(cat "$LAB/run/pid/containerd-$1")" -m -r sleep infinity >/dev/null 2>&1 </dev/null &
  echo $! >"$LAB/run/fermata-$1"
  disown
}
root() { echo "/proc/$(cat "$LAB/run/fermata-$1")/root"; }
hold node1
hold node2
# The one kubelet is asked directly, the other through the API server.
keys=$LAB/run/pki
kubelet1=$(printf '"--kubelet-url","https://127.0.0.1:10250","--kubelet-ca","%s","--kubelet-client-certificate","%s","--kubelet-client-key","%s"' \
  "$keys/ca.crt" "$keys/kubelet-client.crt" "$keys/kubelet-client.key")
FERMATA_TEST_NODES=$(printf '{"roots":{"node1":"%s","node2":"%s"},"kubelets":{"node1":[%s]},"restart":"%s","byHand":"%s","image":"127.0.0.1:5000/counter:1","shared":"%s"}' \
  "$(root node1)" "$(root node2)" "$kubelet1" "$here/test/cluster/restart-on-lab.sh" "$scripts/migrate.sh" "$LAB")
export FERMATA_TEST_NODES
cd "$here"
if [ $# = 0 ]; then set -- ./fermata test --cluster; fi
"$@"
