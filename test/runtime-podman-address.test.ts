import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { FermataError } from '../src/model/index.ts';
import type { PodmanRuntime } from '../src/runtime/index.ts';
import { begin, missingParts, PodmanGround, perl, until } from './podman-ground.ts';

const skip = (await missingParts()) ?? false;
/** Counts with its server, one number at a time; writes the last one, or how the connection ended. */
const CLIENT = String.raw`
use IO::Socket::INET;
sub note { open my $f, '>', '/work/new'; print $f $_[0]; close $f; rename '/work/new', "/work/$ENV{WHO}" }
my $s = IO::Socket::INET->new(PeerAddr => "$ENV{SERVER}", Timeout => 10) or die "no server: $!";
for my $n (1 .. 1_000_000) {
  defined(syswrite $s, "$n\n") or do { note("lost: $!"); sleep 1000 };
  my $got = '';
  until ($got =~ /\n/) { sysread($s, $got, 100, length $got) or do { note("lost: $!"); sleep 1000 } }
  $got == $n or note("lost: got $got instead of $n") || sleep 1000;
  note($n);
  select undef, undef, undef, 0.01;
}
`;

/** Echoes the lines of its one client, and ends with it. */
const ECHO = `
use IO::Socket::INET;
my $l = IO::Socket::INET->new(LocalPort => 7000, Listen => 1, ReuseAddr => 1) or die $!;
my $s = $l->accept;
while (sysread $s, my $text, 100) { syswrite $s, $text }
`;

/** Resolves for all when the last one has come. */
function meeting(count: number): () => Promise<void> {
  let left = count;
  let open = (): void => undefined;
  const all = new Promise<void>((resolve) => {
    open = resolve;
  });
  return () => {
    left -= 1;
    if (left === 0) open();
    return all;
  };
}

/** Echoes lines; says which addresses connected. */
async function echoServer(): Promise<{ server: Server; port: number; peers: string[] }> {
  const peers: string[] = [];
  const server = createServer((socket) => {
    peers.push(socket.remoteAddress ?? '');
    socket.on('error', () => undefined).pipe(socket);
  });
  server.listen(0, '0.0.0.0');
  await once(server, 'listening');
  const address = server.address();
  return { server, port: typeof address === 'object' && address !== null ? address.port : 0, peers };
}

