import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exponentialBuckets, Metrics } from './metrics.ts';

test('a scrape shows each metric with its help, its type and its series', () => {
  const metrics = new Metrics();
  const attempts = metrics.counter('attempts_total', 'Tries, by result.', ['result']);
  attempts.increment({ result: 'scheduled' });
  attempts.increment({ result: 'scheduled' }, 2);
  attempts.increment({ result: 'a "quoted"\\\n' });
  metrics.counter('victims_total', 'None yet.');
  const pending = metrics.gauge('pending', 'Now.');
  metrics.onCollect(() => pending.set(7));
  assert.equal(
    metrics.text(),
    `# HELP attempts_total Tries, by result.
# TYPE attempts_total counter
attempts_total{result="scheduled"} 3
attempts_total{result="a \\"quoted\\"\\\\\\n"} 1
# HELP victims_total None yet.
# TYPE victims_total counter
victims_total 0
# HELP pending Now.
# TYPE pending gauge
pending 7
`,
  );
});

test('buckets of a histogram count everything up to their bound', () => {
  const metrics = new Metrics();
  const took = metrics.histogram('took_seconds', 'Time.', exponentialBuckets(0.1, 2, 3), ['result']);
  for (const value of [0.05, 0.15, 0.4, 9]) took.observe(value, { result: 'ok' });
  assert.deepEqual(metrics.text().split('\n').slice(2, -1), [
    'took_seconds_bucket{result="ok",le="0.1"} 1',
    'took_seconds_bucket{result="ok",le="0.2"} 2',
    'took_seconds_bucket{result="ok",le="0.4"} 3',
    'took_seconds_bucket{result="ok",le="+Inf"} 4',
    'took_seconds_sum{result="ok"} 9.6',
    'took_seconds_count{result="ok"} 4',
  ]);
});

test('a name is given once', () => {
  const metrics = new Metrics();
  metrics.gauge('one', '');
  assert.throws(() => metrics.counter('one', ''), /metric one is there already/);
});
