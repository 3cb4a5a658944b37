import { type CustomResourceManifest, customResourceDefinitions } from '../src/kubernetes/index.ts';

interface Schema {
  type?: string;
  description?: string;
  default?: unknown;
  enum?: readonly unknown[];
  minimum?: number;
  maximum?: number;
  format?: string;
  required?: readonly string[];
  properties?: Record<string, Schema>;
  items?: Schema;
  additionalProperties?: Schema | boolean;
}

/** `docs/api.md`: the fields of Fermata's kinds, from their schemas. */
export function apiPage(): string {
  const kinds = customResourceDefinitions().filter(({ spec }) => spec.group === 'fermata.dev');
  return [
    '# API reference',
    '',
    'The kinds of `fermata.dev/v1alpha1`, generated from their schemas (`node scripts/generate-crds.ts`). What they are for:',
    '[architecture](architecture.md); the marks on standard objects stand there too.',
    ...kinds.flatMap(section),
    '',
  ].join('\n');
}

function section({ spec }: CustomResourceManifest): string[] {
  const [version] = spec.versions;
  const schema = version?.schema?.openAPIV3Schema as Schema | undefined;
  const { kind, plural, shortNames = [], categories = [] } = spec.names;
  const names = [plural, ...shortNames].map((name) => `\`${name}\``).join(', ');
  const all = categories.map((name) => `\`${name}\``).join(', ');
  return [
    '',
    `## ${kind}`,
    '',
    `${schema?.description ?? ''} ${spec.scope}; ${names}${all === '' ? '' : `, and in ${all}`}.`,
    ...['spec', 'status'].flatMap((part) => {
      const own = schema?.properties?.[part];
      if (own === undefined) return [];
      return [
        '',
        `### ${kind} ${part}`,
        '',
        `${own.description ?? ''}`,
        '',
        '| field | type | default | |',
        '|---|---|---|---|',
        ...rows(own, ''),
      ];
    }),
  ];
}

function rows(schema: Schema, path: string): string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const own = `${path}${name}`;
    const needed = schema.required?.includes(name) === true ? ' (required)' : '';
    const value = field.default === undefined ? '' : `\`${JSON.stringify(field.default)}\``;
    const row = `| \`${own}\`${needed} | ${typeOf(field)} | ${value} | ${cell(field.description ?? '')} |`;
    return [row, ...rows(field, `${own}.`), ...(field.items === undefined ? [] : rows(field.items, `${own}[].`))];
  });
}

function typeOf({ type, enum: values, items, format, minimum, maximum, additionalProperties }: Schema): string {
  if (values !== undefined) return values.map((value) => `\`${String(value)}\``).join(', ');
  if (items !== undefined) return `list of ${typeOf(items)}`;
  if (typeof additionalProperties === 'object') return `map of ${typeOf(additionalProperties)}`;
  const limits = [minimum === undefined ? '' : `≥ ${minimum}`, maximum === undefined ? '' : `≤ ${maximum}`];
  const notes = [format, ...limits].filter((note) => note !== undefined && note !== '');
  return `${type ?? 'any'}${notes.length === 0 ? '' : ` (${notes.join(', ')})`}`;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}
