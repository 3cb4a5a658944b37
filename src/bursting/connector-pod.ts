import { HPC_ANNOTATION_PREFIX, processors } from '../hpc/index.ts';
import type { core, PodTemplate } from './job.ts';
import {
  CONNECTOR_CONTAINER,
  HOST_ANNOTATION,
  IMAGE_ANNOTATION,
  PLACEMENT_ANNOTATIONS,
  SCHEDULER_ANNOTATION,
  SECRET_ANNOTATION,
  STAGE_IN_ANNOTATION,
  STAGE_OUT_ANNOTATION,
} from './marks.ts';
import { jobAnnotations, TOKEN_PATH } from './obstacles.ts';
import { renameReferences } from './references.ts';

/** What the cluster's administrator says of connectors; host and Secret may be named by each Job. */
export interface ConnectorSettings {
  /** Fermata's image, with its tag. */
  image: string;
  host: string;
  secret: string;
}

/** What the program's pod says that holds for the connector's too. */
const KEPT = [
  'schedulerName',
  'priorityClassName',
  'priority',
  'preemptionPolicy',
  'tolerations',
  'serviceAccountName',
  'serviceAccount',
  'imagePullSecrets',
  'hostname',
  'subdomain',
  'dnsPolicy',
] as const;
/** The site has this long to end the job when the pod is deleted. */
const GRACE_SECONDS = 120;
const NOBODY = 65_534;
const SSH_FOLDER = '/etc/hpc-ssh';
const PODINFO_FOLDER = '/etc/podinfo';
const TEMPORARY_FOLDER = '/run/fermata-hpc';

/**
 * The pod of a connector in place of the program's: the program's command goes to the site as a batch job in the same image,
 * with the same variables and resources. Pure; of a pod without {@link podObstacles}.
 */
export function connectorPod({ metadata, spec }: PodTemplate, settings: ConnectorSettings): Required<PodTemplate> {
  const container = spec?.containers[0] ?? { name: '' };
  const annotations = metadata?.annotations ?? {};
  const staging = stagingOf(container, spec?.volumes ?? [], annotations);
  const { environment, flags, names } = environmentOf(container.env ?? []);
  const words = [...(container.command ?? []), ...(container.args ?? [])].map((word) => renameReferences(word, names));
  const host = annotations[HOST_ANNOTATION] ?? settings.host;
  const scheduler = annotations[SCHEDULER_ANNOTATION];
  return {
    metadata: {
      ...metadata,
      annotations: {
        ...Object.fromEntries(Object.entries(annotations).filter(([name]) => !isRead(name))),
        ...requestAnnotations(container, spec, annotations),
      },
    },
    spec: {
      ...(Object.fromEntries(
        KEPT.filter((key) => spec?.[key] !== undefined).map((key) => [key, spec?.[key]]),
      ) as object),
      restartPolicy: 'Never',
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      terminationGracePeriodSeconds: GRACE_SECONDS,
      securityContext: {
        runAsNonRoot: true,
        runAsUser: NOBODY,
        fsGroup: NOBODY,
        seccompProfile: { type: 'RuntimeDefault' },
      },
      containers: [
        {
          name: CONNECTOR_CONTAINER,
          image: settings.image,
          args: [
            'hpc',
            'run',
            '--host',
            host,
            '--ssh-config',
            `${SSH_FOLDER}/config`,
            ...(scheduler === undefined ? [] : ['--scheduler', scheduler]),
            ...staging.flags,
            ...flags,
            '--',
            ...words,
          ],
          ...(staging.workingDirectory === undefined ? {} : { workingDir: staging.workingDirectory }),
          env: [{ name: 'HOME', value: TEMPORARY_FOLDER }, { name: 'TMPDIR', value: TEMPORARY_FOLDER }, ...environment],
          resources: { requests: { cpu: '20m', memory: '96Mi' }, limits: { memory: '256Mi' } },
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
          },
          volumeMounts: [
            { name: 'fermata-hpc-ssh', mountPath: SSH_FOLDER, readOnly: true },
            { name: 'fermata-hpc-podinfo', mountPath: PODINFO_FOLDER, readOnly: true },
            { name: 'fermata-hpc-tmp', mountPath: TEMPORARY_FOLDER },
            ...staging.mounts,
          ],
        },
      ],
      volumes: [
        {
          name: 'fermata-hpc-ssh',
          secret: { secretName: annotations[SECRET_ANNOTATION] ?? settings.secret, defaultMode: 0o440 },
        },
        { name: 'fermata-hpc-podinfo', downwardAPI: { items: PODINFO } },
        { name: 'fermata-hpc-tmp', emptyDir: {} },
        ...staging.volumes,
      ],
    },
  };
}

