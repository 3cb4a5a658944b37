import { ApiError } from '../../../kubernetes/index.ts';
import { isJsonObject, type Json, jsonEqual } from './json-value.ts';

/** Kubernetes' own bound on the operations of one patch. */
const MAXIMUM_OPERATIONS = 10_000;

/**
 * Applies a JSON Patch (RFC 6902) and returns the result; `target` stays as it is.
 * @throws ApiError BadRequest when the patch is not one, Invalid when it does not fit the object (a missing path, a
 *   `test` that does not hold)
 */
export function applyJsonPatch(target: Json, patch: Json): Json {
  if (!Array.isArray(patch)) throw malformed('a JSON patch is a list of operations');
  if (patch.length > MAXIMUM_OPERATIONS) {
    throw new ApiError(
      'RequestEntityTooLarge',
      `the JSON patch has ${patch.length} operations, ${MAXIMUM_OPERATIONS} are allowed`,
    );
  }
  let document = structuredClone(target);
  for (const [index, operation] of patch.entries()) document = applyOperation(document, operation, index);
  return document;
}

function applyOperation(document: Json, operation: Json, index: number): Json {
  if (!isJsonObject(operation)) throw malformed(`operation ${index} is not an object`);
  const name = operation.op;
  const path = pointer(operation.path, 'path', index);
  switch (name) {
    case 'add':
      return add(document, path, operandOf(operation, index), index);
    case 'replace':
      read(document, path, index);
      return path.length === 0
        ? operandOf(operation, index)
        : replace(document, path, operandOf(operation, index), index);
    case 'remove':
      return remove(document, path, index);
    case 'test':
      if (!jsonEqual(read(document, path, index), operandOf(operation, index))) {
        throw unfit(index, `testing value ${String(operation.path)} failed`);
      }
      return document;
    case 'move': {
      const from = pointer(operation.from, 'from', index);
      if (from.length < path.length && from.every((token, at) => token === path[at])) {
        throw unfit(index, `cannot move ${String(operation.from)} into itself`);
      }
      const moved = read(document, from, index);
      return add(remove(document, from, index), path, moved, index);
    }
    case 'copy': {
      const copied = read(document, pointer(operation.from, 'from', index), index);
      return add(document, path, structuredClone(copied), index);
    }
    default:
      throw malformed(
        `operation ${index}: op must be add, remove, replace, move, copy or test, not ${JSON.stringify(name)}`,
      );
  }
}

function operandOf(operation: { [member: string]: Json }, index: number): Json {
  const value = operation.value;
  if (value === undefined) throw malformed(`operation ${index} has no value`);
  return structuredClone(value);
}

function pointer(text: Json | undefined, member: string, index: number): string[] {
  if (typeof text !== 'string' || (text !== '' && !text.startsWith('/'))) {
    throw malformed(`operation ${index}: ${member} must be a JSON pointer such as /metadata/labels/app`);
  }
  if (text === '') return [];
  const tokens = text.slice(1).split('/');
  return tokens.map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function read(document: Json, path: string[], index: number): Json {
  let value: Json = document;
  for (const token of path) value = child(value, token, path, index);
  return value;
}

function child(container: Json, token: string, path: string[], index: number): Json {
  const value = Array.isArray(container)
    ? container[position(token, container.length - 1, path, index)]
    : isJsonObject(container) && Object.hasOwn(container, token)
      ? container[token]
      : undefined;
  if (value === undefined) throw missing(path, index);
  return value;
}

/** Splits the path into the container it points into and the last token. */
function parentOf(document: Json, path: string[], index: number): { container: Json; token: string } {
  return { container: read(document, path.slice(0, -1), index), token: path.at(-1) ?? '' };
}

function add(document: Json, path: string[], value: Json, index: number): Json {
  if (path.length === 0) return value;
  const { container, token } = parentOf(document, path, index);
  if (Array.isArray(container)) {
    const at = token === '-' ? container.length : position(token, container.length, path, index);
    container.splice(at, 0, value);
  } else if (isJsonObject(container)) {
    assign(container, token, value);
  } else {
    throw missing(path, index);
  }
  return document;
}

function replace(document: Json, path: string[], value: Json, index: number): Json {
  const { container, token } = parentOf(document, path, index);
  if (Array.isArray(container)) container[position(token, container.length - 1, path, index)] = value;
  else if (isJsonObject(container)) assign(container, token, value);
  return document;
}

function remove(document: Json, path: string[], index: number): Json {
  if (path.length === 0) throw unfit(index, 'the whole object cannot be removed');
  const { container, token } = parentOf(document, path, index);
  child(container, token, path, index);
  if (Array.isArray(container)) container.splice(position(token, container.length - 1, path, index), 1);
  else if (isJsonObject(container)) delete container[token];
  return document;
}

/** Defines a member even when it is called `__proto__`. */
function assign(container: { [member: string]: Json }, name: string, value: Json): void {
  Object.defineProperty(container, name, { value, writable: true, enumerable: true, configurable: true });
}

function position(token: string, highest: number, path: string[], index: number): number {
  const at = /^(0|[1-9]\d*)$/.test(token) ? Number(token) : Number.NaN;
  if (!(at <= highest)) throw missing(path, index);
  return at;
}

function malformed(reason: string): ApiError {
  return new ApiError('BadRequest', `error decoding patch: ${reason}`);
}

function missing(path: string[], index: number): ApiError {
  return unfit(index, `path does not exist: /${path.join('/')}`);
}

function unfit(index: number, reason: string): ApiError {
  return new ApiError(
    'Invalid',
    `the server rejected our request due to an error in our request: operation ${index}: ${reason}`,
  );
}
