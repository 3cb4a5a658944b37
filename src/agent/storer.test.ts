import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { MemoryFiles, sealCheckpoint } from '../checkpoint/index.ts';
import { seededRandom, VirtualClock } from '../clock/index.ts';
import { EventRecorder, MemoryBacking, Registry } from '../kubernetes/index.ts';
import { conditionOf, FermataError, POD_CHECKPOINTS, type PodCheckpoint, SILENT_LOG } from '../model/index.ts';
import { type Archive, onlyArchive } from './archives.ts';
import { folderOf } from './checkpoint-folder.ts';
import { CheckpointWriter } from './checkpoint-writer.ts';
import { newCounters } from './counters.ts';
import { PROGRESS_MILLISECONDS, UPLOAD_RETRY_MILLISECONDS } from './defaults.ts';
import { Storer } from './storer.ts';

const PAGES = 'main/pages-1.img';

type UploadRequest = Parameters<Archive['upload']>[0];

/** A store that does as it is told, and what was asked of it. */
class ToldArchive implements Archive {
  readonly url = 'file:///store';
  readonly encrypts = true;
  readonly uploads: UploadRequest[] = [];
  readonly removed: string[] = [];
  answer: (request: UploadRequest) => Promise<void> = async () => undefined;

  async upload(request: UploadRequest) {
    this.uploads.push(request);
    await this.answer(request);
    return { digest: `sha256:${'0'.repeat(64)}`, sizeBytes: 100, sentBytes: 60, encrypted: true };
  }

  async download(): Promise<void> {}

  async holds(): Promise<boolean> {
    return true;
  }

  async remove({ archive }: { archive: string }): Promise<void> {
    this.removed.push(archive);
  }
}

class Ground {
  readonly clock = new VirtualClock();
  readonly archive = new ToldArchive();
  readonly counters = newCounters();
  readonly files = new MemoryFiles();
  readonly registry: Registry;
  readonly storer: Storer;
  known: PodCheckpoint[] = [];

  /** What owners demand; by default nothing. */
  demanded: ((checkpoint: PodCheckpoint) => Archive) | undefined;

  constructor() {
    const { clock, archive, counters } = this;
    this.registry = new Registry({ backing: new MemoryBacking(), clock, random: seededRandom(1) });
    const parts = { store: this.registry, clock, random: seededRandom(1), log: SILENT_LOG };
    const events = new EventRecorder(parts, { component: 'test' });
    const writer = new CheckpointWriter(this.registry);
    const checkpoints = (): PodCheckpoint[] => this.known;
    this.storer = new Storer(
      {
        ...parts,
        archives: onlyArchive(archive),
        storage: { files: this.files },
        events,
        writer,
        counters,
        checkpoints,
        demand: {
          archiveFor: async (checkpoint) => (this.demanded === undefined ? archive : this.demanded(checkpoint)),
        },
      },
      { nodeName: 'n1', directory: '/c' },
    );
  }

  async checkpoint(name: string, nodeName = 'n1', ready: 'True' | 'False' = 'True'): Promise<PodCheckpoint> {
    const lastTransitionTime = '2026-11-22T12:00:00Z';
    const created = await this.registry.create(POD_CHECKPOINTS, {
      metadata: { namespace: 'default', name },
      spec: { sourcePod: { name: 'p', uid: 'u' }, postCheckpointState: 'Stopped', reason: 'Manual' },
    });
    const conditions = [{ type: 'Ready', status: ready, reason: 'Said', message: '', lastTransitionTime }];
    const directory = join('/c', folderOf(created));
    await this.files.write(directory, PAGES, Buffer.from('what was in memory'));
    const metadata = { createdAt: lastTransitionTime, containers: [] };
    const { digest: manifestDigest } = await sealCheckpoint(directory, metadata, { files: this.files });
    const status = { nodeName, manifestDigest, completionTime: `2026-11-22T12:00:0${this.known.length}Z`, conditions };
    const key = { namespace: 'default', name };
    const written = await this.registry.patch(POD_CHECKPOINTS, key, { status }, { subresource: 'status' });
    this.known.push(written);
    assert.equal(created.metadata.uid, written.metadata.uid);
    return written;
  }

