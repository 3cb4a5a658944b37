import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { locateToolchain } from '../src/cli/index.ts';
import { SystemClock } from '../src/clock/index.ts';
import { CoordinationServer, Coordinator, HOOK_PATH, MemoryState } from '../src/coordination/index.ts';
import { SILENT_LOG } from '../src/model/index.ts';

const run = promisify(execFile);

/**
 * One rank of a ring: sends numbered messages to the next one, as many ahead of the echo as a window holds, and echoes those of
 * the one before. What is lost, doubled, altered or out of order stops it with an error file.
 */
const RANK = String.raw`
use strict; use warnings; use IO::Socket::INET; use IO::Select;
my ($id, $listen, $next, $folder) = @ARGV;
$SIG{PIPE} = 'IGNORE';
sub fail { open my $f, '>>', "$folder/$id.error"; print $f "@_\n"; close $f; exit 1 }
my $server = IO::Socket::INET->new(LocalAddr => $listen, LocalPort => 7000 + $id, Listen => 1, ReuseAddr => 1) or fail("listen: $!");
my ($to, $port) = split /:/, $next;
my $out;
until ($out = IO::Socket::INET->new(PeerAddr => $to, PeerPort => $port, Timeout => 1)) { select undef, undef, undef, 0.05 }
my $in = $server->accept or fail("accept: $!");
my $select = IO::Select->new($in, $out);
my ($sent, $echoed, $expected, $ins, $outs) = (0, 0, 1, '', '');
my $told = 0;
while (!-e "$folder/end") {
  my $over = -e "$folder/stop";
  while (!$over && $sent - $echoed < 32) { $sent++; syswrite $out, "$sent\n" or fail("send: $!") }
  if ($over && $echoed == $sent && !$told) { $told = 1; open my $f, '>', "$folder/$id.new"; print $f $sent; close $f; rename "$folder/$id.new", "$folder/$id.sent" }
  # Whole or not at all, for whoever reads it; and not all of the processor.
  open my $f, '>', "$folder/$id.new"; print $f $expected - 1; close $f; rename "$folder/$id.new", "$folder/$id.progress";
  select undef, undef, undef, 0.002;
  for my $ready ($select->can_read(0.01)) {
    my $count = sysread $ready, my $bytes, 4096;
    # The others end when they see that they may.
    if (!$count) { select undef, undef, undef, 0.2; last if -e "$folder/end"; fail('connection lost: ' . ($! // '')) }
    if ($ready == $in) {
      $ins .= $bytes;
      while ($ins =~ s/^(\d+)\n//) { fail("got $1, expected $expected") if $1 != $expected; $expected++; syswrite $in, "$1\n" }
    } else {
      $outs .= $bytes;
      while ($outs =~ s/^(\d+)\n//) { fail("echo $1 after $echoed") if $1 != $echoed + 1; $echoed++ }
    }
  }
}
open my $f, '>', "$folder/$id.new"; print $f $expected - 1; close $f; rename "$folder/$id.new", "$folder/$id.received";
`;

/** Why these tests cannot run here; undefined when they can. */
export async function missingForTcp(): Promise<string | undefined> {
  const { criu } = await locateToolchain();
  if (process.getuid?.() !== 0) return 'it takes root';
  if (criu === undefined || !criu.checkPassed) return 'no CRIU that works on this kernel';
  if (criu.limitation !== undefined) return criu.limitation;
  for (const tool of ['ip', 'nsenter', 'perl']) {
    const found = await run('sh', ['-c', `command -v ${tool}`]).catch(() => undefined);
    if (found === undefined) return `${tool} is not installed`;
  }
  return undefined;
}

export interface Member {
  rank: number;
  space: number;
}

/**
 * Processes that talk over established TCP in network namespaces of their own, joined by a bridge; CRIU dumps and restores them with
 * the hook, a coordinator decides.
 */
export class TcpGround {
  readonly folder = mkdtempSync(join(tmpdir(), 'fermata-tcp-'));
  readonly members: readonly Member[];
  readonly #name = `fc${process.pid % 100_000}`;
  /** Each address in the namespace, on the machine's other end, that had another one. */
  #isSwapped = false;
  readonly #criu: string;
  readonly #server: CoordinationServer;
  readonly #hook: string;
  readonly #processes = new Map<number, { pid: number; child: ChildProcess | undefined }>();

  private constructor(criu: string, server: CoordinationServer, members: readonly Member[], hook = HOOK_PATH) {
    this.#criu = criu;
    this.#server = server;
    this.#hook = hook;
    this.members = members;
  }

  /** @param spaces of each rank, the namespace it runs in. `hook`: instead of the coordinator's. */
  static async open(
    spaces: readonly number[],
    { hook, ...options }: { waitMilliseconds?: number; hook?: string } = {},
  ): Promise<TcpGround> {
    const { criu } = await locateToolchain();
    assert.ok(criu);
    const parts = { clock: new SystemClock(), log: SILENT_LOG };
    const coordinator = new Coordinator(
      { ...parts, state: new MemoryState() },
      { waitMilliseconds: 20_000, ...options },
    );
    const server = new CoordinationServer({ ...parts, coordinator }, { address: '127.0.0.1', port: 0 });
    await server.start();
    const ground = new TcpGround(
      criu.path,
      server,
      spaces.map((space, rank) => ({ rank, space })),
      hook,
    );
    writeFileSync(join(ground.folder, 'rank.pl'), RANK);
    await ground.makeNetwork();
    await ground.joinNetwork();
    for (const member of ground.members) ground.#start(member);
    return ground;
  }

