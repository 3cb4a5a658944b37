import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mayBeCut } from './criu-dump.ts';
import { criuReason, runcReason } from './criu-log.ts';

/** From real logs of CRIU 4.1 and 4.2. */
const LIMITS =
  "(00.036626) Error (criu/util.c:1533): rlimit: Can't setup RLIMIT_NOFILE for self: Operation not permitted\n";
const FAILED = '(00.061333) Error (criu/cr-dump.c:2111): Dumping FAILED.\n';

const REASONS: Record<string, { log: string; says: RegExp | undefined }> = {
  'a log without errors has no reason': { log: '(00.0) Dumping finished successfully\n', says: undefined },
  'the error of every run is no reason': { log: LIMITS + FAILED, says: undefined },
  'the first real error is the reason, with where it comes from': {
    log: `${LIMITS}(00.2) Error (criu/page-xfer.c:298): page-xfer: Unable to spice data: No space left on device\n(00.3) Error (criu/mem.c:1): another\n${FAILED}`,
    says: /^CRIU: page-xfer: Unable to spice data: No space left on device \(criu\/page-xfer\.c:298\)$/,
  },
  'an io_uring is called by its name': {
    log: `${LIMITS}pie: 1: Error (criu/pie/parasite.c:588): send_fds failed (-22)\n(00.04) Error (criu/parasite-syscall.c:280): Can't retrieve FDs from socket\n`,
    says: /send_fds failed.*io_uring.*UV_USE_IO_URING=0/,
  },
  'sockets that an old CRIU cannot dump are said to need a newer one': {
    log: "(00.1) Error (criu/sockets.c:628): sockets: Can't get 1:16 opt: Operation not supported\n",
    says: /newer CRIU/,
  },
};

for (const [sentence, { log, says }] of Object.entries(REASONS)) {
  test(sentence, () => {
    const reason = criuReason(log);
    if (says === undefined) assert.equal(reason, undefined);
    else assert.match(reason ?? '', says);
  });
}

test('runc’s last message stands in where CRIU says nothing', () => {
  const output =
    'time="2026-11-22T05:58:35Z" level=error msg="container still running"\ntime="2026-11-22T05:58:35Z" level=error msg="criu failed: type NOTIFY errno 0\\nlog file: /x/dump.log"\n';
  assert.equal(runcReason(output), 'criu failed: type NOTIFY errno 0');
  assert.equal(runcReason('\n'), undefined);
});

const PHASES: Record<string, { lines: string[]; may: boolean }> = {
  'before the first task': { lines: ['(0.0) Seized task 17909, state 1'], may: true },
  'while code is put into a process': {
    lines: ['(0.1) Dumping task (pid: 1 comm: a)', '(0.2) Parasite syscall_ip at 0x1'],
    may: false,
  },
  'while pages are written': {
    lines: ['(0.1) Dumping task (pid: 1 comm: a)', '(0.2) Dumping pages (type: 59 pid: 1)', '(0.3) page-xfer: x'],
    may: true,
  },
  'after the pages': { lines: ['(0.2) Dumping pages (type: 59 pid: 1)', '(0.3) Dumping core (pid: 1)'], may: false },
  'at the second process': {
    lines: [
      '(0.2) Dumping pages (type: 59 pid: 1)',
      '(0.3) Dumping core (pid: 1)',
      '(0.4) Dumping task (pid: 2 comm: b)',
    ],
    may: false,
  },
};

for (const [phase, { lines, may }] of Object.entries(PHASES)) {
  test(`a dump ${may ? 'may' : 'must not'} be cut ${phase}`, () => {
    assert.equal(mayBeCut(`${lines.join('\n')}\n`), may);
  });
}
