export { applyDefaults } from './defaults.ts';
export type { FieldError, FieldErrorType } from './field-error.ts';
export { HIGHEST_USER_PRIORITY, SYSTEM_PRIORITIES } from './kind-rules.ts';
export { DEFAULT_GRACE_PERIOD_SECONDS, DEFAULT_SCHEDULER_NAME } from './pod-defaults.ts';
export { isSame } from './sameness.ts';
export { type JsonSchema, mapSchemaOf, valuesOf } from './schema-check.ts';
export {
  prepareObject,
  unknownFieldMessage,
  type Validation,
  type ValidationOptions,
  validateObject,
  validateUpdate,
} from './validate.ts';
