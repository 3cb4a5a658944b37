import { runCommand } from './command.ts';
import { SYSTEM_PATH } from './layout.ts';

const OWN_PREFIX = 'NETAVARK';
/** A network that is in use has a chain named after it, besides the general ones. */
const NETWORK_CHAIN = /^NETAVARK-[0-9A-F]{12,}$/;

/**
 * Removes the general chains that Podman's network program (netavark) leaves in iptables after its last network is gone. Does
 * nothing while any network is in use, of whichever Podman: they share these chains, and netavark makes them again.
 */
export async function removeUnusedChains(): Promise<void> {
  const environment = { PATH: SYSTEM_PATH.join(':') };
  let saved: string;
  try {
    saved = (await runCommand('iptables-save', [], { environment })).stdout;
  } catch {
    return; // no iptables: nothing can have been left in it
  }
  for (const commands of unusedChainCommands(saved)) await runCommand('iptables', ['-w', ...commands], { environment });
}

/** Pure: what to give iptables, from what `iptables-save` says; rules that lead to a chain go before the chain. */
export function unusedChainCommands(saved: string): string[][] {
  const jumps: string[][] = [];
  const flushes: string[][] = [];
  const deletions: string[][] = [];
  let table = '';
  for (const line of saved.split('\n')) {
    if (line.startsWith('*')) table = line.slice(1);
    const chain = /^:(\S+)/.exec(line)?.[1];
    if (chain !== undefined && NETWORK_CHAIN.test(chain)) return [];
    if (chain?.startsWith(OWN_PREFIX)) {
      flushes.push(['-t', table, '-F', chain]);
      deletions.push(['-t', table, '-X', chain]);
    }
    const rule = /^-A (\S+) (.*-j NETAVARK\S*)$/.exec(line);
    if (rule !== null && !rule[1]?.startsWith(OWN_PREFIX)) jumps.push(['-t', table, '-D', ...wordsOf(line.slice(3))]);
  }
  return [...jumps, ...flushes, ...deletions];
}

/** Words of a rule; comments are quoted. */
function wordsOf(rule: string): string[] {
  return [...rule.matchAll(/"([^"]*)"|(\S+)/g)].map((match) => match[1] ?? match[2] ?? '');
}
