import { FermataError } from '../../model/index.ts';
import { runCommand } from './command.ts';
import { type PodmanTools, SYSTEM_PATH } from './layout.ts';

const TABLE = 'fermata_lock';
const ENVIRONMENT = { PATH: SYSTEM_PATH.join(':') };
/** For nft: drops all TCP, before every other rule, connection tracking included. */
export const LOCK_RULES = `table inet ${TABLE} {
  chain input { type filter hook input priority -400; policy accept; meta l4proto tcp drop; }
  chain output { type filter hook output priority -400; policy accept; meta l4proto tcp drop; }
}
`;
/** Harmless when they are not there. */
export const UNLOCK_RULES = `table inet ${TABLE}\ndelete table inet ${TABLE}\n`;

/**
 * Drops all TCP in the network namespace of a process. The containers of a pod are dumped and restored one after the other:
 * without the lock the one that runs already answers its frozen peer's segments with a reset.
 */
export async function lockNetwork(tools: PodmanTools, pid: number): Promise<void> {
  const result = await inNetworkOf(tools, pid, LOCK_RULES);
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
  await inNetworkOf(tools, pid, UNLOCK_RULES);
}

/** Far longer than a pod's namespaces take to be made and locked; so nothing is held for ever when whoever holds it is killed. */
const HOLD_SECONDS = 60;

/**
 * Keeps all TCP from the address of a bridge: a namespace that has it again, and is not locked yet, would answer the segments of a
 * connection that is still to be restored with a reset. Where the kernel cannot (no nftables for bridges) it is not held.
 */
export async function holdAddress(tools: PodmanTools, address: string): Promise<void> {
  const drop = `priority -400; policy accept; ip daddr @held meta l4proto tcp drop;`;
  const rules = `${removal(address)}table bridge ${holdTable(address)} {
  set held { type ipv4_addr; flags timeout; elements = { ${address} timeout ${HOLD_SECONDS}s } }
  chain forward { type filter hook forward ${drop} }
  chain output { type filter hook output ${drop} }
}
`;
  await runCommand(tools.nft ?? 'nft', ['-f', '-'], { input: rules, environment: ENVIRONMENT }).catch(() => undefined);
}

/** Harmless when it is not held. */
export async function releaseAddress(tools: PodmanTools, address: string): Promise<void> {
  const options = { input: removal(address), environment: ENVIRONMENT };
  await runCommand(tools.nft ?? 'nft', ['-f', '-'], options).catch(() => undefined);
}

function removal(address: string): string {
  return `table bridge ${holdTable(address)}\ndelete table bridge ${holdTable(address)}\n`;
}

function holdTable(address: string): string {
  return `fermata_hold_${address.replaceAll('.', '_')}`;
}

async function inNetworkOf(
  tools: PodmanTools,
  pid: number,
  rules: string,
): Promise<{ status: number; stderr: string }> {
  try {
    return await runCommand('nsenter', ['--net', '--target', String(pid), tools.nft ?? 'nft', '-f', '-'], {
      input: rules,
      environment: ENVIRONMENT,
    });
  } catch (error) {
    return { status: 255, stderr: error instanceof Error ? error.message : String(error) };
  }
}
