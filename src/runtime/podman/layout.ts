import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** Programs of the machine the runtime uses; absolute paths. */
export interface PodmanTools {
  podman: string;
  runc: string;
  /** Folder that holds `criu`; put first on Podman's PATH, since runc looks the program up by name. */
  criuDirectory: string;
  /** Absent: looked up on PATH. Needed only for pods with TCP connections between their containers. */
  nft?: string;
}

/** Where runc keeps the state of root's containers; Podman does not tell it otherwise. */
export const RUNC_ROOT = '/run/runc';

/**
 * Every path of one private Podman: its own store, settings and cgroups, apart from the user's. What must not outlive a
 * boot (mounts, locks, exit files) lies under `/run`, so that Podman notices a reboot.
 */
export class PodmanLayout {
  readonly directory: string;
  readonly socket: string;
  readonly root: string;
  readonly volatile: string;
  readonly runroot: string;
  readonly temporary: string;
  /** conmon writes a file named after the container here the moment it ends. */
  readonly exits: string;
  readonly bin: string;
  readonly home: string;
  readonly networks: string;
  readonly criuConfig: string;
  readonly freezeHook: string;
  readonly containersConf: string;
  readonly storageConf: string;
  readonly registriesConf: string;
  readonly policy: string;
  readonly log: string;
  readonly pidFile: string;
  /** Network of pods on a bridge, with an interface and addresses of its own. */
  readonly network: { name: string; file: string; id: string; interfaceName: string; subnet: string; gateway: string };
  /** cgroup under which every container of this Podman lives. */
  readonly cgroupParent: string;

  constructor(directory: string, socket: string) {
    this.directory = resolve(directory);
    this.socket = resolve(socket);
    const digest = createHash('sha256').update(this.directory);
    const bytes = digest.copy().digest();
    const id = digest.digest('hex');
    const identity = id.slice(0, 12);
    this.root = join(this.directory, 'root');
    this.volatile = join(existsSync('/run') ? '/run/fermata' : join(this.directory, 'volatile'), identity);
    this.runroot = join(this.volatile, 'runroot');
    this.temporary = join(this.volatile, 'libpod');
    this.exits = join(this.temporary, 'exits');
    this.bin = join(this.directory, 'bin');
    this.home = join(this.directory, 'home');
    this.networks = join(this.directory, 'networks');
    this.criuConfig = join(this.directory, 'criu.conf');
    this.freezeHook = join(this.directory, 'freeze-hook.sh');
    this.containersConf = join(this.directory, 'containers.conf');
    this.storageConf = join(this.directory, 'storage.conf');
    this.registriesConf = join(this.directory, 'registries.conf');
    this.policy = join(this.home, '.config', 'containers', 'policy.json');
    this.log = join(this.directory, 'service.log');
    this.pidFile = join(this.directory, 'service.pid');
    const prefix = `10.${SUBNET_BASE + ((bytes[0] ?? 0) % SUBNET_COUNT)}.${bytes[1] ?? 0}`;
    // Unique in name too: root's Podmans note given-out addresses in one file, by network name.
    const network = `fermata-${identity.slice(0, 6)}`;
    this.network = {
      name: network,
      file: join(this.networks, `${network}.json`),
      id,
      interfaceName: network,
      subnet: `${prefix}.0/24`,
      gateway: `${prefix}.1`,
    };
    this.cgroupParent = `/fermata-${identity}`;
  }

  /** Podman's folder of one container: config.json, log, shared memory, and where an in-place restore looks for images. */
  userdata(container: string): string {
    return join(this.root, 'overlay-containers', container, 'userdata');
  }

  /** Dumps of containers that a crash left running unknown to Podman, by pod UID, for the next try to restore the pod. */
  rescued(uid: string): string {
    return join(this.directory, 'rescued', uid);
  }

  /** Environment of `podman` and `runc`: our settings, CRIU first on PATH, and nothing of the user's own Podman. */
  environment(tools: PodmanTools): Record<string, string> {
    return {
      PATH: [this.bin, tools.criuDirectory, ...SYSTEM_PATH].join(':'),
      HOME: this.home,
      CONTAINERS_CONF: this.containersConf,
      CONTAINERS_STORAGE_CONF: this.storageConf,
      CONTAINERS_REGISTRIES_CONF: this.registriesConf,
      TMPDIR: join(this.directory, 'tmp'),
      LC_ALL: 'C.UTF-8',
    };
  }
}

/** 10.192.0.0 to 10.239.255.0, away from the defaults of Podman, Docker and k3s; one /24 by the folder's name. */
const SUBNET_BASE = 192;
const SUBNET_COUNT = 48;

/** Fixed, since a login's PATH may lack the sbin folders in which iptables and ip lie. */
export const SYSTEM_PATH = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];
