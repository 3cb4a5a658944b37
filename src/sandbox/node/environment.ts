import { type Container, FermataError, type Pod } from '../../model/index.ts';
import type { PodToRun } from '../../runtime/index.ts';
import { expandVariables } from './expansion.ts';
import { fieldValue, type NodeFacts, resourceFieldValue } from './field-reference.ts';
import type { References } from './references.ts';

/**
 * The pod as the runtime gets it: every container's environment with `envFrom` and `valueFrom` resolved and `$(NAME)`
 * expanded, in order (a later variable may use earlier ones), and command and arguments expanded with it. Throws
 * `ContainerConfigInvalid` with the kubelet's words, naming the container.
 */
export function resolveEnvironment(
  pod: Pod,
  references: References,
  node: NodeFacts,
): Pick<PodToRun, 'pod' | 'environment'> {
  const environment: Record<string, Record<string, string>> = {};
  const expand = (container: Container): Container => {
    const variables = variablesOf(container, pod, references, node);
    environment[container.name] = variables;
    const { command, args } = container;
    return {
      ...container,
      ...(command === undefined ? {} : { command: command.map((part) => expandVariables(part, variables)) }),
      ...(args === undefined ? {} : { args: args.map((part) => expandVariables(part, variables)) }),
    };
  };
  const containers = pod.spec.containers.map(expand);
  const initContainers = pod.spec.initContainers?.map(expand);
  const spec = { ...pod.spec, containers, ...(initContainers === undefined ? {} : { initContainers }) };
  return { pod: { ...pod, spec }, environment };
}

function variablesOf(container: Container, pod: Pod, references: References, node: NodeFacts): Record<string, string> {
  const variables: Record<string, string> = {};
  const namespace = pod.metadata.namespace ?? '';
  const refuse = (message: string): never => {
    throw new FermataError('ContainerConfigInvalid', `container ${container.name}: ${message}`, {
      nextStep: 'create what is missing; the container starts by itself then',
    });
  };
  for (const { prefix = '', configMapRef, secretRef } of container.envFrom ?? []) {
    const kind = configMapRef === undefined ? 'secret' : 'configmap';
    const { name = '', optional = false } = configMapRef ?? secretRef ?? {};
    const values = kind === 'configmap' ? references.configMap(name)?.data : secretTexts(references, name);
    if (values === undefined && !exists(references, kind, name) && !optional) refuse(`${kind} "${name}" not found`);
    for (const [key, value] of Object.entries(values ?? {})) variables[`${prefix}${key}`] = value;
  }
  for (const { name, value, valueFrom } of container.env ?? []) {
    if (valueFrom === undefined) {
      variables[name] = expandVariables(value ?? '', variables);
      continue;
    }
    const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef } = valueFrom;
    if (fieldRef !== undefined) {
      variables[name] = fieldValue(fieldRef.fieldPath, pod, node);
    } else if (resourceFieldRef !== undefined) {
      variables[name] = resourceFieldValue(resourceFieldRef as { resource: string }, pod, container, node);
    } else if (configMapKeyRef !== undefined || secretKeyRef !== undefined) {
      const kind = configMapKeyRef === undefined ? 'secret' : 'configmap';
      const { name: source = '', key, optional = false } = configMapKeyRef ?? secretKeyRef ?? { key: '' };
      const values = kind === 'configmap' ? references.configMap(source)?.data : secretTexts(references, source);
      const text = values?.[key];
      if (text !== undefined) variables[name] = text;
      else if (!optional && !exists(references, kind, source)) refuse(`${kind} "${source}" not found`);
      else if (!optional)
        refuse(`couldn't find key ${key} in ${kind === 'secret' ? 'Secret' : 'ConfigMap'} ${namespace}/${source}`);
    }
  }
  return variables;
}

function exists(references: References, kind: 'configmap' | 'secret', name: string): boolean {
  return (kind === 'configmap' ? references.configMap(name) : references.secret(name)) !== undefined;
}

function secretTexts(references: References, name: string): Record<string, string> | undefined {
  const data = references.secret(name)?.data;
  if (data === undefined) return undefined;
  return Object.fromEntries(
    Object.entries(data).map(([key, value]) => [key, Buffer.from(String(value), 'base64').toString('utf8')]),
  );
}
