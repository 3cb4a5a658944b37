import type { Node } from '../core.ts';
import { AGE_COLUMN, column, NAME_COLUMN, orNone, type PrinterColumn, wideColumn } from './column.ts';

const ROLE_PREFIX = 'node-role.kubernetes.io/';
const ROLE_LABEL = 'kubernetes.io/role';

export const NODE_COLUMNS: readonly PrinterColumn<Node>[] = [
  NAME_COLUMN,
  column('Status', 'Whether the node is ready and takes pods.', statusOf),
  column('Roles', 'Its roles, by labels.', rolesOf),
  AGE_COLUMN,
  column('Version', 'Version of its kubelet.', ({ status }) => status?.nodeInfo?.kubeletVersion ?? ''),
  wideColumn('Internal-IP', 'Address inside the cluster.', (node) => addressOf(node, 'InternalIP')),
  wideColumn('External-IP', 'Address outside the cluster.', (node) => addressOf(node, 'ExternalIP')),
  wideColumn('OS-Image', 'Its operating system.', ({ status }) => orUnknown(status?.nodeInfo?.osImage)),
  wideColumn('Kernel-Version', 'Its kernel.', ({ status }) => orUnknown(status?.nodeInfo?.kernelVersion)),
  wideColumn('Container-Runtime', 'What runs its containers.', ({ status }) =>
    orUnknown(status?.nodeInfo?.containerRuntimeVersion),
  ),
];

function statusOf({ spec, status }: Node): string {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  const text = ready === undefined ? 'Unknown' : ready.status === 'True' ? 'Ready' : 'NotReady';
  return spec?.unschedulable === true ? `${text},SchedulingDisabled` : text;
}

function rolesOf({ metadata }: Node): string {
  const roles = Object.entries(metadata.labels ?? {}).flatMap(([key, value]) => {
    if (key.startsWith(ROLE_PREFIX)) return key.length > ROLE_PREFIX.length ? [key.slice(ROLE_PREFIX.length)] : [];
    return key === ROLE_LABEL && value !== '' ? [value] : [];
  });
  return orNone([...new Set(roles)].sort().join(','));
}

function addressOf({ status }: Node, type: string): string {
  return orNone(status?.addresses?.find((address) => address.type === type)?.address);
}

function orUnknown(text: string | undefined): string {
  return text === undefined || text === '' ? '<unknown>' : text;
}
