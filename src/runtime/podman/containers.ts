import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type PodmanClient, PodmanError } from './client.ts';
import {
  CONTAINER_LABEL,
  ENDED_LABEL,
  NAMESPACE_LABEL,
  NODE_LABEL,
  POD_LABEL,
  RESTORE_LABEL,
  UID_LABEL,
} from './labels.ts';
import type { PodmanLayout } from './layout.ts';
import { mark, readMarks } from './marks.ts';

/** One container of a pod of this node, as Podman sees it now. */
export interface PodmanContainer {
  id: string;
  uid: string;
  namespace: string;
  pod: string;
  /** Name in the pod's spec. */
  name: string;
  image: string;
  imageID: string;
  status: 'created' | 'running' | 'exited';
  /** Main process, 0 when none. */
  pid: number;
  /** ms since the epoch. */
  startedAt?: number;
  finishedAt?: number;
  exitCode?: number;
  outOfMemory: boolean;
  /** Podman pod that holds its namespaces. */
  podmanPod?: string;
  /** Made to be restored from this checkpoint. */
  restore?: string;
  /** Had ended before the dump it is restored from. */
  ended?: string;
}

/** The fields we use of an element of `GET /containers/json`. */
export interface ListedContainer {
  Id: string;
  Labels: Record<string, string> | null;
  State: string;
  Pid: number;
  Image: string;
  ImageID: string;
  Pod?: string;
  IsInfra?: boolean;
}

/** The fields we use of `GET /containers/{id}/json`. */
export interface InspectedContainer {
  Id: string;
  Image: string;
  State: {
    Status: string;
    Pid: number;
    ExitCode: number;
    StartedAt: string;
    FinishedAt: string;
    OOMKilled: boolean;
  };
  GraphDriver: { Data: { UpperDir: string } };
  NetworkSettings?: { Networks?: Record<string, { IPAddress?: string }> | null };
}

/** The containers of one node, from Podman's own list; what cannot change until the next start is asked once. */
export class ContainerIndex {
  readonly #client: PodmanClient;
  readonly #layout: PodmanLayout;
  readonly #node: string;
  /** By id, with the process and state it holds for. */
  readonly #inspections = new Map<string, { key: string; inspected: InspectedContainer }>();

  readonly #addresses = new Map<string, string>();
  /** Containers of removed pods, as long as Podman lists them. */
  readonly #removed = new Set<string>();
  #leftOver: readonly string[] = [];

  constructor(parts: { client: PodmanClient; layout: PodmanLayout }, node: string) {
    this.#client = parts.client;
    this.#layout = parts.layout;
    this.#node = node;
  }

