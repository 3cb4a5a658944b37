import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FermataError } from '../../model/index.ts';
import { Cycle } from '../framework/cycle.ts';
import { NodeInfo } from '../snapshot/node-info.ts';
import { podInfo } from '../snapshot/pod-info.ts';
import { ResourceSpace } from '../snapshot/resource-space.ts';
import { node, type PodBuilder, pod } from '../testing.ts';
import { Story } from '../testing-story.ts';
import { NodeResourcesBalancedAllocation } from './node-resources-balanced-allocation.ts';
import { NodeResourcesFit, type NodeResourcesFitArgs } from './node-resources-fit.ts';
import type { WeightedResource } from './resources/resource-scoring.ts';

type List = Record<string, string>;
const GPU = 'nvidia.com/gpu';

function scene(allocatable: List, placed: PodBuilder[], wanted: PodBuilder) {
  const space = new ResourceSpace();
  const info = new NodeInfo('n');
  info.update(node('n').allocatable(allocatable).build(), space);
  for (const builder of placed) info.addPod(podInfo(builder.build(), space));
  return { space, info, cycle: new Cycle(podInfo(wanted.build(), space), 0) };
}

function fitScore(args: NodeResourcesFitArgs, allocatable: List, placed: PodBuilder[], wanted: PodBuilder): number {
  const { space, info, cycle } = scene(allocatable, placed, wanted);
  return new NodeResourcesFit(space, args).score(cycle, info);
}

const most = { scoringStrategy: { type: 'MostAllocated' as const } };
const shaped = (...points: [utilization: number, score: number][]): NodeResourcesFitArgs => ({
  scoringStrategy: {
    type: 'RequestedToCapacityRatio',
    resources: [{ name: 'cpu' }],
    requestedToCapacityRatio: { shape: points.map(([utilization, score]) => ({ utilization, score })) },
  },
});
const NODE = { cpu: '4', memory: '8Gi' };
const asks = (requests: List) => pod('p').requests(requests);

const FIT: Record<
  string,
  { args?: NodeResourcesFitArgs; on?: List; placed?: PodBuilder[]; pod: PodBuilder; is: number }
> = {
  'least: half of both left': { pod: asks({ cpu: '2', memory: '4Gi' }), is: 50 },
  'least: the mean of 75 and 50': { pod: asks({ cpu: '1', memory: '4Gi' }), is: 62 },
  'least: what others hold counts': {
    placed: [pod('a').requests({ cpu: '1', memory: '2Gi' })],
    pod: asks({ cpu: '1', memory: '2Gi' }),
    is: 50,
  },
  'least: without requests a pod counts as 100m and 200Mi': { pod: pod('p'), is: 97 },
  'least: a request of 0 is a request': { pod: asks({ cpu: '0', memory: '0' }), is: 100 },
  'least: weights': {
    args: { scoringStrategy: { resources: [{ name: 'cpu', weight: 3 }, { name: 'memory' }] } },
    pod: asks({ cpu: '2', memory: '8Gi' }),
    is: 37,
  },
  'least: an extended resource has a say when it is asked for': {
    args: { scoringStrategy: { resources: [{ name: 'cpu' }, { name: GPU, weight: 3 }] } },
    on: { ...NODE, [GPU]: '4' },
    pod: asks({ cpu: '2', [GPU]: '1' }),
    is: 68,
  },
  'least: and none when it is not': {
    args: { scoringStrategy: { resources: [{ name: 'cpu' }, { name: GPU, weight: 3 }] } },
    on: { ...NODE, [GPU]: '4' },
    pod: asks({ cpu: '2' }),
    is: 50,
  },
  'least: a node without capacity of anything': { on: { cpu: '0', memory: '0' }, pod: pod('p'), is: 0 },
  'most: the fuller the better': { args: most, pod: asks({ cpu: '3', memory: '4Gi' }), is: 62 },
  'most: more than there is counts as full': {
    args: most,
    on: { cpu: '50m', memory: '1Mi' },
    pod: pod('p'),
    is: 100,
  },
  'shape: in the middle of a line': { args: shaped([0, 0], [100, 10]), pod: asks({ cpu: '1' }), is: 25 },
  'shape: upside down': { args: shaped([0, 10], [100, 0]), pod: asks({ cpu: '1' }), is: 75 },
  'shape: level before the first point': { args: shaped([50, 4], [100, 10]), pod: asks({ cpu: '1' }), is: 40 },
  'shape: level after the last point': { args: shaped([0, 0], [50, 8]), pod: asks({ cpu: '3' }), is: 80 },
  'shape: what scores nothing has no say': {
    args: {
      scoringStrategy: {
        type: 'RequestedToCapacityRatio',
        requestedToCapacityRatio: {
          shape: [
            { utilization: 0, score: 0 },
            { utilization: 100, score: 10 },
          ],
        },
      },
    },
    pod: asks({ cpu: '2', memory: '0' }),
    is: 50,
  },
};

