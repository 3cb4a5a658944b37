import type { IncomingMessage } from 'node:http';
import { ApiError } from '../../../kubernetes/index.ts';
import { reasonOf } from '../../../model/index.ts';
import { decodeKubernetesProtobuf, KUBERNETES_PROTOBUF } from '../protobuf/kubernetes-protobuf.ts';

/** As kube-apiserver's own limit (`MaxRequestBodyBytes`). */
export const MAXIMUM_BODY_BYTES = 3 * 1024 * 1024;

/** @throws ApiError RequestEntityTooLarge; BadRequest when the client broke off */
export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const announced = Number(request.headers['content-length'] ?? 0);
  if (announced > MAXIMUM_BODY_BYTES) throw tooLarge();
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > MAXIMUM_BODY_BYTES) throw tooLarge();
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof ApiError) throw error;
    throw new ApiError('BadRequest', `the request body could not be read: ${reasonOf(error)}`, { cause: error });
  }
  return Buffer.concat(chunks, length);
}

/** The media type of the body without its parameters; JSON when none is given. */
export function contentTypeOf(request: IncomingMessage): string {
  const [type = ''] = (request.headers['content-type'] ?? '').split(';');
  return type.trim().toLowerCase() || 'application/json';
}

/**
 * Reads JSON, YAML of one document, or Kubernetes' protobuf of some kinds.
 * @throws ApiError BadRequest that names line and column; UnsupportedMediaType
 */
export async function parseBody(body: Buffer, contentType: string): Promise<unknown> {
  switch (contentType) {
    case 'application/json':
    case 'text/json':
      return parseJson(body.toString('utf8'));
    case 'application/yaml':
    case 'application/x-yaml':
    case 'text/yaml':
      return parseYaml(body.toString('utf8'));
    case KUBERNETES_PROTOBUF:
      return decodeKubernetesProtobuf(body);
    default:
      throw new ApiError(
        'UnsupportedMediaType',
        `the body of the request was in an unknown format - accepted media types include: application/json, application/yaml (got ${contentType})`,
      );
  }
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    // V8 says where: "… in JSON at position 14 (line 2 column 3)".
    throw new ApiError('BadRequest', `the body is not valid JSON: ${reasonOf(error)}`, { cause: error });
  }
}

async function parseYaml(text: string): Promise<unknown> {
  const yaml = await import('yaml');
  const documents = yaml.parseAllDocuments(text);
  const [document] = documents;
  if (document === undefined || 'empty' in documents) return undefined;
  if (documents.length > 1) throw new ApiError('BadRequest', 'the body has several YAML documents, one is expected');
  const [problem] = document.errors;
  if (problem !== undefined) {
    // The message says line and column, and shows the place.
    throw new ApiError('BadRequest', `the body is not valid YAML: ${problem.message.trim()}`, { cause: problem });
  }
  return document.toJS({ maxAliasCount: 100 }) as unknown;
}

function tooLarge(): ApiError {
  return new ApiError('RequestEntityTooLarge', `the request body is larger than ${MAXIMUM_BODY_BYTES} bytes`);
}
