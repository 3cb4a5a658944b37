import { existsSync } from 'node:fs';
import { mkdir, realpath } from 'node:fs/promises';
import type { Clock } from '../../clock/index.ts';
import { type Container, FermataError, keyOf, reasonOf } from '../../model/index.ts';
import type { PodToRun } from '../runtime.ts';
import type { PodDumpRecord } from './archive.ts';
import { type PodmanClient, PodmanError } from './client.ts';
import { ensureOwnImages, inspectImage, PAUSE_IMAGE } from './images.ts';
import type { PodmanLayout } from './layout.ts';
import {
  containerSpecification,
  containersOf,
  type Mount,
  needsInfra,
  networkOf,
  podmanPodName,
  podSpecification,
  type SpecificationContext,
} from './specification.ts';

/** A registry that does not answer must not hold a pod for minutes: the caller tries again with backoff. */
const PULL_TIMEOUT_MILLISECONDS = 60_000;
const LOCAL_IMAGE = /^(localhost|fermata)\//;
const CONFLICT = 409;
const ALREADY_EXISTS = /already in use|already exists|name .* is in use/i;

export interface MadePod {
  /** Podman pod with its infra container, where the pod needs one. */
  podmanPod?: string;
  /** Container name → id. */
  ids: Readonly<Record<string, string>>;
  /** Container name → mount destination → folder on this machine. */
  sources: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** cgroup under which the pod's containers are. */
  cgroupParent: string;
}

/** Makes a pod's containers, without starting any. */
export class PodMaker {
  readonly #client: PodmanClient;
  readonly #layout: PodmanLayout;
  readonly #clock: Clock;
  readonly #node: string;
  readonly #network: 'none' | 'bridge';
  /** Images known to be there; a name is asked for again only after a container could not be made from it. */
  readonly #present = new Set<string>();

  constructor(
    parts: { client: PodmanClient; layout: PodmanLayout; clock: Clock },
    options: { node: string; network: 'none' | 'bridge' },
  ) {
    this.#client = parts.client;
    this.#layout = parts.layout;
    this.#clock = parts.clock;
    this.#node = options.node;
    this.#network = options.network;
  }

