import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { DOORS, findViolations, importsOf, type SourceFile } from './doors.ts';

const PACKAGES = { dependencies: ['undici', 'typebox'], development: ['fast-check', 'kubernetes-types'] };

function messages(path: string, ...lines: string[]): string[] {
  const file: SourceFile = { path, text: lines.join('\n') };
  return findViolations([file], PACKAGES).map((violation) => `${violation.line}: ${violation.message}`);
}

const REFUSED: Readonly<Record<string, { path: string; lines: string[]; want: string[] }>> = {
  'refuses a room that looks up the house': {
    path: 'src/scheduling/engine.ts',
    lines: ["import { Registry } from '../kubernetes/index.ts';"],
    want: ['1: scheduling must not import kubernetes'],
  },
  'refuses a type import against the direction as well': {
    path: 'src/checkpoint/archive.ts',
    lines: ['// the archive', "import type { Pod } from '../kubernetes/index.ts';"],
    want: ['2: checkpoint must not import kubernetes'],
  },
  'refuses a way past the door': {
    path: 'src/agent/agent.ts',
    lines: ["import { Clock } from '../clock/clock.ts';"],
    want: ['1: clock is entered through src/clock/index.ts, not src/clock/clock.ts'],
  },
  'refuses a way past the door from a test across rooms': {
    path: 'test/demo.test.ts',
    lines: ["import { journal } from '../src/agent/journal.ts';"],
    want: ['1: agent is entered through src/agent/index.ts, not src/agent/journal.ts'],
  },
  'refuses a role that is loaded with the command line': {
    path: 'src/cli/scheduler.ts',
    lines: ["import { startScheduler } from '../roles/scheduler.ts';"],
    want: ['1: roles is entered through src/roles/index.ts, not src/roles/scheduler.ts'],
  },
  'refuses a dynamic import and a re-export alike': {
    path: 'src/runtime/podman/podman.ts',
    lines: ["export * from '../../agent/index.ts';", "  const x = await import('../../cli/index.ts');"],
    want: ['1: runtime must not import agent', '2: runtime must not import cli'],
  },
  'refuses an import over several lines': {
    path: 'src/model/pod.ts',
    lines: ['import {', '  Clock,', "} from '../clock/index.ts';"],
    want: ['1: model must not import clock'],
  },
  'refuses a room that the table does not know': {
    path: 'src/cli/new.ts',
    lines: ["import { x } from '../attic/index.ts';"],
    want: ['1: room attic has no entry in the table of doors'],
  },
  'refuses source that imports tests or scripts': {
    path: 'src/agent/agent.ts',
    lines: ["import { pod } from '../../test/builders.ts';"],
    want: ['1: src must not import test/builders.ts'],
  },
  'refuses I/O in a pure room': {
    path: 'src/scheduling/engine.ts',
    lines: ["import { readFile } from 'node:fs/promises';"],
    want: ['1: scheduling does no I/O and must not import node:fs/promises'],
  },
  'refuses a development package at run time': {
    path: 'src/agent/agent.ts',
    lines: ["import fc from 'fast-check';"],
    want: ['1: package fast-check is for development only'],
  },
  'refuses a package that is not declared': {
    path: 'src/agent/agent.ts',
    lines: ["import _ from 'lodash/fp';"],
    want: ['1: package lodash is not in package.json'],
  },
  'refuses real time and randomness where they are injected': {
    path: 'src/controllers/restore.ts',
    lines: [
      'const at = Date.now();',
      'const now = new Date();',
      'setTimeout(() => {}, 5);',
      'const r = Math.random();',
      "import { setTimeout as sleep } from 'node:timers/promises';",
    ],
    want: [
      '1: Date.now is not for this room: take the injected Clock',
      '2: new Date() is not for this room: take the injected Clock',
      '3: setTimeout is not for this room: take the injected Clock',
      '4: Math.random is not for this room: take the injected Random',
      "5: 'node:timers/promises' is not for this room: take the injected Clock",
    ],
  },
};

for (const [sentence, { path, lines, want }] of Object.entries(REFUSED)) {
  test(`the door check ${sentence}`, () => assert.deepEqual(messages(path, ...lines), want));
}

const ALLOWED: Readonly<Record<string, { path: string; lines: string[] }>> = {
  'the way down through a door': {
    path: 'src/agent/agent.ts',
    lines: ["import { x } from '../runtime/index.ts';", "import { y } from './journal.ts';"],
  },
  'a role, a benchmark and the gate, loaded by their commands': {
    path: 'src/cli/scheduler.ts',
    lines: [
      "const { x } = await import('../roles/scheduler.ts');",
      "const { y } = await import('../../scripts/gate/index.ts');",
      "const { z } = await import('../../bench/preemption.ts');",
    ],
  },
  'types of a development package': {
    path: 'src/model/core.ts',
    lines: ["import type { V1Pod } from 'kubernetes-types/core/v1';"],
  },
  'a development package in a test': {
    path: 'src/model/core.test.ts',
    lines: ["import fc from 'fast-check';", 'Date.now();'],
  },
  'shared builders for a test of another room': {
    path: 'src/agent/agent.test.ts',
    lines: ["import { runtimeCompliance } from '../runtime/testing.ts';"],
  },
  'time that comes from an argument': {
    path: 'src/controllers/restore.ts',
    lines: ['const d = new Date(clock.now());', 'clock.setTimeout(5);', '// Date.now() is not here'],
  },
  'real time in the roles and the podman runtime': { path: 'src/runtime/podman/x.ts', lines: ['Date.now();'] },
};

for (const [sentence, { path, lines }] of Object.entries(ALLOWED)) {
  test(`the door check allows ${sentence}`, () => assert.deepEqual(messages(path, ...lines), []));
}

test('imports named in comments and strings are not imports', () => {
  const text = ["// import('../agent/index.ts')", " * import('../agent/index.ts')", 'const s = "import \'x\'";'].join(
    '\n',
  );
  assert.deepEqual(importsOf(text), []);
});

test('docs/architecture.md shows the doors as they are', () => {
  const page = readFileSync(new URL('../../docs/architecture.md', import.meta.url), 'utf8');
  const rows = [...page.matchAll(/^\| `src\/(\w+)\/` \| ([^|]*) \|/gm)].map(([, room = '', cell = '']) => [
    room,
    cell === 'every room' ? Object.keys(DOORS).filter((other) => other !== room) : (cell.match(/\w+/g) ?? []),
  ]);
  const sorted = (doors: Record<string, readonly string[]>) =>
    Object.entries(doors)
      .map(([room, others]) => `${room}: ${[...others].sort().join(' ')}`)
      .sort();
  assert.deepEqual(sorted(Object.fromEntries(rows)), sorted(DOORS));
});
