import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { VirtualClock } from '../../clock/index.ts';
import type { CheckpointAnswer, ContainerToCheckpoint } from './kubelet-endpoint.ts';
import { NodeAbility } from './node-ability.ts';

const signal = new AbortController().signal;
const MAIN: ContainerToCheckpoint = { namespace: 'team', pod: 'p', container: 'main', timeoutSeconds: 1 };
const NO_SUCH_POD = { status: 404, message: 'pod does not exist' };
const NO_SUCH_PAGE = { status: 404, message: '404 page not found' };
const NO_CRIU = { status: 500, message: 'checkpointing failed: CRIU binary not found or too old' };

let clock: VirtualClock;
let asked: string[];
let answer: CheckpointAnswer | Error;
let ability: NodeAbility;

beforeEach(() => {
  [clock, asked, answer] = [new VirtualClock(), [], NO_SUCH_POD];
  const checkpoint = async ({ container }: ContainerToCheckpoint): Promise<CheckpointAnswer> => {
    asked.push(container);
    if (answer instanceof Error) throw answer;
    return answer;
  };
  ability = new NodeAbility({ checkpoint }, clock);
});

test('a kubelet that knows no such pod can checkpoint, and is asked once', async () => {
  assert.equal(await ability.lack(signal), undefined);
  assert.equal(await ability.lack(signal), undefined);
  assert.deepEqual(asked, ['None']);
});

test('one without the endpoint cannot, nor one that does not let the agent', async () => {
  answer = NO_SUCH_PAGE;
  assert.match((await ability.lack(signal)) ?? '', /the kubelet has no checkpoint endpoint/);
  await clock.advance(600_000);
  answer = { status: 403, message: 'no' };
  assert.match((await ability.lack(signal)) ?? '', /does not let the agent checkpoint/);
});

test('that CRIU is missing shows in a dump, and is believed until one succeeds, or ten minutes', async () => {
  assert.equal(await ability.lack(signal), undefined);
  answer = NO_CRIU;
  assert.deepEqual(await ability.checkpoint(MAIN, signal), NO_CRIU);
  assert.match((await ability.lack(signal)) ?? '', /the container runtime of this node cannot checkpoint/);
  answer = { status: 500, message: 'criu failed: errno 0' };
  await ability.checkpoint(MAIN, signal);
  assert.match((await ability.lack(signal)) ?? '', /cannot checkpoint/, 'another failure does not say that it can');
  answer = { paths: ['/x.tar'] };
  await ability.checkpoint(MAIN, signal);
  assert.equal(await ability.lack(signal), undefined);
  answer = NO_CRIU;
  await ability.checkpoint(MAIN, signal);
  answer = NO_SUCH_POD;
  await clock.advance(600_000);
  assert.equal(await ability.lack(signal), undefined);
});

test('a kubelet that does not answer is asked again', async () => {
  answer = new Error('connection refused');
  await assert.rejects(ability.lack(signal), /connection refused/);
  answer = NO_SUCH_PAGE;
  assert.match((await ability.lack(signal)) ?? '', /no checkpoint endpoint/);
});
