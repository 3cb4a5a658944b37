/**
 * The part of Kubernetes' JSONPath that CustomResourceDefinitions use for printer columns: `.a.b`, `['a']`, `[0]`,
 * `[-1]`, `[*]` and `[?(@.type=="Ready")]`. Compiles to a function that gives every value found.
 * @throws SyntaxError when the path is not one
 */
export function compileJsonPath(path: string): (root: unknown) => unknown[] {
  const steps: Step[] = [];
  let rest = path
    .trim()
    .replace(/^\{(.*)\}$/s, '$1')
    .replace(/^\$/, '');
  while (rest !== '') {
    const match = STEPS.find(({ pattern }) => pattern.test(rest));
    const parts = match?.pattern.exec(rest);
    if (match === undefined || parts === null || parts === undefined) {
      throw new SyntaxError(`JSONPath ${path}: cannot read ${JSON.stringify(rest)}`);
    }
    steps.push(match.step(...parts.slice(1)));
    rest = rest.slice(parts[0].length);
  }
  return (root) => steps.reduce<unknown[]>((values, step) => values.flatMap(step), [root]);
}

type Step = (value: unknown) => unknown[];

const STEPS: { pattern: RegExp; step: (...groups: (string | undefined)[]) => Step }[] = [
  { pattern: /^(?:\.\*|\[\*\])/, step: () => (value) => (isContainer(value) ? Object.values(value) : []) },
  { pattern: /^\.((?:[^.[\]'"\\]|\\.)+)/, step: (name = '') => member(name.replace(/\\(.)/g, '$1')) },
  { pattern: /^\[(?:'([^']*)'|"([^"]*)")\]/, step: (single, double) => member(single ?? double ?? '') },
  {
    pattern: /^\[(-?\d+)\]/,
    step: (index) => (value) => (Array.isArray(value) ? defined(value.at(Number(index))) : []),
  },
  {
    pattern: /^\[\?\(\s*@\.([\w.-]+)\s*(==|!=)\s*(?:"([^"]*)"|'([^']*)'|([\w.-]+))\s*\)\]/,
    step: (name = '', operator, double, single, bare) => {
      const wanted = double ?? single ?? bare;
      const path = name.split('.').map(member);
      return (value) => {
        if (!Array.isArray(value)) return [];
        return value.filter((item: unknown) => {
          const [found] = path.reduce<unknown[]>((values, step) => values.flatMap(step), [item]);
          return (found !== undefined && String(found) === wanted) === (operator === '==');
        });
      };
    },
  },
];

function member(name: string): Step {
  return (value) => (isContainer(value) && Object.hasOwn(value, name) ? defined((value as never)[name]) : []);
}

function defined(value: unknown): unknown[] {
  return value === undefined || value === null ? [] : [value];
}

function isContainer(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
