/**
 * Magic numbers of CRIU's image files (criu/include/magic.h): images since version 1.1 start with that of their family,
 * then their own; the inventory has its own only.
 */
const COMMON_MAGIC = 0x54564319;
const SERVICE_MAGIC = 0x55105940;
const MAGICS = {
  inventory: 0x58313116,
  pstree: 0x50273030,
  pagemap: 0x56084025,
  core: 0x55053847,
  mm: 0x57492820,
  files: 0x56303138,
  fdinfo: 0x56213732,
  ids: 0x54432030,
  fs: 0x51403912,
  mountpoints: 0x55563928,
  stats: 0x57093306,
} as const;

export type ImageKind = keyof typeof MAGICS;

/**
 * The protobuf messages of an image. Throws RangeError saying what is wrong when it is of another kind, or ends in the
 * middle of a message.
 */
export function imageEntries(bytes: Uint8Array, kind: ImageKind): Uint8Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let offset = 0;
  const next = (): number => {
    if (offset + 4 > bytes.length) throw new RangeError(`it is cut after ${bytes.length} bytes`);
    offset += 4;
    return view.getUint32(offset - 4, true);
  };

  let magic = next();
  if (magic === COMMON_MAGIC || magic === SERVICE_MAGIC) magic = next();
  if (magic !== MAGICS[kind]) throw new RangeError(`it does not start as a CRIU ${kind} image`);
  const entries: Uint8Array[] = [];
  while (offset < bytes.length) {
    const length = next();
    if (length > bytes.length - offset) throw new RangeError(`it is cut after ${bytes.length} bytes`);
    entries.push(bytes.subarray(offset, offset + length));
    offset += length;
  }
  return entries;
}
