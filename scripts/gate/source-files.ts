import { glob, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DeclaredPackages, SourceFile } from './doors.ts';

/** Every TypeScript file of the repository, sorted by path. */
export async function readSources(root: string): Promise<SourceFile[]> {
  const paths = await findFiles(root, ['src/**/*.ts', 'scripts/**/*.ts', 'test/**/*.ts', 'bench/**/*.ts']);
  return await Promise.all(paths.map(async (path) => ({ path, text: await readFile(join(root, path), 'utf8') })));
}

/** Paths relative to the root, sorted. */
export async function findFiles(root: string, patterns: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for await (const path of glob([...patterns], { cwd: root })) found.push(path);
  return found.sort();
}

export async function readDeclaredPackages(root: string): Promise<DeclaredPackages> {
  const manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
    dependencies?: Record<string, string>;
    devDependencies?: Record<string, string>;
  };
  return {
    dependencies: Object.keys(manifest.dependencies ?? {}),
    development: Object.keys(manifest.devDependencies ?? {}),
  };
}
