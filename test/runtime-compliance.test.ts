import assert from 'node:assert/strict';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { diskFiles } from '../src/checkpoint/index.ts';
import { DEMO_IMAGE } from '../src/runtime/index.ts';
import { runtimeCompliance } from '../src/runtime/testing.ts';
import { missingParts, PodmanGround, run } from './podman-ground.ts';

const missing = await missingParts();

if (missing !== undefined) {
  test('podman runtime passes the compliance suite', { skip: missing }, () => undefined);
} else {
  runtimeCompliance('podman', async () => {
    const ground = await PodmanGround.open();
    return {
      runtime: ground.runtime({ node: 'node-1' }),
      secondNode: ground.runtime({ node: 'node-2' }),
      files: diskFiles,
      folder: await ground.directory('compliance'),
      image: DEMO_IMAGE,
      stepMilliseconds: 25,
      toleranceMilliseconds: 2_000,
      now: () => Date.now(),
      pass: async (milliseconds) => {
        await sleep(milliseconds);
      },
      during: (work) => work,
      makeFolder: async (path) => {
        await mkdir(path, { recursive: true });
      },
      readOutput: (path) => readFile(path, 'utf8'),
      cleanup: async () => {
        const { folder } = ground;
        await ground.close();
        const left = (await run('ps', ['-eo', 'args'])).split('\n').filter((line) => line.includes(join(folder, '')));
        assert.deepEqual(left, []);
      },
    };
  });
}
