import type { DumpCurve } from '../dump-curve.ts';
import { transferSeconds } from '../dump-curve.ts';
import type { MeasuredApplication } from './ten-applications.ts';

const GIB = 2 ** 30;
/** Knees tried, GiB. */
const KNEES = Array.from({ length: 55 }, (_, index) => 1 + index / 2);

/** How far a curve is from what was measured. */
export interface Fit {
  readonly curve: DumpCurve;
  /** Share of the variance of the seconds that the curve explains. */
  readonly rSquared: number;
  /** Mean of |predicted − measured| ÷ measured. */
  readonly meanRelativeError: number;
  readonly largestRelativeError: number;
}

/**
 * The curve with the least squares of relative errors: a dump of 0.3 s counts as much as one of 30 s. For each knee the rest is
 * a linear problem; parameters that would come out negative are left out.
 */
export function fitCurve(applications: readonly MeasuredApplication[], options: { knee: boolean }): Fit {
  const knees = options.knee ? KNEES : [Infinity];
  let best: Fit | undefined;
  let least = Infinity;
  for (const knee of knees) {
    const curve = curveWithKnee(applications, knee);
    const error = sum(applications.map((one) => relativeError(curve, one) ** 2));
    if (error >= least) continue;
    least = error;
    best = judge(curve, applications);
  }
  if (best === undefined) throw new RangeError('no curve fits what is not there');
  return best;
}

/** Mean relative error of predicting each application from the nine others: what to expect of one never seen. */
export function leaveOneOutError(applications: readonly MeasuredApplication[], options: { knee: boolean }): number {
  const errors = applications.map((left) => {
    const others = applications.filter((one) => one !== left);
    return Math.abs(relativeError(fitCurve(others, options).curve, left));
  });
  return sum(errors) / errors.length;
}

export function predictedSeconds(curve: DumpCurve, { memoryGiB, gpuGiB }: MeasuredApplication): number {
  const size = { memoryBytes: memoryGiB * GIB, gpuMemoryBytes: gpuGiB * GIB };
  return curve.fixedSeconds + transferSeconds(curve, size);
}

export function judge(curve: DumpCurve, applications: readonly MeasuredApplication[]): Fit {
  const mean = sum(applications.map((one) => one.frozenSeconds)) / applications.length;
  const total = sum(applications.map((one) => (one.frozenSeconds - mean) ** 2));
  const left = sum(applications.map((one) => (predictedSeconds(curve, one) - one.frozenSeconds) ** 2));
  const errors = applications.map((one) => Math.abs(relativeError(curve, one)));
  return {
    curve,
    rSquared: 1 - left / total,
    meanRelativeError: sum(errors) / errors.length,
    largestRelativeError: Math.max(...errors),
  };
}

function relativeError(curve: DumpCurve, application: MeasuredApplication): number {
  return (predictedSeconds(curve, application) - application.frozenSeconds) / application.frozenSeconds;
}

function curveWithKnee(applications: readonly MeasuredApplication[], knee: number): DumpCurve {
  const rows = applications.map(({ memoryGiB, gpuGiB, frozenSeconds }) =>
    [1, Math.min(memoryGiB, knee), Math.max(0, memoryGiB - knee), gpuGiB].map((value) => value / frozenSeconds),
  );
  const [fixed = 0, quick = 0, slow = 0, gpu = 0] = nonNegativeLeastSquares(rows);
  return {
    fixedSeconds: fixed,
    secondsPerByte: quick / GIB,
    kneeBytes: knee * GIB,
    secondsPerByteBeyond: (knee === Infinity ? quick : slow) / GIB,
    secondsPerGpuByte: gpu / GIB,
  };
}

/** Solves `rows · x ≈ 1` by least squares; columns whose parameter would be negative, or that say nothing, are left at 0. */
function nonNegativeLeastSquares(rows: readonly (readonly number[])[]): number[] {
  const width = rows[0]?.length ?? 0;
  let columns = Array.from({ length: width }, (_, index) => index).filter((column) =>
    rows.some((row) => (row[column] ?? 0) !== 0),
  );
  for (;;) {
    const used = columns;
    const matrix = used.map((one) => [
      ...used.map((other) => sum(rows.map((row) => (row[one] ?? 0) * (row[other] ?? 0)))),
      sum(rows.map((row) => row[one] ?? 0)),
    ]);
    const solution = solve(matrix);
    const lowest = used.reduce((worst, _, at) => ((solution[at] ?? 0) < (solution[worst] ?? 0) ? at : worst), 0);
    if ((solution[lowest] ?? 0) >= 0) {
      const full = new Array<number>(width).fill(0);
      used.forEach((column, at) => {
        full[column] = solution[at] ?? 0;
      });
      return full;
    }
    columns = used.filter((_, at) => at !== lowest);
  }
}

/** Gauss's elimination with partial pivoting; each row holds its right-hand side last. */
function solve(matrix: number[][]): number[] {
  const size = matrix.length;
  for (let step = 0; step < size; step++) {
    let pivot = step;
    for (let row = step + 1; row < size; row++)
      if (Math.abs(cell(matrix, row, step)) > Math.abs(cell(matrix, pivot, step))) pivot = row;
    const taken = matrix[pivot] ?? [];
    matrix[pivot] = matrix[step] ?? [];
    matrix[step] = taken;
    for (let row = 0; row < size; row++) {
      if (row === step) continue;
      const factor = cell(matrix, row, step) / cell(matrix, step, step);
      matrix[row] = (matrix[row] ?? []).map((value, column) => value - factor * cell(matrix, step, column));
    }
  }
  return matrix.map((row, index) => (row[size] ?? 0) / cell(matrix, index, index));
}

function cell(matrix: readonly (readonly number[])[], row: number, column: number): number {
  return matrix[row]?.[column] ?? 0;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
