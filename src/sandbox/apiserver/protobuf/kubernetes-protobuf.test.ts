import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isApiError } from '../../../kubernetes/index.ts';
import { decodeKubernetesProtobuf } from './kubernetes-protobuf.ts';
import { ProtobufWriter } from './protobuf-writer.ts';

function envelope(apiVersion: string, kind: string, write: (raw: ProtobufWriter) => void): Buffer {
  const writer = new ProtobufWriter();
  writer.message(1, (type) => {
    type.string(1, apiVersion);
    type.string(2, kind);
  });
  writer.message(2, write);
  return Buffer.concat([Buffer.from('k8s\0'), writer.finish()]);
}

function entry(writer: ProtobufWriter, field: number, key: string, value: string): void {
  writer.message(field, (inner) => {
    inner.string(1, key);
    inner.bytes(2, Buffer.from(value));
  });
}

test('a Secret comes out as its JSON: maps, bytes in base64, empty fields left out', () => {
  const body = envelope('v1', 'Secret', (raw) => {
    raw.message(1, (metadata) => {
      metadata.string(1, 's');
      metadata.bytes(5, Buffer.alloc(0)); // an empty uid, as Go writes it
      metadata.bytes(8, Buffer.alloc(0)); // the zero time
      entry(metadata, 11, 'a', '');
      metadata.string(14, 'keep');
    });
    entry(raw, 2, 'password', 'geheim');
    raw.string(3, 'Opaque');
  });
  assert.equal(
    JSON.stringify(decodeKubernetesProtobuf(body)),
    '{"apiVersion":"v1","kind":"Secret","metadata":{"name":"s","labels":{"a":""},"finalizers":["keep"]},"data":{"password":"Z2VoZWlt"},"type":"Opaque"}',
  );
});

test('times, numbers that may be zero, and numbers or strings are told apart', () => {
  const lease = envelope('coordination.k8s.io/v1', 'Lease', (raw) =>
    raw.message(2, (spec) => {
      spec.bytes(2, Buffer.alloc(0));
      spec.message(4, (time) => {
        time.integer(1, 1_767_225_600);
        time.integer(2, 123_456_789);
      });
    }),
  );
  assert.throws(() => decodeKubernetesProtobuf(lease), /wrong wire type/);
  const budget = envelope('policy/v1', 'PodDisruptionBudget', (raw) =>
    raw.message(2, (spec) => {
      spec.message(1, (value) => {
        value.integer(1, 1);
        value.string(3, '50%');
      });
      spec.message(2, () => undefined);
      spec.message(3, (value) => value.integer(2, 3));
    }),
  );
  const { spec } = decodeKubernetesProtobuf(budget) as { spec: object };
  assert.deepEqual(spec, { minAvailable: '50%', selector: {}, maxUnavailable: 3 });
  const event = envelope('v1', 'Event', (raw) =>
    raw.message(10, (time) => {
      time.integer(1, 1_767_225_600);
      time.integer(2, 123_456_789);
    }),
  );
  const { eventTime } = decodeKubernetesProtobuf(event) as { eventTime: string };
  assert.equal(eventTime, '2026-01-01T00:00:00.123000Z');
});

test('kinds that are not read from protobuf are refused with what to do', () => {
  const pod = envelope('v1', 'Pod', () => undefined);
  assert.throws(
    () => decodeKubernetesProtobuf(pod),
    (error) => isApiError(error, 'UnsupportedMediaType') && /application\/json/.test(error.nextStep ?? ''),
  );
});

test('a body that breaks off anywhere is refused, and never read past its end', () => {
  const whole = envelope('v1', 'ConfigMap', (raw) => {
    raw.message(1, (metadata) => metadata.string(1, 'name'));
    entry(raw, 2, 'key', 'value');
  });
  for (let length = 0; length < whole.length; length++) {
    try {
      decodeKubernetesProtobuf(whole.subarray(0, length));
    } catch (error) {
      assert.ok(isApiError(error, 'BadRequest', 'UnsupportedMediaType'), `${length}: ${String(error)}`);
    }
  }
});
