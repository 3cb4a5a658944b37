import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { browse, fetchBrowser } from '../headless-browser.ts';

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.ts');
const WORK = ['--generate', 'applications', '--generate-jobs', '60', '--policy', 'kube-gang,fermata'];

let folder = '';
let page = '';
before(
  async () => {
    folder = mkdtempSync(join(tmpdir(), 'fermata-browser-report-'));
    page = join(folder, 'out.html');
    const sweep = join(folder, 'sweep.jsonl');
    fermata('sweep', '--vary', 'dump-seconds=1,60', '--threads', '1', '--out', sweep, '--', ...WORK);
    fermata(...WORK, '--report', page, '--sweep', sweep);
    await fetchBrowser();
  },
  { timeout: 400_000 },
);
after(() => rmSync(folder, { recursive: true, force: true }));

function fermata(...parameters: string[]): void {
  const command = ['--disable-warning=ExperimentalWarning', MAIN, 'simulate', ...parameters];
  const { status, stderr } = spawnSync(process.execPath, command, { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
}

const open = (...flags: string[]) => browse(page, join(folder, 'profile'), ...flags);

test('Chromium runs the page’s script without an error, and it fills in the table behind the sliders', async () => {
  const { stdout: dom, stderr } = await open('--dump-dom');
  assert.doesNotMatch(stderr, /:CONSOLE/);
  const rows = /<div id="what-if">.*?<tbody>(.*?)<\/tbody>/s.exec(dom)?.[1] ?? '';
  assert.deepEqual(
    [...rows.matchAll(/<tr><td>([^<]*)<\/td><td>[\d.]+ %/g)].map(([, policy]) => policy),
    ['kube-gang', 'fermata'],
  );
});

test('it paints the page, and prints it on sheets of paper', async () => {
  const picture = join(folder, 'page.png');
  await open('--window-size=1280,1600', `--screenshot=${picture}`);
  const png = readFileSync(picture);
  assert.deepEqual([png.readUInt32BE(16), png.readUInt32BE(20)], [1280, 1600]);
  // An empty page of this size takes 7 KiB.
  assert.ok(png.length > 30_000, `${png.length} bytes`);
  const paper = join(folder, 'page.pdf');
  await open(`--print-to-pdf=${paper}`, '--no-pdf-header-footer');
  const sheets = readFileSync(paper, 'latin1').match(/\/Type\s*\/Page\b/g)?.length ?? 0;
  assert.ok(sheets >= 1 && sheets <= 6, `${sheets} sheets`);
});
