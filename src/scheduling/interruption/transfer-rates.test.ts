import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BANDWIDTH_SAMPLE_MIN_BYTES, CLUSTER_SAMPLES, NODE_SAMPLES } from '../constants.ts';
import { DumpOverlaps } from './dump-overlaps.ts';
import { medianOf, RecentSamples } from './robust-median.ts';
import { StoreRates, storeOf } from './store-rates.ts';
import { TransferRates } from './transfer-rates.ts';

const GIB = 2 ** 30;
/** A second a GiB. */
const CURVE = {
  fixedSeconds: 0,
  secondsPerByte: 1 / GIB,
  kneeBytes: Infinity,
  secondsPerByteBeyond: 0,
  secondsPerGpuByte: 2 / GIB,
};

function near(actual: number, wanted: number): void {
  assert.ok(Math.abs(actual - wanted) < 1e-9 * Math.max(1, wanted), `${actual} is not ${wanted}`);
}

test('the median: in the middle, or between the two in the middle', () => {
  assert.equal(medianOf([9, 1, 3]), 3);
  near(medianOf([1, 100, 4, 9]), 6);
  assert.equal(medianOf([7]), 7);
});

test('samples: the newest few count, and none that is no measurement', () => {
  const samples = new RecentSamples(3);
  for (const sample of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) samples.add(sample);
  assert.equal(samples.count, 0);
  assert.equal(samples.medianWith(5), 5);
  for (const sample of [100, 100, 100, 2, 2, 2]) samples.add(sample);
  assert.equal(samples.count, 3);
  near(samples.medianWith(50), 2);
});

test('rates: what was learned says whether the expectation of all nodes changed', () => {
  const rates = new TransferRates(CURVE);
  assert.equal(rates.factorOf('n1'), 1);
  assert.equal(rates.learn('n1', GIB, 1.1), false);
  assert.equal(rates.learn('n1', GIB, 4), true);
  near(rates.factorOf('unknown'), 1.1);
  assert.equal(rates.learn('n1', BANDWIDTH_SAMPLE_MIN_BYTES - 1, 9), false);
  assert.equal(rates.learn('n1', GIB, 0), false);
  assert.equal(rates.learn('n1', BANDWIDTH_SAMPLE_MIN_BYTES, 64), true);
});

test('rates: a node is as fast as it was measured, others as the cluster', () => {
  const rates = new TransferRates(CURVE);
  for (let index = 0; index < NODE_SAMPLES; index++) rates.learn('slow', GIB, 3);
  for (let index = 0; index < CLUSTER_SAMPLES; index++) rates.learn('fast', 2 * GIB, 1);
  near(rates.factorOf('slow'), 3);
  near(rates.factorOf('fast'), 0.5);
  near(rates.factorOf('unknown'), 0.5);
  near(rates.secondsOn('slow', { memoryBytes: 2 * GIB, gpuMemoryBytes: GIB }), 12);
  rates.forgetNode('slow');
  near(rates.factorOf('slow'), 0.5);
});

test('overlaps: how many dumps ran at once, as far as it is known', () => {
  const overlaps = new DumpOverlaps();
  assert.equal(overlaps.add('n1', { begin: 0, end: 10 }), 1);
  assert.equal(overlaps.add('n1', { begin: 5, end: 15 }), 1.5);
  assert.equal(overlaps.add('n1', { begin: 5, end: 15 }), 2.5);
  assert.equal(overlaps.add('n1', { begin: 15, end: 20 }), 1);
  assert.equal(overlaps.add('n2', { begin: 0, end: 10 }), 1);
  assert.equal(overlaps.add('n1', { begin: 8, end: 8 }), 1);
});

test('stores: by scheme and authority; what is too small or too quick to tell is not counted', () => {
  assert.equal(storeOf('s3://bucket/a/b'), 's3://bucket');
  assert.equal(storeOf('oci://registry:5000/x'), 'oci://registry:5000');
  assert.equal(storeOf('/var/lib/x'), '');
  const rates = new StoreRates();
  const before = rates.bytesPerSecondOf('s3://bucket/x');
  rates.learn('s3://bucket/a', BANDWIDTH_SAMPLE_MIN_BYTES - 1, 100);
  // After each: two samples on either side of what is expected would leave it as it is.
  assert.equal(rates.bytesPerSecondOf('s3://bucket/x'), before);
  rates.learn('s3://bucket/a', GIB, 1);
  assert.equal(rates.bytesPerSecondOf('s3://bucket/x'), before);
  rates.learn('s3://bucket/a', BANDWIDTH_SAMPLE_MIN_BYTES, 2);
  near(rates.bytesPerSecondOf('s3://bucket/x'), Math.sqrt((BANDWIDTH_SAMPLE_MIN_BYTES / 2) * before));
  assert.equal(rates.bytesPerSecondOf(undefined), before);
});
