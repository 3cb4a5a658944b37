import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { FermataError } from '../model/index.ts';

/** Where `up` and `down` work unless told otherwise. */
export function defaultSandboxFolder(): string {
  const state = process.env.XDG_STATE_HOME;
  return join(state === undefined || state === '' ? join(homedir(), '.local', 'state') : state, 'fermata', 'sandbox');
}

/** The kubeconfig of the sandbox in that folder. */
export function sandboxKubeconfig(folder: string): string {
  const file = join(resolve(folder), 'kubeconfig');
  if (!existsSync(file)) {
    throw new FermataError('SandboxNotFound', `there is no sandbox in ${resolve(folder)}`, {
      nextStep: `start one: fermata up --dir ${folder}`,
    });
  }
  return file;
}
