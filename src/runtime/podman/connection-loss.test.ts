import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectionLoss } from './connection-loss.ts';

const closing = [1, 2, 3, 4].map((port) => ({
  localAddress: '10.0.0.2',
  localPort: 40_000 + port,
  remoteAddress: port === 2 ? 'fd00::1' : '10.9.0.1',
  remotePort: port,
}));
const leadingOut = closing.map(({ remoteAddress, remotePort }) => `${remoteAddress}:${remotePort}`);

const CASES: Record<string, { lost?: string; closing?: typeof closing; want: string | undefined }> = {
  'nothing is said where all go on': { want: undefined },
  'what a policy closes is named': {
    closing: closing.slice(0, 2),
    want: 'as its policy says, connections to 10.9.0.1:1, [fd00::1]:2 were closed',
  },
  'and counted where it is much': {
    closing,
    want: 'as its policy says, connections to 10.9.0.1:1, [fd00::1]:2, 10.9.0.1:3, 1 more were closed',
  },
  'an address that is gone closes all that lead out, whatever the policy': {
    lost: '10.0.0.2',
    closing: closing.slice(0, 1),
    want: 'its address 10.0.0.2 was not free: connections to 10.9.0.1:1, fd00::1:2, 10.9.0.1:3, 1 more were closed',
  },
};

for (const [name, { lost, closing, want }] of Object.entries(CASES)) {
  test(name, () => assert.equal(connectionLoss({ leadingOut, ...(closing && { closing }) }, lost), want));
}