const PODINFO = ['annotations', 'labels', 'namespace'].map((path) => ({
  path,
  fieldRef: { fieldPath: `metadata.${path}` },
}));

/** Is told in another way: to the connector by flags, or by {@link requestAnnotations}. */
function isRead(name: string): boolean {
  return PLACEMENT_ANNOTATIONS.includes(name) || name === IMAGE_ANNOTATION;
}

/** What the program asks for, in annotations that the connector reads; what its owner has annotated wins. */
function requestAnnotations(
  container: Partial<core.Container>,
  spec: core.PodSpec | undefined,
  annotations: Readonly<Record<string, string>>,
): Record<string, string> {
  const { requests = {}, limits = {} } = container.resources ?? {};
  const cpu = requests.cpu ?? limits.cpu;
  const memory = limits.memory ?? requests.memory;
  const gpus = Object.entries({ ...requests, ...limits })
    .filter(([name]) => /^[\w.-]+\/(?:gpu|mig-.*)$/.test(name))
    .reduce((sum, [, amount]) => sum + Number(amount), 0);
  const image =
    annotations[IMAGE_ANNOTATION] ?? (container.image === undefined ? 'none' : `docker://${container.image}`);
  const asked = {
    ...(cpu === undefined ? {} : { 'cpus-per-task': String(processors(String(cpu))) }),
    ...(memory === undefined ? {} : { memory: String(memory) }),
    ...(gpus === 0 ? {} : { gpus: String(gpus) }),
    ...(spec?.activeDeadlineSeconds === undefined ? {} : { time: `${spec.activeDeadlineSeconds}s` }),
    ...(image === 'none' ? {} : { image }),
  };
  return {
    ...Object.fromEntries(Object.entries(asked).map(([name, value]) => [HPC_ANNOTATION_PREFIX + name, value])),
    ...jobAnnotations(Object.fromEntries(Object.entries(annotations).filter(([name]) => name !== IMAGE_ANNOTATION))),
  };
}

/** Volumes and working directory stay where files are staged: the connector takes them from there, and puts them there. */
function stagingOf(
  container: Partial<core.Container>,
  volumes: readonly core.Volume[],
  annotations: Readonly<Record<string, string>>,
): {
  flags: string[];
  mounts: core.VolumeMount[];
  volumes: core.Volume[];
  workingDirectory?: string;
} {
  const listed = (name: string): string[] => (annotations[name] ?? '').split(/\s+/).filter((word) => word !== '');
  const flags = [
    ...listed(STAGE_IN_ANNOTATION).flatMap((path) => ['--stage-in', path]),
    ...listed(STAGE_OUT_ANNOTATION).flatMap((pattern) => ['--stage-out', pattern]),
  ];
  if (flags.length === 0) return { flags, mounts: [], volumes: [] };
  const mounts = (container.volumeMounts ?? []).filter(({ mountPath }) => mountPath !== TOKEN_PATH);
  const names = new Set(mounts.map(({ name }) => name));
  return {
    flags,
    mounts,
    volumes: volumes.filter(({ name }) => names.has(name)),
    ...(container.workingDir === undefined ? {} : { workingDirectory: container.workingDir }),
  };
}

/**
 * The program's variables under names that mean nothing to the connector; the kubelet puts their values, wherever they come
 * from, into the flags that hand them on.
 */
function environmentOf(variables: readonly core.EnvVar[]): {
  environment: core.EnvVar[];
  flags: string[];
  names: ReadonlyMap<string, string>;
} {
  const names = new Map<string, string>();
  const environment: core.EnvVar[] = [];
  const flags: string[] = [];
  variables.forEach((variable, index) => {
    const name = `FERMATA_HPC_ENV_${index}`;
    const { value } = variable;
    environment.push({ ...variable, name, ...(value === undefined ? {} : { value: renameReferences(value, names) }) });
    flags.push('--env', `${variable.name}=$(${name})`);
    names.set(variable.name, name);
  });
  return { environment, flags, names };
}
