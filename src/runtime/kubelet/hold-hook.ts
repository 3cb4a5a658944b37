import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { returnHook } from './return-hook.ts';
import { tcpLock, UNLOCK_ACTION } from './tcp-lock.ts';

/** Where the node keeps what must not outlive a boot: hook and holds. As the node sees it. */
export const VOLATILE_FOLDER = '/run/fermata';
/** As the node sees it. */
export const HOOK = `${VOLATILE_FOLDER}/criu-hook.sh`;
/** How long the dump of one container waits for those of the others of its pod. */
export const HOOK_WAIT_MILLISECONDS = 10_000;
/** Files from which runc and crun take options for CRIU when a container has no annotation `org.criu.config`. */
const CRIU_CONFIGURATIONS = ['/etc/criu/runc.conf', '/etc/criu/crun.conf'];

/**
 * Run by CRIU inside every dump and restore on the node; for the latter see {@link returnHook}. In a dump it does something only for
 * containers of which the agent asked so, in `holds/<pod uid>/<container id>.requested`. Before the dump it waits until all containers of
 * the pod have come that far (a container runtime pauses each one first, so they are dumped at one instant), at most ten seconds. After
 * the dump it stops every process of the container: CRIU has written its images and still holds the processes, which come out of its
 * hands stopped. The request is claimed by renaming it, so that one that was withdrawn holds nobody. Of a pod with connections all TCP is
 * dropped from before the dump until it is let go: CRIU itself locks them only while it dumps, and what the kernel acknowledged behind
 * the dump would be in none.
 *
 * A process is stopped only when its own control group names the container: an empty path once meant every process of the machine.
 *
 * @param roots for tests; default those of the machine
 */
export function holdHook(roots: { folder?: string; proc?: string } = {}): string {
  const { folder = VOLATILE_FOLDER, proc = '/proc' } = roots;
  return `#!/bin/sh
PATH=$PATH:/usr/sbin:/sbin
${tcpLock(proc)}${returnHook({ folder, proc })}case "$CRTOOLS_SCRIPT_ACTION" in
  pre-dump | post-dump | post-setup-namespaces | pre-resume) ;;
  ${UNLOCK_ACTION}) unlock "$CRTOOLS_INIT_PID"; exit ;;
  *) exit 0 ;;
esac
cgroup=$(cat "${proc}/$CRTOOLS_INIT_PID/cgroup") || exit 0
case "$CRTOOLS_SCRIPT_ACTION" in post-setup-namespaces | pre-resume) comes_back "$cgroup"; exit ;; esac
for request in ${folder}/holds/*/*.requested; do
  id=\${request##*/}
  id=\${id%.requested}
  [ \${#id} -eq 64 ] || continue
  case "$cgroup" in *"$id"*) ;; *) continue ;; esac
  hold=\${request%/*}
  if [ "$CRTOOLS_SCRIPT_ACTION" = pre-dump ]; then
    ! connected "$CRTOOLS_INIT_PID" || lock "$CRTOOLS_INIT_PID" "$hold/locked" || exit 1
    : >"$hold/$id.reached" || exit 1
    read -r count <"$hold/count" || exit 1
    tries=0
    while [ "$tries" -lt ${HOOK_WAIT_MILLISECONDS / 10} ]; do
      tries=$((tries + 1))
      set -- "$hold"/*.reached
      [ $# -ge "$count" ] && exit 0
      sleep 0.01
    done
    echo "the other containers of the pod were not dumped within ten seconds" >&2
    exit 1
  fi
  mv "$request" "$hold/$id.held" 2>/dev/null || exit 0
  for file in $(grep -l -- "$id" ${proc}/[0-9]*/cgroup 2>/dev/null); do
    case $(cat "$file" 2>/dev/null) in *conmon-"$id"*) continue ;; esac
    pid=\${file%/cgroup}
    pid=\${pid##*/}
    [ "$pid" -gt 1 ] && kill -STOP "$pid"
  done
  mv "$hold/$id.held" "$hold/$id.stopped"
done
exit 0
`;
}

/** Puts the hook on the node and tells CRIU of it; what else its configuration says stays. `root`: the node's `/` as seen here. */
export async function installHoldHook(root: string): Promise<void> {
  await mkdir(join(root, VOLATILE_FOLDER, 'holds'), { recursive: true, mode: 0o700 });
  await replace(join(root, HOOK), holdHook(), 0o700);
  for (const configuration of CRIU_CONFIGURATIONS) {
    const path = join(root, configuration);
    const before = await readFile(path, 'utf8').catch((error: unknown) => {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '';
      throw error;
    });
    const after = withHook(before, HOOK);
    if (after === before) continue;
    await mkdir(dirname(path), { recursive: true });
    await replace(path, after, 0o644);
  }
}

/** Pure: CRIU's configuration with the hook in it, once. CRIU runs every `action-script` that it is given. */
export function withHook(configuration: string, hook: string): string {
  const line = `action-script ${hook}`;
  const lines = configuration.split('\n').filter((each) => each !== '');
  return lines.includes(line) ? configuration : `${[...lines, line].join('\n')}\n`;
}

/** In one step: CRIU may read it at any moment. */
async function replace(path: string, content: string, mode: number): Promise<void> {
  await writeFile(`${path}.new`, content, { mode });
  await chmod(`${path}.new`, mode);
  await rename(`${path}.new`, path);
}
