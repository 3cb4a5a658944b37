import { Type } from 'typebox';
import { byName, mergedSet } from './fields.ts';
import { LabelSelectorSchema } from './label-selector.ts';
import { wholeObject } from './whole-object.ts';

/** `file:///folder`, `s3://…`, `oci://…`; no `@`, so that nobody writes credentials into an object that others read. */
const STORE_URL_PATTERN = '^(?:file:///|s3://|oci://)[^@#\\s]+$';
/** As age-keygen and openssl print them; what is in a PEM block is looked at by the agent. */
const RECIPIENT_PATTERN =
  '^(?:age1[0-9a-z]{58}|-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----|-----BEGIN PUBLIC KEY-----[^-]+-----END PUBLIC KEY-----)\\s*$';

/** Limits of checkpoints that are counted together. */
const TOGETHER = {
  maxCheckpoints: Type.Optional(Type.Integer({ minimum: 1, description: 'Checkpoints; the oldest go.' })),
  maxTotalSize: Type.Optional(
    Type.String({ format: 'quantity', description: 'Quantity; all checkpoints; the oldest go.' }),
  ),
};
const OF_CONTAINER = {
  ...TOGETHER,
  maxCheckpointSize: Type.Optional(
    Type.String({ format: 'quantity', description: "Quantity, of the container's dump; a larger one goes." }),
  ),
};

/** What may be done to the pods of a selector. Of several that match a pod, the most specific holds (`policy-choice.ts`). */
export const InterruptionPolicySpecSchema = Type.Object(
  {
    selector: Type.Optional(LabelSelectorSchema),
    onPreemption: Type.Optional(
      Type.Union(
        [
          Type.Literal('Checkpoint'),
          Type.Literal('CheckpointElseTerminate'),
          Type.Literal('Terminate'),
          Type.Literal('Never'),
        ],
        {
          default: 'Checkpoint',
          description:
            'Checkpoint: interrupted by checkpoint only. CheckpointElseTerminate: the cheaper of both, and terminated when it cannot be dumped. Terminate: never checkpointed. Never: not interrupted.',
        },
      ),
    ),
    maxCheckpointSize: Type.Optional(
      Type.String({
        format: 'quantity',
        description: 'Quantity; a pod using more memory than this is not checkpointed.',
      }),
    ),
    timeoutSeconds: Type.Optional(Type.Integer({ minimum: 1, maximum: 3600, description: 'Seconds a dump may take.' })),
    minimumRunSeconds: Type.Optional(
      Type.Integer({ minimum: 0, description: 'An incarnation younger than this is not interrupted.' }),
    ),
    outsideConnections: Type.Optional(
      Type.Union([Type.Literal('Keep'), Type.Literal('Close'), Type.Literal('Refuse')], {
        default: 'Keep',
        description:
          'TCP connections to others than the pod itself and the pods checkpointed with it. Keep: they go on where the pod comes back under its address. Close: they are closed when it is restored. Refuse: it is not checkpointed while it has one.',
      }),
    ),
    restartFrom: Type.Optional(
      Type.Union([Type.Literal('Checkpoint'), Type.Literal('Image')], {
        default: 'Checkpoint',
        description:
          'From what a container that crashes after its pod was restored starts again. Checkpoint: the newest of the pod, or the one it was restored from. Image: its image, as if it had never been checkpointed; an event says so.',
      }),
    ),
    encryption: Type.Optional(
      Type.Object(
        {
          required: Type.Optional(
            Type.Boolean({
              default: false,
              description: 'A pod is not checkpointed where its checkpoint would be stored unencrypted, or not at all.',
            }),
          ),
          recipients: Type.Optional(
            Type.Array(Type.String({ pattern: RECIPIENT_PATTERN, maxLength: 16_384 }), {
              description:
                'Who may read what is stored, besides the nodes and whom their operator names: `age1…`, or a certificate or public key in PEM (RSA, EC). With any it is encrypted, and a pod is not checkpointed where that cannot be done.',
              ...mergedSet,
            }),
          ),
        },
        { additionalProperties: false, description: 'Who may read the stored checkpoints.' },
      ),
    ),
    store: Type.Optional(
      Type.Object(
        {
          url: Type.String({
            pattern: STORE_URL_PATTERN,
            maxLength: 1024,
            description: 'file:///FOLDER, s3://BUCKET/PREFIX?endpoint=URL&region=NAME or oci://REGISTRY/REPOSITORY.',
          }),
        },
        {
          additionalProperties: false,
          description:
            'Where the checkpoints are copied to, instead of the store of their node. One that the node may use: else the pod is not checkpointed.',
        },
      ),
    ),
    retention: Type.Optional(
      Type.Object(
        {
          maxCheckpoints: Type.Optional(
            Type.Integer({ minimum: 1, description: 'Checkpoints of a workload; the oldest go.' }),
          ),
          maxCheckpointSize: Type.Optional(
            Type.String({ format: 'quantity', description: 'Quantity, e.g. 20Gi; a larger checkpoint goes.' }),
          ),
          maxTotalSize: Type.Optional(
            Type.String({ format: 'quantity', description: 'Quantity; all checkpoints of a workload; the oldest go.' }),
          ),
          maxAgeSeconds: Type.Optional(Type.Integer({ minimum: 1, description: 'An older checkpoint goes.' })),
          orphans: Type.Optional(
            Type.Union([Type.Literal('Remove'), Type.Literal('Keep')], {
              default: 'Remove',
              description: 'What becomes of the checkpoints of a workload that ended or was deleted, after a grace.',
            }),
          ),
          pod: Type.Optional(
            Type.Object(TOGETHER, {
              additionalProperties: false,
              description: 'Each pod by itself: a workload goes on in one pod after another.',
            }),
          ),
          container: Type.Optional(
            Type.Object(OF_CONTAINER, {
              additionalProperties: false,
              description: 'Each container by itself; a checkpoint goes whole, with all of its containers.',
            }),
          ),
          containers: Type.Optional(
            Type.Array(
              Type.Object(
                { name: Type.String({ minLength: 1, description: 'Of the container.' }), ...OF_CONTAINER },
                { additionalProperties: false },
              ),
              { description: 'Containers for which this holds instead of `container`.', ...byName },
            ),
          ),
          namespace: Type.Optional(
            Type.Object(TOGETHER, {
              additionalProperties: false,
              description: 'All checkpoints of the namespace together; heeded in a policy without a selector.',
            }),
          ),
        },
        {
          additionalProperties: false,
          description:
            'What is kept. A pinned checkpoint, the only copy of a suspended workload and the latest of a living one count and never go.',
        },
      ),
    ),
    maxInterruptionsPerDay: Type.Optional(
      Type.Integer({ minimum: 0, description: 'A workload interrupted this often in 24 hours is left alone.' }),
    ),
  },
  { additionalProperties: false, title: 'InterruptionPolicySpec', description: 'What may be done to the pods.' },
);

export const InterruptionPolicySchema = wholeObject(
  'InterruptionPolicy',
  'What may be done to the pods of a selector. Of several whose selector matches a pod, the one with the most requirements (labels and expressions) holds, of equals the first by name; where none of the namespace does, the policy `default` in `fermata-system`.',
  ['spec'],
  { spec: InterruptionPolicySpecSchema },
);
