/** A fault seeded into a source: one place, one change. */
export interface Mutant {
  /** Path from the root of the repository. */
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
  readonly what: string;
  /** The whole source with the fault in it. */
  readonly source: string;
}

interface Rule {
  readonly what: string;
  /** Matches code as this project formats it: binary operators stand between spaces, type arguments do not. */
  readonly pattern: RegExp;
  readonly put: (match: RegExpExecArray) => string;
  /** Whether what is put opens a parenthesis more, to be closed where the condition ends. */
  readonly closes?: boolean;
}

const swap = (from: string, to: string): Rule => ({
  what: `${from} → ${to}`,
  pattern: new RegExp(` ${literally(from)} `, 'g'),
  put: () => ` ${to} `,
});

const RULES: readonly Rule[] = [
  swap('<', '<='),
  swap('<=', '<'),
  swap('>', '>='),
  swap('>=', '>'),
  swap('===', '!=='),
  swap('!==', '==='),
  swap('&&', '||'),
  swap('||', '&&'),
  swap('+', '-'),
  swap('-', '+'),
  swap('*', '/'),
  swap('/', '*'),
  swap('+=', '-='),
  swap('-=', '+='),
  { what: 'max → min', pattern: /Math\.max\(/g, put: () => 'Math.min(' },
  { what: 'min → max', pattern: /Math\.min\(/g, put: () => 'Math.max(' },
  { what: 'true → false', pattern: /\btrue\b/g, put: () => 'false' },
  { what: 'false → true', pattern: /\bfalse\b/g, put: () => 'true' },
  { what: 'Infinity → 0', pattern: /-?\bInfinity\b/g, put: () => '0' },
  {
    what: 'guard removed',
    pattern: /\bif \((?=.*\) (?:return|continue|break)\b)/g,
    put: () => 'if (false && (',
    closes: true,
  },
  {
    what: 'guard always taken',
    pattern: /\bif \((?=.*\) (?:continue|break)\b)/g,
    put: () => 'if (true || (',
    closes: true,
  },
  {
    what: 'call removed',
    pattern: /^(\s+)this\.#?\w+(?:\.#?\w+)*\([^;]*\);$/g,
    put: ([, indent = '']) => `${indent};`,
  },
  {
    what: 'order turned round',
    pattern: /\b(one)\.(\w+) - (other)\.(\w+)\b/g,
    put: ([, a, b, c, d]) => `${c}.${b} - ${a}.${d}`,
  },
];

/**
 * Every mutant of a source. Comments, strings, imports and types are left alone, and lines that end in `// speed`: without
 * those everything is the same, only slower, which no test is to measure. So is the end of a loop over an array's indexes: one
 * more reads `undefined`, which the compiler (`noUncheckedIndexedAccess`) has every reader take for nothing.
 */
export function mutantsOf(file: string, source: string): Mutant[] {
  const lines = source.split('\n');
  const mutants: Mutant[] = [];
  for (const [index, line] of lines.entries()) {
    if (!isCode(line)) continue;
    const masked = maskStrings(line);
    for (const { what, pattern, put, closes } of RULES) {
      for (const match of masked.matchAll(pattern)) {
        if (/^\s*for \(/.test(masked) && /^ < \S+\.length\b/.test(masked.slice(match.index))) continue;
        const after = match.index + match[0].length;
        const rest = closes === true ? closedCondition(line.slice(after), masked.slice(after)) : line.slice(after);
        const changed = line.slice(0, match.index) + put(match) + rest;
        const mutated = [...lines.slice(0, index), changed, ...lines.slice(index + 1)];
        mutants.push({ file, line: index + 1, what, source: mutated.join('\n') });
      }
    }
  }
  return mutants;
}

/** So many of them, each as likely as any other, in their order. `random` gives numbers from 0 to before 1. */
export function sampleOf<T>(items: readonly T[], count: number, random: () => number): T[] {
  let wanted = Math.min(count, items.length);
  let left = items.length;
  return items.filter(() => {
    const isTaken = random() * left < wanted;
    left -= 1;
    if (isTaken) wanted -= 1;
    return isTaken;
  });
}

function isCode(line: string): boolean {
  const text = line.trim();
  if (text === '' || /^(?:\/\/|\/\*|\*)/.test(text) || text.endsWith('// speed')) return false;
  return !/^(?:import|export type|type|interface|export interface|readonly \w+\??:|[|&] )/.test(text);
}

/** Closes one parenthesis more where the condition ends that `text` begins with. */
function closedCondition(text: string, masked: string): string {
  let depth = 1;
  for (let at = 0; at < masked.length; at++) {
    if (masked[at] === '(') depth += 1;
    if (masked[at] === ')') depth -= 1;
    if (depth === 0) return `${text.slice(0, at)})${text.slice(at)}`;
  }
  return text;
}

/** The line with what stands between quotes blanked out, and comments at its end. */
function maskStrings(line: string): string {
  return line
    .replace(/'(?:[^'\\]|\\.)*'/g, (text) => `'${'_'.repeat(text.length - 2)}'`)
    .replace(/`(?:[^`\\]|\\.)*`/g, (text) => `\`${'_'.repeat(text.length - 2)}\``)
    .replace(/\/\/.*$/, (text) => '_'.repeat(text.length));
}

function literally(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
