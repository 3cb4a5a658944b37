import { ApiError } from '../../../kubernetes/index.ts';

/** What a client wants an answer to be. */
export interface Wanted {
  format: 'json' | 'yaml';
  /** Another shape of the same thing (KEP-1164): e.g. `Table`, `PartialObjectMetadata`, `APIGroupDiscoveryList`. */
  as?: Shape;
}

export interface Shape {
  kind: string;
  group: string;
  version: string;
}

interface Clause {
  type: string;
  quality: number;
  parameters: Record<string, string>;
}

const FORMATS: Readonly<Record<string, 'json' | 'yaml'>> = {
  '*/*': 'json',
  'application/*': 'json',
  'application/json': 'json',
  'application/yaml': 'yaml',
  'text/yaml': 'yaml',
};

/**
 * Picks the first clause of an `Accept` header that can be served, in order of quality.
 * @param shapes kinds that may be asked for with `as=`, each with the versions it is served in
 * @throws ApiError NotAcceptable when none can, e.g. protobuf only
 */
export function negotiate(
  accept: string | undefined,
  shapes: Readonly<Record<string, readonly string[]>> = {},
): Wanted {
  if (accept === undefined || accept.trim() === '') return { format: 'json' };
  for (const { type, parameters } of clausesOf(accept)) {
    const format = FORMATS[type];
    if (format === undefined) continue;
    const { as: kind, g: group = '', v: version = '' } = parameters;
    if (kind === undefined) return { format };
    if (shapes[kind]?.includes(`${group}/${version}`)) return { format, as: { kind, group, version } };
  }
  throw new ApiError(
    'NotAcceptable',
    `only the following media types are accepted: application/json, application/yaml (asked for: ${accept})`,
  );
}

/** Whether a media type stands in the header, whatever its parameters. */
export function accepts(accept: string | undefined, type: string): boolean {
  return accept !== undefined && clausesOf(accept).some((clause) => clause.type === type);
}

function clausesOf(accept: string): Clause[] {
  const clauses = accept.split(',').map((text) => {
    const [type = '', ...rest] = text.split(';').map((part) => part.trim());
    const parameters: Record<string, string> = {};
    for (const part of rest) {
      const separator = part.indexOf('=');
      if (separator > 0) parameters[part.slice(0, separator).toLowerCase()] = part.slice(separator + 1);
    }
    const quality = parameters.q === undefined ? 1 : Number(parameters.q);
    return { type: type.toLowerCase(), quality: Number.isNaN(quality) ? 0 : quality, parameters };
  });
  return clauses.filter(({ quality }) => quality > 0).sort((left, right) => right.quality - left.quality);
}
