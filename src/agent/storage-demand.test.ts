import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom, VirtualClock } from '../clock/index.ts';
import { MemoryBacking, Registry } from '../kubernetes/index.ts';
import {
  FermataError,
  INTERRUPTION_POLICIES,
  type InterruptionPolicySpec,
  NAMESPACES,
  POD_CHECKPOINTS,
  PODS,
  type Pod,
} from '../model/index.ts';
import { type Archive, type Archives, storeNotAllowed } from './archives.ts';
import { StorageDemand } from './storage-demand.ts';

const signal = new AbortController().signal;
const DEFAULT = 'file:///store';
const OTHER = 's3://team/prefix';
const AGE = `age1${'q'.repeat(58)}`;
const REQUIRED = { encryption: { required: true } };

/** Of a node whose operator encrypts (or not) and lets policies name one further store. */
class ToldArchives implements Archives {
  readonly defaultUrl: string | undefined;
  readonly #encrypts: boolean;
  readonly opened: string[] = [];

  constructor(encrypts: boolean, defaultUrl: string | undefined) {
    this.#encrypts = encrypts;
    this.defaultUrl = defaultUrl;
  }

  async open(url: string, recipients: readonly string[]): Promise<Archive> {
    if (url !== this.defaultUrl && url !== OTHER) throw storeNotAllowed(url, [DEFAULT, OTHER]);
    if (recipients.includes('bad')) throw new FermataError('RecipientInvalid', 'bad names nobody');
    this.opened.push([url, ...recipients].join(' '));
    const never = (): never => assert.fail('nothing is to be moved');
    return {
      url,
      encrypts: this.#encrypts || recipients.length > 0,
      upload: never,
      download: never,
      holds: never,
      remove: never,
    };
  }
}

async function world(policies: Record<string, InterruptionPolicySpec>): Promise<{ registry: Registry; pod: Pod }> {
  const parts = { backing: new MemoryBacking(), clock: new VirtualClock(), random: seededRandom(1) };
  const registry = new Registry(parts);
  for (const name of ['lab', 'other']) await registry.create(NAMESPACES, { metadata: { name } });
  for (const [key, spec] of Object.entries(policies)) {
    const [namespace = '', name = ''] = key.split('/');
    await registry.create(INTERRUPTION_POLICIES, { metadata: { namespace, name }, spec });
  }
  const spec = { containers: [{ name: 'main', image: 'i' }] };
  const metadata = { namespace: 'lab', name: 'p', labels: { app: 'a' } };
  return { registry, pod: await registry.create(PODS, { metadata, spec }) };
}

const PLAIN = (): ToldArchives => new ToldArchives(false, DEFAULT);
const SEALED = (): ToldArchives => new ToldArchives(true, DEFAULT);
const NONE = (): undefined => undefined;
const ALLOWED_ALONE = (): ToldArchives => new ToldArchives(false, undefined);

type Case = [Record<string, InterruptionPolicySpec>, () => ToldArchives | undefined, RegExp | undefined];
const cases: Record<string, Case> = {
  'nothing demanded, no store': [{ 'lab/a': {} }, NONE, undefined],
  'demanded and encrypted': [{ 'lab/a': REQUIRED }, SEALED, undefined],
  'demanded and stored unencrypted': [{ 'lab/a': REQUIRED }, PLAIN, /policy a demands .* does not encrypt/],
  'demanded and no store': [{ 'lab/a': REQUIRED }, NONE, /policy a demands .* has no store/],
  'demanded of other pods': [{ 'lab/a': { ...REQUIRED, selector: { matchLabels: { app: 'b' } } } }, PLAIN, undefined],
  'demanded in another namespace': [{ 'other/a': REQUIRED }, PLAIN, undefined],
  'the first by name holds': [{ 'lab/b': REQUIRED, 'lab/a': {} }, PLAIN, undefined],
  'demanded for all': [{ 'fermata-system/default': REQUIRED }, PLAIN, /policy default demands/],
  'demanded for all, and not by an own policy': [{ 'fermata-system/default': REQUIRED, 'lab/a': {} }, PLAIN, undefined],
  'recipients of the policy make it encrypted': [
    { 'lab/a': { encryption: { required: true, recipients: [AGE] } } },
    PLAIN,
    undefined,
  ],
  'recipients and no store': [{ 'lab/a': { encryption: { recipients: [AGE] } } }, NONE, /demands .* has no store/],
  'a store that the node may use': [{ 'lab/a': { store: { url: OTHER } } }, PLAIN, undefined],
  'a store where the node has no other': [{ 'lab/a': { store: { url: OTHER } } }, ALLOWED_ALONE, undefined],
  'a store that the node may not use': [
    { 'lab/a': { store: { url: 'file:///etc' } } },
    PLAIN,
    /policy a demands .*file:\/\/\/etc is no store that this node may use.*--allow-store/,
  ],
  'a store, and the node has none': [{ 'lab/a': { store: { url: OTHER } } }, NONE, /go to s3:.*has no store/],
  'a store in which it would not be encrypted': [
    { 'lab/a': { ...REQUIRED, store: { url: OTHER } } },
    PLAIN,
    /does not encrypt what it stores in s3:/,
  ],
};

for (const [sentence, [policies, archives, says]] of Object.entries(cases)) {
  test(`storage that an owner demands: ${sentence}`, async () => {
    const { registry, pod } = await world(policies);
    const reason = await new StorageDemand(registry, archives()).refusal(pod, signal);
    if (says === undefined) assert.equal(reason, undefined);
    else assert.match(reason ?? '', says);
  });
}

test('a checkpoint goes where the policy of its pod says when it is stored, by the labels the pod had', async () => {
  const { registry } = await world({
    'lab/a': { selector: { matchLabels: { app: 'a' } }, store: { url: OTHER }, encryption: { recipients: [AGE] } },
    'lab/b': {},
  });
  const archives = PLAIN();
  const demand = new StorageDemand(registry, archives);
  const created = await registry.create(POD_CHECKPOINTS, {
    metadata: { namespace: 'lab', name: 'c' },
    spec: { sourcePod: { name: 'gone' } },
  });
  for (const app of ['a', 'b']) {
    const status = { checkpointedPodTemplate: { metadata: { labels: { app } }, spec: {} } };
    await demand.archiveFor({ ...created, status }, signal);
  }
  assert.deepEqual(archives.opened, [`${OTHER} ${AGE}`, DEFAULT]);
  await registry.patch(
    INTERRUPTION_POLICIES,
    { namespace: 'lab', name: 'b' },
    { spec: { store: { url: 'oci://x/y' } } },
  );
  await assert.rejects(demand.archiveFor(created, signal), { code: 'StorageDemandUnmet' });
});
