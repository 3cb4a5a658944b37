import type { Exchange } from '../http/exchange.ts';
import { isJsonObject, type Json } from '../patch/json-value.ts';
import { KUBERNETES_PROTOBUF } from '../protobuf/kubernetes-protobuf.ts';

/** Resources that only answer a question (`POST`); nothing of them is kept. */
export interface Review {
  group: string;
  version: string;
  plural: string;
  kind: string;
  status: object;
}

/** The one user of a sandbox: whoever holds the token. */
export const USER_NAME = 'fermata-admin';
const GROUPS = ['system:masters', 'system:authenticated'];
const ALL = ['*'];

/** What `kubectl auth can-i`, `can-i --list` and `whoami` ask. Everything is allowed: there is one user. */
export const REVIEWS: readonly Review[] = [
  {
    group: 'authorization.k8s.io',
    version: 'v1',
    plural: 'selfsubjectaccessreviews',
    kind: 'SelfSubjectAccessReview',
    status: { allowed: true, reason: 'the sandbox has one user, who may do everything' },
  },
  {
    group: 'authorization.k8s.io',
    version: 'v1',
    plural: 'selfsubjectrulesreviews',
    kind: 'SelfSubjectRulesReview',
    status: {
      resourceRules: [{ verbs: ALL, apiGroups: ALL, resources: ALL }],
      nonResourceRules: [{ verbs: ALL, nonResourceURLs: ALL }],
      incomplete: false,
    },
  },
  {
    group: 'authentication.k8s.io',
    version: 'v1',
    plural: 'selfsubjectreviews',
    kind: 'SelfSubjectReview',
    status: { userInfo: { username: USER_NAME, groups: GROUPS } },
  },
];

export async function answerReview(exchange: Exchange, review: Review): Promise<void> {
  const spec = await askedBy(exchange);
  exchange.json(201, {
    kind: review.kind,
    apiVersion: `${review.group}/${review.version}`,
    metadata: {},
    ...(spec === undefined ? {} : { spec }),
    status: review.status,
  });
}

/** kubectl from 1.33 on asks in protobuf, which is not read here: the answer is the same whatever was asked. */
async function askedBy(exchange: Exchange): Promise<Json | undefined> {
  if (exchange.contentType === KUBERNETES_PROTOBUF) {
    await exchange.readText();
    return undefined;
  }
  const asked = (await exchange.readValue()) as Json | undefined;
  return isJsonObject(asked) ? asked.spec : undefined;
}
