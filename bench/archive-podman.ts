import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import { locateToolchain } from '../src/cli/index.ts';
import { SystemClock } from '../src/clock/index.ts';
import { FermataError, SILENT_LOG } from '../src/model/index.ts';
import { DEMO_IMAGE, PodmanService } from '../src/runtime/index.ts';

const run = promisify(execFile);

/** Holds what the file holds in memory, and says so. */
const HOLDER =
  'open F, "<:raw", "/dump/pages-1.img" or die $!; while (sysread F, my $piece, 1048576) { push @held, $piece } close F; syswrite STDOUT, "held\\n"; sleep 1 while 1';

export interface PodmanExport {
  /** From the command until the file is on stable storage. */
  seconds: number;
  /** Without what runc and CRIU took of it. */
  exportSeconds: number;
}

/**
 * A process that holds a dump's pages, checkpointed by `podman container checkpoint --export --compress zstd` of a Podman of one's own
 * below `root`; undefined where Podman, runc or CRIU are missing.
 */
export async function podmanExports(root: string, dump: string, runs: number): Promise<PodmanExport[] | undefined> {
  const { podman, runc, criu } = await locateToolchain();
  if (podman === undefined || runc === undefined || criu === undefined) return undefined;
  const tools = { podman: podman.path, runc: runc.path, criuDirectory: criu.binDirectory };
  const place = { directory: join(root, 'podman'), socket: join(root, 'podman.sock') };
  const service = new PodmanService({ clock: new SystemClock(), log: SILENT_LOG }, { ...place, tools });
  try {
    await service.start();
    await service.ensureImages();
    const { file, environment } = service.command();
    const call = (...words: string[]) => run(file, words, { env: environment, maxBuffer: 1024 ** 2 });
    const exports: PodmanExport[] = [];
    for (let number = 0; number < runs; number++)
      exports.push(await exportOne(call, join(root, 'export.tar.zst'), dump));
    return exports;
  } finally {
    await service.destroy();
  }
}

async function exportOne(
  call: (...words: string[]) => Promise<{ stdout: string }>,
  target: string,
  dump: string,
): Promise<PodmanExport> {
  const name = 'holder';
  await call('run', '--detach', '--name', name, '--volume', `${dump}:/dump:ro`, DEMO_IMAGE, 'perl', '-e', HOLDER);
  try {
    while (!(await call('logs', name)).stdout.includes('held')) await setTimeout(100);
    await run('sync');
    const began = performance.now();
    const exported = ['--export', target, '--compress', 'zstd', '--print-stats'];
    const { stdout } = await call('container', 'checkpoint', ...exported, name);
    await run('sync', [target]);
    const seconds = (performance.now() - began) / 1000;
    return { seconds, exportSeconds: seconds - runtimeSeconds(stdout) };
  } finally {
    await call('rm', '--force', '--time', '0', name);
    rmSync(target, { force: true });
  }
}

/** `--print-stats` of Podman: `container_statistics[].runtime_checkpoint_duration`, µs. */
function runtimeSeconds(text: string): number {
  const parsed: unknown = JSON.parse(text.slice(text.indexOf('{')));
  const { container_statistics: containers } = parsed as {
    container_statistics?: { runtime_checkpoint_duration?: number }[];
  };
  const duration = containers?.[0]?.runtime_checkpoint_duration;
  if (duration === undefined) {
    throw new FermataError('PodmanStatisticsMissing', `podman printed no runtime_checkpoint_duration: ${text}`);
  }
  return duration / 1e6;
}
