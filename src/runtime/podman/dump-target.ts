import { join } from 'node:path';
import { ContainerCgroup } from './cgroup.ts';
import type { PodmanContainer } from './containers.ts';
import type { PodmanLayout } from './layout.ts';
import { type OciConfiguration, readConfiguration } from './oci.ts';

/** A container that is dumped, or was. */
export interface DumpTarget {
  container: PodmanContainer;
  userdata: string;
  config: OciConfiguration;
  cgroup: ContainerCgroup;
  /** In the checkpoint. */
  directory: string;
}

/** @param directory the pod's checkpoint */
export async function targetOf(
  layout: PodmanLayout,
  container: PodmanContainer,
  directory: string,
): Promise<DumpTarget> {
  const userdata = layout.userdata(container.id);
  const config = await readConfiguration(userdata);
  const cgroup = ContainerCgroup.at(config.linux.cgroupsPath ?? '');
  return { container, userdata, config, cgroup, directory: join(directory, container.name) };
}
