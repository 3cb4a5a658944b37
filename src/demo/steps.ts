/** What the lines `step N` of a workload's output say about its work. */
export interface StepAccount {
  /** Step numbers in the order they were written. */
  steps: number[];
  /** Numbers from 1 to `expected` that are missing. */
  lost: number;
  /** Lines beyond the first of their number. */
  doubled: number;
}

/** @param expected the last step the workload should reach */
export function accountSteps(output: string, expected: number): StepAccount {
  const steps: number[] = [];
  for (const line of output.split('\n')) {
    const match = /^step (\d+)$/.exec(line.trim());
    if (match?.[1] !== undefined) steps.push(Number(match[1]));
  }
  const distinct = new Set(steps.filter((step) => step >= 1 && step <= expected));
  return { steps, lost: expected - distinct.size, doubled: steps.length - new Set(steps).size };
}
