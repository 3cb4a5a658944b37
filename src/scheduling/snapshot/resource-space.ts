import type { Resources } from '../../model/index.ts';

export const CPU = 0;
export const MEMORY = 1;
export const PODS = 3;
/** Resources from here on are extended ones (and huge pages), in the order they were first seen. */
const FIRST_EXTENDED = 4;

/** Extended resources and huge pages: of those, only what the pod asks for has a say in scores. */
export const isScalar = (index: number): boolean => index >= FIRST_EXTENDED;

/**
 * Gives every resource name an index, so that requests and capacities are arrays of numbers (units as in `Resources`).
 * Arrays of different lengths may meet: what lies past the end counts as 0.
 */
export class ResourceSpace {
  readonly #names: string[] = ['cpu', 'memory', 'ephemeral-storage', 'pods'];
  readonly #indexes = new Map<string, number>(this.#names.map((name, index) => [name, index]));

  get size(): number {
    return this.#names.length;
  }

  indexOf(name: string): number {
    const known = this.#indexes.get(name);
    if (known !== undefined) return known;
    const index = this.#names.push(name) - 1;
    this.#indexes.set(name, index);
    return index;
  }

  nameOf(index: number): string {
    return this.#names[index] ?? `resource ${index}`;
  }

  vector(amounts: Resources): Float64Array {
    let length = FIRST_EXTENDED;
    for (const name in amounts) length = Math.max(length, this.indexOf(name) + 1);
    const vector = new Float64Array(length);
    for (const name in amounts) vector[this.indexOf(name)] = amounts[name] ?? 0;
    return vector;
  }
}

/** The largest share of any resource but the pod count; at least `minimum`. */
export function dominantShareOf(requests: Float64Array, capacity: Float64Array, minimum: number): number {
  let share = minimum;
  for (let index = 0; index < requests.length; index++) {
    const asked = requests[index] ?? 0;
    if (asked <= 0 || index === PODS) continue;
    const whole = capacity[index] ?? 0;
    share = Math.max(share, whole > 0 ? Math.min(1, asked / whole) : 1);
  }
  return share;
}
