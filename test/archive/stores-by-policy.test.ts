import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { ageTexts, decodeDataKey, type Identity, newAgeIdentity, parseIdentities } from '../../src/checkpoint/index.ts';
import { countingPod, DEMO_NAMESPACE } from '../../src/demo/index.ts';
import { HttpStore, loadKubeconfig } from '../../src/kubernetes/index.ts';
import {
  conditionOf,
  INTERRUPTION_POLICIES,
  type InterruptionPolicySpec,
  POD_CHECKPOINTS,
  PODS,
  type PodCheckpoint,
} from '../../src/model/index.ts';
import { OWN_COMMAND } from '../sandbox-harness.ts';

const namespace = DEMO_NAMESPACE;
const fermata = async (...args: string[]): Promise<string> =>
  (await promisify(execFile)(OWN_COMMAND.command, [...OWN_COMMAND.arguments, ...args])).stdout;

async function until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  for (let tries = 0; tries < 600; tries++) {
    const found = await look();
    if (found !== undefined) return found;
    await sleep(50);
  }
  throw new Error(`it never came: ${what}`);
}

class Ground {
  readonly folder: string;
  readonly store: HttpStore;

  constructor(folder: string, store: HttpStore) {
    this.folder = folder;
    this.store = store;
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  policy(app: string, spec: InterruptionPolicySpec): Promise<unknown> {
    const selector = { matchLabels: { app } };
    return this.store.create(INTERRUPTION_POLICIES, {
      metadata: { namespace, name: app },
      spec: { selector, ...spec },
    });
  }

  /** Of a new pod, which runs on: stored, or refused. */
  async checkpoint(app: string): Promise<PodCheckpoint> {
    const work = { outputFolder: this.path(app), steps: 10_000, stepMilliseconds: 50, memoryMebibytes: 1, cpu: '100m' };
    const draft = countingPod({ name: app, ...work });
    await this.store.create(PODS, { ...draft, metadata: { ...draft.metadata, labels: { app } } });
    const key = { namespace, name: app };
    const phase = async (): Promise<string | undefined> => (await this.store.get(PODS, key)).status?.phase;
    await until(`${app} runs`, async () => (await phase()) === 'Running' || undefined);
    await this.store.create(POD_CHECKPOINTS, { metadata: key, spec: { sourcePod: { name: app } } });
    const seen = await until(`${app} is stored, or refused`, async () => {
      const found = await this.store.get(POD_CHECKPOINTS, key);
      const isStored = conditionOf(found.status?.conditions, 'Stored')?.status === 'True';
      const hasFailed = conditionOf(found.status?.conditions, 'Ready')?.reason === 'CheckpointFailed';
      return isStored || hasFailed ? found : undefined;
    });
    assert.equal(await phase(), 'Running');
    return seen;
  }

  async opens(store: string, { metadata }: PodCheckpoint, identity: Identity): Promise<boolean> {
    const file = await readFile(join(this.path(store), namespace, 'archives', metadata.uid, 'key.age'));
    try {
      return decodeDataKey(metadata.uid, file, [identity]).length === 32;
    } catch (error) {
      assert.equal((error as { code?: string }).code, 'ArchiveKeyUnavailable');
      return false;
    }
  }
}

const whyNot = ({ status }: PodCheckpoint): string => conditionOf(status?.conditions, 'Ready')?.message ?? '';

test('checkpoints go where policies say, for whom they say and for the operator; what cannot be done is refused', {
  timeout: 120_000,
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'fermata-policies-'));
  const [root, own, other] = ['sandbox', 'store', 'other'].map((name) => join(folder, name));
  assert.ok(root && own && other);
  const [officer, owner] = [newAgeIdentity(), newAgeIdentity()];
  await writeFile(join(folder, 'officer.txt'), ageTexts(officer).recipient);
  const size = ['--runtime', 'simulated', '--node-cpu', '4'];
  const stores = ['--store', own, '--allow-store', other, '--encrypt-to', join(folder, 'officer.txt')];
  await fermata('up', '--detach', '--dir', root, ...size, ...stores);
  const store = new HttpStore(await loadKubeconfig({ path: join(root, 'kubeconfig') }));
  const ground = new Ground(folder, store);
  try {
    const recipients = [ageTexts(owner).recipient];
    const refusedByServer = ground.policy('bad', { store: { url: 's3://key:secret@bucket' } });
    await assert.rejects(refusedByServer, /spec\.store\.url in body should match/);
    await ground.policy('mine', { store: { url: `file://${other}` }, encryption: { recipients } });
    await ground.policy('elsewhere', { store: { url: 'file:///etc/fermata' } });
    const torn = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
    await ground.policy('torn', { encryption: { recipients: [torn] } });

    const mine = await ground.checkpoint('mine');
    assert.equal(mine.status?.checkpointLocation?.store?.url, `file://${other}`);
    assert.equal(mine.status.checkpointLocation.store.encrypted, true);
    const [node] = parseIdentities(await readFile(join(root, 'keys', 'identity.txt'), 'utf8'), 'keys');
    assert.ok(node);
    const readers = [owner, officer, node, newAgeIdentity()];
    const opened = await Promise.all(readers.map((one) => ground.opens('other', mine, one)));
    assert.deepEqual(opened, [true, true, true, false]);

    const plain = await ground.checkpoint('plain');
    assert.equal(plain.status?.checkpointLocation?.store?.url, `file://${own}`);
    assert.deepEqual(
      [await ground.opens('store', plain, officer), await ground.opens('store', plain, owner)],
      [true, false],
    );

    assert.match(
      whyNot(await ground.checkpoint('elsewhere')),
      /file:\/\/\/etc\/fermata is no store that this node may use/,
    );
    assert.ok(!existsSync('/etc/fermata'));
    assert.match(whyNot(await ground.checkpoint('torn')), /names no recipients/);

    // Who is no recipient any more reads it no more; the nodes still do.
    await writeFile(join(folder, 'nodes.txt'), ageTexts(node).recipient);
    const [by, to] = [join(root, 'keys', 'identity.txt'), join(folder, 'nodes.txt')];
    await fermata('keys', 'rotate', '--store', other, '--identity', by, '--encrypt-to', to);
    const after = await Promise.all(readers.map((one) => ground.opens('other', mine, one)));
    assert.deepEqual(after, [false, false, true, false]);
    const keys = ['--dir', root, '-n', namespace];
    assert.match(await fermata('checkpoints', 'show', 'mine', ...keys), /in file:.*other, encrypted/);

    // It goes from the store it is in.
    const manifest = join(other, namespace, 'archives', mine.metadata.uid, 'manifest');
    assert.ok(existsSync(manifest));
    await fermata('checkpoints', 'rm', 'mine', ...keys);
    await until('it is gone', async () => !existsSync(manifest) || undefined);
  } finally {
    await store.close();
    await fermata('down', '--dir', root);
    await rm(folder, { recursive: true, force: true });
  }
});

test('an agent with a store, or somebody to encrypt for, wants keys', async () => {
  for (const flag of ['--store', '--allow-store', '--encrypt-to']) {
    await assert.rejects(fermata('agent', flag, '/nowhere'), (error: Error & { code?: number; stderr?: string }) => {
      assert.equal(error.code, 2);
      assert.match(error.stderr ?? '', new RegExp(`${flag} needs --keys`));
      return true;
    });
  }
});
