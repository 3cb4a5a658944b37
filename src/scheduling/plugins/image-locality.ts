import { MAX_NODE_SCORE } from '../constants.ts';
import { type Cycle, StateKey } from '../framework/cycle.ts';
import type { PreScorePlugin, ScorePlugin } from '../framework/phases.ts';
import type { NodeChange, NodeInfo } from '../snapshot/node-info.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';
import type { SnapshotListener } from '../snapshot/snapshot-listener.ts';

/** Below this much of an image a node has no advantage; above that much a container's image counts no more (upstream). */
const LEAST_BYTES = 23 * 1024 * 1024;
const MOST_BYTES_PER_CONTAINER = 1000 * 1024 * 1024;

/** Which nodes hold which images, as their status says. */
export class NodeImages implements SnapshotListener {
  /** Bytes by image name, by slot of the node. */
  readonly #onNode = new Map<number, ReadonlyMap<string, number>>();
  /** Number of nodes that hold an image. */
  readonly #spread = new Map<string, number>();
  #nodes = 0;

  /** Nodes that exist. */
  get nodes(): number {
    return this.#nodes;
  }

  /** Share of the nodes that hold the image. */
  spreadOf(image: string): number {
    return this.#nodes === 0 ? 0 : (this.#spread.get(image) ?? 0) / this.#nodes;
  }

  bytesOf(image: string, slot: number): number | undefined {
    return this.#onNode.get(slot)?.get(image);
  }

  nodeChanged(info: NodeInfo, { added, images }: NodeChange): void {
    if (added) this.#nodes += 1;
    if (!added && !images) return;
    const sizes = new Map<string, number>();
    for (const { names = [], sizeBytes = 0 } of info.node?.status?.images ?? []) {
      for (const name of names) sizes.set(name, sizeBytes);
    }
    this.#set(info.slot, sizes);
  }

  nodeRemoved({ slot }: NodeInfo): void {
    this.#nodes -= 1;
    this.#set(slot, new Map());
  }

  #set(slot: number, sizes: ReadonlyMap<string, number>): void {
    for (const name of this.#onNode.get(slot)?.keys() ?? []) this.#count(name, -1);
    for (const name of sizes.keys()) this.#count(name, 1);
    if (sizes.size === 0) this.#onNode.delete(slot);
    else this.#onNode.set(slot, sizes);
  }

  #count(name: string, delta: 1 | -1): void {
    const count = (this.#spread.get(name) ?? 0) + delta;
    if (count === 0) this.#spread.delete(name);
    else this.#spread.set(name, count);
  }
}

interface Wanted {
  /** Images that some node holds, with the share of the nodes that do; an image of two containers is here twice. */
  readonly images: readonly { readonly name: string; readonly spread: number }[];
  readonly containers: number;
}

const WANTED = new StateKey<Wanted>('ImageLocality');

/**
 * Prefers nodes that hold the pod's images, by their size; damped by how many nodes hold them, so that not every pod of an
 * image lands on the few nodes that pulled it first.
 */
export class ImageLocality implements PreScorePlugin, ScorePlugin {
  readonly name = 'ImageLocality';
  readonly reads = 'node';
  readonly #images: NodeImages;

  constructor(images: NodeImages) {
    this.#images = images;
  }

  /** Scores rest on how far the images are spread, which other nodes change. */
  shapeOf(pod: PodInfo): string {
    return this.#wanted(pod)
      .images.map(({ spread }) => spread)
      .join();
  }

  preScore(cycle: Cycle): 'skip' | undefined {
    const wanted = this.#wanted(cycle.pod);
    if (wanted.images.length === 0) return 'skip';
    cycle.write(WANTED, wanted);
    return undefined;
  }

  score(cycle: Cycle, { slot }: NodeInfo): number {
    const { images = [], containers = 1 } = cycle.read(WANTED) ?? {};
    let bytes = 0;
    for (const { name, spread } of images) bytes += Math.trunc((this.#images.bytesOf(name, slot) ?? 0) * spread);
    const most = MOST_BYTES_PER_CONTAINER * containers;
    const counted = Math.min(most, Math.max(LEAST_BYTES, bytes));
    return Math.trunc((MAX_NODE_SCORE * (counted - LEAST_BYTES)) / (most - LEAST_BYTES));
  }

  #wanted({ pod: { spec } }: PodInfo): Wanted {
    const containers = [...(spec.initContainers ?? []), ...spec.containers];
    const images = containers.flatMap(({ image = '' }) => {
      const name = withTag(image);
      const spread = this.#images.spreadOf(name);
      return spread === 0 ? [] : [{ name, spread }];
    });
    return { images, containers: containers.length };
  }
}

/** Nodes list images with their tag; without one, `latest` is meant. */
function withTag(image: string): string {
  return image.lastIndexOf(':') <= image.lastIndexOf('/') ? `${image}:latest` : image;
}
