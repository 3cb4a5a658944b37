import { readFileSync } from 'node:fs';
import { FermataError } from '../../model/index.ts';
import { runCommand } from './command.ts';
import { type PodmanTools, SYSTEM_PATH } from './layout.ts';

const TABLE = 'fermata_lock';
/** Before every other rule, connection tracking included. */
const RULES = `table inet ${TABLE} {
  chain input { type filter hook input priority -400; policy accept; meta l4proto tcp drop; }
}
`;
const ESTABLISHED = '01';

/** Whether a TCP connection is open in the network namespace of the process. */
export function hasEstablishedTcp(pid: number): boolean {
  return ['tcp', 'tcp6'].some((table) => {
    let text: string;
    try {
      text = readFileSync(`/proc/${pid}/net/${table}`, 'utf8');
    } catch {
      return false; // no IPv6, or the process is gone
    }
    return text.split('\n').some((line) => line.trim().split(/\s+/)[3] === ESTABLISHED);
  });
}

/**
 * Drops all TCP in the network namespace of a process. The containers of a pod are dumped and restored one after the other:
 * without the lock the one that runs already answers its frozen peer's segments with a reset.
 */
export async function lockNetwork(tools: PodmanTools, pid: number): Promise<void> {
  const result = await inNetworkOf(tools, pid, RULES);
  if (result.status === 0) return;
  throw new FermataError(
    'CheckpointUnsupported',
    `The network between the containers cannot be locked: ${result.stderr.trim()}`,
    {
      nextStep: 'Install nftables; it is needed for pods with TCP connections between their containers.',
    },
  );
}

/** Harmless when it is not locked. */
export async function unlockNetwork(tools: PodmanTools, pid: number): Promise<void> {
  await inNetworkOf(tools, pid, `table inet ${TABLE}\ndelete table inet ${TABLE}\n`);
}

async function inNetworkOf(
  tools: PodmanTools,
  pid: number,
  rules: string,
): Promise<{ status: number; stderr: string }> {
  try {
    return await runCommand('nsenter', ['--net', '--target', String(pid), tools.nft ?? 'nft', '-f', '-'], {
      input: rules,
      environment: { PATH: SYSTEM_PATH.join(':') },
    });
  } catch (error) {
    return { status: 255, stderr: error instanceof Error ? error.message : String(error) };
  }
}
