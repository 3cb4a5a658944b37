/** One checkpoint or restore of a group, from the first hook of the first member to the last of the last. */
export interface Round {
  number: number;
  operation: 'Dump' | 'Restore';
  /** The decision; written before anybody is told. */
  verdict?: 'Committed' | 'Aborted';
  /** Of `Aborted`. */
  reason?: string;
  /** By hook: when the first member came to its barrier, ms since the epoch; the barrier's timeout counts from there. */
  openedAt: Partial<Record<string, number>>;
}

/**
 * The hooks that have a barrier, in CRIU's order. A member counts for a barrier once it has come to it or to a later one: CRIU
 * runs `network-lock` only for tasks with a network namespace of their own. The last one decides: a failing `post-dump` lets the
 * processes run on, a failing `post-restore` ends the restore.
 */
const BARRIERS = {
  Dump: ['pre-dump', 'network-lock', 'post-dump'],
  Restore: ['pre-restore', 'post-restore'],
} as const;

/** Where a hook stands among its round's barriers, from 1; undefined: it has none. */
export function stageOf(action: string): { operation: Round['operation']; stage: number } | undefined {
  const name = action === 'pre-stream' ? 'pre-dump' : action;
  for (const operation of ['Dump', 'Restore'] as const) {
    const index = (BARRIERS[operation] as readonly string[]).indexOf(name);
    if (index >= 0) return { operation, stage: index + 1 };
  }
  return undefined;
}

export function hookAt(operation: Round['operation'], stage: number): string {
  return BARRIERS[operation][stage - 1] ?? '';
}

export function isLastStage(operation: Round['operation'], stage: number): boolean {
  return stage === BARRIERS[operation].length;
}

/** The members of a group, and how far each has come in the present round. Plain state; who waits is not its business. */
export class Group {
  readonly session: string;
  readonly name: string;
  /** Declared names; undefined: the first `size` that come. */
  readonly declared: ReadonlySet<string> | undefined;
  readonly size: number;
  round: Round | undefined;
  readonly stages: Map<string, number>;
  touchedAt: number;
  /** By stage: how many members are at it or beyond. */
  #reached: number[] = [];

  constructor(facts: {
    session: string;
    name: string;
    declared?: ReadonlySet<string>;
    size: number;
    round?: Round;
    stages?: Iterable<readonly [string, number]>;
    touchedAt: number;
  }) {
    this.session = facts.session;
    this.name = facts.name;
    this.declared = facts.declared;
    this.size = facts.size;
    this.round = facts.round;
    this.touchedAt = facts.touchedAt;
    this.stages = new Map();
    for (const [member, stage] of facts.stages ?? []) this.advance(member, stage);
  }

  /** Whether the member belongs to it, or may still join. */
  admits(member: string): boolean {
    if (this.declared !== undefined) return this.declared.has(member);
    return this.stages.has(member) || this.stages.size < this.size;
  }

  begin(operation: Round['operation']): Round {
    this.stages.clear();
    this.#reached = [];
    this.round = { number: (this.round?.number ?? 0) + 1, operation, openedAt: {} };
    return this.round;
  }

  /** Notes that the member has come to the stage; going back is not noted. */
  advance(member: string, stage: number): void {
    const before = this.stages.get(member) ?? 0;
    if (stage <= before) return;
    this.stages.set(member, stage);
    for (let reached = before + 1; reached <= stage; reached++) {
      this.#reached[reached] = (this.#reached[reached] ?? 0) + 1;
    }
  }

  /** Takes back that the member has come to the stage: who is not there when the decision falls has not voted for it. */
  retreat(member: string, stage: number): void {
    if (this.stages.get(member) !== stage) return;
    this.stages.set(member, stage - 1);
    this.#reached[stage] = (this.#reached[stage] ?? 1) - 1;
  }

  isComplete(stage: number): boolean {
    return (this.#reached[stage] ?? 0) >= this.size;
  }

  /** Names of the members that have not come to the stage; of a group known by its size only, how many. */
  missing(stage: number): string {
    const here = [...this.stages].filter(([, reached]) => reached >= stage).map(([member]) => member);
    const known = this.declared ?? this.stages.keys();
    const named = [...known].filter((member) => !here.includes(member));
    const strangers = this.size - here.length - named.length;
    const names = named.length > SHOWN ? [...named.slice(0, SHOWN), `${named.length - SHOWN} more`] : named;
    if (strangers > 0) names.push(`${strangers} ${strangers === 1 ? 'member' : 'members'} that never came`);
    return names.join(', ');
  }
}

/** Names in one reason: it is read in CRIU's log, one line. */
const SHOWN = 10;
