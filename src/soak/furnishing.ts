import type { Registry } from '../kubernetes/index.ts';
import {
  CHECKPOINT_LOWER_PRIORITY,
  type Draft,
  INTERRUPTION_POLICIES,
  type InterruptionPolicySpec,
  NAMESPACES,
  PREEMPTION_POLICY_ANNOTATION,
  PRIORITY_CLASSES,
  type PriorityClass,
} from '../model/index.ts';

const CHECKPOINTS = { annotations: { [PREEMPTION_POLICY_ANNOTATION]: CHECKPOINT_LOWER_PRIORITY } };

/** `blunt` kills as kube-scheduler does, `polite` waits, `high` and `urgent` interrupt by checkpoint. */
const CLASSES: readonly Draft<PriorityClass>[] = [
  { metadata: { name: 'low' }, value: 0, globalDefault: true },
  { metadata: { name: 'normal', ...CHECKPOINTS }, value: 100 },
  { metadata: { name: 'high', ...CHECKPOINTS }, value: 1_000 },
  { metadata: { name: 'urgent', ...CHECKPOINTS }, value: 10_000 },
  { metadata: { name: 'blunt' }, value: 1_000 },
  { metadata: { name: 'polite' }, value: 1_000, preemptionPolicy: 'Never' },
];

/** By the label `policy` of the pods they are for. */
const POLICIES: Readonly<Record<string, InterruptionPolicySpec>> = {
  never: { onPreemption: 'Never' },
  either: { onPreemption: 'CheckpointElseTerminate' },
  kill: { onPreemption: 'Terminate' },
  shy: { onPreemption: 'Checkpoint', maxInterruptionsPerDay: 1, minimumRunSeconds: 600 },
  quick: { onPreemption: 'Checkpoint', timeoutSeconds: 2, maxCheckpointSize: '512Mi' },
};

/** What an operator sets up before anybody comes. */
export async function furnish(registry: Registry): Promise<void> {
  await registry.create(NAMESPACES, { metadata: { name: 'research' } });
  for (const draft of CLASSES) await registry.create(PRIORITY_CLASSES, draft);
  for (const namespace of ['default', 'research']) {
    for (const [name, spec] of Object.entries(POLICIES)) {
      const selector = { matchLabels: { policy: name } };
      await registry.create(INTERRUPTION_POLICIES, { metadata: { namespace, name }, spec: { ...spec, selector } });
    }
  }
}
