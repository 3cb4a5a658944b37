import type { Pod } from '../../model/index.ts';

/**
 * The judge's own arithmetic of resources, written from the Kubernetes documentation and not from the product's: what it
 * judges must not be able to agree with it by sharing a mistake. Amounts in thousandths of a unit.
 */
export type Amounts = ReadonlyMap<string, number>;

const SUFFIXES: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/** Thousandths of the quantity, rounded up as Kubernetes rounds; NaN for what is none. */
export function thousandths(quantity: string): number {
  const match = /^([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$/.exec(quantity.trim());
  if (match === null) return Number.NaN;
  const value = Number(match[1]) * (SUFFIXES[match[2] ?? ''] ?? Number.NaN) * 1000;
  // 0.1 has no exact binary form, and must stay a hundred thousandths.
  const whole = Math.round(value);
  return Math.abs(value - whole) <= Math.abs(value) * 2 ** -40 ? whole : Math.ceil(value);
}

export function amountsOf(quantities: Readonly<Record<string, string>> | undefined): Amounts {
  return new Map(Object.entries(quantities ?? {}).map(([name, quantity]) => [name, thousandths(quantity)]));
}

/**
 * What a pod takes of its node: the sum of its containers and sidecars, or the largest moment of its init containers,
 * plus overhead, plus one of `pods` (KEP-753, kubernetes.io "Resource sharing within containers").
 */
export function takes({ spec }: Pod): Amounts {
  const sidecars = new Map<string, number>();
  const startup = new Map<string, number>();
  for (const container of spec.initContainers ?? []) {
    const own = amountsOf(container.resources?.requests);
    if (container.restartPolicy === 'Always') {
      addTo(sidecars, own);
      most(startup, sidecars);
    } else {
      const moment = new Map(sidecars);
      addTo(moment, own);
      most(startup, moment);
    }
  }
  const total = new Map(sidecars);
  for (const container of spec.containers) addTo(total, amountsOf(container.resources?.requests));
  most(total, startup);
  addTo(total, amountsOf(spec.overhead));
  total.set('pods', 1000);
  return total;
}

export function addTo(sum: Map<string, number>, more: Amounts, sign: 1 | -1 = 1): void {
  for (const [name, amount] of more) sum.set(name, (sum.get(name) ?? 0) + sign * amount);
}

/** The first resource of which `parts` together take more than there is; undefined: all fit. */
export function exceeded(available: Amounts, parts: readonly Amounts[]): string | undefined {
  const sum = new Map<string, number>();
  for (const part of parts) addTo(sum, part);
  for (const [name, amount] of sum) {
    if (amount > 0 && amount > (available.get(name) ?? 0)) {
      return `${amount / 1000} of ${(available.get(name) ?? 0) / 1000} ${name}`;
    }
  }
  return undefined;
}

function most(one: Map<string, number>, other: Amounts): void {
  for (const [name, amount] of other) one.set(name, Math.max(one.get(name) ?? 0, amount));
}
