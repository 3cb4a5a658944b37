import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { PODS } from '../../src/model/index.ts';
import { TRACE_FORMATS } from '../../src/simulation/index.ts';
import { OWN_COMMAND, startTestSandbox } from '../sandbox-harness.ts';

async function fermata(...parameters: string[]): Promise<{ status: number | null; stdout: string; stderr: string }> {
  const child = spawn(OWN_COMMAND.command, [...OWN_COMMAND.arguments, ...parameters]);
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (data: Buffer) => {
    stdout += String(data);
  });
  child.stderr.on('data', (data: Buffer) => {
    stderr += String(data);
  });
  const status = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { status, stdout, stderr };
}

test('what record saw of a cluster can be simulated, and holds nothing of what pods run', {
  timeout: 60_000,
}, async () => {
  const { sandbox, folder, dispose } = await startTestSandbox({ runtime: 'simulated', nodes: 2, cpu: '4' });
  try {
    await sandbox.store.create(PODS, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'recorded', namespace: 'default', annotations: { 'fermata.dev/walltime': '1h' } },
      spec: {
        schedulerName: 'fermata',
        containers: [
          {
            name: 'main',
            image: 'example',
            command: ['secret-command'],
            resources: { requests: { cpu: '500m', memory: '64Mi' } },
          },
        ],
      },
    });
    const out = join(folder, 'cluster.jsonl');
    const recorded = await fermata('record', '--dir', join(folder, 'sandbox'), '--out', out, '--seconds', '6');
    assert.equal(recorded.status, 0, recorded.stderr);
    const trace = await TRACE_FORMATS.recording(out);
    assert.equal(trace.nodes?.length, 2);
    assert.equal(trace.nodes?.[0]?.cpuMillicores, 4_000);
    const [job] = trace.jobs;
    assert.equal(job?.processors, 0.5);
    assert.equal(job?.walltimeSeconds, 3_600);
    assert.doesNotMatch(await readFile(out, 'utf8'), /secret-command/);
    const simulated = await fermata('simulate', '--trace', out, '--policy', 'kube,fermata', '--output', 'json');
    assert.equal(simulated.status, 0, simulated.stderr);
    const results = JSON.parse(simulated.stdout) as { capacityProcessors: number; jobs: number }[];
    assert.deepEqual(
      results.map(({ capacityProcessors, jobs }) => [capacityProcessors, jobs]),
      [
        [8, 1],
        [8, 1],
      ],
    );
  } finally {
    await dispose();
  }
});
