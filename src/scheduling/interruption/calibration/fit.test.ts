import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DUMP_CURVE } from '../../constants.ts';
import { fitCurve, judge, leaveOneOutError, predictedSeconds } from './fit.ts';
import { TEN_APPLICATIONS } from './ten-applications.ts';

const GIB = 2 ** 30;

test('the curve dumps are estimated by is the one that fits the ten applications', () => {
  const { curve } = fitCurve(TEN_APPLICATIONS, { knee: true });
  assert.equal(DUMP_CURVE.fixedSeconds.toFixed(3), curve.fixedSeconds.toFixed(3));
  assert.equal((DUMP_CURVE.secondsPerByte * GIB).toFixed(4), (curve.secondsPerByte * GIB).toFixed(4));
  assert.equal(DUMP_CURVE.kneeBytes, curve.kneeBytes);
  assert.equal((DUMP_CURVE.secondsPerByteBeyond * GIB).toFixed(3), (curve.secondsPerByteBeyond * GIB).toFixed(3));
  assert.equal((DUMP_CURVE.secondsPerGpuByte * GIB).toFixed(4), (curve.secondsPerGpuByte * GIB).toFixed(4));
});

test('it predicts all ten within a quarter, and their mean within 7 %', () => {
  const { meanRelativeError, largestRelativeError, rSquared } = judge(DUMP_CURVE, TEN_APPLICATIONS);
  assert.ok(meanRelativeError < 0.07, `mean ${meanRelativeError}`);
  assert.ok(largestRelativeError < 0.25, `largest ${largestRelativeError}`);
  assert.ok(rSquared > 0.999, `R² ${rSquared}`);
});

test('a straight line through the ten is three times as far off, and so is it for an application it never saw', () => {
  const line = fitCurve(TEN_APPLICATIONS, { knee: false });
  const bent = fitCurve(TEN_APPLICATIONS, { knee: true });
  assert.ok(line.meanRelativeError > 3 * bent.meanRelativeError);
  assert.ok(
    leaveOneOutError(TEN_APPLICATIONS, { knee: false }) > 2 * leaveOneOutError(TEN_APPLICATIONS, { knee: true }),
  );
});

test('a curve is found again from dumps that follow it, and no parameter is negative', () => {
  const truth = {
    fixedSeconds: 0.5,
    secondsPerByte: 0.4 / GIB,
    kneeBytes: 4 * GIB,
    secondsPerByteBeyond: 2 / GIB,
    secondsPerGpuByte: 0,
  };
  const dumps = [0.5, 1, 3, 4, 6, 9, 20].map((memoryGiB, index) => {
    const one = { name: `${index}`, memoryGiB, gpuGiB: index % 2, frozenSeconds: 1 };
    return { ...one, frozenSeconds: predictedSeconds(truth, one) };
  });
  const { curve, largestRelativeError } = fitCurve(dumps, { knee: true });
  assert.equal(curve.kneeBytes, 4 * GIB);
  assert.ok(largestRelativeError < 1e-9);
  assert.ok(curve.secondsPerGpuByte >= 0 && curve.secondsPerGpuByte * GIB < 1e-9);
});
