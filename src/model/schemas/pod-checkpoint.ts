import { Type } from 'typebox';
import { SPEC_IMMUTABLE } from '../marks.ts';
import { ConditionSchema } from './condition.ts';
import { byType, keyedBy, mergedSet } from './fields.ts';
import { wholeObject } from './whole-object.ts';

/**
 * One checkpoint of one pod, asked for and recorded. Field names and the reasons of `Ready` mirror KEP-5823, so that a
 * cluster which serves the upstream object can be used underneath.
 */
export const PodCheckpointSpecSchema = Type.Object(
  {
    sourcePod: Type.Object(
      {
        name: Type.String({ minLength: 1, maxLength: 253, description: 'Name of the pod to checkpoint.' }),
        uid: Type.Optional(
          Type.String({
            description: 'UID of the pod; another pod of the same name is then refused (SourcePodReplaced).',
          }),
        ),
      },
      { additionalProperties: false, description: 'The pod to checkpoint, in the namespace of this object.' },
    ),
    timeoutSeconds: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 3600,
        default: 300,
        description: 'Seconds the dump may take; then it is given up and the pod runs on.',
      }),
    ),
    postCheckpointState: Type.Optional(
      Type.Union([Type.Literal('Running'), Type.Literal('Stopped')], {
        default: 'Running',
        description:
          'Running: the pod goes on after the dump. Stopped: it never runs again after the instant of the dump, and its resources are released.',
      }),
    ),
    reason: Type.Optional(
      Type.Union(
        [
          Type.Literal('Preemption'),
          Type.Literal('Idle'),
          Type.Literal('Drain'),
          Type.Literal('Migration'),
          Type.Literal('Periodic'),
          Type.Literal('Manual'),
        ],
        { default: 'Manual', description: 'Why the checkpoint was asked for.' },
      ),
    ),
    preemptor: Type.Optional(
      Type.Object(
        {
          namespace: Type.String({ description: 'Namespace of the preemptor.' }),
          name: Type.String({ description: 'Name of the preemptor.' }),
          uid: Type.String({ description: 'UID of the preemptor.' }),
        },
        { additionalProperties: false, description: 'The pod the room is made for.' },
      ),
    ),
    group: Type.Optional(Type.String({ description: 'Name of the PodGroupCheckpoint this one is a member of.' })),
    restore: Type.Optional(
      Type.Union([Type.Literal('Automatic'), Type.Literal('Manual'), Type.Literal('Never')], {
        default: 'Automatic',
        description:
          'What becomes of a Stopped pod. Automatic: restored as soon as there is room. Manual: held suspended until resumed. Never: not recreated.',
      }),
    ),
  },
  {
    additionalProperties: false,
    title: 'PodCheckpointSpec',
    description: 'What is asked for; immutable.',
    'x-kubernetes-validations': [{ rule: 'self == oldSelf', message: SPEC_IMMUTABLE }],
  },
);

export const CheckpointedContainerSchema = Type.Object(
  {
    name: Type.String({ description: 'Name of the container.' }),
    image: Type.Optional(Type.String({ description: 'Image it ran.' })),
    restoreImage: Type.Optional(
      Type.String({ description: 'Image from which a kubelet restores it; absent where none runs the pods.' }),
    ),
    sizeBytes: Type.Optional(
      Type.Integer({ minimum: 0, description: 'Bytes of its images and file system difference.' }),
    ),
    freezingMicroseconds: Type.Optional(Type.Integer({ minimum: 0, description: "CRIU's freezing_time." })),
    frozenMicroseconds: Type.Optional(Type.Integer({ minimum: 0, description: "CRIU's frozen_time." })),
    memdumpMicroseconds: Type.Optional(Type.Integer({ minimum: 0, description: "CRIU's memdump_time." })),
    memwriteMicroseconds: Type.Optional(Type.Integer({ minimum: 0, description: "CRIU's memwrite_time." })),
  },
  {
    additionalProperties: false,
    title: 'CheckpointedContainer',
    description: 'What the dump of one container came to.',
  },
);

