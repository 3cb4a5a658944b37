import type { Part } from './work.ts';
import type { TaskShape, World } from './world.ts';

/** What is free on each node. May be copied to try things out. */
export class Room {
  readonly cpu: Float64Array;
  readonly memory: Float64Array;
  readonly gpu: Float64Array;
  readonly #world: World;
  /** Nodes that are down take nothing. */
  readonly down: Uint8Array;

  constructor(world: World, like?: Room) {
    this.#world = world;
    this.cpu = like?.cpu.slice() ?? Float64Array.from(world.nodes, ({ cpuMillicores }) => cpuMillicores);
    this.memory = like?.memory.slice() ?? Float64Array.from(world.nodes, ({ memoryBytes }) => memoryBytes);
    this.gpu = like?.gpu.slice() ?? Float64Array.from(world.nodes, ({ gpuMillis }) => gpuMillis);
    this.down = like?.down.slice() ?? new Uint8Array(world.nodes.length);
  }

  copy(): Room {
    return new Room(this.#world, this);
  }

  /** How many tasks of the shape the node has room for. */
  tasksFitting(node: number, { cpuMillicores, memoryBytes, gpuMillis, gpuModel }: TaskShape): number {
    if (this.down[node] === 1) return 0;
    if (gpuModel !== undefined && this.#world.nodes[node]?.gpuModel !== gpuModel) return 0;
    let fitting = Math.floor((this.cpu[node] ?? 0) / cpuMillicores);
    if (memoryBytes > 0) fitting = Math.min(fitting, Math.floor((this.memory[node] ?? 0) / memoryBytes));
    if (gpuMillis > 0) fitting = Math.min(fitting, Math.floor((this.gpu[node] ?? 0) / gpuMillis));
    return fitting;
  }

  /**
   * Where `tasks` of them would go; fewer than asked for when there is not enough. `first`: wherever they fit first; `spread`: one
   * by one to the node with the largest free share, as kube-scheduler's default score (LeastAllocated) does.
   */
  place(shape: TaskShape, tasks: number, order: 'first' | 'spread' = 'first'): { node: number; tasks: number }[] {
    if (order === 'spread' && this.cpu.length > 1) return this.#spread(shape, tasks);
    const places: { node: number; tasks: number }[] = [];
    let left = tasks;
    for (let node = 0; node < this.cpu.length && left > 0; node++) {
      const fitting = Math.min(left, this.tasksFitting(node, shape));
      if (fitting <= 0) continue;
      places.push({ node, tasks: fitting });
      left -= fitting;
    }
    return places;
  }

  #spread(shape: TaskShape, tasks: number): { node: number; tasks: number }[] {
    const trial = this.copy();
    const places: { node: number; tasks: number }[] = [];
    for (let left = tasks; left > 0; left--) {
      let best = -1;
      let most = -1;
      for (let node = 0; node < trial.cpu.length; node++) {
        const share = trial.#freeShare(node);
        if (share > most && trial.tasksFitting(node, shape) > 0) [best, most] = [node, share];
      }
      if (best === -1) break;
      trial.take(shape, { node: best, tasks: 1 });
      places.push({ node: best, tasks: 1 });
    }
    return places;
  }

  #freeShare(node: number): number {
    const { cpuMillicores = 1, memoryBytes = 1 } = this.#world.nodes[node] ?? {};
    return (this.cpu[node] ?? 0) / cpuMillicores + (this.memory[node] ?? 0) / memoryBytes;
  }

  fits(shape: TaskShape, tasks: number): boolean {
    return this.place(shape, tasks).reduce((sum, part) => sum + part.tasks, 0) === tasks;
  }

  take(shape: TaskShape, { node, tasks }: Pick<Part, 'node' | 'tasks'>, keepsMemory = false): void {
    this.#add(shape, node, -tasks, keepsMemory);
  }

  give(shape: TaskShape, { node, tasks }: Pick<Part, 'node' | 'tasks'>, keepsMemory = false): void {
    this.#add(shape, node, tasks, keepsMemory);
  }

  giveMemory({ memoryBytes }: TaskShape, { node, tasks }: Pick<Part, 'node' | 'tasks'>): void {
    this.memory[node] = (this.memory[node] ?? 0) + memoryBytes * tasks;
  }

  #add({ cpuMillicores, memoryBytes, gpuMillis }: TaskShape, node: number, tasks: number, keepsMemory: boolean): void {
    this.cpu[node] = (this.cpu[node] ?? 0) + cpuMillicores * tasks;
    this.gpu[node] = (this.gpu[node] ?? 0) + gpuMillis * tasks;
    if (!keepsMemory) this.memory[node] = (this.memory[node] ?? 0) + memoryBytes * tasks;
  }
}
