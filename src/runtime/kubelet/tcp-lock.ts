import { reasonOf } from '../../model/index.ts';
import { runCommand } from '../podman/command.ts';
import { LOCK_RULES, UNLOCK_RULES } from '../podman/network-lock.ts';

/** What the hook does when the agent runs it, with a process of the pod, to let TCP through again. */
export const UNLOCK_ACTION = 'fermata-unlock';

/**
 * Functions of the node's hook. `connected PID`: whether there is an established connection in that process's network namespace.
 * `lock PID FILE`: drops all TCP there, and notes that in the file; nothing on the node's own network. `unlock PID`. By nft, or where the
 * node has none by iptables, which CRIU itself needs there.
 */
export function tcpLock(proc: string): string {
  return `connected() {
  grep -qE '^ *[0-9]+: [0-9A-F]+:[0-9A-F]+ [0-9A-F]+:[0-9A-F]+ 01 ' ${proc}/"$1"/net/tcp ${proc}/"$1"/net/tcp6 2>/dev/null
}
lock() {
  # On the node's own network there are others.
  [ "$(readlink ${proc}/"$1"/ns/net)" != "$(readlink ${proc}/self/ns/net)" ] || return 0
  : >"$2" || return 1
  net="nsenter --net=${proc}/$1/ns/net"
  if command -v nft >/dev/null; then
    $net nft -f - <<'RULES'
${LOCK_RULES}RULES
    return
  fi
  for tables in iptables ip6tables; do
    [ "$tables" = iptables ] || [ -e ${proc}/"$1"/net/if_inet6 ] || continue
    for chain in INPUT OUTPUT; do $net $tables -w -I $chain -p tcp -m comment --comment fermata -j DROP || return 1; done
  done
}
unlock() {
  net="nsenter --net=${proc}/$1/ns/net"
  if command -v nft >/dev/null; then
    $net nft -f - <<'RULES'
${UNLOCK_RULES}RULES
    return
  fi
  for tables in iptables ip6tables; do
    for chain in INPUT OUTPUT; do
      while $net $tables -w -D $chain -p tcp -m comment --comment fermata -j DROP 2>/dev/null; do :; done
    done
  done
}
`;
}

/** By the hook, which lies at `hook` on the node whose `/` is seen at `root`. Gives why it did not come to be. */
export async function unlockTcp(root: string, hook: string, pid: number): Promise<string | undefined> {
  const environment = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', CRTOOLS_SCRIPT_ACTION: UNLOCK_ACTION };
  try {
    const { status, stderr } = await runCommand('chroot', [root, hook], {
      environment: { ...environment, CRTOOLS_INIT_PID: String(pid) },
    });
    return status === 0 ? undefined : stderr.trim();
  } catch (error) {
    return reasonOf(error);
  }
}
