import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What we use of a container's OCI runtime configuration (`config.json`, runtime-spec 1.0). */
export interface OciConfiguration {
  root: { path: string };
  mounts: { destination: string; type?: string; source?: string; options?: string[] }[];
  annotations?: Record<string, string>;
  linux: {
    cgroupsPath?: string;
    namespaces: { type: string; path?: string }[];
    [field: string]: unknown;
  };
  [field: string]: unknown;
}

export async function readConfiguration(userdata: string): Promise<OciConfiguration> {
  return JSON.parse(await readFile(join(userdata, 'config.json'), 'utf8')) as OciConfiguration;
}

export interface NewIncarnation {
  /** Ids to be replaced wherever they occur: of the container, and of the infra container. */
  ids: Readonly<Record<string, string>>;
  rootPath: string;
  cgroupsPath: string;
  /** Mount destination → folder on this machine. */
  sources: Readonly<Record<string, string>>;
  /** Process whose namespaces the pod's containers share; absent when the container owns its own. */
  infraPid?: number;
}

/**
 * Pure: the configuration of a dumped container made into that of its next incarnation. Everything a process could notice
 * stays as it was, since CRIU restores the memory of what it noticed; only names and places outside change.
 */
export function adaptConfiguration(dumped: OciConfiguration, next: NewIncarnation): OciConfiguration {
  let text = JSON.stringify(dumped);
  for (const [old, replacement] of Object.entries(next.ids)) text = text.replaceAll(old, replacement);
  const config = JSON.parse(text) as OciConfiguration;
  const namespaces = config.linux.namespaces.map((namespace) =>
    next.infraPid === undefined || namespace.path === undefined || !/^\/proc\/\d+\/ns\//.test(namespace.path)
      ? namespace
      : { ...namespace, path: namespace.path.replace(/^\/proc\/\d+\//, `/proc/${next.infraPid}/`) },
  );
  return {
    ...config,
    root: { ...config.root, path: next.rootPath },
    mounts: config.mounts.map((mount) => {
      const source = next.sources[mount.destination];
      return source === undefined ? mount : { ...mount, source };
    }),
    linux: { ...config.linux, cgroupsPath: next.cgroupsPath, namespaces },
  };
}
