import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { HPC_EXIT, localAccess, type PollAnswer, Site, SLURM, SlurmRestSite } from '../../src/hpc/index.ts';
import { type HpcGround, jobIdOf, REST_URL, seen } from './ground.ts';

/** So many jobs are followed at once, each by a connector of its own. */
const FOLLOWED = 24;
/** Nobody asks a second time before. */
const LONG_SECONDS = 3600;

/** What only the way by Slurm's REST interface has; @param rest its flags. */
export function testSlurmRest(ground: () => HpcGround, rest: () => readonly string[]): void {
  test('needs no shell at the site: by REST alone its end is told, its output stays there', async () => {
    const directory = join(ground().folder, 'home', 'by-rest');
    const words = [...rest(), '--directory', directory];
    const job = ground().alone('run', '--queue-interval', '1', ...words, '--', 'bash', '-c', 'echo kept; exit 9');
    assert.equal(await job.ended, 9, job.stderr);
    assert.equal(job.stdout, '');
    const path = /no access to files: .*: (\/\S+\/stdout)$/m.exec(job.stderr)?.[1];
    assert.equal(await ground().asUser(`cat ${path}`), 'kept\n');
    const list = ground().alone('ls', ...words, '--output', 'json');
    assert.equal(await list.ended, 0, list.stderr);
    const id = await jobIdOf(job);
    assert.ok((JSON.parse(list.stdout) as { id: string }[]).some((one) => one.id === id));
    const staged = ground().alone('run', '--queue-interval', '1', ...words, '--stage-out', '*', '--', 'true');
    assert.equal(await staged.ended, HPC_EXIT.refused);
    assert.match(staged.stderr, /files cannot be staged over Slurm's REST interface/);
  });

  test('is told apart from one whose token is not accepted', async () => {
    const expired = `h.${Buffer.from('{"exp":1,"sun":"fermata-hpc"}').toString('base64url')}.s`;
    const file = join(ground().folder, 'expired');
    await writeFile(file, expired);
    const words = [...rest(), '--token-file', file, '--directory', '/tmp/none'];
    const job = ground().alone('run', '--queue-interval', '1', ...words, '--', 'true');
    assert.equal(await job.ended, HPC_EXIT.refused);
    assert.match(job.stderr, /has expired at 1970/);
  });

  test('has its log and its files by REST where the folder of the site is mounted here', async () => {
    const { folder } = ground();
    // The same folder under another name, as a mount has it.
    const there = join(folder, 'home', 'by-mount');
    const here = join(folder, 'mounted');
    await ground().asUser(`mkdir ${there}`);
    await symlink(there, here);
    const staging = join(folder, 'mounted-staging');
    await mkdir(staging);
    await writeFile(join(staging, 'in.txt'), 'two words\n');
    const way = [...rest(), '--directory', there, '--mounted-at', here];
    const files = ['--stage-in', 'in.txt', '--stage-out', 'out.txt'];
    const gate = ground().gate('mounted');
    const program = `echo begun; ${gate.wait}; tr a-z A-Z <in.txt >out.txt; echo err >&2; exit 3`;
    const words = ['--queue-interval', '1', ...way, ...files, '--', 'bash', '-c', program];
    const job = ground().aloneAsUser(staging, 'run', ...words);
    await seen('its log while it runs', () => job.stdout === 'begun\n' || undefined);
    const logs = ground().aloneAsUser(staging, 'logs', ...way, await jobIdOf(job));
    assert.equal(await logs.ended, 0, logs.stderr);
    assert.equal(logs.stdout, 'begun\n');
    await gate.open();
    assert.equal(await job.ended, 3, job.stderr);
    assert.match(job.stderr, /^err$/m);
    assert.equal(await readFile(join(staging, 'out.txt'), 'utf8'), 'TWO WORDS\n');
    const both = ground().alone('run', ...way, '--host', 'lab', '--', 'true');
    assert.equal(await both.ended, 2);
    assert.match(both.stderr, /--mounted-at and --host exclude each other/);
  });

  test('is asked for together with all that are followed: one question, however many connectors look', async () => {
    const { clock, folder } = ground();
    const submit = `for i in $(seq ${FOLLOWED}); do sbatch --parsable --hold --wrap=true; done`;
    const ids = (await ground().asUser(submit)).trim().split('\n');
    const token = await ground().restToken();
    const front = await countingFront();
    const lookAt = async (some: readonly string[], queueSeconds: number): Promise<PollAnswer[]> => {
      const directory = join(folder, 'board');
      const board = new Site({ system: SLURM, access: localAccess(clock), directory, queueSeconds });
      const options = { url: front.url, token: async () => token, directory: '/none', board };
      return await Promise.all(
        some.map(async (id) => {
          const site = new SlurmRestSite(clock, options);
          const answer = await site.poll(id, 'none', new Map());
          await site.close();
          return answer;
        }),
      );
    };
    const questions = (): string[] => front.paths.filter((path) => /\/jobs?\b/.test(path));
    try {
      await lookAt(ids, LONG_SECONDS);
      assert.equal(questions().length, 1, 'one has asked for all that were followed by then');
      await lookAt(ids.slice(0, 1), 0);
      const answers = await lookAt(ids, LONG_SECONDS);
      assert.match(questions()[1] ?? '', /\/jobs$/);
      assert.equal(questions().length, 2);
      assert.deepEqual(
        answers.map(({ jobs, isListKnown }) => [isListKnown, jobs.map(({ id, reason }) => [id, reason])]),
        ids.map((id) => [true, [[id, 'JobHeldUser']]]),
      );
    } finally {
      await front.stop();
      await ground().asUser(`scancel ${ids.join(' ')}`);
    }
  });
}

/** Hands every request on to slurmrestd, and notes its path. */
async function countingFront(): Promise<{ url: string; paths: string[]; stop(): Promise<void> }> {
  const paths: string[] = [];
  const server = createServer((asked, answer) => {
    const { method, headers, url = '' } = asked;
    paths.push(url);
    const onward = request(`${REST_URL}${url}`, { method, headers }, (reply) => {
      answer.writeHead(reply.statusCode ?? 500, reply.headers);
      reply.pipe(answer);
    });
    onward.on('error', () => answer.destroy());
    asked.pipe(onward);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const stop = async (): Promise<void> => {
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, paths, stop };
}
