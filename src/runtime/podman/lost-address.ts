import { FermataError } from '../../model/index.ts';
import { endsOf } from '../outside-connections.ts';
import type { ConnectionEnds } from '../tcp-connections.ts';
import { runCommand } from './command.ts';
import { SYSTEM_PATH } from './layout.ts';

/**
 * A pod's network namespace that has another address than at the dump. CRIU can bring back a connection only where its own address
 * is; so that one is lent to the loopback interface while it does.
 */
export async function lendAddress(pid: number, address: string): Promise<void> {
  const { status, stderr } = await inNetworkOf(pid, ['ip', 'address', 'replace', `${address}/32`, 'dev', 'lo']);
  if (status === 0) return;
  throw new FermataError('RestoreFailed', `the old address ${address} cannot be lent to the pod: ${stderr.trim()}`, {
    nextStep: 'Install iproute2.',
  });
}

/**
 * Takes the address back and closes the connections it had: their processes see `ECONNABORTED` and can connect anew, where they would
 * otherwise wait for answers that cannot come. Harmless when there are none.
 */
export async function takeBackAddress(pid: number, address: string): Promise<void> {
  await inNetworkOf(pid, ['ss', '--tcp', '--kill', 'src', address]);
  await inNetworkOf(pid, ['ip', 'address', 'delete', `${address}/32`, 'dev', 'lo']);
}

/** Closes just these: their processes see `ECONNABORTED`, their peers a reset. Those that are not there any more are closed. */
export async function closeConnections(pid: number, connections: readonly ConnectionEnds[]): Promise<void> {
  for (const connection of connections) {
    const [local, remote] = endsOf(connection);
    await inNetworkOf(pid, ['ss', '--tcp', '--kill', 'src', local, 'dst', remote]);
  }
}

async function inNetworkOf(pid: number, command: readonly string[]): Promise<{ status: number; stderr: string }> {
  try {
    return await runCommand('nsenter', ['--net', '--target', String(pid), ...command], {
      environment: { PATH: SYSTEM_PATH.join(':') },
    });
  } catch (error) {
    return { status: 255, stderr: error instanceof Error ? error.message : String(error) };
  }
}
