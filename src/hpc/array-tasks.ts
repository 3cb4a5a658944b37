import { FermataError } from '../model/index.ts';

/** Tasks of an array, from `1-100`, `1-9:2`, `1,4,7-9`, with Slurm's `%5` (at most so many at once) allowed behind. */
export function arrayTasks(text: string): string[] {
  const [indices = '', ...limit] = text.split('%');
  const tasks = indices.split(',').flatMap((part) => {
    const match = /^(\d+)(?:-(\d+)(?::(\d+))?)?$/.exec(part);
    if (match === null || limit.length > 1) throw notAnArray(text);
    const first = Number(match[1]);
    const last = Number(match[2] ?? first);
    const step = Number(match[3] ?? 1);
    if (last < first || step < 1 || last - first > 1_000_000) throw notAnArray(text);
    return Array.from({ length: Math.floor((last - first) / step) + 1 }, (_, index) => String(first + index * step));
  });
  return [...new Set(tasks)];
}

function notAnArray(text: string): FermataError {
  return new FermataError('InvalidJobRequest', `array "${text}" is not understood`, {
    nextStep: 'write it like 1-100, 1-9:2 or 1,4,7-9',
  });
}
