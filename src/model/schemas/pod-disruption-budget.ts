import { ConditionSchema } from './condition.ts';
import { byType, choice, described, integer, intOrText, list, object, open } from './fields.ts';
import { LabelSelectorSchema } from './label-selector.ts';
import { wholeObject } from './whole-object.ts';

const PodDisruptionBudgetSpec = object('PodDisruptionBudgetSpec', 'How many pods may be missing at once.', [], {
  selector: described(LabelSelectorSchema, 'Pods the budget is for.', { 'x-kubernetes-patch-strategy': 'replace' }),
  minAvailable: intOrText('Pods that must stay, as number or percentage; not with maxUnavailable.'),
  maxUnavailable: intOrText('Pods that may be missing, as number or percentage; not with minAvailable.'),
  unhealthyPodEvictionPolicy: choice('Whether pods that are not ready may always be evicted.', [
    'IfHealthyBudget',
    'AlwaysAllow',
  ]),
});

const PodDisruptionBudgetStatus = object('PodDisruptionBudgetStatus', 'How much of the budget is left.', [], {
  observedGeneration: integer('Generation the status is about.'),
  disruptionsAllowed: integer('Evictions allowed now.'),
  currentHealthy: integer('Pods that are healthy now.'),
  desiredHealthy: integer('Pods that must be healthy.'),
  expectedPods: integer('Pods the budget is for.'),
  disruptedPods: open('When each pod was evicted that is not yet seen deleted.'),
  conditions: list(ConditionSchema, 'Whether the budget could be computed.', byType),
});

export const PodDisruptionBudgetSchema = wholeObject(
  'PodDisruptionBudget',
  'How many pods of a set may be missing at once.',
  [],
  { spec: PodDisruptionBudgetSpec, status: PodDisruptionBudgetStatus },
);