  /**
   * Namespaces that are not joined yet: what is sent in one reaches nobody, and nobody answers it. Swapped: each address is where
   * another one was, as when pods change their nodes and keep their addresses.
   */
  async makeNetwork(options: { swapped?: boolean } = {}): Promise<void> {
    this.#isSwapped = options.swapped === true;
    for (const node of this.#nodes()) {
      await run('ip', ['link', 'add', node, 'type', 'bridge']);
      await run('ip', ['link', 'set', node, 'up']);
    }
    for (const space of this.#spaces()) {
      const name = this.#space(space);
      await run('ip', ['netns', 'add', name]);
      await run('ip', ['link', 'add', `${name}o`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name]);
      await run('ip', ['link', 'set', `${name}o`, 'up']);
      // The same hardware address again in a recreated one: neighbours would ask for it anew otherwise, and wait.
      const inside = ['-n', name];
      await run('ip', [...inside, 'link', 'set', 'eth0', 'address', `02:fe:00:00:00:0${space + 1}`]);
      await run('ip', [...inside, 'addr', 'add', `${address(space)}/24`, 'dev', 'eth0']);
      await run('ip', [...inside, 'link', 'set', 'eth0', 'up']);
      await run('ip', [...inside, 'link', 'set', 'lo', 'up']);
    }
  }