for (const [sentence, { args = {}, on = NODE, placed = [], pod: wanted, is }] of Object.entries(FIT)) {
  test(`NodeResourcesFit scores ${sentence}`, () => assert.equal(fitScore(args, on, placed, wanted), is));
}

test('NodeResourcesFit: a shape that does not rise is refused', () => {
  for (const points of [
    [
      [50, 1],
      [50, 2],
    ],
    [[0, 11]],
    [[101, 1]],
    [],
  ] as [number, number][][]) {
    assert.throws(
      () => new NodeResourcesFit(new ResourceSpace(), shaped(...points)),
      (error) => error instanceof FermataError && error.code === 'ProfileInvalid',
    );
  }
});

test('NodeResourcesFit: ignored resources do not have to fit, others do', () => {
  const { space, info, cycle } = scene({ cpu: '1' }, [], asks({ 'a.org/x': '1', 'b.org/y': '1', 'c.org/z': '1' }));
  const reasons = (args: NodeResourcesFitArgs) => new NodeResourcesFit(space, args).filter(cycle, info)?.reasons;
  assert.deepEqual(reasons({}), ['Insufficient a.org/x', 'Insufficient b.org/y', 'Insufficient c.org/z']);
  assert.deepEqual(reasons({ ignoredResources: ['a.org/x'], ignoredResourceGroups: ['b.org'] }), [
    'Insufficient c.org/z',
  ]);
  assert.equal(reasons({ ignoredResourceGroups: ['a.org', 'b.org', 'c.org'] }), undefined);
});

test('NodeResourcesFit: a node as full of pods as it may be could take one if another went', () => {
  const others = Array.from({ length: 110 }, (_, index) => pod(`a${index}`));
  const { space, info, cycle } = scene({}, others, pod('p'));
  const rejection = new NodeResourcesFit(space).filter(cycle, info);
  assert.deepEqual([rejection?.reasons, rejection?.resolvable], [['Too many pods'], true]);
  info.removePod(podInfo(pod('a7').build(), space));
  assert.equal(new NodeResourcesFit(space).filter(cycle, info), undefined);
});

test('NodeResourcesFit: what is larger than the node cannot be helped by others going', () => {
  const { space, info, cycle } = scene({ cpu: '4' }, [], asks({ cpu: '5' }));
  assert.equal(new NodeResourcesFit(space).filter(cycle, info)?.resolvable, false);
});

