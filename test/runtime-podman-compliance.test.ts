import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { diskFiles } from '../src/checkpoint/index.ts';
import { DEMO_IMAGE } from '../src/runtime/index.ts';
import { runtimeCompliance } from '../src/runtime/testing.ts';
import { missingParts, PodmanGround } from './podman-ground.ts';

const missing = await missingParts();
if (missing !== undefined) test('the podman runtime passes the compliance suite', { skip: missing });
else {
  runtimeCompliance('podman', async () => {
    const ground = await PodmanGround.open();
    return {
      runtime: ground.runtime(),
      secondNode: ground.runtime({ node: 'node-2' }),
      files: diskFiles,
      folder: await ground.directory('compliance'),
      image: DEMO_IMAGE,
      stepMilliseconds: 50,
      // A shared machine may take its time; what may never happen is that a process gets more grace than it is given.
      toleranceMilliseconds: 3_000,
      now: () => ground.clock.now(),
      pass: (milliseconds) => ground.clock.sleep(milliseconds),
      during: (work) => work,
      makeFolder: async (path) => {
        await mkdir(path, { recursive: true });
      },
      readOutput: (path) => readFile(path, 'utf8').catch(() => ''),
      cleanup: async () => {
        const { directory, volatile, cgroupParent } = ground.service.layout;
        await ground.close();
        for (const path of [
          directory,
          volatile,
          `/sys/fs/cgroup${cgroupParent}`,
          `/sys/fs/cgroup/memory${cgroupParent}`,
        ]) {
          assert.ok(!existsSync(path), `${path} is left`);
        }
        assert.doesNotMatch(await readFile('/proc/self/mountinfo', 'utf8'), new RegExp(directory));
      },
    };
  });
}
