/** Far longer than a pod may stand still; so nothing stays locked for ever when whoever locked it is no more. */
const LOCK_SECONDS = 600;

/**
 * The part of the node's hook that CRIU runs in restores. It does something only for pods of which the agent asked so, by a folder
 * `returns/<pod uid>`: their processes come out of CRIU's hands stopped, and none of them runs before the agent lets all of the pod go.
 * Where a connection comes back, all TCP in the pod's namespace is dropped from before CRIU restores it: what is not back yet would
 * answer it with a reset. CRIU runs it in the container's own control group, so only what descends from the first process is stopped.
 *
 * The agent calls it with the action `fermata-unlock`, and a process of the pod, to undo the latter.
 */
export function returnHook({ folder, proc }: { folder: string; proc: string }): string {
  const drop = (hook: string): string =>
    `  chain ${hook} { type filter hook ${hook} priority -400; policy accept; meta l4proto @locked drop; }`;
  return `lock() {
  net="nsenter --net=${proc}/$1/ns/net"
  if command -v nft >/dev/null; then
    $net nft -f - <<'RULES'
table inet fermata_return {
  set locked { type inet_proto; flags timeout; }
${drop('input')}
${drop('output')}
}
add element inet fermata_return locked { tcp timeout ${LOCK_SECONDS}s }
RULES
    return
  fi
  for tables in iptables ip6tables; do
    for chain in INPUT OUTPUT; do $net $tables -w -I $chain -p tcp -m comment --comment fermata -j DROP || return 1; done
  done
}
unlock() {
  net="nsenter --net=${proc}/$1/ns/net"
  if command -v nft >/dev/null; then
    $net nft 'table inet fermata_return; delete table inet fermata_return'
    return
  fi
  for tables in iptables ip6tables; do
    for chain in INPUT OUTPUT; do
      while $net $tables -w -D $chain -p tcp -m comment --comment fermata -j DROP 2>/dev/null; do :; done
    done
  done
}
stop() {
  kill -STOP "$1" || exit 1
  for child in $(cat ${proc}/"$1"/task/*/children); do stop "$child"; done
}
comes_back() {
  for asked in ${folder}/returns/*/; do
    [ -e "$asked" ] && [ ! -e "$asked/released" ] || continue
    uid=\${asked%/}
    uid=\${uid##*/}
    case "$1" in *pod"$uid"* | *pod"$(echo "$uid" | tr - _)"*) ;; *) continue ;; esac
    if [ "$CRTOOLS_SCRIPT_ACTION" = post-setup-namespaces ]; then
      set -- "$CRTOOLS_IMAGE_DIR"/tcp-stream-*.img
      [ -e "$1" ] || return 0
      # On the node's own network there are others.
      [ "$(readlink ${proc}/"$CRTOOLS_INIT_PID"/ns/net)" != "$(readlink ${proc}/self/ns/net)" ] || return 0
      : >"$asked/locked" || exit 1
      lock "$CRTOOLS_INIT_PID" || exit 1
      return 0
    fi
    id=$(echo "$1" | grep -oE '[0-9a-f]{64}' | tail -n 1)
    [ \${#id} -eq 64 ] && [ "$CRTOOLS_INIT_PID" -gt 1 ] || exit 1
    stop "$CRTOOLS_INIT_PID"
    : >"$asked/$id.back"
  done
}
`;
}
