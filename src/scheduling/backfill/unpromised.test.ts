import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_PROFILE } from '../framework/profile.ts';
import { node, pod } from '../testing.ts';
import { Story } from '../testing-story.ts';

const profile = { ...DEFAULT_PROFILE, plugins: [...DEFAULT_PROFILE.plugins, { name: 'Backfill' }] };

test('when the promised pod has its room, the next in the queue is promised a start, though no event speaks for it', () => {
  const job = (name: string, cpu: number, walltime: string) =>
    pod(name)
      .requests({ cpu: String(cpu), memory: '64Mi' })
      .walltime(walltime);
  const first = job('first', 4, '10m').on('n1');
  const world = new Story({ profile }).nodes(node('n1').allocatable({ cpu: '6' }));
  world.pods(first, job('long', 2, '2h').on('n1'));
  world.pods(job('second', 4, '1h').created(1_000), job('whole', 6, '1h').created(2_000));
  assert.doesNotMatch(world.brief().join('\n'), /whole: .*reserved for it/);
  const said = world.after(200_000).gone(first).brief();
  assert.equal(said[0], 'Bind second → n1');
  assert.match(said[1] ?? '', /^Unschedulable whole: .*node n1 is reserved for it in 1h56m/);
});
