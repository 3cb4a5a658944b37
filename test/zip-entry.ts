import { open } from 'node:fs/promises';
import { promisify } from 'node:util';
import { inflateRaw } from 'node:zlib';

const END_OF_CENTRAL_DIRECTORY = 0x06054b50;
const CENTRAL_ENTRY = 0x02014b50;
/** End record (22 bytes) and the longest comment behind it. */
const LONGEST_END = 22 + 65_535;

/** Content of one file in a zip archive (PKWARE APPNOTE 6.3; stored or deflated, below 4 GiB). */
export async function readZipEntry(archive: string, name: string): Promise<Buffer> {
  const file = await open(archive);
  try {
    const { size } = await file.stat();
    const read = async (position: number, length: number): Promise<Buffer> => {
      const { buffer } = await file.read(Buffer.alloc(length), 0, length, position);
      return buffer;
    };
    const tail = await read(Math.max(0, size - LONGEST_END), Math.min(size, LONGEST_END));
    const signature = Buffer.alloc(4);
    signature.writeUInt32LE(END_OF_CENTRAL_DIRECTORY);
    const end = tail.lastIndexOf(signature);
    if (end < 0) throw new Error(`${archive} is not a zip archive`);
    const directory = await read(tail.readUInt32LE(end + 16), tail.readUInt32LE(end + 12));
    for (let at = 0; at + 46 <= directory.length && directory.readUInt32LE(at) === CENTRAL_ENTRY; ) {
      const [nameLength, extraLength, commentLength] = [28, 30, 32].map((offset) =>
        directory.readUInt16LE(at + offset),
      );
      const nameEnd = at + 46 + (nameLength ?? 0);
      if (directory.toString('utf8', at + 46, nameEnd) === name) {
        const header = directory.readUInt32LE(at + 42);
        const local = await read(header, 30);
        const start = header + 30 + local.readUInt16LE(26) + local.readUInt16LE(28);
        const content = await read(start, directory.readUInt32LE(at + 20));
        return directory.readUInt16LE(at + 10) === 0 ? content : await promisify(inflateRaw)(content);
      }
      at = nameEnd + (extraLength ?? 0) + (commentLength ?? 0);
    }
    throw new Error(`${archive} has no ${name}`);
  } finally {
    await file.close();
  }
}