  async stored(name: string): Promise<[status: string | undefined, reason: string | undefined]> {
    const seen = await this.registry.get(POD_CHECKPOINTS, { namespace: 'default', name });
    this.known = this.known.map((one) => (one.metadata.uid === seen.metadata.uid ? seen : one));
    const condition = conditionOf(seen.status?.conditions, 'Stored');
    return [condition?.status, condition?.reason];
  }
}

test('a ready checkpoint of this node is stored once, the next one based on it', async () => {
  const ground = new Ground();
  const one = await ground.checkpoint('one');
  ground.storer.consider(one);
  ground.storer.consider(one);
  await ground.clock.advance(0);
  assert.deepEqual(await ground.stored('one'), ['True', 'Verified']);
  const location = ground.known[0]?.status?.checkpointLocation;
  assert.deepEqual([location?.type, location?.store?.sizeBytes, location?.store?.encrypted], ['Store', 100, true]);
  ground.storer.consider(await ground.checkpoint('two'));
  await ground.clock.advance(0);
  assert.deepEqual(await ground.stored('two'), ['True', 'Verified']);
  assert.deepEqual(
    ground.archive.uploads.map(({ basedOn }) => basedOn),
    [[], [one.metadata.uid]],
  );
  assert.equal(ground.archive.uploads[1]?.directoryOf?.(one.metadata.uid), join('/c', folderOf(one)));
  assert.deepEqual([ground.counters.stored, ground.counters.bytesStored], [2, 120]);
  await ground.storer.stop();
});

test("what is not ready, or another node's, is left alone", async () => {
  const ground = new Ground();
  ground.storer.consider(await ground.checkpoint('one', 'n2'));
  ground.storer.consider(await ground.checkpoint('two', 'n1', 'False'));
  await ground.clock.advance(0);
  assert.equal(ground.archive.uploads.length, 0);
  await ground.storer.stop();
});

test('an upload that fails is told, holds up nobody, and is tried again later', async () => {
  const ground = new Ground();
  const [one, two] = [await ground.checkpoint('one'), await ground.checkpoint('two')];
  ground.archive.answer = async ({ archive }) => {
    if (archive === one.metadata.uid) throw new Error('no room');
  };
  ground.storer.consider(one);
  ground.storer.consider(two);
  await ground.clock.advance(0);
  assert.deepEqual(await ground.stored('one'), ['False', 'UploadFailed']);
  assert.deepEqual(await ground.stored('two'), ['True', 'Verified']);
  ground.storer.consider(one);
  await ground.clock.advance(UPLOAD_RETRY_MILLISECONDS - 1);
  assert.equal(ground.archive.uploads.length, 2);
  ground.archive.answer = async () => undefined;
  await ground.clock.advance(1);
  ground.storer.consider(one);
  await ground.clock.advance(0);
  assert.deepEqual(await ground.stored('one'), ['True', 'Verified']);
  await ground.storer.stop();
});

test('what has rotted on the node by the time it was sent is no copy, and goes again', async () => {
  const ground = new Ground();
  const one = await ground.checkpoint('one');
  ground.archive.answer = () => ground.files.write(join('/c', folderOf(one)), PAGES, Buffer.from('what was in Memory'));
  ground.storer.consider(one);
  await ground.clock.advance(0);
  assert.deepEqual(await ground.stored('one'), ['False', 'UploadFailed']);
  assert.deepEqual(ground.archive.removed, [one.metadata.uid]);
  await ground.storer.stop();
});

