import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import type { Capability } from '../../src/deployment/index.ts';
import { NODES } from '../../src/model/index.ts';
import { OWN_COMMAND } from '../sandbox-harness.ts';
import { connect } from './cluster.ts';

const run = promisify(execFile);

test('doctor --cluster says of the server and of each node what is there, and what to do about the rest', async () => {
  const store = connect();
  try {
    const { major, minor } = await store.version();
    const flags = [...OWN_COMMAND.arguments, 'doctor', '--cluster', '--output', 'json'];
    const { stdout } = await run(OWN_COMMAND.command, flags).catch((error: { code: number; stdout: string }) => {
      assert.equal(error.code, 1);
      return error;
    });
    const found = new Map((JSON.parse(stdout) as Capability[]).map((each) => [each.capability, each]));
    assert.equal(found.get('Kubernetes')?.detail, `${major}.${minor}`);
    assert.equal(found.get('schedulingGates')?.status, major > 1 || minor >= 27 ? 'yes' : 'fallback');
    for (const { metadata } of (await store.list(NODES)).items) {
      assert.ok(found.has(`node ${metadata.name}: checkpoint endpoint`), metadata.name);
      assert.ok(found.has(`node ${metadata.name}: container runtime`), metadata.name);
    }
    for (const each of found.values()) assert.ok(each.status !== 'no' || each.fix !== undefined, each.capability);
  } finally {
    await store.close();
  }
});
