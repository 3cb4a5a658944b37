import type { Container, Pod } from '../../model/index.ts';
import { quantityUnits } from '../../model/index.ts';
import { DEMO_DEFAULTS, DEMO_ENVIRONMENT } from '../demo-program.ts';
import type { PodToRun } from '../runtime.ts';

/** What a simulated container does: the demo's program, as numbers. Plain data, kept in dumps and state files. */
export interface Program {
  /** 0: forever. */
  steps: number;
  /** At least 1. */
  stepMilliseconds: number;
  memoryBytes: number;
  /** Further memory with each step. */
  growthBytes: number;
  exitCode: number;
  ignoreTerm: boolean;
}

const MEBIBYTE = 1_048_576;

/**
 * A container's program: by its environment (`FERMATA_STEPS` …, see `DEMO_ENVIRONMENT`), else by the pod's annotations of the
 * same names in the form `fermata.dev/steps`, `fermata.dev/step-milliseconds` …, else it runs forever. Whatever its
 * image and command are, they are not run.
 */
export function programOf(pod: Pod, environment: Readonly<Record<string, string>>): Program {
  const annotations = pod.metadata.annotations ?? {};
  const text = (name: string): string | undefined => {
    const own = environment[name];
    return own !== undefined && own !== '' ? own : annotations[annotationOf(name)];
  };
  const number = (name: string, fallback: number, least: number): number => {
    const value = Number(text(name) ?? fallback);
    return Number.isFinite(value) ? Math.max(least, value) : fallback;
  };
  const { steps, stepMilliseconds, memoryMebibytes, growthKibibytes, exitCode } = DEMO_DEFAULTS;
  return {
    steps: Math.floor(number(DEMO_ENVIRONMENT.steps, steps, 0)),
    stepMilliseconds: number(DEMO_ENVIRONMENT.stepMilliseconds, stepMilliseconds, 1),
    memoryBytes: Math.round(number(DEMO_ENVIRONMENT.memoryMebibytes, memoryMebibytes, 0) * MEBIBYTE),
    growthBytes: Math.round(number(DEMO_ENVIRONMENT.growthKibibytes, growthKibibytes, 0) * 1024),
    exitCode: Math.floor(number(DEMO_ENVIRONMENT.exitCode, exitCode, 0)) & 0xff,
    ignoreTerm: text(DEMO_ENVIRONMENT.ignoreTerm) === '1',
  };
}

/** `FERMATA_STEP_MILLISECONDS` → `fermata.dev/step-milliseconds`. */
export function annotationOf(environmentName: string): string {
  return `fermata.dev/${environmentName.slice('FERMATA_'.length).toLowerCase().replaceAll('_', '-')}`;
}

/** The container's memory limit in bytes; undefined: none. */
export function memoryLimitOf(container: Container): number | undefined {
  const limit = container.resources?.limits?.memory;
  return limit === undefined ? undefined : quantityUnits(limit);
}

/**
 * The file the program appends its steps to, as a path outside the container: under the folder of the volume mounted
 * there. A path on no volume is the container's own and ends with it.
 */
export function outputOf(toRun: PodToRun, container: Container): { name: string; onVolume: boolean } | undefined {
  const path = toRun.environment[container.name]?.[DEMO_ENVIRONMENT.output] ?? '';
  if (path === '') return undefined;
  let best: { mountPath: string; folder: string } | undefined;
  for (const { name, mountPath, subPath } of container.volumeMounts ?? []) {
    const folder = toRun.volumes[name];
    const inside = path.startsWith(`${mountPath.replace(/\/$/, '')}/`);
    if (folder === undefined || !inside || mountPath.length < (best?.mountPath.length ?? 0)) continue;
    best = { mountPath, folder: subPath === undefined || subPath === '' ? folder : `${folder}/${subPath}` };
  }
  if (best === undefined) return { name: `${toRun.pod.metadata.uid}/${container.name}:${path}`, onVolume: false };
  return { name: `${best.folder}${path.slice(best.mountPath.replace(/\/$/, '').length)}`, onVolume: true };
}
