import { rfc3339, rfc3339Micro } from '../../../clock/index.ts';
import { ApiError } from '../../../kubernetes/index.ts';
import { type FieldType, MESSAGES, type Message } from './messages.ts';
import { ProtobufReader } from './protobuf-reader.ts';

/** What Kubernetes' Go clients send from 1.33 on for kinds of its own. */
export const KUBERNETES_PROTOBUF = 'application/vnd.kubernetes.protobuf';
const MAGIC = Buffer.from('k8s\0', 'latin1');

const Envelope: Message = { 1: ['typeMeta', { message: { 1: ['apiVersion', 'text'], 2: ['kind', 'text'] } }] };
const RAW_FIELD = 2;

type Members = Record<string, unknown>;

/**
 * The object in a body of type {@link KUBERNETES_PROTOBUF} (`runtime.Unknown` behind a four-byte mark), as its JSON.
 * @throws ApiError UnsupportedMediaType for kinds without a message here; BadRequest when it cannot be read
 */
export function decodeKubernetesProtobuf(body: Buffer): object {
  if (!body.subarray(0, MAGIC.length).equals(MAGIC)) throw malformed('it does not begin with "k8s\\0"');
  try {
    const envelope = body.subarray(MAGIC.length);
    const { typeMeta } = decode(envelope, Envelope) as { typeMeta?: { apiVersion?: string; kind?: string } };
    const { apiVersion = '', kind = '' } = typeMeta ?? {};
    const message = MESSAGES[`${apiVersion} ${kind}`];
    if (message === undefined) {
      throw new ApiError('UnsupportedMediaType', `objects of kind ${kind} (${apiVersion}) are not read from protobuf`, {
        nextStep: 'send application/json (in Go: rest.Config.ContentType)',
      });
    }
    return { apiVersion, kind, ...decode(rawOf(envelope), message) };
  } catch (error) {
    if (error instanceof RangeError) throw malformed(error.message);
    throw error;
  }
}

function rawOf(envelope: Buffer): Buffer {
  for (const field of new ProtobufReader(envelope).fields()) {
    if (field.number === RAW_FIELD && Buffer.isBuffer(field.value)) return field.value;
  }
  return Buffer.alloc(0);
}

function decode(bytes: Buffer, message: Message): Members {
  const result: Members = {};
  for (const { number, value } of new ProtobufReader(bytes).fields()) {
    const field = message[number];
    if (field === undefined) continue;
    const [name, type] = field;
    if (typeof value === 'bigint') setNumber(result, name, type, value);
    else setBytes(result, name, type, value);
  }
  return result;
}

function setNumber(result: Members, name: string, type: FieldType, value: bigint): void {
  if (type === 'optionalInteger' || (type === 'integer' && value !== 0n)) result[name] = Number(value);
  else if (type === 'optionalFlag' || (type === 'flag' && value !== 0n)) result[name] = value !== 0n;
}

function setBytes(result: Members, name: string, type: FieldType, value: Buffer): void {
  if (typeof type === 'object') {
    if ('message' in type) {
      result[name] = decode(value, type.message);
    } else {
      result[name] ??= [];
      (result[name] as unknown[]).push(type.list === 'text' ? value.toString('utf8') : decode(value, type.list));
    }
    return;
  }
  switch (type) {
    case 'text':
      if (value.length > 0) result[name] = value.toString('utf8');
      break;
    case 'textMap':
    case 'bytesMap': {
      // Without a prototype: a key may be called `__proto__`.
      result[name] ??= Object.create(null);
      const [key, item] = mapEntry(value);
      (result[name] as Members)[key] = item.toString(type === 'bytesMap' ? 'base64' : 'utf8');
      break;
    }
    case 'time':
    case 'microTime': {
      const time = timeOf(value, type === 'time' ? rfc3339 : rfc3339Micro);
      if (time !== undefined) result[name] = time;
      break;
    }
    case 'intOrString': {
      // IntOrString { int64 type = 1 (1: string); int32 intVal = 2; string strVal = 3; }
      const fields = decode(value, { 1: ['type', 'integer'], 2: ['intVal', 'optionalInteger'], 3: ['strVal', 'text'] });
      result[name] = fields.type === 1 ? (fields.strVal ?? '') : (fields.intVal ?? 0);
      break;
    }
    default:
      throw new RangeError(`${name} has the wrong wire type`);
  }
}

function mapEntry(bytes: Buffer): [key: string, value: Buffer] {
  let key = '';
  let item: Buffer = Buffer.alloc(0);
  for (const { number, value } of new ProtobufReader(bytes).fields()) {
    if (!Buffer.isBuffer(value)) continue;
    if (number === 1) key = value.toString('utf8');
    if (number === 2) item = value;
  }
  return [key, item];
}

/** `Timestamp { int64 seconds = 1; int32 nanos = 2; }`; empty for Go's zero time. */
function timeOf(bytes: Buffer, write: (milliseconds: number) => string): string | undefined {
  if (bytes.length === 0) return undefined;
  const { seconds = 0, nanos = 0 } = decode(bytes, { 1: ['seconds', 'integer'], 2: ['nanos', 'integer'] });
  return write(Number(seconds) * 1_000 + Math.trunc(Number(nanos) / 1_000_000));
}

function malformed(reason: string): ApiError {
  return new ApiError('BadRequest', `the body is not valid ${KUBERNETES_PROTOBUF}: ${reason}`);
}
