import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import {
  createKeyFolder,
  type Identity,
  openStore,
  parseIdentities,
  parseRecipients,
  type Recipient,
  type Rotated,
  rotateKeys,
} from '../checkpoint/index.ts';
import { SystemClock } from '../clock/index.ts';
import { reasonOf } from '../model/index.ts';
import { UsageError } from './exit.ts';
import type { RotateFlags } from './keys.ts';
import { printResult, table } from './output.ts';

/** `fermata keys create`. */
export async function createKeys(folder: string): Promise<void> {
  const recipient = await createKeyFolder(resolve(folder));
  process.stdout.write(
    `Keys are in ${resolve(folder)}. Keep a copy: without them no archive can be read.\nTheir recipient, for --encrypt-to: ${recipient}\n`,
  );
}

/** `fermata keys rotate`. */
export async function rotate(flags: RotateFlags): Promise<void> {
  const identities: Identity[] = [];
  for (const file of flags.identity) identities.push(...parseIdentities(await read(file), file));
  const recipients: Recipient[] = [];
  for (const file of flags.encryptTo) recipients.push(...parseRecipients(await read(file), file));
  const url = flags.store.includes('://') ? flags.store : resolve(flags.store);
  const store = await openStore({ clock: new SystemClock() }, url);
  const rotated: Rotated[] = [];
  const { dryRun = false, namespace: tenant } = flags;
  try {
    const signal = new AbortController().signal;
    await rotateKeys(
      store,
      { identities, recipients },
      { dryRun, signal, ...(tenant === undefined ? {} : { tenant }) },
      (one) => rotated.push(one),
    );
  } finally {
    await store.close();
  }
  await printResult(rotated, flags.output, () => textOf(rotated, dryRun));
}

function textOf(rotated: readonly Rotated[], dryRun: boolean): string {
  if (rotated.length === 0) return 'The store holds no encrypted archive.\n';
  const rows = rotated.map(({ tenant, archive, before, now }) => [
    `${tenant}/${archive}`,
    before.join() === now.join() ? 'as it was' : dryRun ? 'would be wrapped anew' : 'wrapped anew',
    before.filter((id) => !now.includes(id)).join(' ') || '-',
    now.filter((id) => !before.includes(id)).join(' ') || '-',
  ]);
  return table(['ARCHIVE', 'DATA KEY', 'READ NO MORE BY', 'READ ALSO BY'], rows);
}

async function read(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new UsageError(`${file} cannot be read: ${reasonOf(error)}`);
  }
}
