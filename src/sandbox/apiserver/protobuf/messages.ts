/**
 * What a field of a message is. Kubernetes' encoder writes every field that is no Go pointer, also when it is empty: an
 * `integer`, `flag` or `text` that is empty was not set, whereas an `optional` one is there only when it was.
 */
export type FieldType =
  | 'text'
  | 'integer'
  | 'optionalInteger'
  | 'flag'
  | 'optionalFlag'
  | 'time'
  | 'microTime'
  | 'intOrString'
  | 'textMap'
  | 'bytesMap'
  | { message: Message }
  | { list: 'text' | Message };

/** Fields by number: the name in JSON, and what it is. */
export type Message = Readonly<Record<number, readonly [name: string, type: FieldType]>>;

const list = (message: Message): FieldType => ({ list: message });
const one = (message: Message): FieldType => ({ message });
const TEXTS: FieldType = { list: 'text' };

/**
 * The messages that clients send in protobuf: what `kubectl create …` and Go clients write by typed clients, but for pods
 * and nodes. Field numbers from the `generated.proto` files of k8s.io/api and k8s.io/apimachinery 1.35.
 */
const OwnerReference: Message = {
  1: ['kind', 'text'],
  3: ['name', 'text'],
  4: ['uid', 'text'],
  5: ['apiVersion', 'text'],
  6: ['controller', 'optionalFlag'],
  7: ['blockOwnerDeletion', 'optionalFlag'],
};
const ObjectMeta: Message = {
  1: ['name', 'text'],
  2: ['generateName', 'text'],
  3: ['namespace', 'text'],
  5: ['uid', 'text'],
  6: ['resourceVersion', 'text'],
  7: ['generation', 'integer'],
  8: ['creationTimestamp', 'time'],
  9: ['deletionTimestamp', 'time'],
  10: ['deletionGracePeriodSeconds', 'optionalInteger'],
  11: ['labels', 'textMap'],
  12: ['annotations', 'textMap'],
  13: ['ownerReferences', list(OwnerReference)],
  14: ['finalizers', TEXTS],
};
const METADATA = ['metadata', one(ObjectMeta)] as const;
const LabelSelector: Message = {
  1: ['matchLabels', 'textMap'],
  2: ['matchExpressions', list({ 1: ['key', 'text'], 2: ['operator', 'text'], 3: ['values', TEXTS] })],
};
const ObjectReference: Message = {
  1: ['kind', 'text'],
  2: ['namespace', 'text'],
  3: ['name', 'text'],
  4: ['uid', 'text'],
  5: ['apiVersion', 'text'],
  6: ['resourceVersion', 'text'],
  7: ['fieldPath', 'text'],
};
const EventSource: Message = { 1: ['component', 'text'], 2: ['host', 'text'] };
const EventSeries: Message = { 1: ['count', 'integer'], 2: ['lastObservedTime', 'microTime'] };
const DeleteOptions: Message = {
  1: ['gracePeriodSeconds', 'optionalInteger'],
  2: ['preconditions', one({ 1: ['uid', 'text'], 2: ['resourceVersion', 'text'] })],
  3: ['orphanDependents', 'optionalFlag'],
  4: ['propagationPolicy', 'text'],
  5: ['dryRun', TEXTS],
};
const Condition: Message = {
  1: ['type', 'text'],
  2: ['status', 'text'],
  3: ['observedGeneration', 'integer'],
  4: ['lastTransitionTime', 'time'],
  5: ['reason', 'text'],
  6: ['message', 'text'],
};

