import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Node, Pod } from '../../../model/index.ts';
import type { ClusterEvent } from '../../contract.ts';
import { Engine } from '../../engine.ts';
import { at, EPOCH } from '../../testing.ts';
import { anyPod, type Change, changes } from './testing-cluster.ts';

/** Long enough for any backoff, short of the flush that would try every pod again anyway. */
const STEP_MILLISECONDS = 11_000;

/** An engine that lived through everything, and what there is to tell a new one. */
class Life {
  readonly engine = new Engine();
  readonly pods = new Map<string, Pod>();
  readonly nodes = new Map<string, Node>();
  readonly namespaces = new Map<string, ClusterEvent>();
  now = EPOCH;

  tell(event: ClusterEvent): void {
    this.engine.observe(event, this.now);
  }

  decide(): void {
    this.now += STEP_MILLISECONDS;
    for (const decision of this.engine.decide(this.now)) {
      const pod = this.pods.get(decision.pod.uid);
      if (decision.type !== 'Bind' || pod === undefined) continue;
      this.place({ ...pod, spec: { ...pod.spec, nodeName: decision.nodeName } });
    }
  }

  place(pod: Pod): void {
    this.pods.set(pod.metadata.uid, pod);
    this.tell({ type: 'PodChanged', pod });
  }

  remove(uid: string): void {
    const pod = this.pods.get(uid);
    if (pod === undefined) return;
    this.pods.delete(uid);
    this.tell({ type: 'PodDeleted', pod });
  }

  apply(change: Change): void {
    switch (change.type) {
      case 'place': {
        const uid = `placed-${change.uid}`;
        const known = this.pods.get(uid);
        // Of a pod that is there the API lets labels change, and a deletion begin; not its affinity.
        const spec = known?.spec ?? { ...change.pod.spec, nodeName: change.on };
        const { namespace = 'default' } = known?.metadata ?? change.pod.metadata;
        this.place({ ...change.pod, metadata: { ...change.pod.metadata, namespace, uid, name: uid }, spec });
        break;
      }
      case 'displace':
        this.remove(`placed-${change.uid}`);
        break;
      case 'node':
        this.nodes.set(change.node.metadata.name, change.node);
        this.tell({ type: 'NodeChanged', node: change.node });
        break;
      case 'removeNode': {
        const node = this.nodes.get(change.name);
        if (node === undefined) return;
        this.nodes.delete(change.name);
        this.tell({ type: 'NodeDeleted', node });
        break;
      }
      case 'namespace': {
        const { name, labels } = change;
        const metadata = { name, uid: name, resourceVersion: '1', creationTimestamp: at(0), labels };
        const event: ClusterEvent = {
          type: 'ObjectChanged',
          object: { apiVersion: 'v1', kind: 'Namespace', metadata },
        };
        this.namespaces.set(name, event);
        this.tell(event);
        break;
      }
    }
  }

  /** Pods that an engine which knows only what is now would place. */
  placeable(): string[] {
    const fresh = new Engine();
    const { now } = this;
    for (const event of this.namespaces.values()) fresh.observe(event, now);
    for (const node of this.nodes.values()) fresh.observe({ type: 'NodeChanged', node }, now);
    for (const pod of this.pods.values()) fresh.observe({ type: 'PodChanged', pod }, now);
    return fresh.decide(now).flatMap((decision) => (decision.type === 'Bind' ? [decision.pod.name] : []));
  }
}

test('hints: no pod waits for the flush that affinity and spreading would let in', () => {
  const pending = fc.array(anyPod, { minLength: 1, maxLength: 3 });
  fc.assert(
    fc.property(changes, pending, changes, (before, pods, after) => {
      const life = new Life();
      for (const change of before) life.apply(change);
      pods.forEach((pod, index) => {
        const metadata = { ...pod.metadata, uid: `p${index}`, name: `p${index}` };
        delete metadata.deletionTimestamp;
        life.place({ ...pod, metadata });
      });
      life.decide();
      for (const change of after) {
        life.apply(change);
        life.decide();
        life.decide();
        assert.deepEqual(life.placeable(), []);
      }
    }),
    { numRuns: 60 },
  );
});
