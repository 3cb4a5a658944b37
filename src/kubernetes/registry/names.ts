import type { Random } from '../../clock/index.ts';

/** Kubernetes' alphabet for generated names: no vowels, so no words, and nothing that looks like something else. */
const ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';
const SUFFIX_LENGTH = 5;
const MAXIMUM_BASE_LENGTH = 58;

/** `generateName` with five random characters, as `names.SimpleNameGenerator` of kube-apiserver makes it. */
export function generatedName(base: string, random: Random): string {
  let suffix = '';
  for (let index = 0; index < SUFFIX_LENGTH; index++) suffix += ALPHABET[Math.floor(random() * ALPHABET.length)];
  return base.slice(0, MAXIMUM_BASE_LENGTH) + suffix;
}

/** A random (version 4) UUID out of the given randomness. */
export function generatedUid(random: Random): string {
  const word = (): string =>
    Math.floor(random() * 0x1_0000_0000)
      .toString(16)
      .padStart(8, '0');
  const [a, b, c, d] = [word(), word(), word(), word()];
  const variant = ((Number.parseInt(c[0] as string, 16) & 0x3) | 0x8).toString(16);
  return `${a}-${b.slice(0, 4)}-4${b.slice(5)}-${variant}${c.slice(1, 4)}-${c.slice(4)}${d}`;
}
