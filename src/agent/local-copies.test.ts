import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Disk, MemoryFiles, type WaterMarks } from '../checkpoint/index.ts';
import { rfc3339, seededRandom, VirtualClock } from '../clock/index.ts';
import { EventRecorder, MemoryBacking, Registry } from '../kubernetes/index.ts';
import { FermataError, POD_CHECKPOINTS, type Pod, type PodCheckpoint, SILENT_LOG } from '../model/index.ts';
import { type Archive, onlyArchive } from './archives.ts';
import { folderOf } from './checkpoint-folder.ts';
import { CheckpointWriter } from './checkpoint-writer.ts';
import { newCounters } from './counters.ts';
import { LOCAL_COPY_RETRY_MILLISECONDS, RESTORE_LIMIT_MILLISECONDS } from './defaults.ts';
import { LocalCopies } from './local-copies.ts';
import { MemoryStorage } from './storage.ts';

const DIRECTORY = '/checkpoints';
const BYTES = 100;
const URL = 'file:///store';

/** A disk of 1,000 bytes, of which `others` are somebody else's. */
class SmallDisk extends MemoryStorage {
  others = 0;

  override async disk(): Promise<Disk> {
    let used = this.others;
    for (const folder of await this.folders(DIRECTORY)) {
      for (const { sizeBytes } of (await this.files.list(join(DIRECTORY, folder))) ?? []) used += sizeBytes;
    }
    return { freeBytes: 1_000 - used, totalBytes: 1_000 };
  }
}

class Ground {
  readonly clock = new VirtualClock();
  readonly storage = new SmallDisk(new MemoryFiles());
  readonly counters = newCounters();
  readonly registry: Registry;
  readonly copies: LocalCopies;
  readonly lost = new Set<string>();
  readonly corrupt = new Set<string>();
  readonly signal = new AbortController().signal;
  known: PodCheckpoint[] = [];
  pods: Pod[] = [];
  storeAnswers = true;

  constructor(options: { wipe?: boolean; waterMarks?: WaterMarks }) {
    const { clock, counters, storage } = this;
    this.registry = new Registry({ backing: new MemoryBacking(), clock, random: seededRandom(1) });
    const parts = { store: this.registry, clock, random: seededRandom(1), log: SILENT_LOG };
    const archive: Archive = {
      url: URL,
      encrypts: true,
      upload: async () => assert.fail('nothing is uploaded'),
      download: async () => undefined,
      remove: async () => assert.fail('nothing goes from the store'),
      holds: async ({ archive: name }) => {
        if (!this.storeAnswers) throw new Error('connect ECONNREFUSED');
        if (this.corrupt.has(name)) throw new FermataError('ArchiveCorrupt', 'its manifest was altered');
        return !this.lost.has(name);
      },
    };
    this.copies = new LocalCopies(
      {
        ...parts,
        storage,
        counters,
        archives: onlyArchive(archive),
        events: new EventRecorder(parts, { component: 'test' }),
        writer: new CheckpointWriter(this.registry),
        checkpoints: () => this.known,
        pods: () => this.pods,
      },
      { nodeName: 'node-1', directory: DIRECTORY, ...options },
    );
  }

  /** Made here one after the other, and stored unless `stored` is false. */
  async checkpoint(name: string, { stored = true, annotations = {} } = {}): Promise<PodCheckpoint> {
    const created = await this.registry.create(POD_CHECKPOINTS, {
      metadata: { name, namespace: 'default', annotations },
      spec: { sourcePod: { name: 'thesis' } },
    });
    await this.clock.advance(1_000);
    const time = rfc3339(this.clock.now());
    const is = (type: string) => ({ type, status: 'True' as const, reason: type, lastTransitionTime: time });
    const store = { url: URL, digest: `sha256:${'0'.repeat(64)}`, sizeBytes: 50, encrypted: true };
    const nodeLocal = { path: folderOf(created) };
    const status: PodCheckpoint['status'] = {
      nodeName: 'node-1',
      startTime: time,
      conditions: stored ? [is('Ready'), is('Stored')] : [is('Ready')],
      checkpointLocation: stored ? { type: 'Store', nodeLocal, store } : { type: 'NodeLocal', nodeLocal },
    };
    const written = await this.registry.patch(
      POD_CHECKPOINTS,
      { namespace: 'default', name },
      { status },
      { subresource: 'status' },
    );
    await this.storage.files.write(join(DIRECTORY, folderOf(written)), 'pages-1.img', new Uint8Array(BYTES));
    this.known.push(written);
    return written;
  }

  /** Names of those whose data is on the node, and of those of which the API says so. */
  async here(): Promise<{ onDisk: string[]; said: string[] }> {
    const onDisk = (await this.storage.folders(DIRECTORY)).map((folder) => folder.split('_')[1] ?? '');
    const { items } = await this.registry.list(POD_CHECKPOINTS);
    const said = items.filter(({ status }) => status?.checkpointLocation?.nodeLocal !== undefined);
    return { onDisk: onDisk.sort(), said: said.map(({ metadata }) => metadata.name).sort() };
  }

  look(): Promise<void> {
    return this.copies.look(this.signal);
  }
}

const both = (...names: string[]) => ({ onDisk: names, said: names });
const MARKS = { high: 0.5, low: 0.3 };

