import assert from 'node:assert/strict';
import { test } from 'node:test';
import { node, type PodBuilder, pod } from '../testing.ts';
import { Story } from '../testing-story.ts';

interface Port {
  hostPort?: number;
  hostIP?: string;
  protocol?: 'TCP' | 'UDP' | 'SCTP';
}

const listening = (name: string, ...ports: Port[]): PodBuilder =>
  pod(name).spec({
    containers: [{ name: 'main', image: 'x', ports: ports.map((port) => ({ containerPort: 80, ...port })) }],
  });
const IN_USE = /1 node\(s\) didn't have free ports for the requested pod ports\./;

const CASES: Record<string, { placed: Port; pod: Port; conflicts: boolean }> = {
  'the same port': { placed: { hostPort: 80 }, pod: { hostPort: 80 }, conflicts: true },
  'another port': { placed: { hostPort: 80 }, pod: { hostPort: 81 }, conflicts: false },
  'the same port of another protocol': {
    placed: { hostPort: 80, protocol: 'UDP' },
    pod: { hostPort: 80 },
    conflicts: false,
  },
  'TCP where nothing is said': { placed: { hostPort: 80 }, pod: { hostPort: 80, protocol: 'TCP' }, conflicts: true },
  'the same port on another address': {
    placed: { hostPort: 80, hostIP: '10.0.0.1' },
    pod: { hostPort: 80, hostIP: '10.0.0.2' },
    conflicts: false,
  },
  'the same port on the same address': {
    placed: { hostPort: 80, hostIP: '10.0.0.1' },
    pod: { hostPort: 80, hostIP: '10.0.0.1' },
    conflicts: true,
  },
  'every address against one': {
    placed: { hostPort: 80, hostIP: '10.0.0.1' },
    pod: { hostPort: 80 },
    conflicts: true,
  },
  'one address against every': {
    placed: { hostPort: 80, hostIP: '0.0.0.0' },
    pod: { hostPort: 80, hostIP: '10.0.0.1' },
    conflicts: true,
  },
  'a port of the container alone': { placed: { hostPort: 80 }, pod: {}, conflicts: false },
  'port 0 is none': { placed: { hostPort: 0 }, pod: { hostPort: 0 }, conflicts: false },
};

for (const [sentence, { placed, pod: wanted, conflicts }] of Object.entries(CASES)) {
  test(`ports: ${sentence}`, () => {
    const story = new Story().nodes(node('n')).pods(listening('a', placed).on('n'), listening('p', wanted));
    if (conflicts) assert.match(story.brief().join(), IN_USE);
    else assert.deepEqual(story.brief(), ['Bind p → n']);
  });
}

test('ports: a sidecar has ports, an init container that ends has none', () => {
  const init = (restartPolicy?: 'Always') =>
    pod('a')
      .spec({
        initContainers: [
          {
            name: 'i',
            image: 'x',
            ports: [{ containerPort: 80, hostPort: 80 }],
            ...(restartPolicy === undefined ? {} : { restartPolicy }),
          },
        ],
      })
      .on('n');
  const outcome = (placed: PodBuilder) =>
    new Story()
      .nodes(node('n'))
      .pods(placed, listening('p', { hostPort: 80 }))
      .brief()
      .join();
  assert.match(outcome(init('Always')), IN_USE);
  assert.equal(outcome(init()), 'Bind p → n');
});

test('ports: of two pods decided one after the other only one gets the port', () => {
  const story = new Story().nodes(node('m'), node('n'));
  story.pods(listening('p', { hostPort: 80 }), listening('q', { hostPort: 80 }), listening('r', { hostPort: 80 }));
  const [first, second, third = ''] = story.brief();
  assert.deepEqual([first, second], ['Bind p → m', 'Bind q → n']);
  assert.match(third, /2 node\(s\) didn't have free ports/);
});

test('ports: the pod comes back when the port is free, not before', () => {
  const story = new Story().nodes(node('n').allocatable({ cpu: '1' }));
  story.pods(listening('a', { hostPort: 80 }).on('n'), listening('b', { hostPort: 81 }).on('n'));
  story.pods(listening('p', { hostPort: 80 }));
  assert.match(story.brief().join(), IN_USE);
  assert.deepEqual(
    story
      .after(20_000)
      .gone(listening('b', { hostPort: 81 }).on('n'))
      .brief(),
    [],
  );
  assert.deepEqual(story.gone(listening('a', { hostPort: 80 }).on('n')).brief(), ['Bind p → n']);
});

test('ports: preemption takes the pod that has the port', () => {
  const story = new Story().nodes(node('n'));
  story.pods(listening('a', { hostPort: 80 }).on('n'), pod('b').on('n'));
  story.pods(listening('p', { hostPort: 80 }).priority(9).preemption('CheckpointLowerPriority'));
  assert.deepEqual(story.brief(), ['Interrupt Checkpoint a for p → n']);
});
