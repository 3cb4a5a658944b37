import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { stringify } from 'yaml';
import {
  type AgentParts,
  agentStorage,
  DEFAULT_KEYS_SECRET,
  DEFAULT_OPTIONS,
  type DeploymentOptions,
  type Manifest,
  manifestFiles,
  manifestYaml,
} from '../src/deployment/index.ts';
import type { GeneratedFile } from './generate-crds.ts';

const ROOT = join(import.meta.dirname, '..');
const HEADER = '# Generated from src/deployment by scripts/generate-deploy.ts; a test compares them.\n';
const NEWEST = { matchConditions: true, serviceMonitors: true, selectableFields: false, validationRules: true };
const CHART = join('deploy', 'helm', 'fermata');

/** `deploy/manifests` and the chart in `deploy/helm/fermata`, both from the same source. */
export function deployFiles(): GeneratedFile[] {
  return [...plainFiles(), ...chartFiles()];
}

function plainFiles(): GeneratedFile[] {
  return manifestFiles(DEFAULT_OPTIONS, NEWEST)
    .filter(({ name }) => name !== 'crds') // in deploy/crds
    .map(({ name, manifests }) => ({
      path: join('deploy', 'manifests', `${name}.yaml`),
      content: `${HEADER}${manifestYaml(manifests)}`,
    }));
}

/** A text that is no text where Helm has put in its value. */
const number = (path: string): number => `NUMBER{{ .Values.${path} }}` as unknown as number;

const TEMPLATE_OPTIONS: DeploymentOptions = {
  namespace: '{{ .Release.Namespace }}',
  image: '{{ .Values.image.repository }}:{{ .Values.image.tag }}',
  agentDirectory: '{{ .Values.agent.directory }}',
  schedulerName: '{{ .Values.schedulerName }}',
  replicas: {
    scheduler: number('replicas.scheduler'),
    controller: number('replicas.controller'),
    webhook: number('replicas.webhook'),
  },
  agentParts: templateStorage(),
};

/** Each part of what `agentStorage` gives, for the case that its value is set. */
function templateStorage(): AgentParts[] {
  const value = (name: string): string => `{{ .Values.store.${name} }}`;
  const [store, allow, ...others] = agentStorage({
    url: value('url'),
    allow: ['{{- range .Values.store.allow }}', '{{ . }}', '{{- end }}'],
    keysSecret: value('keysSecret'),
    recipientsConfigMap: value('recipientsConfigMap'),
    s3CredentialsSecret: value('s3CredentialsSecret'),
    registryCredentialsSecret: value('registryCredentialsSecret'),
    localCopies: value('localCopies'),
    diskHigh: value('diskHigh'),
  });
  const names = ['recipientsConfigMap', 's3CredentialsSecret', 'registryCredentialsSecret', 'localCopies', 'diskHigh'];
  return [
    ...(store === undefined ? [] : [onlyWith('.Values.store.url', store)]),
    ...(allow === undefined ? [] : [onlyWith('and .Values.store.url .Values.store.allow', allow)]),
    ...others.map((part, index) => onlyWith(`and .Values.store.url .Values.store.${names[index]}`, part)),
  ];
}

/** Helm's own words stand in lists as if they were items; {@link template} takes them out. */
function onlyWith(condition: string, { flags, env, volumeMounts, volumes }: AgentParts): AgentParts {
  const wrap = (items: readonly unknown[]): never[] =>
    items.length === 0 ? [] : ([`{{- if ${condition} }}`, ...items, '{{- end }}'] as never[]);
  return { flags: wrap(flags), env: wrap(env), volumeMounts: wrap(volumeMounts), volumes: wrap(volumes) };
}

function chartFiles(): GeneratedFile[] {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
  const [repository = '', tag = ''] = DEFAULT_OPTIONS.image.split(':');
  const values = {
    image: { repository, tag },
    schedulerName: DEFAULT_OPTIONS.schedulerName,
    replicas: DEFAULT_OPTIONS.replicas,
    agent: { directory: DEFAULT_OPTIONS.agentDirectory },
    store: {
      url: '',
      allow: [],
      keysSecret: DEFAULT_KEYS_SECRET,
      recipientsConfigMap: '',
      s3CredentialsSecret: '',
      registryCredentialsSecret: '',
      localCopies: '',
      diskHigh: '',
    },
    serviceMonitor: { enabled: false },
  };
  const chart = {
    apiVersion: 'v2',
    name: 'fermata',
    description: 'Interrupts running work by checkpoint/restore instead of killing it',
    type: 'application',
    version,
    appVersion: version,
    kubeVersion: '>=1.20.0-0',
  };
  return [
    { path: join(CHART, 'Chart.yaml'), content: `${HEADER}${stringify(chart)}` },
    { path: join(CHART, 'values.yaml'), content: `${HEADER}${stringify(values)}` },
    ...manifestFiles(TEMPLATE_OPTIONS, NEWEST)
      // The namespace is Helm's own (--create-namespace), and its folder `crds` a link to deploy/crds.
      .filter(({ name }) => name !== 'namespace' && name !== 'crds')
      .map(({ name, manifests }) => ({
        path: join(CHART, 'templates', `${name}.yaml`),
        content: `${HEADER}${templateOf(name, manifests)}`,
      })),
  ];
}

function templateOf(name: string, manifests: readonly Manifest[]): string {
  switch (name) {
    case 'service-monitor':
      return `{{- if .Values.serviceMonitor.enabled }}\n${template(manifests)}{{- end }}\n`;
    case 'webhook':
      return `{{- if semverCompare ">=1.28.0-0" .Capabilities.KubeVersion.Version }}\n${template(manifests)}{{- else }}\n${template(olderWebhook())}{{- end }}\n`;
    default:
      return template(manifests);
  }
}

function olderWebhook(): Manifest[] {
  const files = manifestFiles(TEMPLATE_OPTIONS, { ...NEWEST, matchConditions: false });
  return files.find(({ name }) => name === 'webhook')?.manifests ?? [];
}

function template(manifests: readonly Manifest[]): string {
  return manifestYaml(manifests)
    .replaceAll(/"?NUMBER(\{\{[^}]*\}\})"?/g, '$1')
    .replaceAll(/^ *- "(\{\{-[^"]*\}\})"$/gm, '$1');
}

if (import.meta.main) {
  for (const { path, content } of deployFiles()) {
    mkdirSync(dirname(join(ROOT, path)), { recursive: true });
    writeFileSync(join(ROOT, path), content);
  }
}
