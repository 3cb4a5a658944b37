import type { Cluster } from '../snapshot/cluster.ts';
import type { NodeInfo } from '../snapshot/node-info.ts';
import type { Cycle } from './cycle.ts';
import type { Framework, Scorer } from './framework.ts';
import { MaxTree } from './max-tree.ts';
import type { FilterPlugin, Rejection } from './phases.ts';

/** The phases of the plugins that read one node only, as they apply to a pod. */
export interface NodePlugins {
  readonly filters: readonly FilterPlugin[];
  readonly scorers: readonly Scorer[];
}

export interface FeasibleNodes {
  readonly nodes: readonly NodeInfo[];
  /** Their positions among the nodes of the cluster. */
  readonly positions: readonly number[];
  /** `Cluster.nodeVersion` they are of. */
  readonly version: number;
}

/** Rooms of which a node is remembered; when there are this many, they are all forgotten. */
const MOST_ROOMS = 512;
/** The room of a node about which nothing is kept. */
const NO_ROOM = -1;

/** Extremes of the raw scores of one plugin, and on how many nodes they are. */
interface Extremes {
  lowest: number;
  highest: number;
  atLowest: number;
  atHighest: number;
}

/**
 * What the plugins that read one node only say of every node, for pods of one shape: who can take them, and how good a
 * place it is. Brought up to date by asking again only about the nodes that changed since; the best node is then at hand.
 * It says what asking all plugins about all nodes would say (a property test compares the two).
 */
export class NodeTable {
  readonly #framework: Framework;
  readonly #cluster: Cluster;
  #feasible: FeasibleNodes | undefined;
  nodes: readonly NodeInfo[] = [];
  /** By position; undefined: the node can take the pod. */
  verdicts: (Rejection | undefined)[] = [];
  /** How many nodes each rejection holds for. */
  readonly counts = new Map<Rejection, number>();
  feasible = 0;
  /** By position: weighed scores that need no scaling. */
  base = new Float64Array(0);
  /** Raw scores that do, by scaled scorer, and position. */
  raws: Float64Array[] = [];
  tree = new MaxTree(0);
  #fixed: readonly Scorer[] = [];
  #scaled: readonly Scorer[] = [];
  #extremes: Extremes[] = [];
  /** Whether the plugins read no more of a node than its room: then nodes alike are asked about once. */
  #readsRoomOnly = false;
  /** By number of the room: the position of a node that had it when it was asked about. */
  readonly #alike = new Map<number, number>();
  /** By position: number of the room the answer is of. */
  #rooms = new Float64Array(0);
  /** Raw scores of the node in question, by scaled scorer. */
  readonly #fresh: number[] = [];
  #membership = -1;
  #generation = -1;

  constructor(framework: Framework, cluster: Cluster) {
    this.#framework = framework;
    this.#cluster = cluster;
  }

  get scaled(): readonly Scorer[] {
    return this.#scaled;
  }

  /** The nodes that can take the pod: the same array as long as they and their objects are the same. */
  get feasibleNodes(): FeasibleNodes {
    const version = this.#cluster.nodeVersion;
    if (this.#feasible?.version !== version) {
      const nodes: NodeInfo[] = [];
      const positions: number[] = [];
      for (let position = 0; position < this.nodes.length; position++) {
        const node = this.nodes[position];
        if (node === undefined || this.verdicts[position] !== undefined) continue;
        nodes.push(node);
        positions.push(position);
      }
      this.#feasible = { nodes, positions, version };
    }
    return this.#feasible;
  }

  /** Whether no subset of the feasible nodes would change how scores are scaled. */
  get isScaleSettled(): boolean {
    return this.#extremes.every(({ lowest, highest }) => lowest >= highest);
  }

  /** Makes it a table for another shape. */
  recycle(): this {
    this.#membership = -1;
    this.#generation = -1;
    return this;
  }

