export type { Backing, BackingState, Version } from './backing.ts';
export { type FieldProblem, type Kind, type KindRegistry, type PrinterColumn, ServedKinds } from './kinds.ts';
export type { HistoryLimits } from './ledger.ts';
export { MemoryBacking } from './memory-backing.ts';
export { modelKinds } from './model-kinds.ts';
export type {
  Change,
  FieldValidation,
  PropagationPolicy,
  RegistryDeleteOptions,
  RegistryList,
  RegistryListOptions,
  RegistryWatchOptions,
  RegistryWriteOptions,
} from './options.ts';
export { Registry } from './registry.ts';
