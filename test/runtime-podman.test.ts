import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { begin, counter, logOf, missingParts, observed, PodmanGround, perl, steps, until } from './podman-ground.ts';

const missing = await missingParts();

describe('podman runtime: pods', { skip: missing ?? false }, () => {
  let ground: PodmanGround;
  before(async () => {
    ground = await PodmanGround.open();
  });
  after(() => ground.close());

  test('a container runs, its log and exit code are read, and a restart keeps the log before it', async () => {
    const runtime = ground.runtime();
    const run = ground.pod([perl('$|=1; print "first\\nsecond\\n"; print STDERR "third\\n"; exit 3')]);
    const uid = await begin(runtime, run);
    const end = await until('the container ends', async () => {
      const seen = await observed(runtime, uid);
      return seen?.state === 'exited' && seen;
    });
    assert.equal(end.exitCode, 3);
    assert.ok((end.startedAt ?? 0) <= (end.finishedAt ?? -1));
    assert.equal(await logOf(runtime, uid), 'first\nsecond\nthird\n');
    assert.equal(await logOf(runtime, uid, 'main', { tailLines: 1 }), 'third\n');
    assert.match(
      await logOf(runtime, uid, 'main', { tailLines: 1, timestamps: true }),
      /^\d{4}-\d\d-\d\dT\S+ third\n$/,
    );
    assert.equal(await logOf(runtime, uid, 'main', { limitBytes: 4 }), 'firs');
    await runtime.startContainer(uid, 'main');
    await until('it ends again', async () => (await observed(runtime, uid))?.state === 'exited');
    assert.equal(await logOf(runtime, uid, 'main', { previous: true }), 'first\nsecond\nthird\n');
    assert.equal(await logOf(runtime, uid), 'first\nsecond\nthird\n');
    await runtime.removePod(uid, 0);
    assert.equal(await observed(runtime, uid), undefined);
  });

  test('a followed log gives each line as it is written and ends with the container', async () => {
    const runtime = ground.runtime();
    const uid = await begin(
      runtime,
      ground.pod([perl('$|=1; for (1..5) { print "$_\\n"; select(undef,undef,undef,0.1) }')]),
    );
    assert.equal(await logOf(runtime, uid, 'main', { follow: true }), '1\n2\n3\n4\n5\n');
    await runtime.removePod(uid, 0);
  });

  test('changes tell of a start and of an end as they happen', async () => {
    const runtime = ground.runtime();
    const stop = new AbortController();
    const told: string[] = [];
    const listening = (async () => {
      for await (const uid of runtime.changes(stop.signal)) told.push(uid);
    })();
    const run = ground.pod([perl('select(undef,undef,undef,0.2)')]);
    const uid = await begin(runtime, run);
    await until('it is told', async () => told.length > 0);
    told.length = 0;
    await until(
      'the end is told',
      async () => told.includes(uid) && (await observed(runtime, uid))?.state === 'exited',
    );
    stop.abort();
    await listening;
    await runtime.removePod(uid, 0);
  });

  test('the containers of a pod share network and host name, and nothing else', async () => {
    const runtime = ground.runtime();
    const look = 'print join(" ", map { readlink "/proc/self/ns/$_" } qw(net uts ipc pid mnt)), "\\n"; sleep 100';
    const run = ground.pod([perl(`$|=1; ${look}`), perl(`$|=1; ${look}`)]);
    const uid = await begin(runtime, run);
    const [one, other] = await Promise.all(
      ['main', 'side-1'].map((name) =>
        until(
          'the namespaces are printed',
          async () => (await logOf(runtime, uid, name)).trim().split(' ')[4] && logOf(runtime, uid, name),
        ),
      ),
    );
    const [first, second] = [one, other].map((line) => String(line).trim().split(' '));
    assert.deepEqual(
      first?.map((namespace, index) => namespace === second?.[index]),
      [true, true, false, false, false],
    );
    await runtime.removePod(uid, 0);
  });

  test('cpu, memory and process limits are enforced, and a memory limit that kills is named', async () => {
    const runtime = ground.runtime();
    const resources = { limits: { cpu: '250m', memory: '64Mi' }, requests: { cpu: '100m' } };
    const uid = await begin(runtime, ground.pod([perl('my $x = "a" x (200 << 20); sleep 100', { resources })]));
    const end = await until('the limit kills it', async () => {
      const seen = await observed(runtime, uid);
      return seen?.state === 'exited' && seen;
    });
    assert.equal(end.exitCode, 137);
    assert.equal(end.reason, 'OOMKilled');
    await runtime.removePod(uid, 0);
    const busy = 'my $end = time + 2; 1 while time < $end; print join(" ", times), "\\n"';
    const throttled = await begin(runtime, ground.pod([perl(busy, { resources })]));
    await until('it ends', async () => (await observed(runtime, throttled))?.state === 'exited');
    const [user = 9, system = 9] = (await logOf(runtime, throttled)).split(' ').map(Number);
    assert.ok(user + system < 1, `${user + system} s of processor time in 2 s at 250m`);
    await runtime.removePod(throttled, 0);
  });

  test('user, capabilities, read-only root and working directory are as the pod says', async () => {
    const runtime = ground.runtime();
    const script =
      'open(F, ">", "/x") and print "wrote\\n"; open(S, "/proc/self/status"); print "$> ", (grep /CapEff/, <S>)[0], `pwd` || "", "\\n"; opendir(D, "."); print $ENV{PWD} // "", "\\n"';
    const uid = await begin(
      runtime,
      ground.pod([
        perl(script, {
          workingDir: '/tmp',
          securityContext: { runAsUser: 1234, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
        }),
      ]),
    );
    await until('it ends', async () => (await observed(runtime, uid))?.state === 'exited');
    const log = await logOf(runtime, uid);
    assert.match(log, /^1234 CapEff:\s0{16}$/m);
    assert.doesNotMatch(log, /wrote/);
    await runtime.removePod(uid, 0);
  });

  test('a volume is mounted by its real path, with sub-path and read-only', async () => {
    const runtime = ground.runtime();
    const real = await ground.directory('real');
    await mkdir(join(real, 'inner'));
    await writeFile(join(real, 'inner', 'word'), 'hello');
    await symlink(real, join(ground.folder, 'link'));
    const script =
      'open(F,"<","/in/word"); print <F>, "\\n"; open(G,">","/in/new") or print "refused\\n"; open(H,">","/made/x") and print "made\\n"';
    const volumeMounts = [
      { name: 'work', mountPath: '/in', subPath: 'inner', readOnly: true },
      { name: 'work', mountPath: '/made', subPath: 'not/there/yet' },
    ];
    const uid = await begin(
      runtime,
      ground.pod([perl(script, { volumeMounts })], {}, { work: join(ground.folder, 'link') }),
    );
    await until('it ends', async () => (await observed(runtime, uid))?.state === 'exited');
    assert.equal(await logOf(runtime, uid), 'hello\nrefused\nmade\n');
    assert.ok(existsSync(join(real, 'not/there/yet/x')));
    await runtime.removePod(uid, 0);
  });

  for (const [sentence, { make, code, says }] of Object.entries({
    'an image that does not exist is named': {
      make: () => ground.pod([{ image: 'localhost/no-such-image:7' }]),
      code: 'ImageNotFound',
      says: /localhost\/no-such-image:7/,
    },
    'an image that is not here and must not be pulled is named': {
      make: () => ground.pod([{ image: 'example.invalid/x:1', imagePullPolicy: 'Never' }]),
      code: 'ImageNotFound',
      says: /example\.invalid\/x:1.*not to be pulled/,
    },
    'an image that cannot be pulled is named with the reason': {
      make: () => ground.pod([{ image: '127.0.0.1:1/x:1' }]),
      code: 'ImageNotFound',
      says: /127\.0\.0\.1:1\/x:1.*refused/,
    },
    'a mount of a volume the pod does not have is refused': {
      make: () => ground.pod([counter()]),
      code: 'VolumeMissing',
      says: /"work"/,
    },
    'a volume whose folder is missing is refused': {
      make: () => ground.pod([counter()], {}, { work: '/no/such/folder' }),
      code: 'VolumeMissing',
      says: /\/no\/such\/folder/,
    },
    'a sub-path that leaves its volume is refused': {
      make: () =>
        ground.pod(
          [counter({}, { volumeMounts: [{ name: 'work', mountPath: '/w', subPath: '../x' }] })],
          {},
          { work: '/tmp' },
        ),
      code: 'VolumeMissing',
      says: /leads out/,
    },
  })) {
    test(sentence, async () => {
      const runtime = ground.runtime();
      const run = make();
      await assert.rejects(runtime.createPod(run), { code, message: says });
      await runtime.removePod(run.pod.metadata.uid, 0);
      assert.equal(
        (await runtime.list()).find((pod) => pod.uid === run.pod.metadata.uid),
        undefined,
      );
    });
  }

  test('a command that is not in the image is said at the start', async () => {
    const runtime = ground.runtime();
    const run = ground.pod([{ command: ['/no/such/program'] }]);
    await runtime.createPod(run);
    await assert.rejects(runtime.startContainer(run.pod.metadata.uid, 'main'), {
      code: 'ContainerStartFailed',
      message: /no such file/i,
    });
    await runtime.removePod(run.pod.metadata.uid, 0);
  });

  test('making a pod twice makes one, and removing it twice is as removing it once', async () => {
    const runtime = ground.runtime();
    const run = ground.pod([perl('sleep 100'), perl('sleep 100')]);
    await runtime.createPod(run);
    await runtime.createPod(run);
    assert.equal((await runtime.list()).filter((pod) => pod.uid === run.pod.metadata.uid).length, 1);
    await runtime.removePod(run.pod.metadata.uid, 0);
    await runtime.removePod(run.pod.metadata.uid, 0);
    assert.deepEqual(await runtime.list(), []);
  });

  test('the grace period is given to a process that ends, and ended for one that does not', async () => {
    const runtime = ground.runtime();
    const work = await ground.directory('grace');
    const polite = await begin(runtime, ground.pod([counter()], {}, { work }));
    const rude = await begin(runtime, ground.pod([counter({ ignoreTerm: 1, output: '' })], {}, { work }));
    await until('both run', async () => (await steps(work)) > 3 && (await logOf(runtime, rude)).length > 0);
    const started = Date.now();
    await runtime.removePod(polite, 30);
    assert.ok(Date.now() - started < 5_000);
    const asked = Date.now();
    await runtime.removePod(rude, 1);
    assert.ok(Date.now() - asked >= 1_000);
    const count = await steps(work);
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal(await steps(work), count);
  });

  test('a pod on a bridge has an address, and nothing of the bridge is left after it', async () => {
    const runtime = ground.runtime({ node: 'bridged', network: 'bridge' });
    const uid = await begin(runtime, ground.pod([perl('sleep 100')]));
    const pod = (await runtime.list()).find((candidate) => candidate.uid === uid);
    assert.match(pod?.podIP ?? '', /^\d+\.\d+\.\d+\.\d+$/);
    await runtime.removePod(uid, 0);
    assert.deepEqual(
      (await readdir('/sys/class/net')).filter((name) => name.startsWith('fermata')),
      [],
    );
  });
});
