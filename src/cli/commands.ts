import type { Command } from 'commander';

/**
 * What a command's file exports: adds itself, with arguments, options and action, to the program. Imports at the top of such a
 * file are paid for by `--help` too: load heavy rooms inside the action.
 */
export interface CommandModule {
  register(program: Command): void;
}

export interface CommandEntry {
  name: string;
  /** One line, as `fermata --help` shows it. */
  summary: string;
  /** Long-running processes that `up` and a cluster's manifests start: left out of the help's list. */
  hidden?: boolean;
  load(): Promise<CommandModule>;
}

/** Every command, in the order of the help. A new one is a file beside this one and a line here. */
export const COMMANDS: readonly CommandEntry[] = [
  {
    name: 'demo',
    summary: 'see an urgent pod take the place of a computing one, which then goes on without a step lost',
    load: () => import('./demo.ts'),
  },
  {
    name: 'up',
    summary: 'start a cluster with Fermata on this machine, to try it out',
    load: () => import('./up.ts'),
  },
  { name: 'down', summary: 'stop a sandbox and remove all of it', load: () => import('./down.ts') },
  { name: 'checkpoint', summary: 'take a checkpoint of a running pod', load: () => import('./checkpoint.ts') },
  { name: 'suspend', summary: 'checkpoint a pod, release its resources, hold it', load: () => import('./suspend.ts') },
  { name: 'resume', summary: 'let a suspended pod go on', load: () => import('./resume.ts') },
  { name: 'explain', summary: 'say why a pod waits, or why it was interrupted', load: () => import('./explain.ts') },
  { name: 'timeline', summary: 'draw what ran where and when', load: () => import('./timeline.ts') },
  {
    name: 'checkpoints',
    summary: 'look at checkpoints, move them, keep them, let them go',
    load: () => import('./checkpoints.ts'),
  },
  { name: 'get', summary: 'list checkpoints', load: () => import('./get.ts') },
  {
    name: 'doctor',
    summary: 'show what this machine has, what works, and how to fix what does not',
    load: () => import('./doctor.ts'),
  },
  { name: 'install', summary: 'install Fermata into a cluster, or upgrade it', load: () => import('./install.ts') },
  { name: 'uninstall', summary: 'take Fermata out of a cluster', load: () => import('./uninstall.ts') },
  {
    name: 'test',
    summary: 'run the gate: lint, types, doors, unit, property and end-to-end tests',
    load: () => import('./test.ts'),
  },
  {
    name: 'soak',
    summary: 'run the control plane through faulty days in virtual time, and judge it',
    load: () => import('./soak.ts'),
  },
  {
    name: 'simulate',
    summary: 'say what scheduling policies would make of a trace',
    load: () => import('./simulate.ts'),
  },
  { name: 'record', summary: 'write what happens in a cluster, to be simulated', load: () => import('./record.ts') },
  { name: 'bench', summary: 'measure: preemption, engine', load: () => import('./bench.ts') },
  {
    name: 'keys',
    summary: 'keys with which checkpoints are stored: make them, change who may read',
    load: () => import('./keys.ts'),
  },
  {
    name: 'coordinator',
    summary: "barriers for CRIU's hooks: serve, relay, status, token, hook",
    load: () => import('./coordinator.ts'),
  },
  {
    name: 'hpc',
    summary: 'run jobs of an HPC site (Slurm, Grid Engine) as if they were here',
    load: () => import('./hpc.ts'),
  },
  { name: 'scheduler', summary: 'run the scheduler', hidden: true, load: () => import('./scheduler.ts') },
  { name: 'controller', summary: 'run the controllers', hidden: true, load: () => import('./controller.ts') },
  { name: 'agent', summary: 'run the agent of a node', hidden: true, load: () => import('./agent.ts') },
  { name: 'webhook', summary: 'run the admission webhook', hidden: true, load: () => import('./webhook.ts') },
  { name: 'apiserver', summary: 'run the API server of a sandbox', hidden: true, load: () => import('./apiserver.ts') },
  { name: 'node', summary: 'run the nodes of a sandbox', hidden: true, load: () => import('./node.ts') },
];
