import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { EVENTS } from '../../src/model/index.ts';
import { seen } from '../hpc/ground.ts';
import { NODES_HERE, WHY_SKIPPED } from './fermata-on-nodes.ts';
import { HpcScene } from './hpc-scene.ts';

/**
 * `fermata hpc webhook` before a real API server, a real Job controller makes the pods, real nodes run Fermata's image as the
 * connectors, and these submit to a real Grid Engine by ssh. (A server older than 1.26 forgets `podFailurePolicy`: what it makes of exit
 * codes is not seen on it.)
 */
describe('Jobs that go out to an HPC site', {
  skip: NODES_HERE === undefined ? WHY_SKIPPED : false,
  concurrency: true,
}, () => {
  let scene: HpcScene;
  before(async () => {
    scene = new HpcScene();
    await scene.start();
  });
  after(() => scene.stop());

  test('one that must goes at once: its Job has the output and the end of the batch job', async () => {
    await scene.job('must', 'must', {
      command: ['sh', '-c', 'echo "out $WHAT"'],
      env: [{ name: 'WHAT', value: 'a b' }],
    });
    const pod = await scene.ended('must');
    assert.equal(pod.spec.containers[0]?.name, 'fermata-hpc');
    assert.equal(pod.status?.containerStatuses?.[0]?.state?.terminated?.exitCode, 0, await scene.log(pod));
    assert.match(await scene.log(pod), /^out a b$/m);
    assert.deepEqual(await scene.counts('must'), { succeeded: 1, failed: 0 });
  });

  test('the exit code of the batch job is that of the container, and its Job has failed', async () => {
    await scene.job('fails', 'must', { command: ['sh', '-c', 'exit 7'] });
    const { terminated } = (await scene.ended('fails')).status?.containerStatuses?.[0]?.state ?? {};
    assert.equal(terminated?.exitCode, 7);
    assert.match(terminated?.message ?? '', /^job \d+: exit code 7$/);
    assert.deepEqual(await scene.counts('fails'), { succeeded: 0, failed: 1 });
  });

  test('one that no node is large enough for can go, one that a node has room for stays', async () => {
    await scene.job('large', 'can', { command: ['true'], resources: { requests: { memory: '900Gi' } } });
    assert.deepEqual(await scene.counts('large'), { succeeded: 1, failed: 0 });
    const small = await scene.job('small', 'can', { command: ['true'] }, { parallelism: 0 });
    assert.equal(small.spec.template.spec?.containers[0]?.name, 'program');
  });

  test('the example needs no webhook: it is a connector, and its script runs there', async () => {
    const name = await scene.example('#!/bin/sh\necho "$0 of the example" | sed "s#.*/##"\n');
    assert.match(await scene.log(await scene.ended(name)), /^script of the example$/m);
    assert.deepEqual(await scene.counts(name), { succeeded: 1, failed: 0 });
  });

  test('one that cannot go is refused with the reason', async () => {
    await assert.rejects(
      scene.job('refused', 'must', {}),
      /it cannot run at an HPC site: its container names no command/,
    );
  });

  test('one that finds no room overflows after its time: the pod makes way for a connector and is not counted', async () => {
    const annotations = { 'hpc.fermata.dev/overflow-after': '10s' };
    const container = { command: ['sh', '-c', 'echo overflowed'], resources: { requests: { memory: '900Gi' } } };
    await scene.job('overflows', 'overflow', container, { annotations });
    const first = await seen('the pod that waits for room', async () => (await scene.pods('overflows'))[0]);
    assert.equal(first.spec.containers[0]?.name, 'program');
    const second = await scene.ended('overflows');
    assert.notEqual(second.metadata.uid, first.metadata.uid);
    assert.match(await scene.log(second), /^overflowed$/m);
    assert.deepEqual(await scene.counts('overflows'), { succeeded: 1, failed: 0 });
    const events = (await scene.store.list(EVENTS, { namespace: scene.namespace })).items;
    assert.ok(events.some(({ reason, involvedObject }) => reason === 'OverflowToHPC' && involvedObject.kind === 'Job'));
  });

  test('one that is deleted is cancelled there before its pod is gone', async () => {
    await scene.job('deleted', 'must', { command: ['sh', '-c', 'echo begun; sleep 600'] });
    const pod = await seen('that it runs there', async () => {
      const [found] = await scene.pods('deleted');
      return found !== undefined && /^begun$/m.test(await scene.log(found)) && found;
    });
    const id = /job (\d+) on /.exec(await scene.log(pod))?.[1];
    const isThere = async () => (await scene.site.site().list()).some((job) => job.id === id && job.phase !== 'Ended');
    assert.ok(await isThere());
    await scene.remove('deleted');
    await seen('that the pod is gone', async () => (await scene.pods('deleted')).length === 0);
    assert.equal(await isThere(), false);
  });
});
