/**
 * The wire of criu-coordinator (v0.1.0): one JSON object over TCP, one connection a hook, answered with a bare word; and what
 * Fermata adds to it (`session`, `group`, `members`, `token`, actions `abort` and `add-group`), which its server ignores.
 */
export const ACK = 'ACK';
/** Separates the answers upstream gives to a refused request from each other; clients compare with `ACK` only. */
export const REPLY = {
  timeout: 'timeout',
  notConnected: 'not connected',
  alreadyCreated: 'checkpoint is already created',
  alreadyConnected: 'client already connected',
} as const;

/** Ids of control messages: upstream's, and ours. */
const CONTROL_IDS: ReadonlySet<string> = new Set(['kubescr', 'fermata']);
/** A Kubernetes name has 253 characters at most; a container id 64. */
const MAX_NAME_LENGTH = 253;
const MAX_DEPENDENCIES = 10_000;
/** Members of one group. */
const MAX_MEMBERS = 10_000;

export interface HookRequest {
  kind: 'hook';
  id: string;
  action: string;
  dependencies: readonly string[];
  /** Ids of different sessions never meet; '' is the one of clients that know none. */
  session: string;
  /** With it the barriers hold for all members of that name, and `dependencies` are of no account. */
  group?: string;
  /** How many members the group has; absent: it was declared by `add-group`. */
  members?: number;
  token?: string;
  /** Of the action `abort`. */
  reason?: string;
}

export interface DependenciesRequest {
  kind: 'dependencies';
  session: string;
  token?: string;
  dependencies: ReadonlyMap<string, readonly string[]>;
}

export interface GroupRequest {
  kind: 'group';
  session: string;
  token?: string;
  group: string;
  members: readonly string[];
}

export interface StatusRequest {
  kind: 'status';
  session: string;
  token?: string;
}

export type CoordinationRequest = HookRequest | DependenciesRequest | GroupRequest | StatusRequest;

/** The request a JSON value is; undefined: none. Numbers and lists are held to limits, since they come from anybody. */
export function parseRequest(value: unknown): CoordinationRequest | undefined {
  if (!isRecord(value)) return undefined;
  const { id, action } = value;
  const session = value.session ?? '';
  if (typeof id !== 'string' || typeof action !== 'string' || typeof session !== 'string') return undefined;
  if (session.length > MAX_NAME_LENGTH || action.length > MAX_NAME_LENGTH) return undefined;
  const shared = { session, ...(typeof value.token === 'string' && { token: value.token }) };
  if (CONTROL_IDS.has(id)) {
    // Upstream's own sample script spells it with an underscore, and its server does not know that.
    if (action === 'add-dependencies' || action === 'add_dependencies') return dependenciesOf(value, shared);
    if (action === 'add-group') return groupOf(value, shared);
    if (action === 'status') return { kind: 'status', ...shared };
  }
  if (!isName(id)) return undefined;
  const dependencies = listOf(value.dependencies);
  if (dependencies === undefined) return undefined;
  const { group, members } = value;
  if (group !== undefined && !isName(group)) return undefined;
  const count = typeof members === 'string' ? Number(members) : members;
  if (count !== undefined && !isCount(count)) return undefined;
  return {
    kind: 'hook',
    id,
    action,
    dependencies,
    ...shared,
    ...(group !== undefined && { group }),
    ...(count !== undefined && { members: count }),
    ...(typeof value.reason === 'string' && { reason: value.reason.slice(0, 1_000) }),
  };
}

function dependenciesOf(
  { dependencies }: Record<string, unknown>,
  shared: { session: string; token?: string },
): DependenciesRequest | undefined {
  if (!isRecord(dependencies)) return undefined;
  const entries = Object.entries(dependencies);
  if (entries.length > MAX_MEMBERS) return undefined;
  const map = new Map<string, readonly string[]>();
  for (const [id, list] of entries) {
    const names = Array.isArray(list) ? list : undefined;
    if (!isName(id) || names === undefined || names.length > MAX_DEPENDENCIES || !names.every(isName)) return undefined;
    map.set(
      id,
      names.filter((name) => name !== id),
    );
  }
  return { kind: 'dependencies', dependencies: map, ...shared };
}

function groupOf(
  { group, members }: Record<string, unknown>,
  shared: { session: string; token?: string },
): GroupRequest | undefined {
  if (!isName(group) || !Array.isArray(members) || members.length === 0 || members.length > MAX_MEMBERS)
    return undefined;
  return members.every(isName) ? { kind: 'group', group, members: [...new Set(members)], ...shared } : undefined;
}

/** Colon-joined as on the wire; absent and empty: none. */
function listOf(value: unknown): string[] | undefined {
  if (value === undefined || value === '') return [];
  if (typeof value !== 'string') return undefined;
  const names = value.split(':').filter((name) => name !== '');
  return names.length <= MAX_DEPENDENCIES && names.every(isName) ? names : undefined;
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= MAX_NAME_LENGTH;
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= MAX_MEMBERS;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