test('NodeResourcesFit: sidecars, init containers, overhead and pod-level requests take room', () => {
  const outcome = (spec: Parameters<PodBuilder['spec']>[0], cpu: string) =>
    new Story().nodes(node('n').allocatable({ cpu })).pods(pod('p').spec(spec)).brief()[0]?.startsWith('Bind');
  const takes = (cpu: string) => ({ resources: { requests: { cpu } } });
  const main = { name: 'main', ...takes('1') };
  const sidecar = { name: 'side', restartPolicy: 'Always' as const, ...takes('1') };
  const before = { name: 'init', ...takes('2') };
  for (const [spec, cpu, less] of [
    [{ containers: [main], initContainers: [sidecar] }, '2', '1999m'],
    [{ containers: [main], initContainers: [before] }, '2', '1999m'],
    [{ containers: [main], initContainers: [sidecar, before] }, '3', '2999m'],
    [{ containers: [main], overhead: { cpu: '500m' } }, '1500m', '1499m'],
    [{ containers: [main], resources: { requests: { cpu: '3' } } }, '3', '2999m'],
  ] as const) {
    const fits = spec as unknown as Parameters<PodBuilder['spec']>[0];
    assert.deepEqual([outcome(fits, cpu), outcome(fits, less)], [true, false], JSON.stringify(spec));
  }
});

test('NodeResourcesFit: a pod that is resized in place holds the larger of both until it is done', () => {
  const resizing = pod('a').requests({ cpu: '1' }).on('n').build();
  const resources = { requests: { cpu: '3' } };
  resizing.status = {
    ...resizing.status,
    containerStatuses: [{ name: 'main', resources }] as never,
  };
  const story = new Story().nodes(node('n').allocatable({ cpu: '4' }));
  story.tell({ type: 'PodChanged', pod: resizing }).pods(asks({ cpu: '2' }));
  assert.match(story.brief()[0] ?? '', /1 Insufficient cpu/);
  const smaller = structuredClone(resizing);
  smaller.status = { ...smaller.status, containerStatuses: [] };
  assert.deepEqual(story.after(20_000).tell({ type: 'PodChanged', pod: smaller }).brief(), ['Bind p → n']);
});

const BALANCE: Record<
  string,
  { resources?: WeightedResource[]; on?: List; placed?: PodBuilder[]; pod: PodBuilder; is: number }
> = {
  'the same share of both': { pod: asks({ cpu: '2', memory: '4Gi' }), is: 100 },
  'a quarter and three quarters': { pod: asks({ cpu: '1', memory: '6Gi' }), is: 75 },
  'what others hold counts, by their real requests': {
    placed: [pod('a').requests({ memory: '4Gi' })],
    pod: asks({ cpu: '2' }),
    is: 100,
  },
  'a resource the node has none of has no say': {
    on: { cpu: '4', memory: '0' },
    pod: asks({ cpu: '3' }),
    is: 100,
  },
  'three resources': {
    resources: [{ name: 'cpu' }, { name: 'memory' }, { name: GPU }],
    on: { ...NODE, [GPU]: '4' },
    pod: asks({ cpu: '4', memory: '4Gi', [GPU]: '0' }),
    is: 75,
  },
  'three resources, all asked for': {
    resources: [{ name: 'cpu' }, { name: 'memory' }, { name: GPU }],
    on: { ...NODE, [GPU]: '4' },
    pod: asks({ cpu: '4', memory: '4Gi', [GPU]: '1' }),
    is: 68,
  },
  'more than there is counts as all of it': {
    on: { cpu: '4', memory: '4Gi' },
    placed: [pod('a').requests({ memory: '8Gi' })],
    pod: asks({ cpu: '4' }),
    is: 100,
  },
};

for (const [sentence, { resources, on = NODE, placed = [], pod: wanted, is }] of Object.entries(BALANCE)) {
  test(`NodeResourcesBalancedAllocation: ${sentence}`, () => {
    const { space, info, cycle } = scene(on, placed, wanted);
    const plugin = new NodeResourcesBalancedAllocation(space, resources === undefined ? {} : { resources });
    assert.equal(plugin.preScore(cycle), undefined);
    assert.equal(plugin.score(cycle, info), is);
  });
}

test('NodeResourcesBalancedAllocation: a pod without requests is left out', () => {
  const { space, cycle } = scene(NODE, [], pod('p'));
  assert.equal(new NodeResourcesBalancedAllocation(space).preScore(cycle), 'skip');
});
