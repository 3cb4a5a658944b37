import type { Descriptor } from '../stores/oci/registry-client.ts';

/** What is needed of an image's manifest, or of an index of several (OCI image specification). */
export interface ImageManifest {
  layers?: Descriptor[];
  manifests?: Descriptor[];
  annotations: Record<string, string>;
}

const DIGEST = /^sha256:[0-9a-f]{64}$/;

/** Reads what a registry says, which may be anything. Throws RangeError. */
export function decodeImageManifest(bytes: Uint8Array): ImageManifest {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    throw new RangeError('its manifest is not JSON');
  }
  if (!isRecord(value)) throw new RangeError('its manifest is no object');
  const { layers, manifests, annotations = {} } = value;
  if (!isRecord(annotations)) throw new RangeError('its annotations are no object');
  const texts = Object.entries(annotations).filter((entry): entry is [string, string] => typeof entry[1] === 'string');
  return {
    ...(layers === undefined ? {} : { layers: descriptors(layers) }),
    ...(manifests === undefined ? {} : { manifests: descriptors(manifests) }),
    annotations: Object.fromEntries(texts),
  };
}

function descriptors(value: unknown): Descriptor[] {
  if (!Array.isArray(value)) throw new RangeError('its manifest lists nothing where it should');
  return value.map((each: unknown) => {
    const { mediaType, digest, size } = isRecord(each) ? each : {};
    if (typeof mediaType !== 'string' || typeof digest !== 'string' || !DIGEST.test(digest)) {
      throw new RangeError('its manifest names something without a type or a SHA-256 digest');
    }
    if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) {
      throw new RangeError('its manifest names something without a size');
    }
    return { mediaType, digest, size };
  });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
