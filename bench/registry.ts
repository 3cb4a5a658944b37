import { seededRandom, VirtualClock } from '../src/clock/index.ts';
import { MemoryBacking, Registry } from '../src/kubernetes/index.ts';
import { CONFIG_MAPS, type Draft, PODS, type Pod } from '../src/model/index.ts';

/** Calls a second of the in-process API server: `node bench/registry.ts`. Printed, never asserted. */
const COUNT = 20_000;
const ROUNDS = 3;

const NAMESPACE = 'default';

function pod(name: string): Draft<Pod> {
  const resources = { requests: { cpu: '1', memory: '1Gi' } };
  return {
    metadata: { namespace: NAMESPACE, name, labels: { app: 'bench' } },
    spec: { containers: [{ name: 'main', image: 'registry.example/bench:1', resources }] },
  };
}

async function measure(what: string, call: (name: string) => Promise<unknown>): Promise<void> {
  const began = performance.now();
  for (let index = 0; index < COUNT; index++) await call(`n${index}`);
  const perSecond = (COUNT / (performance.now() - began)) * 1_000;
  process.stdout.write(`${what.padEnd(28)} ${Math.round(perSecond).toLocaleString('en').padStart(9)} /s\n`);
}

for (let round = 1; round <= ROUNDS; round++) {
  const random = seededRandom(round);
  const registry = new Registry({ backing: new MemoryBacking(), clock: new VirtualClock(), random });
  const key = (name: string) => ({ namespace: NAMESPACE, name });
  process.stdout.write(`round ${round} of ${ROUNDS}, ${COUNT.toLocaleString('en')} objects of each kind\n`);
  await measure('create ConfigMap', (name) => registry.create(CONFIG_MAPS, { metadata: key(name), data: { a: '1' } }));
  await measure('get ConfigMap', (name) => registry.get(CONFIG_MAPS, key(name)));
  await measure('patch ConfigMap', (name) => registry.patch(CONFIG_MAPS, key(name), { data: { a: '2' } }));
  await measure('create Pod', (name) => registry.create(PODS, pod(name)));
  const uids = new Map((await registry.list(PODS)).items.map(({ metadata }) => [metadata.name, metadata.uid]));
  await measure('bind Pod', (name) => registry.bind({ ...key(name), uid: uids.get(name) ?? '' }, 'node-a'));
  const status = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] };
  await measure('patch Pod status', (name) => registry.patch(PODS, key(name), { status }, { subresource: 'status' }));
  const { resourceVersion } = await registry.list(PODS);
  const events = registry.watch(PODS, { resourceVersion })[Symbol.asyncIterator]();
  await measure('delete Pod, seen by a watch', async (name) => {
    await registry.delete(PODS, key(name), { gracePeriodSeconds: 0 });
    await events.next();
  });
  registry.close();
}