  /**
   * Idempotent by UID. With `restore` the containers that were dumped are made from the very images they were dumped from, and
   * none is started. Throws FermataError `ImageNotFound`, `VolumeMissing`, `ContainerCreateFailed`.
   */
  async make(
    run: PodToRun,
    restore: { directory: string; record: PodDumpRecord } | undefined,
    signal?: AbortSignal,
  ): Promise<MadePod> {
    const { pod } = run;
    const network = networkOf(pod, this.#network);
    const cgroupParent = `${this.#layout.cgroupParent}/${this.#node}`;
    const [volumes] = await Promise.all([
      this.#realVolumes(run),
      ...containersOf(pod).map((container) => this.#ensureImage(run, container, restore?.record, signal)),
    ]);
    const context: SpecificationContext = {
      node: this.#node,
      cgroupParent,
      criuConfig: this.#layout.criuConfig,
      network,
      volumes,
    };
    const podmanPod = needsInfra(pod, network)
      ? await this.#makePodmanPod(run, context, restore?.record.address, signal)
      : undefined;
    const made = await Promise.all(
      containersOf(pod).map(async (container) => {
        const dumped = restore?.record.dumped.find((candidate) => candidate.name === container.name);
        const ended = restore?.record.ended[container.name];
        const image = dumped === undefined ? undefined : await this.#sameImage(dumped, signal);
        const specification = containerSpecification(run, container, {
          ...context,
          ...(podmanPod !== undefined && { podmanPod }),
          ...(image !== undefined && { image }),
          ...(restore !== undefined &&
            (dumped !== undefined || ended !== undefined) && {
              restore: { directory: restore.directory, ...(ended !== undefined && { ended }) },
            }),
        });
        await makeSubPaths(specification.mounts, volumes);
        const id = await this.#create(run, container, specification, signal);
        const binds = specification.mounts.filter((mount) => mount.type === 'bind');
        return { name: container.name, id, sources: binds.map((mount) => [mount.destination, mount.source] as const) };
      }),
    );
    return {
      ...(podmanPod !== undefined && { podmanPod }),
      ids: Object.fromEntries(made.map(({ name, id }) => [name, id])),
      sources: Object.fromEntries(made.map(({ name, sources }) => [name, Object.fromEntries(sources)])),
      cgroupParent: podmanPod === undefined ? cgroupParent : `${cgroupParent}/${podmanPod}`,
    };
  }

  async #create(
    run: PodToRun,
    container: Container,
    specification: { name: string },
    signal: AbortSignal | undefined,
  ): Promise<string> {
    try {
      const made = await this.#client.call<{ Id: string }>('POST', '/containers/create', {
        body: specification,
        ...(signal && { signal }),
      });
      return made.Id;
    } catch (error) {
      if (isConflict(error)) {
        const known = await this.#idOf(specification.name, signal);
        if (known !== undefined) return known;
        // Killed while it made the container, Podman has its name in the store and no such container in its database.
        await this.#client.call('DELETE', `/containers/${specification.name}`, {
          query: { force: true, timeout: 0 },
          ...(signal && { signal }),
        });
        return this.#create(run, container, specification, signal);
      }
      this.#present.delete(container.image ?? '');
      if (!(error instanceof PodmanError) || error.status === 0) throw error;
      throw new FermataError(
        'ContainerCreateFailed',
        `Container ${container.name} of pod ${keyOf(run.pod)} cannot be made: ${error.message}`,
        { cause: error },
      );
    }
  }

  async #idOf(name: string, signal: AbortSignal | undefined): Promise<string | undefined> {
    try {
      return (await this.#client.call<{ Id: string }>('GET', `/containers/${name}/json`, { ...(signal && { signal }) }))
        .Id;
    } catch (error) {
      if (error instanceof PodmanError && error.status === 404) return undefined;
      throw error;
    }
  }

  /** With its old address where that is free: established connections cannot go on without. */
  async #makePodmanPod(
    run: PodToRun,
    context: SpecificationContext,
    address: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<string> {
    const options = signal === undefined ? {} : { signal };
    if (!this.#present.has(PAUSE_IMAGE)) {
      await ensureOwnImages(this.#client, signal);
      this.#present.add(PAUSE_IMAGE);
    }
    const isKept = address !== undefined && context.network === 'bridge';
    const kept = isKept ? { network: this.#layout.network.name, address } : undefined;
    const body = podSpecification(run.pod, context, PAUSE_IMAGE, kept);
    let id: string;
    try {
      id = (await this.#client.call<{ Id: string }>('POST', '/pods/create', { body, ...options })).Id;
    } catch (error) {
      if (!isConflict(error)) throw this.#podFailure(run, error);
      const name = podmanPodName(this.#node, run.pod.metadata.uid);
      id = (await this.#client.call<{ Id: string }>('GET', `/pods/${name}/json`, options)).Id;
    }
    const { InfraContainerID } = await this.#client.call<{ InfraContainerID: string }>(
      'GET',
      `/pods/${id}/json`,
      options,
    );
    try {
      await this.#client.call('POST', `/containers/${InfraContainerID}/start`, options);
    } catch (error) {
      if (kept === undefined || !(error instanceof PodmanError) || error.status === 0)
        throw this.#podFailure(run, error);
      // Somebody has the address, or it is of another network; whatever else it is comes again without it.
      await this.#client.call('DELETE', `/pods/${id}`, { query: { force: true } });
      return this.#makePodmanPod(run, context, undefined, signal);
    }
    return id;
  }

  #podFailure(run: PodToRun, error: unknown): unknown {
    if (!(error instanceof PodmanError) || error.status === 0) return error;
    return new FermataError(
      'ContainerCreateFailed',
      `The namespaces of pod ${keyOf(run.pod)} cannot be made: ${error.message}`,
      {
        cause: error,
      },
    );
  }

  /** Local first; pulled as `imagePullPolicy` says. `Always` on a local-only name means there is nothing to pull. */
  async #ensureImage(
    run: PodToRun,
    container: Container,
    record: PodDumpRecord | undefined,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const name = container.image ?? '';
    const policy = LOCAL_IMAGE.test(name) ? 'Never' : (container.imagePullPolicy ?? 'IfNotPresent');
    if (policy !== 'Always' || record !== undefined) {
      if (this.#present.has(name)) return;
      if ((await inspectImage(this.#client, name, signal)) !== undefined) {
        this.#present.add(name);
        return;
      }
    }
    if (policy === 'Never') {
      throw new FermataError(
        'ImageNotFound',
        `Container ${container.name} of pod ${keyOf(run.pod)}: image "${name}" is not on this machine and is not to be pulled`,
        { nextStep: 'Load the image, or correct its name or imagePullPolicy.' },
      );
    }
    await this.#pull(run, name, signal);
    this.#present.add(name);
  }

  async #pull(run: PodToRun, name: string, signal: AbortSignal | undefined): Promise<void> {
    const timeout = new AbortController();
    const timer = this.#clock.setTimer(PULL_TIMEOUT_MILLISECONDS, () =>
      timeout.abort(new Error(`no answer within ${PULL_TIMEOUT_MILLISECONDS / 1000} s`)),
    );
    let failure: string | undefined;
    try {
      const answer = await this.#client.call<unknown>('POST', '/images/pull', {
        query: { reference: name, quiet: true },
        signal: signal === undefined ? timeout.signal : AbortSignal.any([signal, timeout.signal]),
      });
      failure = pullFailure(answer);
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      if (error instanceof PodmanError && error.status === 0) throw error;
      failure = reasonOf(error);
    } finally {
      timer.cancel();
    }
    if (failure === undefined) return;
    throw new FermataError('ImageNotFound', `Image "${name}" of pod ${keyOf(run.pod)} cannot be pulled: ${failure}`, {
      nextStep: 'Correct the image’s name, check the network, or load the image on this machine.',
    });
  }

  /** The image a dump was made from, by id, if it is still here: its name may mean another by now. */
  async #sameImage(dumped: { image: string; imageID: string }, signal: AbortSignal | undefined): Promise<string> {
    return (await inspectImage(this.#client, dumped.imageID, signal)) === undefined ? dumped.image : dumped.imageID;
  }

  async #realVolumes(run: PodToRun): Promise<Record<string, string>> {
    const entries = await Promise.all(
      Object.entries(run.volumes).map(async ([name, folder]) => {
        try {
          return [name, await realpath(folder)] as const;
        } catch (error) {
          throw new FermataError('VolumeMissing', `Volume "${name}" of pod ${keyOf(run.pod)}: ${folder} is not there`, {
            cause: error,
          });
        }
      }),
    );
    return Object.fromEntries(entries);
  }
}

/** Podman answers with JSON documents in a row, the status 200 whatever happened; the error is in one of them. */
function pullFailure(answer: unknown): string | undefined {
  const documents = typeof answer === 'string' ? answer.split('\n') : [JSON.stringify(answer ?? {})];
  for (const text of documents) {
    const found = /"error":"((?:[^"\\]|\\.)*)"/.exec(text)?.[1];
    if (found !== undefined && found !== '') return JSON.parse(`"${found}"`) as string;
  }
  return undefined;
}

/** The kubelet makes a missing subPath as a folder too. */
async function makeSubPaths(mounts: readonly Mount[], volumes: Readonly<Record<string, string>>): Promise<void> {
  const roots = Object.values(volumes);
  for (const { source } of mounts) {
    if (roots.some((root) => source.startsWith(`${root}/`)) && !existsSync(source)) {
      await mkdir(source, { recursive: true, mode: 0o755 });
    }
  }
}

function isConflict(error: unknown): boolean {
  return error instanceof PodmanError && (error.status === CONFLICT || ALREADY_EXISTS.test(error.message));
}