/** By apiVersion and kind. */
export const MESSAGES: Readonly<Record<string, Message>> = {
  'v1 Namespace': {
    1: METADATA,
    2: ['spec', one({ 1: ['finalizers', TEXTS] })],
    3: ['status', one({ 1: ['phase', 'text'] })],
  },
  'v1 ConfigMap': {
    1: METADATA,
    2: ['data', 'textMap'],
    3: ['binaryData', 'bytesMap'],
    4: ['immutable', 'optionalFlag'],
  },
  'v1 Secret': {
    1: METADATA,
    2: ['data', 'bytesMap'],
    3: ['type', 'text'],
    4: ['stringData', 'textMap'],
    5: ['immutable', 'optionalFlag'],
  },
  'v1 ServiceAccount': {
    1: METADATA,
    2: ['secrets', list(ObjectReference)],
    3: ['imagePullSecrets', list({ 1: ['name', 'text'] })],
    4: ['automountServiceAccountToken', 'optionalFlag'],
  },
  'v1 Event': {
    1: METADATA,
    2: ['involvedObject', one(ObjectReference)],
    3: ['reason', 'text'],
    4: ['message', 'text'],
    5: ['source', one(EventSource)],
    6: ['firstTimestamp', 'time'],
    7: ['lastTimestamp', 'time'],
    8: ['count', 'integer'],
    9: ['type', 'text'],
    10: ['eventTime', 'microTime'],
    11: ['series', one(EventSeries)],
    12: ['action', 'text'],
    13: ['related', one(ObjectReference)],
    14: ['reportingComponent', 'text'],
    15: ['reportingInstance', 'text'],
  },
  'events.k8s.io/v1 Event': {
    1: METADATA,
    2: ['eventTime', 'microTime'],
    3: ['series', one(EventSeries)],
    4: ['reportingController', 'text'],
    5: ['reportingInstance', 'text'],
    6: ['action', 'text'],
    7: ['reason', 'text'],
    8: ['regarding', one(ObjectReference)],
    9: ['related', one(ObjectReference)],
    10: ['note', 'text'],
    11: ['type', 'text'],
    12: ['deprecatedSource', one(EventSource)],
    13: ['deprecatedFirstTimestamp', 'time'],
    14: ['deprecatedLastTimestamp', 'time'],
    15: ['deprecatedCount', 'integer'],
  },
  'coordination.k8s.io/v1 Lease': {
    1: METADATA,
    2: [
      'spec',
      one({
        1: ['holderIdentity', 'text'],
        2: ['leaseDurationSeconds', 'optionalInteger'],
        3: ['acquireTime', 'microTime'],
        4: ['renewTime', 'microTime'],
        5: ['leaseTransitions', 'optionalInteger'],
        6: ['strategy', 'text'],
        7: ['preferredHolder', 'text'],
      }),
    ],
  },
  'scheduling.k8s.io/v1 PriorityClass': {
    1: METADATA,
    // Required in JSON, so zero is a value.
    2: ['value', 'optionalInteger'],
    3: ['globalDefault', 'flag'],
    4: ['description', 'text'],
    5: ['preemptionPolicy', 'text'],
  },
  'policy/v1 PodDisruptionBudget': {
    1: METADATA,
    2: [
      'spec',
      one({
        1: ['minAvailable', 'intOrString'],
        2: ['selector', one(LabelSelector)],
        3: ['maxUnavailable', 'intOrString'],
        4: ['unhealthyPodEvictionPolicy', 'text'],
      }),
    ],
    3: [
      'status',
      one({
        1: ['observedGeneration', 'integer'],
        3: ['disruptionsAllowed', 'optionalInteger'],
        4: ['currentHealthy', 'optionalInteger'],
        5: ['desiredHealthy', 'optionalInteger'],
        6: ['expectedPods', 'optionalInteger'],
        7: ['conditions', list(Condition)],
      }),
    ],
  },
  'v1 Binding': { 1: METADATA, 2: ['target', one(ObjectReference)] },
  'policy/v1 Eviction': { 1: METADATA, 2: ['deleteOptions', one(DeleteOptions)] },
  'v1 DeleteOptions': DeleteOptions,
  'meta.k8s.io/v1 DeleteOptions': DeleteOptions,
};
