import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createReadStream, createWriteStream } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { createGzip, createZstdCompress } from 'node:zlib';
import {
  diffContainers,
  exportContainer,
  importContainer,
  inspectContainer,
  parseImageReference,
  pullCheckpointImage,
  pushCheckpointImage,
  writeTar,
} from '../../src/checkpoint/index.ts';
import { DEMO_IMAGE, type PodmanRuntime } from '../../src/runtime/index.ts';
import { begin, counter, missingParts, PodmanGround, steps, until } from '../podman-ground.ts';
import { newerDebianProgram } from './newer-debian-program.ts';
import { RegistryServer } from './registry-server.ts';

const missing = await missingParts();
/** The ground's first. */
const POD = { namespace: 'default', name: 'pod-1', uid: 'uid-1' };

describe("the layout of other tools' archives", { skip: missing ?? false }, () => {
  let ground: PodmanGround;
  let runtime: PodmanRuntime;
  /** A checkpoint that Fermata made of a counting container `main`, and what it had counted to. */
  let checkpoint: string;
  let work: string;
  let frozenAt: number;

  before(async () => {
    ground = await PodmanGround.open();
    runtime = ground.runtime();
    work = await ground.directory('work');
    const uid = await begin(runtime, ground.pod([counter({ memoryMebibytes: 4 })], {}, { work }));
    await until('it counts', async () => (await steps(work)) >= 3);
    checkpoint = join(ground.folder, 'checkpoint');
    await runtime.checkpointPod(uid, { directory: checkpoint, leaveRunning: false, timeoutMilliseconds: 30_000 });
    frozenAt = await steps(work);
    await runtime.removePod(uid, 0);
  });

  after(() => ground.close());

  async function exportTo(path: string, from = checkpoint): Promise<void> {
    const { entries } = await exportContainer(from, 'main', POD);
    await pipeline(Readable.from(writeTar(entries)), createWriteStream(path, { mode: 0o600 }));
  }

  /** The ground's own Podman. */
  async function podman(...args: string[]): Promise<string> {
    const { service, tools } = ground;
    const env = service.layout.environment(tools);
    const { stdout } = await promisify(execFile)(tools.podman, args, { env });
    return stdout.trim();
  }

  test('podman restores what Fermata dumped and exported, and it goes on from its very next step', async () => {
    const tar = join(ground.folder, 'exported.tar');
    await exportTo(tar);
    const id = await podman('container', 'restore', '--import', tar, '--name', 'imported', '--file-locks');
    try {
      await until('it counts on', async () => (await steps(work)) > frozenAt + 2);
    } finally {
      await podman('rm', '-f', '-t', '0', id);
    }
  });

  test('checkpointctl shows what was exported, and sees the processes, files, mounts and statistics that Fermata sees', async () => {
    const tar = join(ground.folder, 'for-checkpointctl.tar');
    await exportTo(tar);
    const [program = '', ...words] = await newerDebianProgram('checkpointctl');
    const checkpointctl = async (...args: string[]): Promise<string> =>
      (await promisify(execFile)(program, [...words, ...args], { maxBuffer: 64 << 20 })).stdout;
    assert.match(await checkpointctl('show', tar), new RegExp(`\\| main +\\| ${DEMO_IMAGE} `));
    const [theirs] = JSON.parse(await checkpointctl('inspect', '--all', '--format', 'json', tar));
    const ours = await inspectContainer(join(checkpoint, 'main'));
    const [process] = ours.processes;
    assert.ok(process && ours.statistics && ours.processes.length === 1);
    assert.deepEqual([theirs.process_tree.pid, theirs.process_tree.command], [process.pid, process.name]);
    const { freezing_time, frozen_time, memdump_time, memwrite_time, pages_written } = theirs.statistics;
    const { freezingMicroseconds, frozenMicroseconds, memdumpMicroseconds, memwriteMicroseconds } = ours.statistics;
    assert.deepEqual(
      [freezing_time, frozen_time, memdump_time, memwrite_time, pages_written],
      [
        freezingMicroseconds,
        frozenMicroseconds,
        memdumpMicroseconds,
        memwriteMicroseconds,
        ours.statistics.pagesWritten,
      ],
    );
    const files = theirs.file_descriptors[0].open_files as { fd: string; path: string }[];
    assert.deepEqual(
      [
        ...process.openFiles.map(({ kind, descriptor, name }) => [
          `${kind} ${descriptor}`,
          name.replace('pipe:', 'pipe'),
        ]),
        ['cwd', process.workingDirectory],
        ['root', process.root],
      ],
      files.map(({ fd, path }) => [fd, path]),
    );
    const mounted = new Set(ours.mounts.map(({ mountPoint }) => mountPoint));
    for (const { destination } of theirs.mounts) assert.ok(mounted.has(destination), destination);
  });

  test("an archive of podman's export is taken in, and what is exported of it podman restores", async () => {
    const own = join(ground.folder, 'of-podman.tar.zst');
    const script = '$| = 1; for (;;) { print ++$n, "\\n"; select undef, undef, undef, 0.05 }';
    await podman('run', '-d', '--name', 'theirs', '--network', 'none', DEMO_IMAGE, 'perl', '-e', script);
    try {
      await until('it prints', async () => (await podman('logs', 'theirs')).split('\n').length > 3);
      await podman('container', 'checkpoint', 'theirs', '--export', own, '--compress', 'zstd');
      const last = Number((await podman('logs', 'theirs')).split('\n').at(-1));
      await podman('rm', 'theirs');
      const taken = join(ground.folder, 'taken-in');
      const imported = await importContainer(createReadStream(own), taken);
      assert.equal(imported.name, 'theirs');
      assert.equal(imported.pod, undefined);
      assert.equal((await stat(join(taken, 'theirs', 'checkpoint'))).mode & 0o777, 0o700);
      const again = join(ground.folder, 'again.tar');
      const { entries } = await exportContainer(taken, 'theirs', undefined);
      await pipeline(Readable.from(writeTar(entries)), createWriteStream(again, { mode: 0o600 }));
      await podman('container', 'restore', '--import', again);
      await until('it prints on', async () => Number((await podman('logs', 'theirs')).split('\n').at(-1)) > last + 2);
    } finally {
      await podman('rm', '-f', '-i', '-t', '0', 'theirs');
    }
  });

  test('what was exported, however compressed, is taken in as it was, to the byte', async () => {
    const tar = join(ground.folder, 'compressed.tar');
    await exportTo(tar);
    for (const [name, packer] of Object.entries({ gzip: createGzip(), zstd: createZstdCompress() })) {
      const taken = join(ground.folder, `taken-${name}`);
      const { pod } = await importContainer(createReadStream(tar).pipe(packer), taken);
      assert.deepEqual(pod, POD);
      for (const image of await readdir(join(checkpoint, 'main', 'checkpoint'))) {
        const [before, after] = [checkpoint, taken].map((folder) => join(folder, 'main', 'checkpoint', image));
        assert.ok((await readFile(before ?? '')).equals(await readFile(after ?? '')), image);
      }
    }
  });

  test('a damaged or cut archive is refused, and nothing of it is left', async () => {
    const tar = join(ground.folder, 'whole.tar');
    await exportTo(tar);
    const { size } = await stat(tar);
    const folder = await mkdtemp(join(ground.folder, 'refused-'));
    const cut = (end: number) => createReadStream(tar, { end });
    await assert.rejects(importContainer(cut(size - 2000), join(folder, 'x')), { code: 'ArchiveRefused' });
    await assert.rejects(importContainer(cut(size - 2000).pipe(createZstdCompress()), join(folder, 'x')), {
      code: 'ArchiveRefused',
    });
    const lacking = await mkdtemp(join(ground.folder, 'lacking-'));
    await mkdir(join(lacking, 'main'));
    await cp(join(checkpoint, 'main'), join(lacking, 'main'), { recursive: true });
    await rm(join(lacking, 'main', 'checkpoint', 'pages-1.img'));
    const incomplete = join(ground.folder, 'lacking.tar');
    await exportTo(incomplete, lacking);
    await assert.rejects(importContainer(createReadStream(incomplete), join(folder, 'x')), {
      code: 'CheckpointIncomplete',
    });
    assert.deepEqual(await readdir(folder), []);
  });

  test("CRIU's images tell processes, files, sockets, mounts and memory, and what changed between two of them", async () => {
    const script = [
      'use Socket; socket(S, PF_INET, SOCK_STREAM, 6) && bind(S, sockaddr_in(4242, INADDR_ANY)) && listen(S, 5) or die $!;',
      'socket(U, PF_UNIX, SOCK_STREAM, 0) && bind(U, sockaddr_un("/run/u.sock")) && listen(U, 5) or die $!;',
      'if (!fork) { exec "sleep", "1000" } open(F, "<", "/etc/hostname"); my $memory = "x" x (8 << 20);',
      'for (my $n = 0; ; $n++) { substr($memory, 4096 * ($n % 16), 5) = sprintf("%5d", $n); if ($n % 16 == 0) { open(R, ">", "/scratch/n.new"); print R $n; close R; rename "/scratch/n.new", "/scratch/n" } select undef, undef, undef, 0.01 }',
    ].join('\n');
    const folder = await ground.directory('inspected');
    const made = ground.pod(
      [{ command: ['perl', '-e', script], volumeMounts: [{ name: 'work', mountPath: '/scratch' }] }],
      {},
      { work: folder },
    );
    const uid = await begin(runtime, made);
    await until('it is ready', async () => (await readdir(folder)).includes('n'));
    const [first, second] = ['first', 'second'].map((name) => join(ground.folder, name));
    assert.ok(first && second);
    const options = { leaveRunning: true, timeoutMilliseconds: 30_000 };
    await runtime.checkpointPod(uid, { ...options, directory: first });
    const step = async () => Number(await readFile(join(folder, 'n'), 'utf8'));
    const before = await step();
    await until('every page was written once more', async () => (await step()) >= before + 32);
    await runtime.checkpointPod(uid, { ...options, directory: second });
    await runtime.removePod(uid, 0);

    const { processes, mounts, statistics } = await inspectContainer(join(first, 'main'));
    const [perl, sleep] = processes;
    assert.ok(perl && sleep && processes.length === 2);
    assert.deepEqual([sleep.parent, sleep.name, sleep.commandLine], [perl.pid, 'sleep', ['sleep', '1000']]);
    assert.equal(perl.commandLine[0], 'perl');
    const files = perl.openFiles.map(({ kind, name }) => `${kind} ${name}`);
    for (const wanted of ['INETSK TCP LISTEN 0.0.0.0:4242', 'UNIXSK /run/u.sock', 'REG /etc/hostname']) {
      assert.ok(files.includes(wanted), `${wanted} is not among ${files.join(', ')}`);
    }
    assert.ok(mounts.some(({ mountPoint }) => mountPoint === '/scratch'));
    assert.ok(perl.memory.reduce((sum, { savedBytes }) => sum + savedBytes, 0) > 8 << 20);
    assert.ok((statistics?.pagesWritten ?? 0) > 2048);

    const { memory, openedFiles, closedFiles } = await diffContainers(join(first, 'main'), join(second, 'main'));
    const [ofPerl, ofSleep] = memory;
    assert.ok(ofPerl && ofPerl.changedPages >= 16 && ofPerl.changedPages < 200, JSON.stringify(ofPerl));
    assert.ok(ofPerl.samePages > 2000);
    // The page on which CRIU's own code in it keeps its signal frame.
    assert.ok(ofSleep && ofSleep.changedPages <= 2);
    assert.deepEqual([openedFiles, closedFiles], [[], []]);
  });

  test('pushed as an image, it has the annotations CRI-O and containerd look for, and comes back whole', async () => {
    const registry = await RegistryServer.start();
    try {
      const reference = parseImageReference(`${registry.host}/team/thesis:monday`);
      const exported = await exportContainer(checkpoint, 'main', POD);
      const digest = await pushCheckpointImage(ground, reference, 'main', exported, {
        pod: POD,
        architecture: 'amd64',
      });
      const get = async (path: string): Promise<{ json: Record<string, unknown>; digest: string | null }> => {
        const accept = 'application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json';
        const answer = await fetch(`http://${registry.host}/v2/team/thesis/${path}`, { headers: { accept } });
        const json = (await answer.json()) as Record<string, unknown>;
        return { json, digest: answer.headers.get('docker-content-digest') };
      };
      const index = await get('manifests/monday');
      assert.equal(index.digest, digest);
      const [entry] = index.json.manifests as { digest: string; annotations: Record<string, string> }[];
      const manifest = await get(`manifests/${entry?.digest}`);
      for (const annotations of [index.json.annotations, manifest.json.annotations, entry?.annotations]) {
        const found = annotations as Record<string, string>;
        assert.equal(found['org.criu.checkpoint.container.name'], 'main');
        assert.equal(found['org.criu.checkpoint.pod.namespace'], 'default');
        assert.equal(found['org.criu.checkpoint.rootfsImageName'], DEMO_IMAGE);
      }
      const taken = join(ground.folder, 'pulled');
      const imported = await importContainer(pullCheckpointImage(ground, reference), taken);
      assert.equal(imported.name, 'main');
      const names = (folder: string) => readdir(join(folder, 'main', 'checkpoint'));
      assert.deepEqual(await names(taken), await names(checkpoint));
      // Podman takes it for an image of its own kind too.
      await podman('pull', '--tls-verify=false', `docker://${registry.host}/team/thesis:monday`);
      const inspected = await podman('image', 'inspect', `${registry.host}/team/thesis:monday`);
      assert.match(inspected, /org\.criu\.checkpoint\.container\.name/);
    } finally {
      await registry.stop();
    }
  });
});
