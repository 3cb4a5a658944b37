import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import { afterEach, beforeEach, test } from 'node:test';
import { SystemClock, seededRandom, VirtualClock } from '../clock/index.ts';
import { MemoryBacking, Registry } from '../kubernetes/index.ts';
import { NAMESPACES, POD_CHECKPOINTS, SILENT_LOG } from '../model/index.ts';
import { otlpHeaders } from './otlp.ts';
import { TraceExport } from './trace-export.ts';

interface Taken {
  url: string | undefined;
  headers: IncomingHttpHeaders;
  spans: { traceId: string; name: string; startTimeUnixNano: string; attributes: object[] }[];
}

let collector: Server;
let endpoint: string;
let taken: Taken[];
/** Status of the collector's next answers; afterwards 200. */
let answers: number[];
let clock: VirtualClock;
let registry: Registry;
let counted: string[];
let traces: TraceExport;

beforeEach(async () => {
  [taken, answers, counted] = [[], [], []];
  collector = createServer((request, response) => {
    let text = '';
    request.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
    request.on('end', () => {
      response.statusCode = answers.shift() ?? 200;
      if (response.statusCode === 200) {
        const body = JSON.parse(text) as { resourceSpans: { scopeSpans: { spans: Taken['spans'] }[] }[] };
        const spans = body.resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans));
        taken.push({ url: request.url, headers: request.headers, spans });
      }
      response.end('{}');
    });
  }).listen(0, '127.0.0.1');
  await once(collector, 'listening');
  const address = collector.address();
  endpoint = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}/otlp/`;
  clock = new VirtualClock(Date.parse('2026-01-01T01:00:00Z'));
  registry = new Registry({ backing: new MemoryBacking(), clock, random: seededRandom(1) });
  await registry.create(NAMESPACES, { metadata: { name: 'lab' } });
  const count = (outcome: string, number: number): void => void counted.push(`${outcome} ${number}`);
  traces = new TraceExport(
    { store: registry, clock, random: seededRandom(1), log: SILENT_LOG, count },
    { endpoint, headers: { authorization: 'Bearer x' }, serviceName: 'fermata-controller' },
  );
});
afterEach(async () => {
  await traces.stop();
  collector.close();
});

async function checkpoint(name: string, endedAt?: string): Promise<string> {
  const key = { namespace: 'lab', name };
  const { metadata } = await registry.create(POD_CHECKPOINTS, { metadata: key, spec: { sourcePod: { name: 'p' } } });
  if (endedAt !== undefined) await end(name, endedAt);
  return metadata.uid.replaceAll('-', '');
}

async function end(name: string, lastTransitionTime: string): Promise<void> {
  const conditions = [{ type: 'Ready', status: 'True' as const, lastTransitionTime }];
  const status = { startTime: lastTransitionTime, completionTime: lastTransitionTime, conditions };
  await registry.patch(POD_CHECKPOINTS, { namespace: 'lab', name }, { status }, { subresource: 'status' });
}

/** Virtual time passes, and real requests are answered. */
async function pass(milliseconds: number): Promise<void> {
  const real = new SystemClock();
  for (let step = 0; step < 10; step++) {
    await clock.advance(milliseconds / 10);
    await real.sleep(10);
  }
}

test('an interruption is told once, when it is over, to the collector and with what it asks for', async () => {
  const past = await checkpoint('long-ago', '2026-01-01T01:00:00Z');
  await clock.advance(3_600_000);
  const traceId = await checkpoint('now');
  traces.start();
  await pass(2_000);
  assert.deepEqual(taken, [], 'it goes on, and what ended long ago was told by who led then');
  await end('now', '2026-01-01T02:00:02Z');
  await pass(5_000);
  assert.equal(taken.length, 1);
  const [{ url, headers, spans } = {} as Taken] = taken;
  assert.equal(url, '/otlp/v1/traces');
  assert.equal(headers.authorization, 'Bearer x');
  assert.deepEqual(
    spans.map(({ name }) => name),
    ['checkpoint', 'order', 'dump'],
  );
  assert.ok(spans.every((span) => span.traceId === traceId && span.traceId !== past));
  assert.match(spans[0]?.startTimeUnixNano ?? '', /^\d{19}$/);
  assert.deepEqual(spans[0]?.attributes[0], { key: 'k8s.namespace.name', value: { stringValue: 'lab' } });
  assert.deepEqual(counted, ['exported 1']);
});

test('a collector that refuses is tried again, and nothing is lost', async () => {
  answers = [503, 503];
  await checkpoint('now', '2026-01-01T01:00:00Z');
  traces.start();
  await pass(40_000);
  assert.equal(taken.length, 1);
  assert.deepEqual(counted, ['exported 1']);
});

test('what is left when it stops is told then', async () => {
  await checkpoint('now', '2026-01-01T01:00:00Z');
  traces.start();
  await pass(100);
  await traces.stop();
  assert.equal(taken.length, 1);
});

test('headers are read as OpenTelemetry writes them', () => {
  assert.deepEqual(otlpHeaders('authorization=Bearer%20a=b, x-team=lab,'), {
    authorization: 'Bearer a=b',
    'x-team': 'lab',
  });
  assert.deepEqual(otlpHeaders(''), {});
});
