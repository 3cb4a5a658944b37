import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { isApiError, KubeletCheckpoints } from '../../src/kubernetes/index.ts';
import { PODS, type Pod, SERVICE_ACCOUNTS } from '../../src/model/index.ts';
import { OWN_COMMAND } from '../sandbox-harness.ts';
import { newerDebianProgram } from '../stores/newer-debian-program.ts';
import { RegistryServer } from '../stores/registry-server.ts';
import { access, withNamespace } from './cluster.ts';
import { NODES_HERE, WHY_SKIPPED } from './fermata-on-nodes.ts';

const COUNTER = ['/counter', '4'];

async function until<T>(what: string, look: () => Promise<T | undefined | false>): Promise<T> {
  for (let tries = 0; tries < 600; tries++) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    await pause(100);
  }
  return assert.fail(`it never came to be: ${what}`);
}

async function fermata(...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(OWN_COMMAND.command, [...OWN_COMMAND.arguments, 'checkpoints', ...args]);
  return stdout;
}

test("a kubelet's archive is taken in and read, and pushed as an image containerd makes an ordinary pod of it, which goes on", {
  skip: NODES_HERE === undefined ? WHY_SKIPPED : false,
}, async () => {
  const here = NODES_HERE;
  assert.ok(here);
  const [from = '', to = from] = Object.keys(here.roots);
  const folder = await mkdtemp(join(tmpdir(), 'fermata-image-'));
  const registry = await RegistryServer.start();
  const kubelet = new KubeletCheckpoints(access, { throughNode: from });
  try {
    await withNamespace(async (store, namespace) => {
      const run = (name: string, nodeName: string, image: string): Promise<Pod> =>
        store.create(PODS, {
          metadata: { namespace, name },
          spec: {
            nodeName,
            terminationGracePeriodSeconds: 0,
            automountServiceAccountToken: false,
            containers: [{ name: 'main', image, command: COUNTER }],
          },
        });
      const remove = async ({ metadata: { name } }: Pod): Promise<void> => {
        await store.delete(PODS, { namespace, name }, { gracePeriodSeconds: 0 });
        await until(`${name} is gone`, () =>
          store.get(PODS, { namespace, name }).then(
            () => undefined,
            (error: unknown) => isApiError(error, 'NotFound') || Promise.reject(error),
          ),
        );
      };
      /** What it has counted, by its log: `n=1`, `n=2`, then every fifth. */
      const counted = async ({ metadata: { name, uid }, spec }: Pod): Promise<number[]> => {
        const logs = join(
          here.roots[spec.nodeName ?? ''] ?? '/',
          'var/log/pods',
          `${namespace}_${name}_${uid}`,
          'main',
        );
        return numbersIn(await readFile(join(logs, '0.log'), 'utf8').catch(() => ''));
      };

      await until('the namespace has its service account', async () => {
        return (await store.list(SERVICE_ACCOUNTS, { namespace })).items.length > 0;
      });
      const counter = await run('counter', from, here.image);
      await until('it counts', async () => ((await counted(counter)).at(-1) ?? 0) >= 5);
      const order = { namespace, pod: 'counter', container: 'main', timeoutSeconds: 60 };
      const answer = await kubelet.checkpoint(order, AbortSignal.timeout(60_000));
      assert.ok('paths' in answer, JSON.stringify(answer));
      const archive = join(here.roots[from] ?? '/', answer.paths[0] ?? '');
      await remove(counter);

      const taken = join(folder, 'taken');
      assert.equal(await fermata('import', archive, taken), `Container main is in ${taken}.\n`);
      await rm(archive);
      const [shown] = JSON.parse(await fermata('show', taken, '--output', 'json')).containers;
      assert.equal(shown.image, here.image);
      const [{ processes }] = JSON.parse(await fermata('inspect', taken, '--output', 'json')).containers;
      assert.deepEqual(processes[0].commandLine, COUNTER);
      assert.match(await fermata('verify', taken), /fit together/);
      const exported = join(folder, 'exported.tar');
      await fermata('export', taken, '--file', exported);
      const [checkpointctl = '', ...words] = await newerDebianProgram('checkpointctl');
      const { stdout } = await promisify(execFile)(checkpointctl, [...words, 'show', exported]);
      assert.match(stdout, /\| main +\|.*\| containerd \|/);

      const image = `${registry.host}/team/counter:1`;
      await fermata('push', taken, image);
      const frozen = numbersIn(await readFile(join(taken, 'main', 'container.log'), 'utf8'));
      const again = await run('again', to, image);
      // Its log begins with that of the container it goes on from.
      const steps = await until('it counts on', async () => {
        const found = await counted(again);
        return (found.at(-1) ?? 0) > (frozen.at(-1) ?? 0) + 10 && found;
      });
      const want = Array.from({ length: steps.at(-1) ?? 0 }, (_, index) => index + 1);
      assert.deepEqual(
        steps,
        want.filter((n) => n < 3 || n % 5 === 0),
      );
      await remove(again);
    });
  } finally {
    await kubelet.close();
    await registry.stop();
    await rm(folder, { recursive: true });
  }
});

function numbersIn(log: string): number[] {
  return [...log.matchAll(/ n=(\d+) /g)].map(([, number]) => Number(number));
}
