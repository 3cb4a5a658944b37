import type { StageResult } from './stage.ts';

export interface StageReport {
  name: string;
  result: StageResult;
  milliseconds: number;
}

/** The table of stages, after it what failed and what was skipped. */
export function summarize(reports: readonly StageReport[]): string {
  const rows = [
    ['STAGE', 'PASSED', 'FAILED', 'SKIPPED', 'SECONDS'],
    ...reports.map(({ name, result, milliseconds }) => [
      name,
      `${result.passed}`,
      `${result.failed}`,
      `${result.skipped}`,
      (milliseconds / 1000).toFixed(1),
    ]),
  ];
  const lines = rows.map(([name = '', ...figures]) =>
    [name.padEnd(12), ...figures.map((figure) => figure.padStart(9))].join(''),
  );
  const failures = reports.flatMap(({ name, result }) => result.failures.map((failure) => `  ${name}: ${failure}`));
  const skips = reports.flatMap(({ result }) => result.skips.map((skip) => `  ${skip}`));
  return [
    '',
    ...(failures.length === 0 ? [] : ['Failed:', ...failures, '']),
    ...(skips.length === 0 ? [] : ['Skipped:', ...skips, '']),
    ...lines,
    '',
  ].join('\n');
}

/** The last line of the gate, for people and for scripts. */
export function totalLine(results: readonly StageResult[]): string {
  const sum = (count: (result: StageResult) => number): number =>
    results.reduce((total, result) => total + count(result), 0);
  return `${sum((result) => result.passed)} passed, ${sum((result) => result.failed)} failed, ${sum((result) => result.skipped)} skipped`;
}
