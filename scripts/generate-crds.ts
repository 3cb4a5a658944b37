import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { customResourceDefinitions } from '../src/kubernetes/index.ts';
import { apiPage } from './api-page.ts';

export interface GeneratedFile {
  /** Relative to the top of the repository. */
  path: string;
  content: string;
}

/** The manifests in `deploy/crds` and the page `docs/api.md`, as the schemas of the model give them. */
export function crdFiles(): GeneratedFile[] {
  const manifests = customResourceDefinitions().map((definition) => {
    const { group, names } = definition.spec;
    return {
      path: join('deploy', 'crds', `${group}_${names.plural}.yaml`),
      content: `# Generated from src/model by scripts/generate-crds.ts; a test compares them.\n${stringify(definition, { aliasDuplicateObjects: false, lineWidth: 120 })}`,
    };
  });
  return [...manifests, { path: join('docs', 'api.md'), content: apiPage() }];
}

if (import.meta.main) {
  for (const { path, content } of crdFiles()) writeFileSync(join(import.meta.dirname, '..', path), content);
}