export const CheckpointLocationSchema = Type.Object(
  {
    type: Type.Union([Type.Literal('NodeLocal'), Type.Literal('Store')], {
      description: 'NodeLocal: on the node only. Store: in a store, and while nodeLocal is set, on the node too.',
    }),
    nodeLocal: Type.Optional(
      Type.Object(
        { path: Type.String({ description: "Folder, relative to the node's checkpoint directory." }) },
        { additionalProperties: false, description: 'In the checkpoint directory of the node.' },
      ),
    ),
    upstream: Type.Optional(
      Type.Object(
        { name: Type.String({ description: 'Of that object, in the namespace of this one.' }) },
        {
          additionalProperties: false,
          description: "The kubelet's own PodCheckpoint (node.k8s.io, KEP-5823) that holds the data on the node.",
        },
      ),
    ),
    store: Type.Optional(
      Type.Object(
        {
          url: Type.String({ description: 'Where the archive is.' }),
          archive: Type.Optional(
            Type.String({
              pattern: '^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$',
              description: 'Its name there, below the namespace; the UID of this object unless it was imported.',
            }),
          ),
          digest: Type.String({ description: 'sha256 of the archive.' }),
          sizeBytes: Type.Integer({ minimum: 0, description: 'Bytes of the archive.' }),
          encrypted: Type.Boolean({ description: 'Whether the archive is encrypted.' }),
        },
        { additionalProperties: false, description: 'In a checkpoint store.' },
      ),
    ),
  },
  { additionalProperties: false, title: 'CheckpointLocation', description: 'Where the data is.' },
);

export const PodCheckpointStatusSchema = Type.Object(
  {
    nodeName: Type.Optional(Type.String({ description: 'Node the dump was made on.' })),
    sourcePodUID: Type.Optional(Type.String({ description: 'UID of the pod that was dumped.' })),
    sourceStartTime: Type.Optional(
      Type.String({ format: 'date-time', description: 'When the incarnation that was dumped began to run.' }),
    ),
    startTime: Type.Optional(Type.String({ format: 'date-time', description: 'When the dump began.' })),
    completionTime: Type.Optional(Type.String({ format: 'date-time', description: 'When the dump was verified.' })),
    checkpointedPodTemplate: Type.Optional(
      Type.Object(
        {
          metadata: Type.Optional(
            Type.Unknown({
              type: 'object',
              description: 'Name, labels and annotations.',
              'x-kubernetes-preserve-unknown-fields': true,
            }),
          ),
          spec: Type.Unknown({
            type: 'object',
            description: 'How the pod ran.',
            'x-kubernetes-preserve-unknown-fields': true,
          }),
        },
        {
          additionalProperties: false,
          description: 'The pod as it ran, without what ties it to its node: what the next incarnation is made from.',
        },
      ),
    ),
    checkpointedContainers: Type.Optional(
      Type.Array(CheckpointedContainerSchema, {
        description: 'What the dump of each container came to.',
        ...keyedBy('name'),
      }),
    ),
    dumpMilliseconds: Type.Optional(
      Type.Integer({ minimum: 0, description: 'From the order to the runtime to the verified dump.' }),
    ),
    restoreMilliseconds: Type.Optional(
      Type.Integer({ minimum: 0, description: 'From the order to the runtime to running again.' }),
    ),
    checkpointLocation: Type.Optional(CheckpointLocationSchema),
    restoration: Type.Optional(
      Type.Object(
        {
          podName: Type.String({ description: 'The incarnation that waits for, or came from, this checkpoint.' }),
          podUID: Type.Optional(Type.String({ description: 'UID of that incarnation, once it exists.' })),
          failures: Type.Optional(Type.Integer({ minimum: 0, description: 'Restores that failed in a row.' })),
          lastFailure: Type.Optional(Type.String({ description: 'Why the last one failed.' })),
          avoidNodes: Type.Optional(
            Type.Array(Type.String(), { description: 'Nodes on which it failed.', ...mergedSet }),
          ),
          notBefore: Type.Optional(Type.String({ format: 'date-time', description: 'Next try at the earliest.' })),
          prepared: Type.Optional(
            Type.Object(
              {
                podUID: Type.String({ description: 'UID of the incarnation.' }),
                round: Type.Integer({ minimum: 1, description: "Round of the group's restore it holds for." }),
              },
              {
                additionalProperties: false,
                description:
                  'The incarnation is back and stands still until all of its group are; written by the agent.',
              },
            ),
          ),
        },
        {
          additionalProperties: false,
          description: 'How the workload comes back; written by the controller, `prepared` by the agent.',
        },
      ),
    ),
    manifestDigest: Type.Optional(
      Type.String({ description: 'sha256 of the manifest that lists every file with its digest.' }),
    ),
    conditions: Type.Optional(
      Type.Array(ConditionSchema, {
        description:
          'Ready (Pending, CheckpointInProgress, CheckpointCompleted, CheckpointFailed, SourcePodReplaced), Prepared (of a group), Stored, Released, Restored.',
        ...byType,
      }),
    ),
  },
  {
    additionalProperties: false,
    title: 'PodCheckpointStatus',
    description: 'What was done; written by the agent of the node.',
  },
);

export const PodCheckpointSchema = wholeObject('PodCheckpoint', 'One checkpoint of one pod.', ['spec'], {
  spec: PodCheckpointSpecSchema,
  status: PodCheckpointStatusSchema,
});