  /** Every namespace to the bridge of its node, and the nodes to each other. */
  async joinNetwork(): Promise<void> {
    for (const space of this.#spaces()) {
      const name = this.#space(space);
      await run('ip', ['link', 'set', `${name}o`, 'master', name.endsWith('0') ? this.#name : `${this.#name}b`]);
    }
    const [first, second] = this.#nodes();
    const wire = [`${this.#name}x`, `${this.#name}y`] as const;
    await run('ip', ['link', 'add', wire[0], 'type', 'veth', 'peer', 'name', wire[1]]);
    for (const [end, node] of [
      [wire[0], first],
      [wire[1], second],
    ] as const) {
      await run('ip', ['link', 'set', end, 'master', node]);
      await run('ip', ['link', 'set', end, 'up']);
    }
  }

  async removeNetwork(): Promise<void> {
    for (const space of this.#spaces()) {
      // A connection that is being closed, and cannot be, keeps its namespace, and that its link.
      await run('ip', ['link', 'del', `${this.#space(space)}o`]).catch(() => undefined);
      await run('ip', ['netns', 'del', this.#space(space)]).catch(() => undefined);
    }
    for (const link of [`${this.#name}x`, ...this.#nodes()])
      await run('ip', ['link', 'del', link]).catch(() => undefined);
  }

  /** How many messages each rank has got. */
  progress(): number[] {
    return this.members.map(({ rank }) => numberIn(join(this.folder, `${rank}.progress`)) ?? 0);
  }

  errors(): string[] {
    return this.members
      .map(({ rank }) => join(this.folder, `${rank}.error`))
      .filter((file) => existsSync(file))
      .map((file) => readFileSync(file, 'utf8'));
  }

  /** Until every rank has got so many messages more. */
  async flow(messages: number): Promise<void> {
    const goals = this.progress().map((reached) => reached + messages);
    await this.#until('messages flow', () => this.progress().every((reached, rank) => reached >= (goals[rank] ?? 0)));
  }

  /** All members at once (default: all there are); `options` by rank are added to CRIU's. Exit status by rank. */
  dump(
    round: string,
    options: (rank: number) => readonly string[] = () => ['--tcp-established'],
    members: readonly Member[] = this.members,
  ): Promise<number[]> {
    return Promise.all(
      members.map(async (member) => {
        const pid = this.#processes.get(member.rank)?.pid ?? 0;
        const status = await this.#criuRun('dump', member, round, ['-t', String(pid), ...options(member.rank)]);
        if (status !== 0) await this.#abort(member);
        return status;
      }),
    );
  }

  /** After a dump that stopped them: no process is left. */
  async untilGone(): Promise<void> {
    for (const { child, pid } of this.#processes.values()) {
      if (child !== undefined && child.exitCode === null && child.signalCode === null) await once(child, 'exit');
      await this.#until(`process ${pid} is gone`, () => !existsSync(`/proc/${pid}`));
    }
  }

  /** Process of each rank. */
  pids(): number[] {
    return this.members.map(({ rank }) => this.#processes.get(rank)?.pid ?? 0);
  }

  /** @param members default: all */
  async restore(round: string, members: readonly Member[] = this.members): Promise<number[]> {
    const statuses = await Promise.all(
      members.map((member) => this.#criuRun('restore', member, round, ['--tcp-established', '--restore-detached'])),
    );
    for (const [rank, { pid }] of this.#processes) this.#processes.set(rank, { pid, child: undefined });
    return statuses;
  }

  /** Ends the ring in order: what each rank sent, and what the next one got. */
  async settle(): Promise<{ sent: number[]; received: number[] }> {
    const file = (rank: number, what: string) => join(this.folder, `${rank}.${what}`);
    writeFileSync(join(this.folder, 'stop'), '');
    await this.#until('all is echoed', () => this.members.every(({ rank }) => existsSync(file(rank, 'sent'))));
    writeFileSync(join(this.folder, 'end'), '');
    await this.#until('all have ended', () => this.members.every(({ rank }) => existsSync(file(rank, 'received'))));
    const count = this.members.length;
    return {
      sent: this.members.map(({ rank }) => numberIn(file(rank, 'sent')) ?? -1),
      received: this.members.map(({ rank }) => numberIn(file((rank + 1) % count, 'received')) ?? -2),
    };
  }

  log(kind: 'dump' | 'restore', rank: number, round: string): string {
    return readFileSync(join(this.folder, round, String(rank), `${kind}.log`), 'utf8');
  }

  async close(): Promise<void> {
    for (const { pid } of this.#processes.values()) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // it has ended
      }
    }
    await this.#server.stop();
    await this.removeNetwork();
    rmSync(this.folder, { recursive: true, force: true });
  }

  #start(member: Member): void {
    const { rank, space } = member;
    const count = this.members.length;
    const next = this.members[(rank + 1) % count] ?? member;
    const command = ['perl', join(this.folder, 'rank.pl'), String(rank), address(space)];
    const peer = `${address(next.space)}:${7000 + next.rank}`;
    const child = spawn('nsenter', [`--net=/run/netns/${this.#space(space)}`, ...command, peer, this.folder], {
      stdio: 'ignore',
      detached: true,
      cwd: '/',
    });
    this.#processes.set(rank, { pid: child.pid ?? 0, child });
  }

  async #criuRun(what: 'dump' | 'restore', member: Member, round: string, options: readonly string[]): Promise<number> {
    const images = join(this.folder, round, String(member.rank));
    mkdirSync(images, { recursive: true });
    const fixed = [what, '-D', images, '-v4', '-o', `${what}.log`, '--action-script', this.#hook];
    // CRIU and its hook run where the coordinator's loopback is; the namespace is somebody else's, as a pod's is.
    const space = openSync(`/run/netns/${this.#space(member.space)}`, 'r');
    const net = what === 'dump' ? ['--external', `net[${fstatSync(space).ino}]:net`] : ['--inherit-fd', 'fd[3]:net'];
    const child = spawn(this.#criu, [...fixed, ...net, ...options], {
      stdio: ['ignore', 'ignore', 'ignore', space],
      cwd: '/',
      env: {
        PATH: process.env.PATH ?? '',
        FERMATA_COORDINATOR_ADDRESS: '127.0.0.1',
        FERMATA_COORDINATOR_PORT: String(this.#server.port),
        FERMATA_COORDINATOR_ID: String(member.rank),
        FERMATA_COORDINATOR_SESSION: 'ring',
        FERMATA_COORDINATOR_GROUP: 'ring',
        FERMATA_COORDINATOR_MEMBERS: String(this.members.length),
        FERMATA_COORDINATOR_CONFIG: join(this.folder, 'none'),
      },
    });
    const [status] = (await once(child, 'exit')) as [number | null];
    closeSync(space);
    return status ?? 255;
  }

  /** As whoever runs CRIU does when it fails: the others need not wait for the barrier's timeout. */
  async #abort({ rank }: Member): Promise<void> {
    const socket = connect(this.#server.port, '127.0.0.1');
    const request = { id: String(rank), action: 'abort', session: 'ring', group: 'ring', reason: 'CRIU failed' };
    socket.write(JSON.stringify(request));
    socket.resume();
    await once(socket, 'close');
  }

  #spaces(): number[] {
    return [...new Set(this.members.map(({ space }) => space))];
  }

  /** Name of the namespace that has the address. */
  #space(space: number): string {
    const spaces = this.#spaces();
    const place = this.#isSwapped ? (spaces[(spaces.indexOf(space) + 1) % spaces.length] ?? space) : space;
    return `${this.#name}${place}`;
  }

  /** The bridges of two nodes: the first namespace is on one, the others are on the other. */
  #nodes(): [string, string] {
    return [this.#name, `${this.#name}b`];
  }

  async #until(what: string, condition: () => boolean): Promise<void> {
    for (const deadline = Date.now() + 30_000; !condition(); ) {
      assert.deepEqual(this.errors(), []);
      assert.ok(Date.now() < deadline, `waited in vain until ${what}; got so far: ${this.progress().join(' ')}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

function address(space: number): string {
  return `10.231.77.${space + 1}`;
}

function numberIn(file: string): number | undefined {
  if (!existsSync(file)) return undefined;
  const text = readFileSync(file, 'utf8');
  return text === '' ? undefined : Number(text);
}