describe('podman runtime: addresses of pods', { skip }, () => {
  let ground: PodmanGround;
  let node: PodmanRuntime;
  let keeper = '';
  before(async () => {
    ground = await PodmanGround.open();
    node = ground.runtime({ node: 'bridged', network: 'bridge' });
    // With its last pod the bridge goes, and with it the address that the servers of these tests have.
    keeper = await begin(node, ground.pod([perl('sleep 1000')]));
  });
  after(async () => {
    await node.removePod(keeper, 0);
    await ground.close();
  });

  const addressOf = async (uid: string): Promise<string | undefined> =>
    (await node.list()).find((pod) => pod.uid === uid)?.podIP;
  const noteOf = (work: string): Promise<string> => readFile(join(work, 'client'), 'utf8').catch(() => '0');
  const countOf = async (work: string): Promise<number> => {
    const note = await noteOf(work);
    assert.match(note, /^\d+$/);
    return Number(note);
  };
  const client = (port: number, address = ground.service.layout.network.gateway) =>
    perl(CLIENT, {
      env: [
        { name: 'SERVER', value: `${address}:${port}` },
        { name: 'WHO', value: 'client' },
      ],
      volumeMounts: [{ name: 'work', mountPath: '/work' }],
    });

  test('a restored pod has its old address again, and its connection to the outside goes on', async () => {
    const { server, port, peers } = await echoServer();
    try {
      const work = await ground.directory('kept');
      const made = ground.pod([client(port)], {}, { work });
      const uid = await begin(node, made);
      await until('it counts', async () => (await countOf(work)) > 10);
      const address = await addressOf(uid);
      const directory = join(ground.folder, 'kept-checkpoint');
      await node.checkpointPod(uid, { directory, leaveRunning: false, timeoutMilliseconds: 60_000 });
      await node.removePod(uid, 0);
      const at = await countOf(work);
      const losses: string[] = [];
      const next = ground.next(made);
      await node.restorePod(next, directory, { onLoss: (what) => losses.push(what) });
      assert.equal(await addressOf(next.pod.metadata.uid), address);
      await until('it counts on', async () => (await countOf(work)) > at + 10);
      assert.deepEqual([losses, peers], [[], [`${address}`]]);
      await node.removePod(next.pod.metadata.uid, 0);
    } finally {
      server.close();
    }
  });

  test('while somebody has its address it is told which connections were closed, and its processes go on', async () => {
    const { server, port, peers } = await echoServer();
    try {
      const first = await ground.directory('first');
      const second = await ground.directory('second');
      const made = ground.pod([client(port)], {}, { work: first });
      const uid = await begin(node, made);
      await until('it counts', async () => (await countOf(first)) > 10);
      const directory = join(ground.folder, 'taken-checkpoint');
      await node.checkpointPod(uid, { directory, leaveRunning: true, timeoutMilliseconds: 60_000 });
      const losses: string[] = [];
      const copy = ground.next(made, { work: second });
      await node.restorePod(copy, directory, { onLoss: (what) => losses.push(what) });
      const old = await addressOf(uid);
      const gateway = ground.service.layout.network.gateway;
      assert.deepEqual(losses, [`its address ${old} was not free: connections to ${gateway}:${port} were closed`]);
      assert.notEqual(await addressOf(copy.pod.metadata.uid), old);
      await until('the copy notices', async () => {
        return /^lost: /.test(await noteOf(second));
      });
      const at = await countOf(first);
      await until('the first one counts on', async () => (await countOf(first)) > at + 10);
      assert.deepEqual(peers, [`${old}`]);
      for (const each of [uid, copy.pod.metadata.uid]) await node.removePod(each, 0);
    } finally {
      server.close();
    }
  });

  test('with a policy to refuse it is not dumped while it has a connection to the outside, and runs on', async () => {
    const { server, port, peers } = await echoServer();
    try {
      const work = await ground.directory('refused');
      const uid = await begin(node, ground.pod([client(port)], {}, { work }));
      await until('it counts', async () => (await countOf(work)) > 10);
      const gateway = ground.service.layout.network.gateway;
      const order = { leaveRunning: true, timeoutMilliseconds: 60_000 };
      const dump = (name: string, members: string[]) =>
        node.checkpointPod(uid, {
          ...{ ...order, directory: join(ground.folder, name) },
          outside: { policy: 'Refuse', members },
        });
      await assert.rejects(dump('refused-checkpoint', []), (error) => {
        const ends = `from ${peers[0]}:\\d+ to ${gateway}:${port}`;
        return error instanceof FermataError && new RegExp(`perl \\(process \\d+\\) ${ends}$`).test(error.message);
      });
      assert.equal(existsSync(join(ground.folder, 'refused-checkpoint')), false);
      // A member of its group is no outside.
      await dump('inside-checkpoint', [gateway]);
      const at = await countOf(work);
      await until('it counts on', async () => (await countOf(work)) > at + 10);
      await node.removePod(uid, 0);
    } finally {
      server.close();
    }
  });

  test('two pods that talk, dumped and restored as a group, go on; by policy what leads outside is closed, at both ends', async () => {
    const { server, port } = await echoServer();
    const reset: string[] = [];
    server.on('connection', (socket) => socket.on('error', ({ message }) => reset.push(message)));
    try {
      const [outer, inner] = [await ground.directory('outer'), await ground.directory('inner')];
      const echo = ground.pod([perl(ECHO)]);
      const echoUid = await begin(node, echo);
      const echoAddress = await addressOf(echoUid);
      const inside = { ...client(7000, echoAddress), volumeMounts: [{ name: 'inner', mountPath: '/work' }] };
      const talker = ground.pod([client(port), inside], {}, { work: outer, inner });
      const uid = await begin(node, talker);
      await until('both count', async () => (await countOf(outer)) > 10 && (await countOf(inner)) > 10);
      const members = [echoAddress ?? '', (await addressOf(uid)) ?? ''];
      const pair = [
        { run: echo, uid: echoUid, directory: join(ground.folder, 'echo-checkpoint') },
        { run: talker, uid, directory: join(ground.folder, 'closing-checkpoint') },
      ];
      const dumped = meeting(pair.length);
      const decide = async (): Promise<boolean> => {
        await dumped();
        return true;
      };
      const outside = { policy: 'Close', members } as const;
      const order = { leaveRunning: false, timeoutMilliseconds: 60_000, decide, outside };
      await Promise.all(pair.map((each) => node.checkpointPod(each.uid, { ...order, directory: each.directory })));
      await Promise.all(pair.map((each) => node.removePod(each.uid, 0)));
      const at = await countOf(inner);
      const back = meeting(pair.length);
      const next = pair.map(({ run, directory }) => ({ run: ground.next(run), directory }));
      const losses: string[] = [];
      const onLoss = (what: string): number => losses.push(what);
      await Promise.all(next.map(({ run, directory }) => node.restorePod(run, directory, { hold: back, onLoss })));
      await until('the outer one notices', async () => /^lost: /.test(await noteOf(outer)));
      await until('the inner one counts on', async () => (await countOf(inner)) > at + 10, 60_000);
      await until('the server hears of it', async () => reset.length > 0);
      const gateway = ground.service.layout.network.gateway;
      assert.deepEqual(losses, [`as its policy says, connections to ${gateway}:${port} were closed`]);
      for (const { run } of next) await node.removePod(run.pod.metadata.uid, 0);
    } finally {
      server.close();
    }
  });
});
