/** Stands in for `node:test` in a trial: keeps the tests instead of running them. */
interface Collected {
  readonly name: string;
  readonly run: () => unknown;
}

export const collected: Collected[] = [];

export function test(name: string, run: () => unknown): void {
  collected.push({ name, run });
}

export default test;
