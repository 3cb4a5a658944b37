import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AdmissionRequest } from '../../kubernetes/index.ts';
import { reviewRestore } from './review-restore.ts';

/** Of alice's namespace `team`: checkpoint `mine`. Of another tenant's, whose UID she has come to know: `theirs`. */
const UIDS = { mine: '7d8ba7b1-221e-42af-a776-841748e768da', theirs: '00000000-aaaa-4bbb-8ccc-0123456789ab' };
const imageOf = (uid: string, suffix = ':checkpoint'): string => `127.0.0.1:10270/fermata/${uid}/main${suffix}`;

interface PodOf {
  from?: string;
  image?: string;
  init?: string;
  debug?: string;
  volume?: string;
}

function pod({ from, image = 'registry.example/program:1', init, debug, volume }: PodOf): object {
  return {
    metadata: { ...(from !== undefined && { annotations: { 'fermata.dev/restore-from': from, other: 'x' } }) },
    spec: {
      containers: [{ name: 'main', image }],
      ...(init !== undefined && { initContainers: [{ name: 'init', image: init }] }),
      ...(debug !== undefined && { ephemeralContainers: [{ name: 'debug', image: debug }] }),
      ...(volume !== undefined && { volumes: [{ name: 'other' }, { name: 'v', image: { reference: volume } }] }),
    },
  };
}

async function asked(after: PodOf, { before, may = false }: { before?: PodOf; may?: boolean } = {}) {
  const rights: { resourceAttributes: { name: string; namespace: string; verb: string } }[] = [];
  const request: AdmissionRequest = {
    uid: 'u',
    operation: before === undefined ? 'CREATE' : 'UPDATE',
    namespace: 'team',
    name: 'p',
    object: pod(after),
    oldObject: before === undefined ? undefined : pod(before),
    dryRun: false,
    userInfo: { username: 'alice', groups: ['staff'], extra: { scope: ['a'] } },
  };
  const parts = {
    isAllowed: async (spec: object) => {
      rights.push(spec as (typeof rights)[number]);
      return may ? { allowed: true } : { allowed: false, reason: 'no rule' };
    },
    checkpointUid: async (namespace: string, name: string) =>
      namespace === 'team' && name === 'mine' ? UIDS.mine : undefined,
  };
  const answer = await reviewRestore(parts, request, new AbortController().signal);
  return { answer: answer?.allowed === false ? answer.message : answer, rights };
}

const NO_RIGHT = 'user "alice" may not restore podcheckpoint "mine" in namespace "team": no rule';
const ALLOWED = { allowed: true };
const plain: PodOf = {};
const mine = imageOf(UIDS.mine);
const theirs = imageOf(UIDS.theirs);

type Case = [PodOf, { before?: PodOf; may?: boolean }, unknown];
const CASES: Record<string, Case> = {
  'a pod that names none claims nothing': [plain, {}, undefined],
  'without the right, not by a new pod': [{ from: 'mine', image: mine }, {}, NO_RIGHT],
  'nor by writing the annotation to a pod that exists': [{ from: 'mine' }, { before: plain }, NO_RIGHT],
  'nor by changing it': [{ from: 'mine' }, { before: { from: 'another' } }, NO_RIGHT],
  'nor by an image that a node may still have, and no annotation': [
    { image: theirs },
    { may: true },
    `image "${theirs}" is a checkpoint: only pods with the annotation fermata.dev/restore-from may name it`,
  ],
  'nor by writing it to a pod that exists': [{ image: theirs }, { before: plain, may: true }, /is a checkpoint/],
  'nor as an init container': [{ init: theirs }, {}, /is a checkpoint/],
  'nor as a container to debug with': [{ debug: theirs }, { before: plain, may: true }, /is a checkpoint/],
  'nor as a volume, which would show the memory as files': [{ volume: theirs }, { may: true }, /is a checkpoint/],
  'nor by its digest': [{ image: imageOf(UIDS.theirs, `@sha256:${'0'.repeat(64)}`) }, {}, /is a checkpoint/],
  'nor through another name of the registry': [{ image: theirs.replace('127.0.0.1:10270', 'localhost:1') }, {}, /is a/],
  'an own checkpoint is no cover for the image of another one': [
    { from: 'mine', image: theirs },
    { may: true },
    `image "${theirs}" is none of podcheckpoint "mine" in namespace "team"`,
  ],
  'nor for a second container of it': [
    { from: 'mine', image: mine, init: theirs },
    { may: true },
    /is none of podcheckpoint "mine"/,
  ],
  'nor for a volume of it': [{ from: 'mine', image: mine, volume: theirs }, { may: true }, /is none of podcheckpoint/],
  'a checkpoint that does not exist is none either': [
    { from: 'gone', image: mine },
    { may: true },
    /is none of podcheckpoint "gone"/,
  ],
  'with the right, a new pod may': [{ from: 'mine', image: mine }, { may: true }, ALLOWED],
  'and one that runs where no kubelet does, without an image': [{ from: 'mine' }, { may: true }, ALLOWED],
  'a volume of another image is nothing special': [{ volume: 'registry.example/model:1' }, {}, undefined],
  'other changes of a restored pod are free': [
    { from: 'mine', image: mine },
    { before: { from: 'mine', image: mine } },
    undefined,
  ],
  'so is taking the annotation off': [{ image: mine }, { before: { from: 'mine', image: mine } }, undefined],
  'and going back to an image of its own': [{ from: 'mine' }, { before: { from: 'mine', image: mine } }, undefined],
};
for (const [sentence, [after, given, wants]] of Object.entries(CASES)) {
  test(`whose memory a pod may run: ${sentence}`, async () => {
    const { answer } = await asked(after, given);
    if (wants instanceof RegExp) assert.match(String(answer), wants);
    else assert.deepEqual(answer, wants);
  });
}

test('the right is the verb restore on that checkpoint of the namespace, for the user as the server knows it', async () => {
  const { rights } = await asked({ from: 'mine' });
  assert.deepEqual(rights, [
    {
      user: 'alice',
      groups: ['staff'],
      extra: { scope: ['a'] },
      resourceAttributes: {
        group: 'fermata.dev',
        resource: 'podcheckpoints',
        verb: 'restore',
        namespace: 'team',
        name: 'mine',
      },
    },
  ]);
});
