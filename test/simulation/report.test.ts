import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { runInNewContext } from 'node:vm';

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.ts');
const WORK = ['--generate', 'research', '--generate-nodes', '8', '--generate-days', '3'];

let folder = '';
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'fermata-report-'));
});
after(() => rmSync(folder, { recursive: true }));

function fermata(...parameters: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN, 'simulate', ...parameters], {
    encoding: 'utf8',
  });
}

/** Elements that HTML and SVG leave open. */
const VOID = new Set(['meta', 'input', 'br']);

/** The page's elements; fails where one is not closed. */
function elementsOf(page: string): { name: string; attributes: string }[] {
  const open: string[] = [];
  const elements: { name: string; attributes: string }[] = [];
  const bare = page.replace(/<(script|style)([^>]*)>[\s\S]*?<\/\1>/g, '<$1$2></$1>');
  for (const [, close, name = '', attributes = '', self] of bare.matchAll(
    /<(\/?)([a-zA-Z][\w-]*)((?:\s+[\w-]+(?:="[^"]*")?)*)\s*(\/?)>/g,
  )) {
    if (close === '/') assert.equal(open.pop(), name, `</${name}>`);
    else {
      elements.push({ name, attributes });
      if (self !== '/' && !VOID.has(name)) open.push(name);
    }
  }
  assert.deepEqual(open, []);
  return elements;
}

test('a sweep runs each combination once, goes on where it was broken off, and feeds the page’s sliders', {
  timeout: 120_000,
}, () => {
  const out = join(folder, 'sweep.jsonl');
  const shared = ['--', ...WORK, '--policy', 'kube,slurm-suspend'];
  const sweep = (...more: string[]) =>
    fermata(
      'sweep',
      '--vary',
      'dump-seconds=1,60',
      '--seeds',
      '1..2',
      '--out',
      out,
      '--output',
      'json',
      ...more,
      ...shared,
    );
  const first = sweep();
  assert.equal(first.status, 0, first.stderr);
  const rows = JSON.parse(first.stdout) as { settings: object; seeds: number; goodput: { halfWidth: number } }[];
  assert.equal(rows.length, 4);
  assert.ok(rows.every(({ seeds, goodput }) => seeds === 2 && goodput.halfWidth >= 0));
  const lines = readFileSync(out, 'utf8').trim().split('\n');
  assert.equal(lines.length, 4);

  // Broken off: three lines and half of the fourth are left. What is there is not run again, so its mark stays.
  const marked = lines[0]?.replace('"policy":"kube"', '"policy":"kept"') ?? '';
  writeFileSync(out, `${[marked, ...lines.slice(1, 3)].join('\n')}\n`);
  appendFileSync(out, lines[3]?.slice(0, 50) ?? '');
  const again = sweep();
  assert.equal(again.status, 0, again.stderr);
  assert.match(again.stdout, /"policy": "kept"/);
  writeFileSync(out, `${lines.join('\n')}\n`);

  const page = join(folder, 'out.html');
  const run = fermata(...WORK, '--policy', 'kube,fermata', '--report', page, '--sweep', out);
  assert.equal(run.status, 0, run.stderr);
  const html = readFileSync(page, 'utf8');
  const elements = elementsOf(html);
  const count = (wanted: string): number => elements.filter(({ name }) => name === wanted).length;
  assert.ok(count('svg') >= 3, 'utilisation of both and waits');
  assert.equal(elements.filter(({ name, attributes }) => name === 'input' && attributes.includes('range')).length, 2);
  assert.ok(
    elements.every(({ attributes }) => !/\b(src|href)=/.test(attributes)),
    'nothing is fetched',
  );
  assert.doesNotMatch(html, /https?:|NaN|undefined|Infinity/);
  for (const heading of ['Policies', 'What if', 'Waits', 'Utilisation over time', 'Assumptions', 'Reproduce']) {
    assert.ok(html.includes(`<h2>${heading}</h2>`), heading);
  }
  assert.match(html, /<pre>fermata simulate --generate research .*--policy kube,fermata --report/);
  moveSliders(html);
});

interface FakeElement {
  textContent: string;
  value?: string;
  children: FakeElement[];
}

/** Runs the page's script with as much of a document as it asks for, and moves a slider. */
function moveSliders(html: string): void {
  const data = /<script type="application\/json" id="sweep">([\s\S]*?)<\/script>/.exec(html)?.[1] ?? '';
  const script = /<script>([\s\S]*?)<\/script><\/body>/.exec(html)?.[1] ?? '';
  const rows: FakeElement[] = [];
  const listeners: (() => void)[] = [];
  const inputs = [0, 1].map(() => {
    const output = { textContent: '' };
    const addEventListener = (_: string, listener: () => void): number => listeners.push(listener);
    return { value: '0', output, parentElement: { querySelector: () => output }, addEventListener };
  });
  const element = () => {
    const children: FakeElement[] = [];
    return { textContent: '', children, style: {}, append: (child: FakeElement) => children.push(child) };
  };
  const body = { replaceChildren: (...all: FakeElement[]) => rows.splice(0, rows.length, ...all) };
  const box = { querySelectorAll: () => inputs, querySelector: () => body };
  const document = {
    getElementById: (id: string) => (id === 'sweep' ? { textContent: data } : box),
    createElement: element,
  };
  runInNewContext(script, { document });
  assert.deepEqual(
    inputs.map(({ output }) => output.textContent),
    ['1', '1'],
  );
  assert.deepEqual(
    rows.map(({ children }) => children[0]?.textContent),
    ['kube', 'slurm-suspend'],
  );
  const [dumpSeconds] = inputs;
  assert.ok(dumpSeconds !== undefined);
  dumpSeconds.value = '1';
  for (const listener of listeners) listener();
  assert.equal(dumpSeconds.output.textContent, '60');
  assert.equal(rows.length, 2);
}
