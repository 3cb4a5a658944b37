import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import {
  ageTexts,
  type CheckpointArchive,
  collectGarbage,
  createKeyFolder,
  type DirectoryStore,
  newAgeIdentity,
} from '../../src/checkpoint/index.ts';
import { seededRandom } from '../../src/clock/index.ts';
import { FermataError } from '../../src/model/index.ts';
import { archivesOf, BEFORE, CREATED_AT, NO_GRACE, TENANT } from './archive-process.ts';

const PROGRAM = fileURLToPath(new URL('archive-process.ts', import.meta.url));
const COMPILE_CACHE = fileURLToPath(new URL('../../node_modules/.cache/compile', import.meta.url));
const TRIALS = 8;
/** Large enough that threads do the work. */
const BYTES = 9 * 1024 * 1024;

const random = seededRandom(20_261_122);
const { signal } = new AbortController();
let root = '';
let archive: CheckpointArchive;
let store: DirectoryStore;

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'fermata-killed-'));
  await createKeyFolder(join(root, 'keys'));
  await writeFile(join(root, 'recipients'), `${ageTexts(newAgeIdentity()).recipient}\n`);
  ({ archive, store } = await archivesOf(root));
  const memory = randomBytes(BYTES);
  await directoryOf('old', memory);
  await archive.upload({
    tenant: TENANT,
    archive: BEFORE,
    directory: join(root, 'old'),
    createdAt: CREATED_AT,
    signal,
  });
  randomBytes(BYTES / 2).copy(memory);
  await directoryOf('source', memory);
});

after(() => rm(root, { recursive: true, force: true }));

async function directoryOf(name: string, memory: Buffer): Promise<void> {
  await mkdir(join(root, name, 'main'), { recursive: true });
  await writeFile(join(root, name, 'main', 'pages-1.img'), memory);
  await writeFile(join(root, name, 'main', 'inventory.img'), 'inventory');
}

/** Path → digest of every file below. */
async function treeOf(name: string): Promise<Record<string, string>> {
  const tree: Record<string, string> = {};
  for (const path of (await readdir(join(root, name), { recursive: true })).sort()) {
    if (path.endsWith('.img')) {
      tree[path] = createHash('sha256')
        .update(await readFile(join(root, name, path)))
        .digest('hex');
    }
  }
  return tree;
}

/** Runs it, and kills it so long after it has begun; gives how long it took when nobody did. */
async function run(what: string, name: string, killAfter?: number): Promise<number | undefined> {
  const args = ['--disable-warning=ExperimentalWarning', PROGRAM, what, root, name];
  const env = { ...process.env, NODE_COMPILE_CACHE: COMPILE_CACHE };
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise<NodeJS.Signals | number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, by) => resolve(by ?? code));
  });
  let began = Number.NaN;
  let took: number | undefined;
  for await (const text of child.stdout.setEncoding('utf8')) {
    if (String(text).includes('ready')) {
      began = performance.now();
      if (killAfter !== undefined) void setTimeout(killAfter).then(() => child.kill('SIGKILL'));
    }
    if (String(text).includes('done')) took = performance.now() - began;
  }
  const how = await ended;
  assert.ok(how === 'SIGKILL' || how === 0, `it ended with ${how}`);
  return took;
}

/** Somewhere from its beginning to its end. */
async function killedNow(what: string, name: string, wholeMilliseconds: number): Promise<void> {
  await run(what, name, random() * wholeMilliseconds);
}

test(`${TRIALS} uploads in processes that are killed are absent or whole, and go on`, async () => {
  const whole = (await run('upload', 'undisturbed')) ?? Number.NaN;
  const expected = await treeOf('source');
  let absent = 0;
  for (let trial = 0; trial < TRIALS; trial++) {
    const name = `upload-${trial}`;
    await killedNow('upload', name, whole);
    const download = () => archive.download({ tenant: TENANT, archive: name, directory: join(root, 'back'), signal });
    try {
      await download();
    } catch (error) {
      assert.ok(error instanceof FermataError && error.code === 'ArchiveMissing', String(error));
      absent += 1;
      const source = { directory: join(root, 'source'), createdAt: CREATED_AT, basedOn: [BEFORE] };
      await archive.upload({ tenant: TENANT, archive: name, ...source, signal });
      await download();
    }
    assert.deepEqual(await treeOf('back'), expected);
  }
  assert.ok(absent > 0, 'none was killed before its end');
});

test(`${TRIALS} downloads in processes that are killed leave no directory, or a whole one`, async () => {
  const whole = (await run('download', 'undisturbed')) ?? Number.NaN;
  const expected = await treeOf('old');
  let absent = 0;
  for (let trial = 0; trial < TRIALS; trial++) {
    const name = `download-${trial}`;
    await killedNow('download', name, whole);
    if (!existsSync(join(root, name))) {
      absent += 1;
      await archive.download({ tenant: TENANT, archive: BEFORE, directory: join(root, name), signal });
    }
    assert.deepEqual(await treeOf(name), expected);
    await rm(join(root, name), { recursive: true });
    const left = (await readdir(root)).filter((entry) => entry.startsWith(name));
    assert.deepEqual(left, [], 'what was fetched halfway is gone after the next try');
  }
  assert.ok(absent > 0, 'none was killed before its end');
});

test(`${TRIALS} collections of garbage in processes that are killed take nothing that is needed`, async () => {
  const garbage = async (name: string): Promise<void> => {
    await directoryOf(name, randomBytes(64 * 1024));
    for (const each of [1, 2, 3, 4]) {
      const given = { tenant: TENANT, archive: `${name}-${each}` };
      await archive.upload({ ...given, directory: join(root, name), createdAt: CREATED_AT, signal });
      await store.delete(`${TENANT}/archives/${name}-${each}/manifest`, signal);
    }
  };
  await garbage('undisturbed-garbage');
  const whole = (await run('gc', '')) ?? Number.NaN;
  const source = { directory: join(root, 'source'), createdAt: CREATED_AT, basedOn: [BEFORE] };
  const { digest } = await archive.upload({ tenant: TENANT, archive: 'needed', ...source, signal });
  for (let trial = 0; trial < TRIALS; trial++) {
    await garbage(`garbage-${trial}`);
    await killedNow('gc', '', whole);
    assert.equal(await archive.holds({ tenant: TENANT, archive: 'needed', digest }, signal), true);
  }
  await collectGarbage(store, { signal, graces: NO_GRACE });
  const left: string[] = [];
  for await (const { key } of store.list(`${TENANT}/segments/`)) if (key.includes('garbage')) left.push(key);
  assert.deepEqual(left, []);
  await archive.download({ tenant: TENANT, archive: 'needed', directory: join(root, 'back'), signal });
  assert.deepEqual(await treeOf('back'), await treeOf('source'));
});
