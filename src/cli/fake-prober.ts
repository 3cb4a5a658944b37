import type { ProbeResult, Prober } from './prober.ts';

/** A machine from a table: what tests give to `locateToolchain` and `examine`. */
export interface FakeMachine {
  platform?: string;
  root?: boolean;
  /** Name → absolute path. */
  programs?: Record<string, string>;
  /** `path arg arg` → answer; a program without one prints nothing and succeeds. */
  answers?: Record<string, Partial<ProbeResult>>;
  files?: Record<string, string>;
  directories?: Record<string, string[]>;
  executables?: string[];
  environment?: Record<string, string>;
  freeBytes?: number;
}

export function fakeProber(machine: FakeMachine): Prober {
  return {
    platform: machine.platform ?? 'linux',
    architecture: 'x64',
    environment: { HOME: '/home/me', ...machine.environment },
    isRoot: () => machine.root ?? true,
    which: (name) => Promise.resolve(machine.programs?.[name]),
    isExecutable: (path) =>
      Promise.resolve(
        Object.values(machine.programs ?? {}).includes(path) || (machine.executables ?? []).includes(path),
      ),
    run: (command, args) =>
      Promise.resolve({ status: 0, stdout: '', stderr: '', ...machine.answers?.[[command, ...args].join(' ')] }),
    readText: (path) => Promise.resolve(machine.files?.[path]),
    list: (path) => Promise.resolve(machine.directories?.[path] ?? []),
    freeBytes: () => Promise.resolve(machine.freeBytes ?? 100 * 2 ** 30),
  };
}

/** A Debian on which everything is in order. */
export const WORKING_MACHINE: FakeMachine = {
  programs: {
    podman: '/usr/bin/podman',
    runc: '/usr/sbin/runc',
    conmon: '/usr/bin/conmon',
    criu: '/usr/sbin/criu',
    perl: '/usr/bin/perl',
    iptables: '/usr/sbin/iptables',
    nft: '/usr/sbin/nft',
    ip: '/usr/sbin/ip',
    nsenter: '/usr/bin/nsenter',
  },
  answers: {
    '/usr/bin/podman --version': { stdout: 'podman version 4.3.1\n' },
    '/usr/sbin/runc --version': { stdout: 'runc version 1.1.5+ds1\ncommit: x\nspec: 1.0.2-dev\n' },
    '/usr/bin/conmon --version': { stdout: 'conmon version 2.1.6\n' },
    '/usr/sbin/criu --version': { stdout: 'Version: 4.1.1\n' },
    '/usr/sbin/criu check': { stdout: 'Looks good.\n' },
  },
  executables: ['/usr/lib/podman/netavark'],
  directories: { '/sys/fs/cgroup': ['cgroup.controllers'] },
  files: { '/proc/sys/kernel/osrelease': '6.12.0\n', '/etc/os-release': 'PRETTY_NAME="Debian GNU/Linux 13"\n' },
};
