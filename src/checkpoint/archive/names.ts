import { FermataError } from '../../model/index.ts';

/** One archive in a store: of which tenant (a namespace), and its own name (the UID of its checkpoint). */
export interface ArchiveName {
  tenant: string;
  archive: string;
}

const PART = /^[a-z0-9](?:[a-z0-9-]{0,126}[a-z0-9])?$/;
const SEGMENT = /^[a-z0-9-]{1,128}\/[0-9a-f]{24}$/;

/** Throws FermataError `ArchiveNameInvalid`. */
export function checkName({ tenant, archive }: ArchiveName): void {
  for (const [what, text] of Object.entries({ tenant, archive })) {
    if (PART.test(text)) continue;
    throw new FermataError(
      'ArchiveNameInvalid',
      `${JSON.stringify(text.slice(0, 80))} is no name of a${what === 'archive' ? 'n' : ''} ${what}`,
      {
        nextStep: 'Names have 1 to 128 of a-z 0-9 and -, and begin and end with a letter or digit.',
      },
    );
  }
}

/** `<archive that wrote it>/<24 hex digits>`. */
export function isSegmentName(name: unknown): name is string {
  return typeof name === 'string' && SEGMENT.test(name);
}

export function manifestKey({ tenant, archive }: ArchiveName): string {
  return `${tenant}/archives/${archive}/manifest`;
}

export function dataKeyKey({ tenant, archive }: ArchiveName): string {
  return `${tenant}/archives/${archive}/key.age`;
}

/** Says that an upload is under way, and which older segments it will refer to. */
export function claimKey({ tenant, archive }: ArchiveName): string {
  return `${tenant}/claims/${archive}`;
}

export function segmentKey(tenant: string, segment: string): string {
  return `${tenant}/segments/${segment}`;
}

/** Of the segments that an archive's upload wrote. */
export function segmentPrefix({ tenant, archive }: ArchiveName): string {
  return `${tenant}/segments/${archive}/`;
}
