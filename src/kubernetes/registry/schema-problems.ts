import type { TLocalizedValidationError } from 'typebox/error';
import type { FieldProblem } from './kinds.ts';

/** A validator's findings as Kubernetes words them: one a field, the first one. */
export function schemaProblems(value: unknown, errors: readonly TLocalizedValidationError[]): FieldProblem[] {
  const problems = new Map<string, FieldProblem>();
  for (const error of errors) {
    for (const problem of problemsOf(value, error)) {
      if (!problems.has(problem.path)) problems.set(problem.path, problem);
    }
  }
  return [...problems.values()];
}

function problemsOf(root: unknown, error: TLocalizedValidationError): FieldProblem[] {
  const steps = error.instancePath.split('/').slice(1).map(unescaped);
  const value = steps.reduce<unknown>((part, step) => (part as Record<string, unknown> | undefined)?.[step], root);
  const path = fieldPath(root, steps);
  switch (error.keyword) {
    case 'required':
      return error.params.requiredProperties.map((name) => ({
        path: path === '' ? name : `${path}.${name}`,
        reason: 'FieldValueRequired',
        message: 'Required value',
      }));
    case 'enum': {
      const supported = error.params.allowedValues.map((allowed) => JSON.stringify(allowed)).join(', ');
      return [
        {
          path,
          reason: 'FieldValueNotSupported',
          message: `Unsupported value: ${JSON.stringify(value)}: supported values: ${supported}`,
        },
      ];
    }
    case 'type': {
      const shown = JSON.stringify(typeName(value));
      const wanted = [error.params.type].flat().join(' or ');
      return [
        {
          path,
          reason: 'FieldValueTypeInvalid',
          message: `Invalid value: ${shown}: ${path} in body must be of type ${wanted}: ${shown}`,
        },
      ];
    }
    default:
      return [
        {
          path,
          reason: 'FieldValueInvalid',
          message: `Invalid value: ${JSON.stringify(value)}: ${path} in body ${error.message.replace(/^must/, 'should')}`,
        },
      ];
  }
}

function unescaped(step: string): string {
  return step.replaceAll('~1', '/').replaceAll('~0', '~');
}

/** `spec.containers[0].image`, from the members on the way. */
function fieldPath(root: unknown, steps: readonly string[]): string {
  let path = '';
  let value = root;
  for (const step of steps) {
    if (Array.isArray(value)) path += `[${step}]`;
    else path += path === '' ? step : `.${step}`;
    value = (value as Record<string, unknown> | undefined)?.[step];
  }
  return path;
}

function typeName(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return Number.isInteger(value) ? 'integer' : typeof value;
}