test('where plain data is not to stay a copy goes once a store has it, and the API says where it is', async () => {
  const ground = new Ground({ wipe: true });
  await ground.checkpoint('stored');
  await ground.checkpoint('only', { stored: false });
  await ground.look();
  assert.deepEqual(await ground.here(), both('only'));
  const { status } = await ground.registry.get<PodCheckpoint>(POD_CHECKPOINTS, {
    namespace: 'default',
    name: 'stored',
  });
  assert.equal(status?.checkpointLocation?.store?.url, URL);
  assert.equal(status?.conditions?.length, 2);
  assert.deepEqual([ground.counters.copiesRemoved, ground.counters.bytesFreed], [1, BYTES]);
});

test('above the high mark the oldest stored copies go until the low one is reached, and none below it', async () => {
  const ground = new Ground({ waterMarks: MARKS });
  await ground.checkpoint('first', { stored: false });
  for (const name of ['second', 'third', 'fourth']) await ground.checkpoint(name);
  ground.storage.others = 100;
  await ground.look();
  assert.deepEqual((await ground.here()).onDisk, ['first', 'fourth', 'second', 'third']);
  ground.storage.others = 110;
  await ground.look();
  assert.deepEqual(await ground.here(), both('first'));
});

test('the disk is measured after each copy that went: what others remove meanwhile counts', async () => {
  const ground = new Ground({ waterMarks: MARKS });
  for (const name of ['a', 'b', 'c']) await ground.checkpoint(name);
  ground.storage.others = 300;
  const remove = ground.storage.files.remove.bind(ground.storage.files);
  ground.storage.files.remove = async (directory) => {
    ground.storage.others = 90;
    await remove(directory);
  };
  await ground.look();
  assert.deepEqual((await ground.here()).onDisk, ['b', 'c']);
});

test('a pinned copy stays under pressure', async () => {
  const ground = new Ground({ waterMarks: MARKS });
  await ground.checkpoint('pinned', { annotations: { 'fermata.dev/pinned': '2026-01-01T00:00:00Z' } });
  await ground.checkpoint('other');
  ground.storage.others = 600;
  await ground.look();
  assert.deepEqual(await ground.here(), both('pinned'));
});

test('a copy stays when the store has lost its archive, or does not answer', async () => {
  const ground = new Ground({ wipe: true });
  const { metadata } = await ground.checkpoint('lost');
  ground.lost.add(metadata.uid);
  await ground.checkpoint('other');
  await ground.look();
  assert.deepEqual(await ground.here(), both('lost'));
  await ground.clock.advance(LOCAL_COPY_RETRY_MILLISECONDS);
  ground.storeAnswers = false;
  await assert.rejects(ground.look(), /ECONNREFUSED/);
  assert.deepEqual(await ground.here(), both('lost'));
});

test('an archive that was altered keeps its copy, and no other copy from going', async () => {
  const ground = new Ground({ wipe: true });
  const { metadata } = await ground.checkpoint('altered');
  ground.corrupt.add(metadata.uid);
  await ground.checkpoint('other');
  await ground.look();
  assert.deepEqual(await ground.here(), both('altered'));
});

const thesis = (uid: string): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: 'thesis',
    namespace: 'default',
    uid,
    resourceVersion: '1',
    creationTimestamp: '2026-01-01T00:00:00Z',
    annotations: { 'fermata.dev/restore-from': 'wanted' },
  },
  spec: { containers: [] },
});

test('a copy stays while a pod is being restored from it, and goes after', async () => {
  const ground = new Ground({ wipe: true });
  await ground.checkpoint('wanted');
  ground.copies.restoring(thesis('uid-2'), 'wanted');
  await ground.look();
  assert.deepEqual(await ground.here(), both('wanted'));
  ground.copies.restored(thesis('uid-2'));
  await ground.look();
  assert.deepEqual(await ground.here(), both());
});

test('a copy that an earlier process began to restore from stays until the restore is recorded', async () => {
  const ground = new Ground({ wipe: true });
  await ground.checkpoint('wanted');
  ground.pods = [thesis('uid-2')];
  await ground.look();
  assert.deepEqual(await ground.here(), both('wanted'));
  const status = { restoration: { podName: 'thesis', podUID: 'uid-2' } };
  const key = { namespace: 'default', name: 'wanted' };
  ground.known = [await ground.registry.patch(POD_CHECKPOINTS, key, { status }, { subresource: 'status' })];
  await ground.look();
  assert.deepEqual(await ground.here(), both());
});

test('a restore whose end was never told keeps its copy no longer than any restore takes', async () => {
  const ground = new Ground({ wipe: true });
  await ground.checkpoint('wanted');
  ground.copies.restoring(thesis('uid-2'), 'wanted');
  await ground.clock.advance(RESTORE_LIMIT_MILLISECONDS + 1);
  await ground.look();
  assert.deepEqual(await ground.here(), both());
});

test('what went without its status being written, since the agent died, is said at the next look', async () => {
  const ground = new Ground({ wipe: true });
  const checkpoint = await ground.checkpoint('gone');
  await ground.storage.files.remove(join(DIRECTORY, folderOf(checkpoint)));
  await ground.look();
  assert.deepEqual(await ground.here(), both());
});
