import { isDeepStrictEqual } from 'node:util';
import { type Clock, type Random, rfc3339Micro } from '../../clock/index.ts';
import { isApiError, type ObjectStore } from '../../kubernetes/index.ts';
import { type Condition, LEASES, type Log, NODES, type Node, type NodeStatus, reasonOf } from '../../model/index.ts';
import { LEASE_DURATION_SECONDS, LEASE_RENEW_MILLISECONDS, STATUS_REPORT_MILLISECONDS } from './defaults.ts';
import { draftNode, type NodeDescription, type NodeHealth, nodeStatus, ownLabels } from './node-object.ts';

const LEASE_NAMESPACE = 'kube-node-lease';
/** First wait before registering is tried again while the API server is away; it doubles up to the renewal interval. */
const RETRY_MILLISECONDS = 50;

/**
 * Makes the node known and keeps it alive: registers the Node (labels are added, never removed; taints and
 * `unschedulable` an operator set stay), renews its Lease every 10 s, and writes its status when it changes, at least
 * every 5 minutes.
 */
export class NodeRegistration {
  readonly #store: ObjectStore;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #log: Log;
  readonly #description: NodeDescription;
  readonly #health: (signal: AbortSignal) => Promise<NodeHealth>;
  readonly #renewMilliseconds: number;
  readonly #stopping = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #reported: { at: number; status: NodeStatus } | undefined;

  constructor(
    parts: { store: ObjectStore; clock: Clock; random: Random; log: Log },
    description: NodeDescription,
    health: (signal: AbortSignal) => Promise<NodeHealth>,
    renewMilliseconds: number = LEASE_RENEW_MILLISECONDS,
  ) {
    this.#store = parts.store;
    this.#clock = parts.clock;
    this.#random = parts.random;
    this.#log = parts.log;
    this.#description = description;
    this.#health = health;
    this.#renewMilliseconds = renewMilliseconds;
  }

  start(): void {
    this.#running = this.#run(this.#stopping.signal);
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error(`node ${this.#description.name} stops`));
    await this.#running;
  }

  async #run(signal: AbortSignal): Promise<void> {
    let failures = 0;
    while (!signal.aborted) {
      let wait = this.#renewMilliseconds;
      try {
        await this.#beat(signal);
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        wait = Math.min(RETRY_MILLISECONDS * 2 ** failures, this.#renewMilliseconds);
        failures++;
        this.#log.warn({ node: this.#description.name, reason: reasonOf(error) }, 'the node could not report');
      }
      try {
        // Spread over 4 %, so that nodes started together do not report together for ever.
        await this.#clock.sleep(wait * (1 + 0.04 * this.#random()), signal);
      } catch {
        return; // stopped
      }
    }
  }

  async #beat(signal: AbortSignal): Promise<void> {
    const health = await this.#health(signal);
    const node = await this.#register(signal);
    const status = nodeStatus(node.status, this.#description, health, this.#clock.now());
    const due = this.#reported === undefined || this.#clock.now() - this.#reported.at >= STATUS_REPORT_MILLISECONDS;
    if (due || !isSame(node.status, status)) {
      const patch = { metadata: { resourceVersion: node.metadata.resourceVersion }, status };
      await this.#store.patch(NODES, { name: node.metadata.name }, patch, { subresource: 'status', signal });
      this.#reported = { at: this.#clock.now(), status };
    }
    await this.#renewLease(node, signal);
  }

  async #register(signal: AbortSignal): Promise<Node> {
    const key = { name: this.#description.name };
    try {
      const node = await this.#store.get(NODES, key, { signal });
      const labels = ownLabels(this.#description);
      const missing = Object.entries(labels).some(([name, value]) => node.metadata.labels?.[name] !== value);
      return missing ? await this.#store.patch(NODES, key, { metadata: { labels } }, { signal }) : node;
    } catch (error) {
      if (!isApiError(error, 'NotFound')) throw error;
    }
    const node = await this.#store.create(NODES, draftNode(this.#description), { signal });
    this.#log.info({ node: key.name }, 'node registered');
    return node;
  }

  async #renewLease(node: Node, signal: AbortSignal): Promise<void> {
    const { name } = this.#description;
    const key = { namespace: LEASE_NAMESPACE, name };
    const renewTime = rfc3339Micro(this.#clock.now());
    const spec = { holderIdentity: name, leaseDurationSeconds: LEASE_DURATION_SECONDS, renewTime };
    try {
      await this.#store.patch(LEASES, key, { spec }, { signal });
      return;
    } catch (error) {
      if (!isApiError(error, 'NotFound')) throw error;
    }
    const owner = { apiVersion: 'v1', kind: 'Node', name, uid: node.metadata.uid };
    const draft = { metadata: { ...key, ownerReferences: [owner] }, spec };
    await this.#store.create(LEASES, draft, { signal });
  }
}

/** Heartbeat times aside. */
function isSame(before: NodeStatus | undefined, after: NodeStatus): boolean {
  return before !== undefined && isDeepStrictEqual(withoutTimes(before), withoutTimes(after));
}

function withoutTimes(status: NodeStatus): unknown {
  const conditions = (status.conditions ?? []).map((condition: Condition) => {
    const { lastHeartbeatTime: _, ...rest } = condition as Condition & { lastHeartbeatTime?: string };
    return rest;
  });
  return { ...status, conditions };
}
