import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Pod } from '../../../model/index.ts';
import { Cycle } from '../../framework/cycle.ts';
import type { Rejection } from '../../framework/phases.ts';
import { Cluster } from '../../snapshot/cluster.ts';
import { podInfo } from '../../snapshot/pod-info.ts';
import { InterPodAffinity } from '../inter-pod-affinity.ts';
import { PodTopologySpread } from '../pod-topology-spread.ts';
import { DefaultSelectors } from '../spread/default-selector.ts';
import { anyPod, apply, type Change, changes, emptyWorld, type World } from './testing-cluster.ts';
import { affinityScore, affinityVerdict, spreadScore, spreadVerdict } from './testing-oracle.ts';
import { TopologyIndex, type TopologyIndexLimits } from './topology-index.ts';

const REASONS: Record<string, string> = {
  "node(s) didn't match pod affinity rules": 'affinity',
  "node(s) didn't match pod anti-affinity rules": 'anti',
  "node(s) didn't satisfy existing pods anti-affinity rules": 'existing',
  "node(s) didn't match pod topology spread constraints (missing required label)": 'label',
  "node(s) didn't match pod topology spread constraints": 'skew',
};
const named = (rejection: Rejection | undefined): string | undefined => REASONS[rejection?.reasons[0] ?? ''];

class Subject {
  readonly cluster = new Cluster();
  readonly world: World = emptyWorld();
  readonly index: TopologyIndex;
  readonly affinity: InterPodAffinity;
  readonly spread: PodTopologySpread;

  constructor(limits: TopologyIndexLimits = {}) {
    this.index = new TopologyIndex(limits);
    this.affinity = new InterPodAffinity(this.index, { hardPodAffinityWeight: 3 });
    this.spread = new PodTopologySpread(this.index, new DefaultSelectors(this.cluster.objects));
    this.cluster.follow(this.index);
  }

  apply(happenings: readonly Change[]): void {
    for (const happening of happenings) apply(happening, this.cluster, this.world);
  }

  cycle(pod: Pod): Cycle {
    const cycle = new Cycle(podInfo(pod, this.cluster.space), 0);
    this.affinity.preFilter(cycle);
    this.spread.preFilter(cycle);
    return cycle;
  }

  /** Verdicts and scores of every node. */
  answers(pod: Pod, cycle = this.cycle(pod)) {
    const skips = this.affinity.preScore(cycle) === 'skip';
    return this.cluster.nodes.map((node) => ({
      node: node.name,
      affinity: named(this.affinity.filter(cycle, node)),
      spread: named(this.spread.filter(cycle, node)),
      score: skips ? 0 : this.affinity.score(cycle, node),
    }));
  }

  expected(pod: Pod) {
    return this.cluster.nodes.map(({ name, node }) => {
      assert.ok(node);
      return {
        node: name,
        affinity: affinityVerdict(pod, node, this.world),
        spread: spreadVerdict(pod, node, this.world),
        score: affinityScore(pod, node, this.world, 3),
      };
    });
  }
}

const runs = { numRuns: 200 };

test('topology: affinity and spreading answer as the oracle does, before and after any changes', () => {
  fc.assert(
    fc.property(changes, anyPod, changes, (before, pod, after) => {
      const subject = new Subject();
      subject.apply(before);
      assert.deepEqual(subject.answers(pod), subject.expected(pod));
      subject.apply(after);
      assert.deepEqual(subject.answers(pod), subject.expected(pod));
    }),
    runs,
  );
});

test('topology: counts kept up to date equal those counted from scratch', () => {
  fc.assert(
    fc.property(changes, changes, fc.array(anyPod, { minLength: 1, maxLength: 4 }), (before, after, pods) => {
      const kept = new Subject();
      kept.apply(before);
      for (const pod of pods) kept.answers(pod);
      kept.apply(after);
      const fresh = new Subject();
      fresh.apply([...before, ...after]);
      for (const pod of pods) assert.deepEqual(kept.answers(pod), fresh.answers(pod));
    }),
    runs,
  );
});

test('topology: a trial sees the cluster without the pods it takes away, and leaves no residue', () => {
  fc.assert(
    fc.property(changes, anyPod, fc.nat(), (happenings, pod, pick) => {
      const subject = new Subject();
      subject.apply(happenings);
      const nodes = subject.cluster.nodes.filter(({ pods }) => pods.size > 0);
      const node = nodes[pick % Math.max(1, nodes.length)];
      if (node === undefined) return;
      const cycle = subject.cycle(pod);
      const before = subject.answers(pod, cycle);
      const taken = [...node.pods.values()];
      for (const victim of taken) {
        subject.affinity.removePod(cycle, victim, node);
        subject.spread.removePod(cycle, victim, node);
      }
      const without: World = { ...subject.world, placed: new Map(subject.world.placed) };
      for (const { uid } of taken) without.placed.delete(uid);
      assert.ok(node.node);
      assert.equal(named(subject.affinity.filter(cycle, node)), affinityVerdict(pod, node.node, without));
      assert.equal(named(subject.spread.filter(cycle, node)), spreadVerdict(pod, node.node, without));
      for (const victim of taken) {
        subject.affinity.addPod(cycle, victim, node);
        subject.spread.addPod(cycle, victim, node);
      }
      assert.deepEqual(subject.answers(pod, cycle), before);
    }),
    runs,
  );
});

test('topology: scores of spreading are the oracle’s, one by one and all at once', () => {
  fc.assert(
    fc.property(changes, anyPod, changes, (before, pod, after) => {
      const subject = new Subject();
      subject.apply(before);
      subject.answers(pod);
      subject.apply(after);
      const cycle = subject.cycle(pod);
      const { nodes } = subject.cluster;
      if (subject.spread.preScore(cycle, nodes) === 'skip') return;
      const objects = nodes.flatMap(({ node }) => node ?? []);
      const expected = objects.map((node) => spreadScore(pod, node, objects, subject.world) ?? -1);
      assert.deepEqual(
        nodes.map((node) => subject.spread.score(cycle, node)),
        expected,
      );
      const scores = new Float64Array(nodes.length);
      subject.spread.scoreAll(cycle, nodes, scores);
      assert.deepEqual([...scores], expected);
    }),
    runs,
  );
});

test('topology: scores of affinity are the same one by one and all at once', () => {
  fc.assert(
    fc.property(changes, anyPod, (happenings, pod) => {
      const subject = new Subject();
      subject.apply(happenings);
      const cycle = subject.cycle(pod);
      if (subject.affinity.preScore(cycle) === 'skip') return;
      const { nodes } = subject.cluster;
      const scores = new Float64Array(nodes.length);
      subject.affinity.scoreAll(cycle, nodes, scores);
      assert.deepEqual(
        [...scores],
        nodes.map((node) => subject.affinity.score(cycle, node)),
      );
    }),
    runs,
  );
});

test('topology: an index that has to forget answers as one that does not', () => {
  fc.assert(
    fc.property(changes, changes, fc.array(anyPod, { minLength: 1, maxLength: 4 }), (before, after, pods) => {
      const subject = new Subject({ queries: 2, nodeSets: 1, columns: 1 });
      subject.apply(before);
      for (const pod of pods) assert.deepEqual(subject.answers(pod), subject.expected(pod));
      for (const change of after) {
        subject.apply([change]);
        for (const pod of pods) assert.deepEqual(subject.answers(pod), subject.expected(pod));
      }
    }),
    { numRuns: 50 },
  );
});
