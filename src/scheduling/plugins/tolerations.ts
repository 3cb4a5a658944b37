import type { Taint, Toleration } from '../../model/index.ts';

/** Whether the toleration covers the taint (`Toleration.ToleratesTaint`). An unknown operator tolerates nothing. */
export function tolerates(toleration: Toleration, taint: Pick<Taint, 'key' | 'value' | 'effect'>): boolean {
  if (toleration.effect !== undefined && toleration.effect !== '' && toleration.effect !== taint.effect) return false;
  const anyKey = toleration.key === undefined || toleration.key === '';
  if (!anyKey && toleration.key !== taint.key) return false;
  const operator = toleration.operator ?? 'Equal';
  if (operator === 'Exists') return true;
  return operator === 'Equal' && !anyKey && (toleration.value ?? '') === (taint.value ?? '');
}

/** The first taint that none of the tolerations covers. */
export function untolerated(tolerations: readonly Toleration[], taints: readonly Taint[]): Taint | undefined {
  return taints.find((taint) => !tolerations.some((toleration) => tolerates(toleration, taint)));
}
