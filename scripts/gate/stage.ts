/** What a stage of the gate found. A stage that is not made of tests counts as one. */
export interface StageResult {
  passed: number;
  failed: number;
  skipped: number;
  /** What failed, ready to be shown again at the end: a name, a place and a reason each. */
  failures: string[];
  /** Name and reason of each skipped test. */
  skips: string[];
}

export interface StageContext {
  /** The repository. */
  root: string;
  /** Everything a test puts into a temporary folder lands in here: TMPDIR of its processes. */
  runFolder: string;
  /** Marks the processes of this run in their environment: FERMATA_TEST_RUN. */
  runId: string;
  /** Only test files whose path contains one of these; empty: all. */
  filters: readonly string[];
  signal: AbortSignal;
  /** One line of progress, shown at once. */
  say(line: string): void;
}

export interface Stage {
  name: string;
  run(context: StageContext): Promise<StageResult>;
}

/** Result of a stage that is one check. */
export function oneCheck(failures: readonly string[]): StageResult {
  return {
    passed: failures.length === 0 ? 1 : 0,
    failed: failures.length === 0 ? 0 : 1,
    skipped: 0,
    failures: [...failures],
    skips: [],
  };
}