test('a checkpoint that is to go is not uploaded further, and is removed after that has ended', async () => {
  const ground = new Ground();
  const one = await ground.checkpoint('one');
  const order: string[] = [];
  ground.archive.answer = ({ signal }) =>
    new Promise((_, reject) =>
      signal.addEventListener('abort', () => {
        order.push('upload ended');
        reject(signal.reason);
      }),
    );
  ground.storer.consider(one);
  await ground.clock.advance(0);
  await ground.storer.remove(one, new AbortController().signal);
  order.push(`removed ${ground.archive.removed.join()}`);
  assert.deepEqual(order, ['upload ended', `removed ${one.metadata.uid}`]);
  assert.deepEqual(await ground.stored('one'), [undefined, undefined]);
  await ground.storer.stop();
});

test('stopping gives up what is under way and what waits, and says nothing of it', async () => {
  const ground = new Ground();
  ground.archive.answer = ({ signal }) =>
    new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  ground.storer.consider(await ground.checkpoint('one'));
  ground.storer.consider(await ground.checkpoint('two'));
  await ground.clock.advance(0);
  await ground.storer.stop();
  assert.equal(ground.archive.uploads.length, 1);
  for (const name of ['one', 'two']) assert.deepEqual(await ground.stored(name), [undefined, undefined]);
});

test('how far a long upload is stands in the status, and what became of it after that', async () => {
  const ground = new Ground();
  const { promise: sent, resolve: send } = Promise.withResolvers<void>();
  ground.archive.answer = async ({ onProgress }) => {
    onProgress?.({ doneBytes: 0, totalBytes: 2 ** 30, secondsLeft: undefined });
    await ground.clock.sleep(PROGRESS_MILLISECONDS);
    onProgress?.({ doneBytes: 2 ** 28, totalBytes: 2 ** 30, secondsLeft: 14.2 });
    await sent;
  };
  ground.storer.consider(await ground.checkpoint('one'));
  await ground.clock.advance(PROGRESS_MILLISECONDS);
  assert.deepEqual(await ground.stored('one'), ['False', 'Uploading']);
  const { message } = conditionOf(ground.known[0]?.status?.conditions, 'Stored') ?? {};
  assert.equal(message, '256 of 1024 MiB, about 15 s left');
  send();
  await ground.clock.advance(0);
  assert.deepEqual(await ground.stored('one'), ['True', 'Verified']);
  await ground.storer.stop();
});

test('what is stored anew goes where its owner wants it now, and is refused where that cannot be done', async () => {
  const ground = new Ground();
  const one = await ground.checkpoint('one');
  const store = { url: ground.archive.url, digest: `sha256:${'0'.repeat(64)}`, sizeBytes: 1, encrypted: false };
  const key = { namespace: 'default', name: 'one' };
  const status = { checkpointLocation: { type: 'Store' as const, store } };
  const lost = await ground.registry.patch(POD_CHECKPOINTS, key, { status }, { subresource: 'status' });
  ground.demanded = () => {
    throw new FermataError('StorageDemandUnmet', 'policy a demands encrypted checkpoints');
  };
  ground.storer.consider(lost);
  await ground.clock.advance(0);
  assert.deepEqual(await ground.stored('one'), ['False', 'UploadFailed']);
  assert.equal(ground.archive.uploads.length, 0);
  // It goes from where it was, whatever is demanded.
  await ground.storer.remove(lost, new AbortController().signal);
  assert.deepEqual(ground.archive.removed, [one.metadata.uid]);
  await ground.storer.stop();
});

test('what lies in a store that the node may not use any more stays there, and the checkpoint may go', async () => {
  const ground = new Ground();
  const one = await ground.checkpoint('one');
  const store = { url: 's3://old', digest: `sha256:${'0'.repeat(64)}`, sizeBytes: 1, encrypted: true };
  const moved = { ...one, status: { ...one.status, checkpointLocation: { type: 'Store' as const, store } } };
  await ground.storer.remove(moved, new AbortController().signal);
  assert.deepEqual(ground.archive.removed, []);
  await ground.storer.stop();
});
