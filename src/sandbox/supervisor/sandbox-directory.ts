import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { FermataError, reasonOf } from '../../model/index.ts';
import type { RuntimeName } from '../../runtime/index.ts';
import { writeAtomically } from '../atomic-file.ts';

/** What a sandbox is made of; kept in `D/sandbox.json`, so that the same folder brings the same sandbox back. */
export interface SandboxConfiguration {
  runtime: RuntimeName;
  nodes: SandboxNodeConfiguration[];
  network: 'none' | 'bridge';
  /** Of the API server; absent: the one used before, else a free one. */
  port?: number;
  /** Where copies of checkpoints are kept; absent: they stay in the folders of the nodes. */
  store?: string;
  /** Further stores, that policies may name. */
  allowStores?: string[];
  /** Absolute paths of files that name who may read them; absent: they are encrypted only where a policy names somebody. */
  encryptTo?: string[];
  /** `wipe`: data leaves the folders of the nodes once a store has it. Default: keep. */
  localCopies?: 'keep' | 'wipe';
  /** Absolute path of the scheduler's configuration. */
  schedulerConfig?: string;
  /** For the podman runtime: where its programs are. */
  tools?: SandboxTools;
}

/** Whether its nodes need keys. */
export function usesStores({ store, allowStores = [] }: SandboxConfiguration): boolean {
  return store !== undefined || allowStores.length > 0;
}

export interface SandboxTools {
  podman: string;
  runc: string;
  conmon: string;
  /** Folder of the `criu` to be found first on PATH. */
  criuDirectory: string;
}

export interface SandboxNodeConfiguration {
  name: string;
  /** Quantities. */
  cpu: string;
  memory: string;
  pods: number;
}

/** Where everything of one sandbox lies. The folder is its owner's alone (0700): it holds keys and process memory. */
export class SandboxDirectory {
  readonly root: string;

  constructor(root: string) {
    this.root = resolve(root);
  }

  get configurationFile(): string {
    return join(this.root, 'sandbox.json');
  }
  /** With which its nodes write and read archives. */
  get keys(): string {
    return join(this.root, 'keys');
  }
  get kubeconfig(): string {
    return join(this.root, 'kubeconfig');
  }
  get run(): string {
    return join(this.root, 'run');
  }
  get supervisorFile(): string {
    return join(this.run, 'up.json');
  }
  get nodeSocket(): string {
    return join(this.run, 'nodes.sock');
  }
  get podmanSocket(): string {
    return join(this.run, 'podman.sock');
  }
  get podman(): string {
    return join(this.root, 'podman');
  }
  get logs(): string {
    return join(this.root, 'logs');
  }
  logFile(part: string): string {
    return join(this.logs, `${part}.log`);
  }
  node(name: string): string {
    return join(this.root, 'nodes', name);
  }

  /** Makes the folders; throws `SandboxDirectoryForeign` when the folder holds something else. */
  create(): void {
    if (existsSync(this.root) && !existsSync(this.configurationFile) && !isEmpty(this.root)) {
      throw new FermataError('SandboxDirectoryForeign', `${this.root} exists and is not a sandbox of fermata`, {
        nextStep: 'choose another folder with --dir, or empty this one',
      });
    }
    for (const folder of [this.root, this.run, this.logs]) mkdirSync(folder, { recursive: true, mode: 0o700 });
    chmodSync(this.root, 0o700);
  }

  readConfiguration(): SandboxConfiguration | undefined {
    if (!existsSync(this.configurationFile)) return undefined;
    try {
      return JSON.parse(readFileSync(this.configurationFile, 'utf8')) as SandboxConfiguration;
    } catch (error) {
      throw new FermataError('SandboxConfigurationUnreadable', `${this.configurationFile}: ${reasonOf(error)}`, {
        cause: error,
        nextStep: `repair the file, or remove the sandbox: fermata down --dir ${this.root}`,
      });
    }
  }

  writeConfiguration(configuration: SandboxConfiguration): void {
    writeAtomically(this.configurationFile, `${JSON.stringify(configuration, undefined, 2)}\n`);
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

function isEmpty(folder: string): boolean {
  return readdirSync(folder).length === 0;
}
