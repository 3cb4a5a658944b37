import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock, Random } from '../clock/index.ts';
import { FermataError, type Log } from '../model/index.ts';
import { PodmanRuntime, PodmanService, type Runtime, SimulatedRuntime } from '../runtime/index.ts';
import type { SandboxConfiguration, SandboxDirectory, SandboxTools } from '../sandbox/index.ts';

/** The runtime of one node of a sandbox. */
export function runtimeOf(
  parts: { clock: Clock; random: Random; log: Log },
  directory: SandboxDirectory,
  configuration: SandboxConfiguration,
  node: string,
): Runtime {
  if (configuration.runtime === 'simulated') {
    mkdirSync(directory.node(node), { recursive: true, mode: 0o700 });
    return new SimulatedRuntime(parts, { stateFile: join(directory.node(node), 'simulated.json'), writeOutputs: true });
  }
  return new PodmanRuntime(parts, {
    directory: directory.podman,
    socket: directory.podmanSocket,
    node,
    tools: toolsOf(configuration),
    network: configuration.network,
  });
}

/** The private Podman that all nodes of a sandbox share; undefined with the simulated runtime. */
export function podmanServiceOf(
  parts: { clock: Clock; log: Log },
  directory: SandboxDirectory,
  configuration: SandboxConfiguration,
): PodmanService | undefined {
  if (configuration.runtime !== 'podman') return undefined;
  return new PodmanService(parts, {
    directory: directory.podman,
    socket: directory.podmanSocket,
    tools: toolsOf(configuration),
  });
}

function toolsOf({ tools }: SandboxConfiguration): SandboxTools {
  if (tools === undefined) {
    throw new FermataError(
      'SandboxWithoutTools',
      'the sandbox is to use podman, but where its programs are is not recorded',
      {
        nextStep: 'remove the sandbox and start it again: fermata down, fermata up',
      },
    );
  }
  return tools;
}