  /** All containers of the node, or of one pod, in no particular order; without those of removed pods. */
  async list(uid?: string, signal?: AbortSignal): Promise<PodmanContainer[]> {
    const listed = await this.#own(uid, signal);
    const present = listed.filter(({ Id }) => !this.#isRemoved(Id));
    const seen = await Promise.all(present.map((container) => this.#look(container, signal)));
    if (uid === undefined) {
      this.#forgetOthers(new Set(present.map((container) => container.Id)));
      const ids = new Set(listed.map(({ Id }) => Id));
      for (const id of this.#removed) if (!ids.has(id)) this.#removed.delete(id);
      this.#leftOver = [...this.#removed];
    }
    return seen.flatMap((container) => container ?? []);
  }

  /** Ids of containers of removed pods that Podman still kept at the last list of the whole node. */
  get leftOver(): readonly string[] {
    return this.#leftOver;
  }

  /** Ids of containers of this removed pod that Podman still keeps. */
  async leftOverOf(uid: string, signal?: AbortSignal): Promise<string[]> {
    const listed = await this.#own(uid, signal);
    return listed.flatMap(({ Id }) => (this.#isRemoved(Id) ? [Id] : []));
  }

  /** Leaves the container out of every list from now on, for good. */
  markRemoved(id: string): void {
    mark(this.#layout.userdata(id), { removed: true });
    this.#removed.add(id);
  }

  /** While Podman deletes a container it still lists it, when the mark is gone already: what was removed once stays so. */
  #isRemoved(id: string): boolean {
    if (this.#removed.has(id)) return true;
    if (readMarks(this.#layout.userdata(id)).removed !== true) return false;
    this.#removed.add(id);
    return true;
  }

  async #own(uid: string | undefined, signal: AbortSignal | undefined): Promise<ListedContainer[]> {
    const label = [`${NODE_LABEL}=${this.#node}`, ...(uid === undefined ? [] : [`${UID_LABEL}=${uid}`])];
    const listed = await this.#client.call<ListedContainer[] | null>('GET', '/containers/json', {
      query: { all: true, filters: JSON.stringify({ label }) },
      ...(signal && { signal }),
    });
    return (listed ?? []).filter(
      (container) => container.IsInfra !== true && container.Labels?.[CONTAINER_LABEL] !== undefined,
    );
  }

  async inspect(id: string, signal?: AbortSignal): Promise<InspectedContainer> {
    return this.#client.call<InspectedContainer>('GET', `/containers/${id}/json`, { ...(signal && { signal }) });
  }

  /** Infra container of a Podman pod. */
  async infraOf(podmanPod: string, signal?: AbortSignal): Promise<string> {
    const pod = await this.#client.call<{ InfraContainerID: string }>('GET', `/pods/${podmanPod}/json`, {
      ...(signal && { signal }),
    });
    return pod.InfraContainerID;
  }

  /** The infra container and its main process, by whose namespaces the containers of the pod are joined. */
  async infraProcess(podmanPod: string, signal?: AbortSignal): Promise<{ id: string; pid: number }> {
    const id = await this.infraOf(podmanPod, signal);
    return { id, pid: (await this.inspect(id, signal)).State.Pid };
  }

  /** Address of a Podman pod in its network; undefined when it has loopback only. Asked once. */
  async addressOf(podmanPod: string, signal?: AbortSignal): Promise<string | undefined> {
    const known = this.#addresses.get(podmanPod);
    if (known !== undefined) return known;
    const { NetworkSettings } = await this.inspect(await this.infraOf(podmanPod, signal), signal);
    const addresses = Object.values(NetworkSettings?.Networks ?? {}).map((network) => network.IPAddress);
    const address = addresses.find((candidate) => candidate !== undefined && candidate !== '');
    if (address !== undefined) this.#addresses.set(podmanPod, address);
    return address;
  }

  async #look(listed: ListedContainer, signal: AbortSignal | undefined): Promise<PodmanContainer | undefined> {
    // Podman learns of an end from conmon's exit file when it is next asked about the container itself.
    const stale = listed.State === 'running' && existsSync(join(this.#layout.exits, listed.Id));
    const created = listed.State === 'created' || listed.State === 'configured' || listed.State === 'initialized';
    const key = `${listed.State}/${listed.Pid}`;
    const cached = this.#inspections.get(listed.Id);
    let inspected = !stale && cached?.key === key ? cached.inspected : undefined;
    if (inspected === undefined && !created) {
      try {
        inspected = await this.inspect(listed.Id, signal);
      } catch (error) {
        if (error instanceof PodmanError && error.status === 404) return undefined; // removed in between
        throw error;
      }
      this.#inspections.set(listed.Id, { key: `${inspected.State.Status}/${inspected.State.Pid}`, inspected });
    }
    return describe(listed, inspected);
  }

  #forgetOthers(present: ReadonlySet<string>): void {
    for (const id of this.#inspections.keys()) if (!present.has(id)) this.#inspections.delete(id);
  }
}

/** Pure. `inspected` is absent for containers that were never started. */
export function describe(listed: ListedContainer, inspected: InspectedContainer | undefined): PodmanContainer {
  const labels = listed.Labels ?? {};
  const state = inspected?.State;
  const status = statusOf(state?.Status ?? listed.State);
  const finishedAt = instant(state?.FinishedAt);
  // Podman notes a start when runc has returned, which for a short life can be after its end.
  const startedAt = earlier(instant(state?.StartedAt), status === 'exited' ? finishedAt : undefined);
  return {
    id: listed.Id,
    uid: labels[UID_LABEL] ?? '',
    namespace: labels[NAMESPACE_LABEL] ?? '',
    pod: labels[POD_LABEL] ?? '',
    name: labels[CONTAINER_LABEL] ?? '',
    image: listed.Image,
    imageID: listed.ImageID,
    status,
    pid: state?.Pid ?? listed.Pid,
    ...(status !== 'created' && startedAt !== undefined && { startedAt }),
    ...(status === 'exited' && finishedAt !== undefined && { finishedAt }),
    ...(status === 'exited' && state !== undefined && { exitCode: state.ExitCode }),
    outOfMemory: state?.OOMKilled ?? false,
    ...(listed.Pod !== undefined && listed.Pod !== '' && { podmanPod: listed.Pod }),
    ...(labels[RESTORE_LABEL] !== undefined && { restore: labels[RESTORE_LABEL] }),
    ...(labels[ENDED_LABEL] !== undefined && { ended: labels[ENDED_LABEL] }),
  };
}

function statusOf(state: string): PodmanContainer['status'] {
  switch (state) {
    case 'created':
    case 'configured':
    case 'initialized':
      return 'created';
    case 'running':
    case 'paused':
    case 'stopping':
      return 'running';
    default:
      return 'exited';
  }
}

function earlier(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? one : Math.min(one, other);
}

/** Go's zero time, which Podman writes for "never", is undefined. */
function instant(text: string | undefined): number | undefined {
  const milliseconds = text === undefined ? Number.NaN : Date.parse(text);
  return milliseconds > 0 ? milliseconds : undefined;
}
