/** A process as far as its place among others goes. */
export interface TreeProcess {
  pid: number;
  parent: number;
}

/**
 * Each process once, below its parent, with its depth; one whose parent is not among them is at the top. Of a dump of unknown origin:
 * parents may go in circles, and numbers may occur twice.
 */
export function* inTreeOrder<T extends TreeProcess>(processes: readonly T[]): Generator<{ process: T; depth: number }> {
  const children = Map.groupBy(processes, ({ parent }) => parent);
  const pids = new Set(processes.map(({ pid }) => pid));
  const told = new Set<T>();
  const roots = processes.filter(({ parent }) => !pids.has(parent));
  // Whatever a circle keeps from hanging on a root comes behind.
  for (const root of [...roots, ...processes]) {
    const waiting = [{ process: root, depth: 0 }];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const { process, depth } = next;
      if (told.has(process)) continue;
      told.add(process);
      yield next;
      const own = children.get(process.pid) ?? [];
      waiting.push(...own.map((child) => ({ process: child, depth: depth + 1 })).reverse());
    }
  }
}