  /** Brings the table up to date for a pod of its shape. */
  refresh(cycle: Cycle, plugins: NodePlugins): void {
    const cluster = this.#cluster;
    if (this.#membership !== cluster.membership) {
      this.#build(cycle, plugins);
      return;
    }
    if (this.#generation === cluster.generation) return;
    let isScaleSame = true;
    const wasEmpty = this.feasible === 0;
    const changed: number[] = [];
    for (let node = cluster.newest; node !== undefined && node.generation > this.#generation; node = node.older) {
      const { position } = node;
      if (position < 0 || this.#isAsBefore(node)) continue;
      if (!this.#ask(cycle, plugins.filters, node)) isScaleSame = false;
      changed.push(position);
    }
    this.#generation = cluster.generation;
    // Whoever takes pods now, or did, is among those that changed.
    const isAmongChanged = wasEmpty || this.feasible === 0;
    if (isScaleSame || this.#rescan(isAmongChanged ? changed : undefined) || isAmongChanged) {
      for (const position of changed) this.tree.set(position, this.#total(cycle, position));
    } else {
      this.#fillTree(cycle);
    }
  }

  /** Weighed scores by plugin of one node. */
  scoresOf(cycle: Cycle, position: number, skip: readonly Scorer[] = []): Record<string, number> {
    const scores: Record<string, number> = {};
    const node = this.nodes[position];
    if (node === undefined) return scores;
    for (const { plugin, weight } of this.#fixed) scores[plugin.name] = plugin.score(cycle, node) * weight;
    this.#scaled.forEach((scorer, index) => {
      if (!skip.includes(scorer)) scores[scorer.plugin.name] = this.#scaledScore(cycle, index, position);
    });
    return scores;
  }

  #build(cycle: Cycle, { filters, scorers }: NodePlugins): void {
    const cluster = this.#cluster;
    const known = new Map<NodeInfo, number>();
    const [verdicts, base, raws] = [this.verdicts, this.base, this.raws];
    if (this.#membership >= 0) this.nodes.forEach((node, position) => void known.set(node, position));
    this.nodes = cluster.settledNodes();
    this.#fixed = scorers.filter(({ plugin }) => plugin.scale === undefined);
    this.#scaled = scorers.filter(({ plugin }) => plugin.scale !== undefined);
    this.#readsRoomOnly = [...filters, ...scorers.map(({ plugin }) => plugin)].every(({ reads }) => reads === 'room');
    this.#clear(this.nodes.length);
    for (let position = 0; position < this.nodes.length; position++) {
      const node = this.nodes[position];
      if (node === undefined) continue;
      const before = node.generation <= this.#generation ? known.get(node) : undefined;
      if (before === undefined) {
        this.#ask(cycle, filters, node);
        continue;
      }
      const values = raws.map((raw) => raw[before] ?? 0);
      this.#enter(position, verdicts[before], base[before] ?? -Infinity, values);
    }
    this.#membership = cluster.membership;
    this.#generation = cluster.generation;
    this.#rescan();
    this.#fillTree(cycle);
  }

  /** Nothing is known of any node. Arrays of a recycled table are used again: the system is slow to hand out large ones. */
  #clear(size: number): void {
    this.#alike.clear();
    const isReusable = this.#membership < 0 && this.base.length === size && this.raws.length === this.#scaled.length;
    if (isReusable) {
      this.verdicts.fill(undefined);
      this.base.fill(-Infinity);
      this.#rooms.fill(NO_ROOM);
    } else {
      this.verdicts = new Array<Rejection | undefined>(size).fill(undefined);
      this.base = new Float64Array(size).fill(-Infinity);
      this.#rooms = new Float64Array(size).fill(NO_ROOM);
      this.raws = this.#scaled.map(() => new Float64Array(size));
      this.tree = new MaxTree(size);
    }
    this.#extremes = this.#scaled.map(() => ({ lowest: Infinity, highest: -Infinity, atLowest: 0, atHighest: 0 }));
    this.counts.clear();
    this.feasible = 0;
    this.#feasible = undefined;
  }

  /** Whether the node changed in nothing that the plugins read. */
  #isAsBefore(node: NodeInfo): boolean {
    if (!this.#readsRoomOnly || node.nominated.length > 0) return false;
    return this.#rooms[node.position] === this.#cluster.rooms.of(node);
  }

  /** Asks about one node. Returns whether the extremes can only have stayed as they are. */
  #ask(cycle: Cycle, filters: readonly FilterPlugin[], node: NodeInfo): boolean {
    const { position } = node;
    const isSame = this.#leave(position);
    const alike = this.#alikeTo(node);
    const verdict = alike === undefined ? this.#framework.filter(cycle, node, filters) : this.verdicts[alike];
    if (verdict !== undefined) {
      this.#enter(position, verdict, -Infinity, []);
      return isSame;
    }
    let base = alike === undefined ? 0 : (this.base[alike] ?? 0);
    if (alike === undefined) for (const { plugin, weight } of this.#fixed) base += plugin.score(cycle, node) * weight;
    for (let index = 0; index < this.#scaled.length; index++) {
      const score = alike === undefined ? this.#scaled[index]?.plugin.score(cycle, node) : this.raws[index]?.[alike];
      this.#fresh[index] = score ?? 0;
    }
    return this.#enter(position, undefined, base, this.#fresh) && isSame;
  }

  /**
   * The position of a node of the same room, of which is known what is to be said; undefined: there is none. Promises count for
   * some pods and not for others: with them no two nodes are alike.
   */
  #alikeTo(node: NodeInfo): number | undefined {
    const { position } = node;
    const room = this.#readsRoomOnly && node.nominated.length === 0 ? this.#cluster.rooms.of(node) : NO_ROOM;
    this.#rooms[position] = room;
    if (room === NO_ROOM) return undefined;
    const alike = this.#alike.get(room);
    if (alike !== undefined && alike !== position && this.#rooms[alike] === room) return alike;
    if (this.#alike.size >= MOST_ROOMS) this.#alike.clear();
    this.#alike.set(room, position);
    return undefined;
  }

  #leave(position: number): boolean {
    const verdict = this.verdicts[position];
    if (verdict !== undefined) {
      const count = (this.counts.get(verdict) ?? 0) - 1;
      if (count > 0) this.counts.set(verdict, count);
      else this.counts.delete(verdict);
      return true;
    }
    if (this.base[position] === -Infinity) return true;
    this.feasible -= 1;
    let isSame = true;
    for (let index = 0; index < this.#extremes.length; index++) {
      const extremes = this.#extremes[index];
      if (extremes === undefined) continue;
      const raw = this.raws[index]?.[position] ?? 0;
      if (raw === extremes.lowest && --extremes.atLowest === 0) isSame = false;
      if (raw === extremes.highest && --extremes.atHighest === 0) isSame = false;
    }
    return isSame;
  }

  #enter(position: number, verdict: Rejection | undefined, base: number, raws: ArrayLike<number>): boolean {
    if ((this.verdicts[position] === undefined) !== (verdict === undefined)) this.#feasible = undefined;
    this.verdicts[position] = verdict;
    this.base[position] = base;
    if (verdict !== undefined) {
      this.counts.set(verdict, (this.counts.get(verdict) ?? 0) + 1);
      return true;
    }
    this.feasible += 1;
    let isSame = true;
    for (let index = 0; index < this.#extremes.length; index++) {
      const extremes = this.#extremes[index];
      const column = this.raws[index];
      if (extremes === undefined || column === undefined) continue;
      const raw = raws[index] ?? 0;
      column[position] = raw;
      if (raw === extremes.lowest) extremes.atLowest += 1;
      if (raw === extremes.highest) extremes.atHighest += 1;
      if (raw < extremes.lowest || raw > extremes.highest) isSame = false;
    }
    return isSame;
  }

  /** Finds the extremes anew, `among` these positions where no others can take pods. Returns whether they are what they were. */
  #rescan(among?: readonly number[]): boolean {
    let isSame = true;
    this.#extremes.forEach((extremes, index) => {
      const { lowest, highest } = extremes;
      Object.assign(extremes, { lowest: Infinity, highest: -Infinity, atLowest: 0, atHighest: 0 });
      const column = this.raws[index];
      const count = among?.length ?? this.base.length;
      for (let place = 0; place < count; place++) {
        const position = among?.[place] ?? place;
        if (this.base[position] === -Infinity) continue;
        const raw = column?.[position] ?? 0;
        if (raw < extremes.lowest) {
          extremes.lowest = raw;
          extremes.atLowest = 0;
        }
        if (raw > extremes.highest) {
          extremes.highest = raw;
          extremes.atHighest = 0;
        }
        if (raw === extremes.lowest) extremes.atLowest += 1;
        if (raw === extremes.highest) extremes.atHighest += 1;
      }
      if (extremes.lowest !== lowest || extremes.highest !== highest) isSame = false;
    });
    return isSame;
  }

  #fillTree(cycle: Cycle): void {
    const totals = new Float64Array(this.base.length);
    for (let position = 0; position < totals.length; position++) totals[position] = this.#total(cycle, position);
    this.tree.fill(totals);
  }

  #total(cycle: Cycle, position: number): number {
    let total = this.base[position] ?? -Infinity;
    if (total === -Infinity) return total;
    for (let index = 0; index < this.#scaled.length; index++) total += this.#scaledScore(cycle, index, position);
    return total;
  }

  #scaledScore(cycle: Cycle, index: number, position: number): number {
    const scorer = this.#scaled[index];
    const range = this.#extremes[index];
    if (scorer === undefined || range === undefined) return 0;
    return (scorer.plugin.scale?.(this.raws[index]?.[position] ?? 0, range, cycle) ?? 0) * scorer.weight;
  }
}
